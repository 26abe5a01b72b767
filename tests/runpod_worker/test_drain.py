"""Leaving in order, against the real loop at concurrency 2: take no more, answer every admitted job, ask last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runpod.serverless.modules import rp_scale
from runpod.serverless.modules.worker_state import JobsProgress

from ocr_worker import runpod_sdk
from ocr_worker.runpod_worker.drain import Drain
from support import doubles
from support.control_plane import Result
from support.drawing import WHITE, png, request, tiff
from support.waiting import PATIENCE_S, eventually
from support.worker_process import StartWorker, Worker

pytestmark = pytest.mark.process

DEATHS = {"the engine dies": doubles.ENGINE_DIES, "the engine hangs": doubles.HANGS}


@pytest.fixture(params=DEATHS)
def worker_and_death(
    worker_of: StartWorker, request: pytest.FixtureRequest, journal: Path
) -> tuple[Worker, doubles.Colour]:
    """A worker whose engine has three seconds and more for what takes half a second a page."""
    limits = {"OCR_ENGINE_TIMEOUT_S": "3", "OCR_ENGINE_PAGE_TIMEOUT_S": "1"}
    worker = worker_of(OCR_ENGINE="support.doubles:by_colour", DOUBLE_JOURNAL=str(journal), **limits)
    return worker.wait_ready(), DEATHS[request.param]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Return the file in which the double writes a line for each page it has read."""
    (tmp_path / "journal").touch()
    return tmp_path / "journal"


def answers(worker: Worker) -> list[Result]:
    """All answers so far, in the order they came."""
    results = [result for record in worker.plane.jobs.values() for result in record.results]
    return sorted(results, key=lambda result: result.at)


def test_an_engine_that_is_gone_drains_the_worker(
    worker_and_death: tuple[Worker, doubles.Colour], journal: Path
) -> None:
    """The engine is lost under two jobs while more are queued: both are answered, one with the pages that were done,
    the last asks for a replacement, no other job is ever taken, and the process ends in order."""
    worker, death = worker_and_death
    plane = worker.plane
    neighbour = plane.submit(request(tiff([doubles.SLOW] * 24)))
    assert eventually(lambda: len(journal.read_text().split()) > 4)  # more than a batch: some pages are done
    plane.slow_posts[neighbour] = 2  # the last to answer must wait until its neighbour's answer has arrived
    deadly = plane.submit(request(png(death)))
    queued = [plane.submit(request(png(WHITE))) for _ in range(3)]

    failed = plane.wait(deadly)
    assert failed.error is not None
    assert failed.error.startswith("ENGINE_")
    assert failed.output["retryable"] is True

    partial = plane.wait(neighbour)
    assert partial.error is None
    assert partial.output["status"] == "partial"
    pages = partial.output["documents"][0]["pages"]
    assert {page["status"] for page in pages} == {"succeeded", "failed"}
    codes = {page["error"]["code"] for page in pages if "error" in page}
    assert codes <= {"ENGINE_UNAVAILABLE", "ENGINE_TIMED_OUT"}

    assert [result.stop_pod for result in answers(worker)] == [False, True]
    assert not plane.taken(queued[0], 3)
    plane.assert_each_answered_once()
    worker.terminate()
    assert worker.exit_code() == 0, worker.log()


def test_a_job_that_arrives_in_the_open_poll_is_answered(worker_of: StartWorker) -> None:
    """A poll is open while the engine is lost: the job that it brings is answered, too, to be sent again elsewhere, and
    whatever happens the last answer asks for the replacement."""
    worker = worker_of(OCR_ENGINE="support.doubles:by_colour", hold_s=5.0).wait_ready()
    plane = worker.plane
    plane.submit(request(tiff([doubles.SLOW, doubles.SLOW, doubles.SLOW, doubles.SLOW, doubles.ENGINE_DIES])))
    assert plane.wait_until(lambda: plane.polls >= 2, PATIENCE_S)  # the second poll waits beside the running job
    assert plane.wait_until(lambda: "event=drain" in worker.log() or bool(answers(worker)), PATIENCE_S)
    late = plane.submit(request(png(WHITE)))
    assert plane.wait_until(lambda: any(result.stop_pod for result in answers(worker)), PATIENCE_S), worker.log()
    if plane.taken(late):
        result = plane.wait(late)
        assert result.error is not None
        assert result.error.startswith("ENGINE_UNAVAILABLE")
        assert result.output["retryable"] is True
    assert not plane.taken(plane.submit(request(png(WHITE))), 3)
    assert [result.stop_pod for result in answers(worker)].index(True) == len(answers(worker)) - 1
    plane.assert_each_answered_once()
    worker.terminate()
    assert worker.exit_code() == 0, worker.log()


@pytest.mark.slow
def test_the_loss_of_one_of_two_engines_drains_nothing(worker_of: StartWorker) -> None:
    """The other engine parses on, for later jobs, too; the worker drains when that one is lost as well."""
    worker = worker_of(OCR_ENGINE="support.doubles:by_colour", OCR_REPLICAS="2").wait_ready()
    lost, parsed = (worker.answer(request(png(colour))) for colour in (doubles.ENGINE_DIES, WHITE))
    assert str(lost.error).startswith("ENGINE_UNAVAILABLE")
    assert parsed.output["status"] == "succeeded"
    assert not lost.stop_pod
    assert "event=drain" not in worker.log()
    worker.answer(request(png(doubles.ENGINE_DIES)))
    assert worker.logged("event=drain")


def test_a_worker_with_nobody_left_to_ask_ends_by_itself(worker_of: StartWorker, tmp_path: Path) -> None:
    """The only job loses the engine while a poll is open: its answer cannot be the last word, since the poll may bring
    a job; when the poll comes back empty the worker ends, and the platform starts it again."""
    gate = tmp_path / "gate"
    worker = worker_of(OCR_ENGINE="support.doubles:by_colour", DOUBLE_GATE=str(gate), hold_s=5.0).wait_ready()
    plane = worker.plane
    job = plane.submit(request(tiff([doubles.HELD, doubles.ENGINE_DIES])))
    assert plane.wait_until(lambda: plane.polls >= 2, PATIENCE_S)
    gate.touch()
    assert not plane.wait(job).stop_pod
    assert worker.exit_code() == 0, worker.log()


# --------------------------------------------------------------------------- the gate alone


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many jobs the platform was asked for, each time; it always gives one."""
    numbers: list[int] = []

    async def get_job(session: Any, number: int) -> list[runpod_sdk.JobDict]:
        numbers.append(number)
        return [{"id": "a"}]

    monkeypatch.setattr(rp_scale, "get_job", get_job)
    yield numbers
    for job in ("first", "second"):
        JobsProgress().remove(job)


def test_a_drained_gate_asks_nobody(fetched: list[int]) -> None:
    """The gate hands on what is fetched until the drain is requested, and from then on nothing is fetched."""
    JobsProgress().add("first")
    drain = Drain()
    drain.install(lambda: 2)
    assert asyncio.run(rp_scale.get_job(None, 1)) == [{"id": "a"}]
    drain.request("told to")
    assert asyncio.run(rp_scale.get_job(None, 1)) is None
    assert len(fetched) == 1


def test_the_gate_opens_for_as_many_jobs_as_there_is_room(fetched: list[int]) -> None:
    """With one of two places taken one job is asked for, however many the SDK wants; with both taken none is, until a
    job is answered."""
    Drain().install(lambda: 2)
    concurrency, progress = runpod_sdk.unreachable_concurrency(2), JobsProgress()
    progress.add("first")
    asyncio.run(rp_scale.get_job(None, concurrency))
    progress.add("second")
    assert asyncio.run(rp_scale.get_job(None, concurrency)) is None
    assert fetched == [1]

    async def one_is_answered_meanwhile() -> None:
        asking = asyncio.create_task(rp_scale.get_job(None, concurrency))
        await asyncio.sleep(0.05)
        progress.remove("first")
        await asking

    asyncio.run(one_is_answered_meanwhile())
    assert fetched == [1, 1]


def test_a_failed_fetch_is_not_repeated_at_once(monkeypatch: pytest.MonkeyPatch, fetched: list[int]) -> None:
    """The SDK repeats a failed fetch at once: the gate hands the error on only after a pause."""

    async def fail(session: Any, number: int) -> None:
        raise OSError("the platform is gone")

    monkeypatch.setattr(rp_scale, "get_job", fail)
    monkeypatch.setattr("ocr_worker.runpod_worker.drain._PAUSE_AFTER_ERROR_S", 3600)
    Drain().install(lambda: 1)

    async def is_pausing() -> bool:
        fetch = asyncio.create_task(rp_scale.get_job(None, 1))
        for _ in range(10):
            await asyncio.sleep(0)
        is_pending = not fetch.done()
        fetch.cancel()
        return is_pending

    assert asyncio.run(is_pausing())
    monkeypatch.setattr("ocr_worker.runpod_worker.drain._PAUSE_AFTER_ERROR_S", 0)
    with pytest.raises(OSError, match="gone"):
        asyncio.run(rp_scale.get_job(None, 1))
