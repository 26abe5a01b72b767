"""What we use of the SDK beyond its documented API, held in place: a new version that moves it turns red here."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from runpod.serverless.modules import rp_http, rp_job, rp_progress, rp_scale
from runpod.serverless.modules.rp_logger import RunPodLogger
from runpod.serverless.modules.worker_state import JobsProgress
from runpod.serverless.utils import rp_debugger

from ocr_worker.runpod_worker.drain import Drain, told_concurrency


def test_the_loop_fetches_jobs_by_the_name_the_gate_replaces() -> None:
    """`rp_scale.get_job` is what the loop takes when it is made, so a gate put there before is the one it asks."""
    assert rp_scale.get_job is rp_job.get_job
    assert "self.jobs_fetcher = get_job" in inspect.getsource(rp_scale.JobScaler.__init__)
    assert "self.jobs_fetcher(session, jobs_needed)" in inspect.getsource(rp_scale.JobScaler.get_jobs)


def test_the_sdk_does_without_the_processors_name() -> None:
    """Its import asks py-cpuinfo for one field of a debug log, and takes no answer for an answer."""
    source = inspect.getsource(rp_debugger)
    assert source.count("cpuinfo.") == 1
    assert 'PROCESSOR = cpuinfo.get_cpu_info()["brand_raw"]\nexcept KeyError:' in source


def test_progress_is_posted_as_the_sdk_posts_it() -> None:
    """The SDK's own progress goes through `send_result`, marked as no final answer, in a session of its own."""
    source = inspect.getsource(rp_progress)
    assert rp_progress.send_result is rp_http.send_result
    assert '{"status": "IN_PROGRESS", "output": progress}' in source
    assert "session = AsyncClientSession()" in source


def test_a_generator_asks_for_replacement_through_the_configuration() -> None:
    """What a generator cannot return is read from the handler's configuration when the generator has ended; and a
    yielded object is collected before it is posted, by reference, so that it may be shortened after."""
    source = inspect.getsource(rp_job.handle_job)
    collected = source.index('job_result["output"].append(stream_output["output"])')
    assert collected < source.index("await stream_result") < source.index('config.get("refresh_worker", False)')


def test_installing_the_gate_replaces_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `install` the loop asks the gate, and a drained gate asks nobody."""
    asked: list[Any] = []

    async def get_job(*args: Any) -> list[dict[str, Any]]:
        asked.append(args)
        return [{"id": "a"}]

    monkeypatch.setattr(rp_scale, "get_job", get_job)
    JobsProgress().add("somebody-is-at-work")
    try:
        drain = Drain()
        drain.install(lambda: 2)
        assert asyncio.run(rp_scale.get_job(None, 1)) == [{"id": "a"}]
        drain.request("told to")
        assert asyncio.run(rp_scale.get_job(None, 1)) is None
    finally:
        JobsProgress().remove("somebody-is-at-work")
    assert len(asked) == 1


def test_the_gate_opens_for_as_many_jobs_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one of two places taken one job is asked for, however many the SDK wants; with both taken none is."""
    asked: list[int] = []

    async def get_job(session: Any, wanted: int) -> list[dict[str, Any]]:
        asked.append(wanted)
        return []

    monkeypatch.setattr(rp_scale, "get_job", get_job)
    Drain().install(lambda: 2)
    progress = JobsProgress()
    progress.add("first")
    asyncio.run(rp_scale.get_job(None, told_concurrency(2)))
    progress.add("second")
    assert asyncio.run(rp_scale.get_job(None, told_concurrency(2))) is None

    async def answered_meanwhile() -> None:
        asking = asyncio.create_task(rp_scale.get_job(None, told_concurrency(2)))
        await asyncio.sleep(0.05)
        progress.remove("first")
        await asking

    asyncio.run(answered_meanwhile())
    progress.remove("second")
    assert asked == [1, 1]


def test_the_sdk_never_finds_itself_full() -> None:
    """It counts a job in its queue and in progress; told_concurrency is above both counts together."""
    source = inspect.getsource(rp_scale.JobScaler)
    assert "return current_progress_count + current_queue_count" in source
    assert "jobs_needed = self.current_concurrency - self.current_occupancy()" in source
    assert told_concurrency(3) > 2 * 3


def test_jobs_in_progress_can_be_counted() -> None:
    """The SDK's set of jobs counts those that are taken and not yet reported."""
    before = JobsProgress().get_job_count()
    JobsProgress().add("counted")
    assert JobsProgress().get_job_count() == before + 1
    JobsProgress().remove("counted")


def test_the_log_level_can_be_set() -> None:
    """The SDK's logger is one for all; its level decides whether answers reach the log."""
    logger = RunPodLogger()
    before = logger.level
    logger.set_level("WARN")
    assert RunPodLogger().level == "WARN"
    logger.set_level(before)
