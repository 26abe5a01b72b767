"""How calls are paced and repeated, on a clock that only waiting moves."""

from __future__ import annotations

import asyncio

import pytest

from ocr_worker.client import calls
from ocr_worker.client.calls import AttemptFailed, Gate, Patience, Retries
from support.clock import Clock, run_on
from support.waiting import PATIENCE_S


def test_a_burst_and_then_the_rate() -> None:
    """The burst goes through at once, each further call a tenth of a second after the one before."""
    clock = Clock()

    async def times() -> list[float]:
        gate = Gate(10, 3, concurrency=10)
        entered = []
        for _ in range(6):
            async with gate:
                entered.append(clock.now - 100)
        return entered

    assert run_on(clock, times()) == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3], abs=1e-6)


def test_no_ten_seconds_see_more_than_rate_and_burst() -> None:
    """Whatever the pauses between calls, a pause saves up no more than the burst."""
    clock = Clock()

    async def times() -> list[float]:
        gate = Gate(7, 5, concurrency=10)
        entered = []
        for number in range(500):
            clock.now += (0, 0, 0, 3.7)[number % 4] if number % 50 == 3 else 0
            async with gate:
                entered.append(clock.now)
        return entered

    entered = run_on(clock, times())
    assert max(sum(start <= time < start + 10 for time in entered) for start in entered) <= 7 * 10 + 5


def test_who_asks_first_goes_first() -> None:
    """Calls that wait go through in the order in which they came, also before one that comes in the moment in which
    there is room."""
    clock = Clock()

    async def order() -> list[int]:
        gate = Gate(10, 1, concurrency=100)
        entered: list[int] = []

        async def call(number: int) -> None:
            async with gate:
                entered.append(number)

        calls = [asyncio.create_task(call(number)) for number in range(20)]
        await asyncio.sleep(0)
        calls[5].cancel()
        for number in range(20, 30):
            await asyncio.sleep(0.09)
            clock.now += 0.02  # the loop is busy while the next call falls due, and then a new one is there first
            calls.append(asyncio.create_task(call(number)))
        await asyncio.gather(*calls, return_exceptions=True)
        return entered

    assert run_on(clock, order()) == [number for number in range(30) if number != 5]


def test_one_that_is_cancelled_takes_nothing() -> None:
    """Twenty calls of which one is cancelled while it waits take the time of nineteen."""
    clock = Clock()

    async def seconds() -> float:
        gate = Gate(10, 1, concurrency=100)

        async def call() -> None:
            async with gate:
                pass

        calls = [asyncio.create_task(call()) for _ in range(20)]
        await asyncio.sleep(0)
        calls[5].cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        return clock.now - 100

    assert run_on(clock, seconds()) == pytest.approx(1.8, abs=1e-6)


def test_so_many_at_once() -> None:
    """No more calls are inside the gate than it has places; cancelled and failed ones give theirs back."""

    async def most() -> int:
        gate = Gate(1e6, 1000, concurrency=3)
        inside = highest = 0

        async def call(number: int) -> None:
            nonlocal inside, highest
            async with gate:
                inside += 1
                highest = max(highest, inside)
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
        return highest

    assert asyncio.run(most()) == 3


def test_waits_double_until_patience_is_over() -> None:
    """The time of the first failure counts; waits grow to eight seconds; what the server asks for is added."""
    clock = Clock()
    patience = Patience(60, clock=clock, jitter=lambda low, high: high)
    waits = []
    while (wait := patience.next_wait_s()) is not None:
        waits.append(wait)
        clock.now += wait
    assert waits == [0.5, 1, 2, 4, 8, 8, 8, 8, 8, 8]
    assert Patience(60, jitter=lambda low, high: low).next_wait_s(10) == 10.25
    assert Patience(60).next_wait_s(61) is None


def test_a_call_is_repeated_after_each_wait_of_its_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that always fails is attempted after each of the doubled waits, however long the first attempt took, and
    ends with its last failure."""
    clock = Clock()
    monkeypatch.setattr(calls, "Patience", lambda s: Patience(s, clock=clock, jitter=lambda low, high: high))
    attempts: list[float] = []

    async def attempt() -> None:
        await asyncio.sleep(0 if attempts else 1000)
        attempts.append(clock.now - 1100)
        raise AttemptFailed(f"attempt {len(attempts)}")

    with pytest.raises(AttemptFailed, match="attempt 5"):
        run_on(clock, Retries(8).call("test", attempt))
    assert attempts == pytest.approx([0, 0.5, 1.5, 3.5, 7.5], abs=1e-6)


def test_a_cancelled_call_is_not_repeated() -> None:
    """Cancelled in an attempt or in a wait, the call ends at once."""

    async def attempts_of(fails: bool) -> int:
        attempts = 0

        async def attempt() -> None:
            nonlocal attempts
            attempts += 1
            if fails:
                raise AttemptFailed("asked to wait", retry_after_s=1000)
            await asyncio.sleep(1000)

        call = asyncio.create_task(Retries(5000).call("test", attempt))
        await asyncio.sleep(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return attempts

    for fails in (True, False):
        clock = Clock()
        assert run_on(clock, attempts_of(fails)) == 1
        assert clock.now < 102


def test_what_may_have_been_done_is_not_repeated() -> None:
    """A call that is not idempotent ends with an attempt that the server may have processed; others are repeated."""

    async def outcome(is_idempotent: bool) -> tuple[str, int]:
        failures = [AttemptFailed("turned away", is_unprocessed=True), AttemptFailed("silence")]

        async def attempt() -> str:
            if failures:
                raise failures.pop(0)
            return "done"

        try:
            result = await Retries(20).call("test", attempt, is_idempotent=is_idempotent)
        except AttemptFailed as failure:
            result = str(failure)
        return result, len(failures)

    assert run_on(Clock(), outcome(is_idempotent=False)) == ("silence", 0)
    assert run_on(Clock(), outcome(is_idempotent=True)) == ("done", 0)
