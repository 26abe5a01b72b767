"""How much a batch asks of a service: jobs there at once, calls per second, and calls again after a failure.

`Window` is the number of jobs worth having at the service: enough to keep its workers busy, and no more than it soon
gets done. A job that waits longer than its time-to-live is lost, and so is a result that is not fetched within half an
hour. So the window is what the service does in two minutes at the pace of the last one, whatever its queue would take.

`Gate` stands around every call. `aiolimiter` counts the calls per second; the gate adds the limit of calls at once, and
that callers are served in the order in which they came, which a limiter alone does not promise.

`Retries` repeats a call. `stamina` runs the loop; how long to wait is `Patience`'s decision, through stamina's backoff
hook, because three of its rules cannot be set as stamina's parameters: the time limit starts at the first failure and
not at the first attempt, the seconds that a server asks for are added to the backoff, and a wait that would end after
the limit is not begun.
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
Value = TypeVar("Value")

_JOBS_PER_WORKER = 4  # at least, so that no worker is idle while a result is fetched and a job is sent
_MOST_JOBS = 1000
_HORIZON_S = 120.0
_MEASURED_S = 60.0
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 8.0

stamina.instrumentation.set_on_retry_hooks(())  # retries are logged here, as events
_RETRYING = stamina.AsyncRetryingCaller(attempts=None, timeout=None)


class Window:
    """Number of jobs that may be at the service at once. at_start: before anything was measured."""

    def __init__(self, at_start: int, clock: Clock = time.monotonic) -> None:
        self._least = at_start
        self._clock = clock
        self._ends: deque[float] = deque(maxlen=_MOST_JOBS)
        self._workers = 0

    @property
    def size(self) -> int:
        """Number of jobs."""
        base = max(self._least, _JOBS_PER_WORKER * self._workers)
        return min(_MOST_JOBS, max(base, int(self._rate() * _HORIZON_S)))

    def job_ended(self) -> None:
        """Count a job that ended."""
        self._ends.append(self._clock())

    def set_health(self, health: ServiceHealth) -> None:
        """Take the number of the service's workers in."""
        self._workers = health.workers

    def _rate(self) -> float:
        """Return the jobs per second of the last minute."""
        now = self._clock()
        while self._ends and self._ends[0] < now - _MEASURED_S:
            self._ends.popleft()
        if len(self._ends) < 2:
            return 0.0
        return len(self._ends) / max(now - self._ends[0], 1.0)


class Gate:
    """An async context manager around each call.

    per_second: calls that enter per second. burst: calls that enter at once after a pause. at_once: calls inside.
    """

    def __init__(self, per_second: float, burst: int, at_once: int) -> None:
        self._limiter = AsyncLimiter(burst, burst / per_second)
        self._turns = asyncio.Lock()  # fair: without it a new caller may overtake one that waits at the limiter
        self._places = asyncio.Semaphore(at_once)

    async def __aenter__(self) -> None:
        await self._places.acquire()
        try:
            async with self._turns:
                await self._limiter.acquire()
        except BaseException:  # including cancellation of a waiting caller
            self._places.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._places.release()


class Patience:
    """The waits between the attempts of one call, until `seconds` after its first failure.

    clock: monotonic seconds. jitter: returns a number between two.
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
        """Return the seconds until the next attempt: jittered, doubled each time, after those the server asks for.

        None: that attempt would begin after the deadline.
        """
        now = self._clock()
        if self._deadline is None:
            self._deadline = now + self._seconds
        wait_s = (retry_after_s or 0.0) + self._jitter(self._backoff_s / 2, self._backoff_s)
        self._backoff_s = min(2 * self._backoff_s, _LONGEST_WAIT_S)
        return wait_s if now + wait_s <= self._deadline else None


class AttemptFailed(Exception):
    """An attempt that failed and is worth another one where that is safe. The message has no subject: "answered 500".

    is_untouched: the server certainly did not act on it. retry_after_s: seconds the server asks to wait.
    """

    def __init__(self, message: str, *, is_untouched: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.is_untouched = is_untouched
        self.retry_after_s = retry_after_s


class Retries:
    """Repeats calls. patience_s: seconds after its first failure during which a call is repeated."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s

    async def call(
        self, operation: str, attempt: Callable[[], Awaitable[Value]], *, only_untouched: bool = False
    ) -> Value:
        """Return the first result of `attempt`. `operation` names the call in the log.

        Raises AttemptFailed: when patience is over, or, with `only_untouched`, when the server may have acted on the
        attempt. Other exceptions of `attempt` are not repeated.
        """
        patience = Patience(self._patience_s)

        def wait_before_retry(error: Exception) -> bool | float:
            if not isinstance(error, AttemptFailed) or (only_untouched and not error.is_untouched):
                return False
            wait_s = patience.next_wait_s(error.retry_after_s)
            if wait_s is None:
                return False
            event(log, "call_retried", act=operation, reason=error, wait=wait_s)
            return wait_s

        return await _RETRYING(wait_before_retry, attempt)
