"""Waiting for something to change, on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """Whoever changes the state calls `notify`; whoever waits is asked again then."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()

    async def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Whether `condition` came true within the timeout (seconds)."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(condition), timeout)
            except TimeoutError:
                return condition()
            return True

    async def notify(self) -> None:
        """Asks everybody who waits to look again."""
        async with self._changed:
            self._changed.notify_all()
