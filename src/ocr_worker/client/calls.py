"""Pace and repeat calls to a service.

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
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

import stamina
from aiolimiter import AsyncLimiter

from ocr_worker.client.service import Delay
from ocr_worker.log import event

log = logging.getLogger(__name__)

Clock = Callable[[], float]
Result = TypeVar("Result")

_FIRST_WAIT_S = 0.5
_MAX_WAIT_S = 8.0

stamina.instrumentation.set_on_retry_hooks(())  # retries are logged here, as events
_RETRYING = stamina.AsyncRetryingCaller(attempts=None, timeout=None)


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
    """Failure of an attempt that may be repeated where that is safe. The message has no subject: "responded with 500".

    is_unprocessed: the server certainly did not process it. retry_after_s: wait that the server requests, in seconds.
    """

    def __init__(self, message: str, *, is_unprocessed: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.is_unprocessed = is_unprocessed
        self.retry_after_s = retry_after_s


class Outage:
    """The failed attempts of all calls to a server since its last response. clock: monotonic seconds."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._reason = ""
        self._tries = 0
        self._next_tries: list[float] = []

    def add(self, reason: str, wait_s: float | None) -> None:
        """Record a failed attempt. wait_s: seconds until it is repeated; None: it is not."""
        now = self._clock()
        self._reason, self._tries = reason, self._tries + 1
        self._next_tries = [moment for moment in self._next_tries if moment > now]
        if wait_s is not None:
            self._next_tries.append(now + wait_s)

    def end(self) -> None:
        """Record that the server responded."""
        self._tries, self._next_tries = 0, []

    def delay(self) -> Delay | None:
        """Return the last failure, with the number of all and the time until the next try; None: there is no outage."""
        if not self._tries:
            return None
        waits = [moment - self._clock() for moment in self._next_tries]
        return Delay(self._reason, self._tries, min((wait for wait in waits if wait > 0), default=None))


class Retries:
    """Retry policy for calls. patience_s: seconds after its first failure during which a call is repeated."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s

    async def call(
        self,
        operation: str,
        attempt: Callable[[], Awaitable[Result]],
        *,
        is_idempotent: bool = True,
        on_failure: Callable[[AttemptFailed, float | None], None] = lambda error, wait_s: None,
    ) -> Result:
        """Call `attempt` until it succeeds, and return its result.

        operation: name of the call in the log. is_idempotent: whether an attempt that the server may have processed can
        be repeated. on_failure: called for each failed attempt with the seconds until the next; None: there is none.
        Raises AttemptFailed: the time is over, or the attempt cannot be repeated. Any other exception of
        `attempt` ends the call.
        """
        patience = Patience(self._patience_s)

        def wait_before_retry(error: Exception) -> bool | float:
            if not isinstance(error, AttemptFailed):
                return False
            can_repeat = is_idempotent or error.is_unprocessed
            wait_s = patience.next_wait_s(error.retry_after_s) if can_repeat else None
            on_failure(error, wait_s)
            if wait_s is None:
                return False
            event(log, "call_retried", act=operation, reason=error, wait=wait_s)
            return wait_s

        return await _RETRYING(wait_before_retry, attempt)
