"""The slots for the jobs of an event loop."""

from __future__ import annotations

import asyncio

from ocr_worker import threads
from ocr_worker.parsing.job_slots import JobSlots
from support.waiting import PATIENCE_S


def test_a_job_that_needs_no_engine_any_more_leaves_its_slot() -> None:
    """Another job enters while the first waits for its second reading, and the slot is given back once."""

    async def run() -> bool:
        slots = JobSlots(1)
        async with slots.slot() as free_slot:
            assert slots.are_all_taken
            threads.start(free_slot, "engine")
            async with asyncio.timeout(PATIENCE_S), slots.slot():
                assert slots.are_all_taken
        assert not slots.are_all_taken
        async with slots.slot():
            return slots.are_all_taken

    assert asyncio.run(run())
