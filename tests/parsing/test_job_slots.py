"""The slots for the jobs of an event loop."""

from __future__ import annotations

import asyncio

from ocr_worker import threads
from ocr_worker.parsing.job_slots import JobSlots
from support.waiting import PATIENCE_S


async def is_free(slots: JobSlots) -> bool:
    """Return whether a job can enter without waiting."""
    try:
        async with asyncio.timeout(0), slots.slot():
            return True
    except TimeoutError:
        return False


def test_a_job_that_needs_no_engine_any_more_leaves_its_slot() -> None:
    """Another job enters while the first waits for its second reading, and the slot is given back once."""

    async def run() -> bool:
        slots = JobSlots(1)
        async with slots.slot() as free_slot:
            assert not await is_free(slots)
            threads.start(free_slot, "engine")
            async with asyncio.timeout(PATIENCE_S), slots.slot():
                assert not await is_free(slots)
        assert await is_free(slots)
        async with slots.slot():
            return not await is_free(slots)

    assert asyncio.run(run())
