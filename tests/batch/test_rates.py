"""How calls are paced and repeated, on a clock that only waiting moves."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate

import pytest

from ocr_worker.batch.rates import Gate, Patience, Retries, TokenBucket, TryFailed, asked_wait_s
from support.waiting import PATIENCE_S


class Clock:
    """Seconds; `sleep` moves them on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def bucket(clock: Clock, per_second: float = 10, burst: int = 3) -> TokenBucket:
    return TokenBucket(per_second, burst, clock=clock, sleep=clock.sleep)


def test_a_burst_and_then_the_rate() -> None:
    """The burst goes through at once, each further call a tenth of a second after the one before."""

    async def times() -> list[float]:
        clock = Clock()
        tokens = bucket(clock)
        taken = []
        for _ in range(6):
            await tokens.take()
            taken.append(clock.now - 100)
        return taken

    assert asyncio.run(times()) == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])


def test_no_ten_seconds_see_more_than_rate_and_burst() -> None:
    """Whatever the pauses between calls, a pause saves up no more than the burst."""

    async def times() -> list[float]:
        clock = Clock()
        tokens = bucket(clock, per_second=7, burst=5)
        taken = []
        for number in range(500):
            clock.now += (0, 0, 0, 3.7)[number % 4] if number % 50 == 3 else 0
            await tokens.take()
            taken.append(clock.now)
        return taken

    taken = asyncio.run(times())
    assert max(sum(start <= at < start + 10 for at in taken) for start in taken) <= 7 * 10 + 5


def test_who_asks_first_goes_first() -> None:
    """Calls that wait go through in the order in which they came, and one that is cancelled takes nothing."""

    async def order() -> tuple[list[int], float]:
        clock = Clock()
        tokens = bucket(clock, burst=1)
        went: list[int] = []

        async def call(number: int) -> None:
            await tokens.take()
            went.append(number)

        calls = [asyncio.create_task(call(number)) for number in range(20)]
        await asyncio.sleep(0)
        calls[5].cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        return went, clock.now - 100

    went, seconds = asyncio.run(order())
    assert went == [number for number in range(20) if number != 5]
    assert seconds == pytest.approx(1.8)


def test_so_many_at_once() -> None:
    """No more calls are inside the gate than it has places; cancelled and failed ones give theirs back."""

    async def most() -> int:
        gate = Gate(TokenBucket(1e6, 1000), 3)
        inside = seen = 0

        async def call(number: int) -> None:
            nonlocal inside, seen
            async with gate:
                inside += 1
                seen = max(seen, inside)
                try:
                    await asyncio.sleep(0.001)
                    if number % 5 == 0:
                        raise RuntimeError
                finally:
                    inside -= 1

        calls = [asyncio.create_task(call(number)) for number in range(50)]
        await asyncio.sleep(0)
        for cancelled in calls[::7]:
            cancelled.cancel()
        await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), PATIENCE_S)
        return seen

    assert asyncio.run(most()) == 3


def test_waits_double_until_patience_is_over() -> None:
    """The time of the first failure counts; waits grow to eight seconds; what the server asks for is added."""
    clock = Clock()
    patience = Patience(60, clock=clock, jitter=lambda low, high: high)
    waits = []
    while (wait := patience.wait_s()) is not None:
        waits.append(wait)
        clock.now += wait
    assert waits == [0.5, 1, 2, 4, 8, 8, 8, 8, 8, 8]
    assert Patience(60, jitter=lambda low, high: low).wait_s(10) == 10.25
    assert Patience(60).wait_s(61) is None


def test_what_may_have_been_done_is_not_repeated() -> None:
    """With `only_untouched` a try that the server may have acted on is the last; others are repeated."""

    async def tries(only_untouched: bool) -> list[str]:
        left = [TryFailed("turned away", untouched=True), TryFailed("silence")]

        async def attempt() -> str:
            if left:
                raise left.pop(0)
            return "done"

        retries = Retries(20, asyncio.Event())
        try:
            return [await retries.until_done("test", attempt, only_untouched=only_untouched), str(len(left))]
        except TryFailed as failed:
            return [str(failed), str(len(left))]

    assert asyncio.run(tries(only_untouched=True)) == ["silence", "0"]
    assert asyncio.run(tries(only_untouched=False)) == ["done", "0"]


def test_woken_it_tries_once_more() -> None:
    """An event that is set ends the waiting at once, and patience after one more try."""

    async def count() -> int:
        wake, tries = asyncio.Event(), 0

        async def attempt() -> None:
            nonlocal tries
            tries += 1
            raise TryFailed("asked to wait", asked_s=1000)

        call = asyncio.create_task(Retries(5000, wake).until_done("test", attempt))
        await asyncio.sleep(0.05)
        assert tries == 1
        wake.set()
        with pytest.raises(TryFailed):
            await asyncio.wait_for(call, PATIENCE_S)
        return tries

    assert asyncio.run(count()) == 2


def test_retry_after_is_a_number_or_a_date() -> None:
    """Both forms are read; a date that is over is no wait; anything else is none."""
    assert asked_wait_s({"Retry-After": "7"}) == 7
    assert asked_wait_s({"Retry-After": formatdate(time.time() + 30, usegmt=True)}) == pytest.approx(30, abs=3)
    assert asked_wait_s({"Retry-After": formatdate(time.time() - 30, usegmt=True)}) == 0
    for told in ("soon", "", "-1", "²", "1.5"):
        assert asked_wait_s({"Retry-After": told}) is None
    assert asked_wait_s({}) is None
