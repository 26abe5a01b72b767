"""Waiting for conditions in another thread or process, never for times.

A test that passes never waits for `PATIENCE_S`. It is far longer than anything takes on a busy machine, so that only
what never happens fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 120.0


def eventually(condition: Callable[[], bool], timeout: float = PATIENCE_S) -> bool:
    """Return whether `condition`, evaluated again and again, becomes true within the timeout."""
    deadline = time.monotonic() + timeout
    while not (is_met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_met
