"""The number of jobs that a batch has at a service at once.

`Window` keeps enough jobs there to keep the service's workers busy, and no more than it will soon finish. A job that
waits longer than its time-to-live is lost, and so is a result that is not fetched within half an hour. So the window is
the number of jobs that the service finishes in two minutes, at the rate of the last minute, however many its queue
would accept. `client.calls` paces and repeats the calls themselves.
"""

from __future__ import annotations

import time
from collections import deque

from ocr_worker.client.calls import Clock
from ocr_worker.client.service import ServiceHealth

_JOBS_PER_WORKER = 4  # at least; keeps each worker busy while a result is fetched and a job is sent
_MAX_JOBS = 1000
_HORIZON_S = 120.0
_MEASUREMENT_S = 60.0


class Window:
    """The number of jobs that may be at the service at once.

    initial_size: number before anything is measured. clock: monotonic seconds.
    """

    def __init__(self, initial_size: int, clock: Clock = time.monotonic) -> None:
        self._min_size = initial_size
        self._clock = clock
        self._ends: deque[float] = deque(maxlen=_MAX_JOBS)
        self._workers = 0

    @property
    def size(self) -> int:
        """Current number of jobs that may be at the service."""
        base = max(self._min_size, _JOBS_PER_WORKER * self._workers)
        return min(_MAX_JOBS, max(base, int(self._rate() * _HORIZON_S)))

    def job_ended(self) -> None:
        """Record that a job has ended now."""
        self._ends.append(self._clock())

    def set_health(self, health: ServiceHealth) -> None:
        """Record the number of the service's workers."""
        self._workers = health.workers

    def _rate(self) -> float:
        """Return the number of jobs that ended per second, over the last minute."""
        now = self._clock()
        while self._ends and self._ends[0] < now - _MEASUREMENT_S:
            self._ends.popleft()
        if len(self._ends) < 2:
            return 0.0
        return len(self._ends) / max(now - self._ends[0], 1.0)
