"""Rate limits of the endpoint's operations: requests within ten seconds, and requests at the same time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 10.0


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate limit: requests within any ten seconds, and at the same time (None: unlimited)."""

    per_window: int
    at_once: int | None = None


class RateLimiter:
    """The requests of one operation. Each successful `acquire` is followed by one `release`."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._start_times: deque[float] = deque()
        self._requests_in_progress = 0

    def acquire(self) -> float | None:
        """Count a request. Return None when it is admitted, else the seconds until it may be sent again."""
        now = self._clock()
        while self._start_times and self._start_times[0] <= now - WINDOW_S:
            self._start_times.popleft()
        if len(self._start_times) >= self._rate.per_window:
            return self._start_times[0] + WINDOW_S - now if self._start_times else WINDOW_S
        if self._rate.at_once is not None and self._requests_in_progress >= self._rate.at_once:
            return 1.0
        self._start_times.append(now)
        self._requests_in_progress += 1
        return None

    def release(self) -> None:
        """Count the end of an admitted request."""
        self._requests_in_progress -= 1
