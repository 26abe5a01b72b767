"""How many requests are let in: so many in ten seconds, so many at once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 10.0


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests in any ten seconds, and at the same time; None: without limit."""

    in_window: int
    at_once: int | None = None


class Turnstile:
    """Counts the requests of one operation. `enter` and `leave` are called in pairs, where `enter` let somebody in."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._entered: deque[float] = deque()
        self._inside = 0

    def enter(self) -> float | None:
        """None where the request is let in, else the seconds after which it may try again."""
        now = self._clock()
        while self._entered and self._entered[0] <= now - WINDOW_S:
            self._entered.popleft()
        if len(self._entered) >= self._rate.in_window:
            return self._entered[0] + WINDOW_S - now if self._entered else WINDOW_S
        if self._rate.at_once is not None and self._inside >= self._rate.at_once:
            return 1.0
        self._entered.append(now)
        self._inside += 1
        return None

    def leave(self) -> None:
        """A request that was let in is answered."""
        self._inside -= 1
