"""The load that a batch puts on a service: jobs there at once, calls per second, and retries of failed calls.

`Window` is the number of jobs to have at the service: enough to keep its workers busy, and no more than it will soon
finish. A job that waits longer than its time-to-live is lost, and so is a result that is not fetched within half an
hour. So the window is the number of jobs that the service finishes in two minutes, at the rate of the last minute,
however many its queue would accept.

`Gate` surrounds every call. `aiolimiter` limits the calls per second. The gate adds a limit of concurrent calls, and it
serves callers in the order of their arrival, which a limiter alone does not guarantee.

`Retries` repeats a call. `stamina` runs the loop, and `Patience` decides how long to wait, through stamina's backoff
hook. Three of its rules are no parameters of stamina: the time limit starts at the first failure and not at the first
attempt; the seconds that a server requests are added to the backoff; and a wait that would end after the limit does not
start.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

import stamina
from aiolimiter import AsyncLimiter

from ocr_worker.batch.model import ServiceHealth
from ocr_worker.log import event

log = logging.getLogger(__name__)

Clock = Callable[[], float]
Result = TypeVar("Result")

_JOBS_PER_WORKER = 4  # at least; keeps each worker busy while a result is fetched and a job is sent
_MAX_JOBS = 1000
_HORIZON_S = 120.0
_MEASUREMENT_S = 60.0
_FIRST_WAIT_S = 0.5
_MAX_WAIT_S = 8.0

stamina.instrumentation.set_on_retry_hooks(())  # retries are logged here, as events
_RETRYING = stamina.AsyncRetryingCaller(attempts=None, timeout=None)


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


class Gate:
    """Async context manager that limits the rate and the number of concurrent calls.

    per_second: calls that enter per second. burst: calls that enter at once after a pause. concurrency: calls
    at the same time.
    """

    def __init__(self, per_second: float, burst: int, concurrency: int) -> None:
        self._limiter = AsyncLimiter(burst, burst / per_second)
        self._order = asyncio.Lock()  # fair: without it a new caller can overtake a caller that waits at the limiter
        self._slots = asyncio.Semaphore(concurrency)

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        try:
            async with self._order:
                await self._limiter.acquire()
        except BaseException:  # including cancellation of a waiting caller
            self._slots.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slots.release()


class Patience:
    """Schedule of the waits between the attempts of one call, until `seconds` after its first failure.

    clock: monotonic seconds. jitter: returns a number between two others.
    """

    def __init__(
        self, seconds: float, *, clock: Clock = time.monotonic, jitter: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._jitter = jitter
        self._backoff_s = _FIRST_WAIT_S
        self._deadline: float | None = None

    def next_wait_s(self, retry_after_s: float | None = None) -> float | None:
        """Return the seconds until the next attempt, or None when it would start after the deadline.

        The backoff has jitter, doubles each time, and is added to `retry_after_s`, the wait that the server requests.
        """
        now = self._clock()
        if self._deadline is None:
            self._deadline = now + self._seconds
        wait_s = (retry_after_s or 0.0) + self._jitter(self._backoff_s / 2, self._backoff_s)
        self._backoff_s = min(2 * self._backoff_s, _MAX_WAIT_S)
        return wait_s if now + wait_s <= self._deadline else None


class AttemptFailed(Exception):
    """Failure of an attempt that may be repeated where that is safe. The message has no subject: "answered 500".

    is_unprocessed: the server certainly did not process it. retry_after_s: wait that the server requests, in seconds.
    """

    def __init__(self, message: str, *, is_unprocessed: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.is_unprocessed = is_unprocessed
        self.retry_after_s = retry_after_s


class Retries:
    """Retry policy for calls. patience_s: seconds after its first failure during which a call is repeated."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s

    async def call(
        self, operation: str, attempt: Callable[[], Awaitable[Result]], *, is_idempotent: bool = True
    ) -> Result:
        """Call `attempt` until it succeeds, and return its result.

        operation: name of the call in the log. is_idempotent: whether an attempt that the server may have processed can
        be repeated. Raises AttemptFailed: the time is over, or the attempt cannot be repeated. Any other exception of
        `attempt` ends the call.
        """
        patience = Patience(self._patience_s)

        def wait_before_retry(error: Exception) -> bool | float:
            if not isinstance(error, AttemptFailed) or not (is_idempotent or error.is_unprocessed):
                return False
            wait_s = patience.next_wait_s(error.retry_after_s)
            if wait_s is None:
                return False
            event(log, "call_retried", act=operation, reason=error, wait=wait_s)
            return wait_s

        return await _RETRYING(wait_before_retry, attempt)
