"""Slots for the jobs that an event loop runs at the same time; a job may leave its slot before its end.

A job whose pages are parsed, and only wait for their second reading, uses the engine no more. It leaves its slot to the
next job, so that the engine is not idle meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress


class JobSlots:
    """`count` slots. Use them on one event loop."""

    def __init__(self, count: int) -> None:
        self._semaphore = asyncio.Semaphore(count)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Callable[[], None]]:
        """Wait for a slot. Yield a function that frees it early, from any thread, when the engine has no more to do."""
        await self._semaphore.acquire()
        loop = asyncio.get_running_loop()
        is_free = False

        def free() -> None:
            nonlocal is_free
            if not is_free:
                is_free = True
                self._semaphore.release()

        def free_soon() -> None:
            with suppress(RuntimeError):  # the loop ended with its owner
                loop.call_soon_threadsafe(free)

        try:
            yield free_soon
        finally:
            free()
