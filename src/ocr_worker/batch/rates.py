"""How a service is called: so many times a second, so many at once, and again after a try that failed."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TypeVar

from ocr_worker.log import event

log = logging.getLogger(__name__)

Clock = Callable[[], float]
Value = TypeVar("Value")

_NEARLY = 1e-9  # of a token; a sum of floats must not wait for the last bit
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 8.0


class TokenBucket:
    """Lets `per_second` calls through a second, and `burst` at once after a pause; in the order in which they came.

    clock: monotonic seconds. sleep: waits so many of them.
    """

    def __init__(
        self,
        per_second: float,
        burst: int,
        *,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._tokens = float(burst)
        self._counted_at = clock()
        self._turns = asyncio.Lock()  # fair: who waits for it gets it in the order of asking

    async def take(self) -> None:
        """Returns when the call may be made. Who is cancelled meanwhile takes nothing."""
        async with self._turns:
            while (missing := 1 - self._count()) > _NEARLY:
                await self._sleep(missing / self._per_second)
            self._tokens -= 1

    def _count(self) -> float:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._counted_at) * self._per_second)
        self._counted_at = now
        return self._tokens


class Gate:
    """An async context manager around each call: at most `at_once` are inside, and `bucket` says when one may enter."""

    def __init__(self, bucket: TokenBucket, at_once: int) -> None:
        self._bucket = bucket
        self._places = asyncio.Semaphore(at_once)

    async def __aenter__(self) -> None:
        await self._places.acquire()
        try:
            await self._bucket.take()
        except BaseException:  # also of one that is cancelled while it waits
            self._places.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._places.release()


class Patience:
    """Of one call: how long it waits before each further try, until `seconds` after its first failure are over.

    clock: monotonic seconds. jitter: a number between two.
    """

    def __init__(
        self, seconds: float, *, clock: Clock = time.monotonic, jitter: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._jitter = jitter
        self._next_s = _FIRST_WAIT_S
        self._until: float | None = None

    def wait_s(self, asked_s: float | None = None) -> float | None:
        """Seconds until the next try: twice as many each time, jittered, after those that the server asked for.

        None: patience would be over by then.
        """
        now = self._clock()
        if self._until is None:
            self._until = now + self._seconds
        waited = (asked_s or 0.0) + self._jitter(self._next_s / 2, self._next_s)
        self._next_s = min(2 * self._next_s, _LONGEST_WAIT_S)
        return waited if now + waited <= self._until else None


class TryFailed(Exception):
    """A try that came to nothing, and is worth another where that is safe; says what happened, without a subject.

    untouched: the server surely did not act on it. asked_s: how long the server wants to be left alone.
    """

    def __init__(self, told: str, *, untouched: bool = False, asked_s: float | None = None) -> None:
        super().__init__(told)
        self.untouched = untouched
        self.asked_s = asked_s


class Retries:
    """Repeats calls. patience_s: how long after its first failure each is tried again. wake: once it is set nobody
    waits any more: a call that waits for its next try has it now, as its last."""

    def __init__(self, patience_s: float, wake: asyncio.Event) -> None:
        self._patience_s = patience_s
        self._wake = wake

    async def until_done(
        self, act: str, attempt: Callable[[], Awaitable[Value]], *, only_untouched: bool = False
    ) -> Value:
        """What `attempt` returns in the end. Raises its TryFailed when patience is over, or when the server may have
        acted on it and `only_untouched` forbids to repeat that; what else it raises goes through."""
        patience = Patience(self._patience_s)
        while True:
            last = self._wake.is_set()
            try:
                return await attempt()
            except TryFailed as failed:
                wait_s = patience.wait_s(failed.asked_s)
                if last or wait_s is None or (only_untouched and not failed.untouched):
                    raise
                event(log, "call_retried", act=act, reason=failed, wait=wait_s)
            await self.pause(wait_s)

    async def pause(self, seconds: float) -> None:
        """Waits so long, unless woken."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)


def asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks for, by a number or a date (RFC 9110); None where it does not."""
    told = headers.get("Retry-After", "").strip()
    if told.isdecimal():
        return float(told)
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
