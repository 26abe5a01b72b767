"""Detection of a process that was suspended: stopped, or restored from a snapshot by the platform.

The monotonic clock continues while a process is stopped, so that deadlines pass without any work. A loop with a short
pause sees that: its pause becomes longer by the suspension. Its threads get that time back.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_SHORTEST_S = 2.0  # a busy machine delays a loop by less; a shorter suspension matters to no deadline


class Suspension:
    """Suspended seconds of this process, seen from one loop.

    pause_s: seconds between two calls of `lost_seconds` in normal operation. clock: seconds, monotonic.
    """

    def __init__(self, pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause_s = pause_s
        self._clock = clock
        self._called_at = clock()

    def lost_seconds(self) -> float:
        """Return the seconds of a suspension since the last call, or 0."""
        now = self._clock()
        delay_s = now - self._called_at - self._pause_s
        self._called_at = now
        return delay_s if delay_s >= _SHORTEST_S else 0.0
