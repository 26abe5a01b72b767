"""How many jobs to have at the service: enough to keep its workers busy, never more than it gets done in a while.

A job that waits longer than its time-to-live is lost, a result that nobody fetches within half an hour, too. So the
window is what the service got done in a few minutes, whatever its queue would take.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from ocr_worker.batch.model import Health, Look

_JOBS_A_WORKER = 4
_MOST = 1000
_HORIZON_S = 120.0
_MEASURED_S = 60.0


class Window:
    """`size` is how many may be there at once. at_start: before anything was measured."""

    def __init__(self, at_start: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._least = at_start
        self._clock = clock
        self._ends: deque[float] = deque(maxlen=_MOST)
        self._workers = 0

    @property
    def size(self) -> int:
        """Jobs."""
        base = max(self._least, _JOBS_A_WORKER * self._workers)
        return min(_MOST, max(base, int(self._rate() * _HORIZON_S)))

    def ended(self, look: Look) -> None:
        """A job came back."""
        self._ends.append(self._clock())

    def heard(self, health: Health) -> None:
        """What the service says of itself."""
        self._workers = health.workers

    def _rate(self) -> float:
        """Jobs a second, over the last minute."""
        now = self._clock()
        while self._ends and self._ends[0] < now - _MEASURED_S:
            self._ends.popleft()
        if len(self._ends) < 2:
            return 0.0
        return len(self._ends) / max(now - self._ends[0], 1.0)
