"""A clock that only waiting moves, and an event loop on it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Value = TypeVar("Value")


class Clock(selectors.SelectSelector):
    """Seconds. An event loop that waits here moves the clock on and does not wait; each of its turns takes a
    nanosecond, so that a timer set for now is over in the next."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def select(self, timeout: float | None = None) -> Any:
        self.now += (timeout or 0.0) + 1e-9
        return super().select(0)


class ClockLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        super().__init__(clock)

    def time(self) -> float:
        return self._clock.now


def run_on(clock: Clock, work: Coroutine[Any, Any, Value]) -> Value:
    with asyncio.Runner(loop_factory=lambda: ClockLoop(clock)) as runner:
        return runner.run(work)
