"""The pipeline in this process as a service, with the engine doubles."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ocr_worker.batch.local import LocalPipeline
from ocr_worker.client.service import ENDED_STATES, JobStatus, Service, State
from ocr_worker.errors import EngineUnavailable, JobExpired, SettingsInvalid, WeightsMissing
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import ParseResponse
from support import doubles
from support.doubles import READING
from support.drawing import WHITE, png, request, tiff
from support.interleaving import WatchedLock, meanwhile
from support.waiting import PATIENCE_S

pytestmark = pytest.mark.process

LIMITS = {"execution_timeout_s": 600.0, "ttl_s": 3600.0}


@asynccontextmanager
async def pipeline(engine: str = "by_colour", **settings: Any) -> AsyncIterator[LocalPipeline]:
    service = LocalPipeline(Settings(engine=f"support.doubles:{engine}", **settings))
    try:
        yield service
    finally:
        await service.close()


async def until(service: Service, job: str, *states: State, pages: int = 0, timeout: float = PATIENCE_S) -> JobStatus:
    """The first look at the job in one of these states and with so many pages. Raises AssertionError."""
    deadline = time.monotonic() + timeout
    while (look := await service.status(job)).state not in states or look.pages_done < pages:
        assert time.monotonic() < deadline, look
        await asyncio.sleep(0.02)
    return look


async def answered(service: Service, job_input: dict[str, Any]) -> JobStatus:
    return await until(service, await service.submit(job_input, **LIMITS), *ENDED_STATES)


def test_answers_are_whole_and_like_a_workers() -> None:
    """A job is collected with the very answer a worker gives, whatever its size, and with its seconds."""

    async def scenario() -> JobStatus:
        async with pipeline(inline_limit_mb=0.1) as service:
            return await answered(service, request(tiff([WHITE, doubles.LARGE_BLOCKS, doubles.RAISES])))

    look = asyncio.run(scenario())
    assert (look.state, look.error, look.pages_done) == (State.COLLECTED, None, 3)
    assert look.response is not None
    answer = ParseResponse.model_validate_json(look.response.model_dump_json(exclude_none=True))
    assert (answer.status, answer.coverage.pages_parsed, answer.degraded) == ("partial", 2, [])
    first, large, failed = answer.documents[0].pages
    assert first.markdown == f"{READING} #ffffff"
    assert large.blocks is not None
    assert len(large.blocks[-1].content) == doubles.LARGE
    assert failed.error is not None
    assert look.times.execution_s > 0
    assert look.times.delay_s >= 0


def test_what_is_wrong_or_came_to_nothing_fails_as_at_a_worker() -> None:
    """An invalid request and a job without a parsed page are FAILED with the error's code; the latter's entries
    are in the response."""

    async def scenario() -> list[JobStatus]:
        async with pipeline() as service:
            jobs = [{"documents": []}, request(png(WHITE), dpi=1), request(png(doubles.RAISES))]
            return [await answered(service, job) for job in jobs]

    invalid, wrong_option, nothing = asyncio.run(scenario())
    assert {look.state for look in (invalid, wrong_option, nothing)} == {State.FAILED}
    assert [look.error.code for look in (invalid, wrong_option, nothing) if look.error] == [
        "INVALID_REQUEST",
        "INVALID_REQUEST",
        "PAGE_FAILED",
    ]
    assert (invalid.response, wrong_option.response) == (None, None)
    assert nothing.response is not None
    assert nothing.response.documents[0].pages[0].status == "failed"
    assert nothing.error is not None
    assert not nothing.error.retryable


def test_pages_are_counted_and_a_cancelled_job_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """A running job tells its pages; cancelled, it ends at once and its place goes to the next; one that waits for a
    place is queued, counted by `health`, and never runs once it is cancelled."""
    monkeypatch.setenv("DOUBLE_SECONDS", "0.1")

    async def scenario() -> None:
        async with pipeline(concurrency=1) as service:
            long = await service.submit(request(tiff([doubles.SLOW] * 300)), **LIMITS)
            running = await until(service, long, State.RUNNING, pages=2)
            assert (running.response, running.error) == (None, None)
            queued, third = [await service.submit(request(png(WHITE)), **LIMITS) for _ in range(2)]
            assert (await service.status(queued)).state is State.QUEUED
            health = await service.health()
            assert (health.workers, health.in_queue) == (1, 2)
            await service.cancel(queued)
            await service.cancel(long)
            await service.cancel("nobody")
            assert (await service.status(long)).state is State.CANCELLED
            assert (await until(service, third, *ENDED_STATES)).state is State.COLLECTED
            await service.cancel(third)
            assert (await service.status(third)).state is State.COLLECTED
            assert (await service.status(queued)).state is State.CANCELLED

    asyncio.run(scenario())


def test_a_job_that_runs_too_long_is_timed_out() -> None:
    """After its execution timeout a job is TIMED_OUT, as at an endpoint, and its place is free."""

    async def scenario() -> None:
        async with pipeline(concurrency=1) as service:
            job = await service.submit(request(tiff([doubles.SLOW] * 100)), execution_timeout_s=0.3, ttl_s=3600)
            assert (await until(service, job, *ENDED_STATES)).state is State.TIMED_OUT
            assert (await answered(service, request(png(WHITE)))).state is State.COLLECTED

    asyncio.run(scenario())


def test_an_unknown_job_is_expired() -> None:
    """A job of an earlier process is known to nobody, before the engine has started, too."""

    async def scenario() -> None:
        async with pipeline() as service:
            with pytest.raises(JobExpired):
                await service.status("of-an-earlier-run")

    asyncio.run(scenario())


@pytest.mark.parametrize(("engine", "error"), [("unstartable", WeightsMissing), ("misspelt", SettingsInvalid)])
def test_an_engine_that_cannot_start_is_reported(engine: str, error: type[Exception]) -> None:
    """Each submission raises the engine's own error, also when several wait for the one start."""

    async def scenario() -> None:
        async with pipeline(engine) as service:
            both = [service.submit(request(png(WHITE)), **LIMITS) for _ in range(2)]
            results = await asyncio.gather(*both, return_exceptions=True)
            assert [type(raised) for raised in results] == [error, error]
            with pytest.raises(error):
                await service.submit(request(png(WHITE)), **LIMITS)

    asyncio.run(scenario())


def test_a_lost_engine_takes_no_more_jobs() -> None:
    """The job that the engine died of fails with its code; the next is not taken, with the reason."""

    async def scenario() -> None:
        async with pipeline() as service:
            look = await answered(service, request(png(doubles.ENGINE_DIES)))
            assert look.state is State.FAILED
            assert look.error is not None
            assert look.error.code == "ENGINE_UNAVAILABLE"
            with pytest.raises(EngineUnavailable, match="the double's engine died"):
                await service.submit(request(png(WHITE)), **LIMITS)

    asyncio.run(scenario())


def test_a_job_that_waits_for_its_second_reading_leaves_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next job is parsed meanwhile, although only one may run."""
    evidence: Future[None] = Future()
    monkeypatch.setattr("ocr_worker.witness.pool.Witnesses.offer", lambda *arguments: evidence)

    async def scenario() -> list[State]:
        async with pipeline(concurrency=1) as service:
            waiting = await service.submit(request(png(WHITE), verify="auto"), **LIMITS)
            await until(service, await service.submit(request(png(WHITE)), **LIMITS), State.COLLECTED)
            states = [(await service.status(waiting)).state]
            evidence.set_result(None)
            return [*states, (await until(service, waiting, *ENDED_STATES)).state]

    assert asyncio.run(scenario()) == [State.RUNNING, State.COLLECTED]


def test_closing_does_not_wait_for_a_page_that_hangs() -> None:
    """The pipeline closes in a moment while its engine never answers; the job is cancelled."""

    async def scenario() -> None:
        async with pipeline() as service:
            job = await service.submit(request(png(doubles.HANGS)), **LIMITS)
            await until(service, job, State.RUNNING)
            await asyncio.wait_for(service.close(), PATIENCE_S)
            assert (await service.status(job)).state is State.CANCELLED

    asyncio.run(scenario())


def test_a_pipeline_that_is_closed_in_the_moment_of_its_start_ends() -> None:
    """The pipeline is closed whether `close` or the end of the start comes first."""
    lock = WatchedLock()
    closing: list[Future[None]] = []

    class Interrupted(LocalPipeline):
        was_closed = False

        @property
        def _is_closed(self) -> bool:
            closed = self.was_closed
            if not closing:
                closing.append(meanwhile(lambda: asyncio.run(self.close()), lock))
            return closed

        @_is_closed.setter
        def _is_closed(self, closed: bool) -> None:
            self.was_closed = closed

    service = Interrupted(Settings(engine="support.doubles:reading"))
    service._lock = lock
    pipeline = service._start()
    closing[0].result()
    assert pipeline.rasters._is_closed()
