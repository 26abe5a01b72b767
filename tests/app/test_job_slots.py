"""The places for jobs of the HTTP app's worker."""

from __future__ import annotations

import asyncio

from ocr_worker import threads
from ocr_worker.app.worker import AppWorker
from ocr_worker.settings import Settings
from support.waiting import PATIENCE_S


def test_a_job_that_needs_no_engine_any_more_leaves_its_place() -> None:
    """Another job enters while the first waits for its second reading, and the place is given back once."""

    async def run() -> int:
        worker = AppWorker(Settings(engine="support.doubles:reading", concurrency=1))
        async with worker._job_slot() as free_slot:
            assert worker._job_slots.locked()
            threads.start(free_slot, "engine")
            async with asyncio.timeout(PATIENCE_S), worker._job_slot():
                assert worker._job_slots.locked()
        return worker._job_slots._value

    assert asyncio.run(run()) == 1
