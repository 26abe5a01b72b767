"""What we use of the SDK beyond its documented API, held in place: a new version that moves it turns red here."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from runpod.serverless.modules import rp_job, rp_scale
from runpod.serverless.modules.rp_logger import RunPodLogger
from runpod.serverless.modules.worker_state import JobsProgress
from runpod.serverless.utils import rp_debugger

from ocr_worker.drain import Drain


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
        drain.install()
        assert asyncio.run(rp_scale.get_job(None, 1)) == [{"id": "a"}]
        drain.request("told to")
        assert asyncio.run(rp_scale.get_job(None, 1)) is None
    finally:
        JobsProgress().remove("somebody-is-at-work")
    assert len(asked) == 1


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
