"""Waiting for changes of the endpoint's state, on one event loop.

Handlers that change the state call `notify`, and handlers that wait check their condition again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """The signal that the state has changed. All methods run on one event loop."""

    def __init__(self) -> None:
        self._signal = asyncio.Condition()

    async def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until `condition` is true, at most `timeout` seconds. Return whether it became true."""
        async with self._signal:
            try:
                await asyncio.wait_for(self._signal.wait_for(condition), timeout)
            except TimeoutError:
                return condition()
            return True

    async def notify(self) -> None:
        """Let every `wait_until` check its condition again."""
        async with self._signal:
            self._signal.notify_all()
