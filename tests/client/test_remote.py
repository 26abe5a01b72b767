"""The client of an endpoint: against the local endpoint with a real worker, and against a server that misbehaves."""

from __future__ import annotations

import asyncio
import json
import time
from email.utils import formatdate
from typing import Any

import pytest
from pydantic import SecretStr

from ocr_worker.client.remote import RemoteEndpoint
from ocr_worker.client.service import ENDED_STATES, JobStatus, Service, ServiceHealth, State
from ocr_worker.endpoint import LocalEndpoint
from ocr_worker.errors import AuthenticationFailed, EndpointUnavailable, JobExpired, JobFailed, SettingsInvalid
from support import doubles
from support.doubles import READING
from support.drawing import WHITE, png, request, tiff
from support.faulty_endpoint import KEY, LIMITS, QUEUED, TAKEN, Answer, Server, play, remote, submit
from support.waiting import PATIENCE_S
from support.worker_process import StartWorker, Worker

pytestmark = pytest.mark.process


async def until(service: Service, job: str, *states: State, timeout: float = PATIENCE_S) -> JobStatus:
    """The first look at the job in one of these states. Raises AssertionError."""
    deadline = time.monotonic() + timeout
    while (look := await service.status(job)).state not in states:
        assert time.monotonic() < deadline, look
        await asyncio.sleep(0.05)
    return look


async def answered(service: Service, job_input: dict[str, Any]) -> JobStatus:
    return await until(service, await service.submit(job_input, **LIMITS), *ENDED_STATES)


def code_of(look: JobStatus) -> str | None:
    return look.error.code if look.error else None


# --------------------------------------------------------------------------- against a real worker


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker) -> Worker:
    return worker_of(OCR_ENGINE="support.doubles:by_colour", OCR_CONCURRENCY="1").wait_ready()


def test_jobs_go_there_and_back(worker: Worker) -> None:
    """A job is handed over with its times, looked at and collected with its output and seconds; one that fails has its
    error and its entries."""

    async def scenario() -> None:
        async with remote(worker.plane.base_url) as service:
            job = await service.submit(request(tiff([WHITE, doubles.SLOW])), execution_timeout_s=60.5, ttl_s=120)
            policy = worker.plane.jobs[job].policy
            assert (policy.execution_timeout_s, policy.ttl_s) == (60.5, 120)
            done = await until(service, job, *ENDED_STATES)
            assert done.state is State.COLLECTED
            assert done.response is not None
            assert done.response.coverage.pages_parsed == 2
            assert done.times.execution_s >= 0.5
            assert done.times.delay_s >= 0
            invalid = await answered(service, {"documents": []})
            assert (invalid.state, invalid.response, code_of(invalid)) == (State.FAILED, None, "INVALID_REQUEST")
            nothing = await answered(service, request(png(doubles.RAISES)))
            assert (nothing.state, code_of(nothing)) == (State.FAILED, "PAGE_FAILED")
            assert nothing.response is not None
            assert nothing.response.documents[0].pages[0].status == "failed"

    asyncio.run(scenario())


def test_jobs_are_cancelled_and_forgotten(worker: Worker) -> None:
    """A running and a queued job are seen as such, and cancelled; cancelling what has ended or is unknown is no error;
    a look at an unknown job is JobExpired; `health` tells the queue."""

    async def scenario() -> None:
        async with remote(worker.plane.base_url) as service:
            long = await service.submit(request(tiff([doubles.SLOW] * 60)), **LIMITS)
            await until(service, long, State.RUNNING)
            assert await asyncio.to_thread(worker.started, long)
            queued = await service.submit(request(png(WHITE)), **LIMITS)
            assert (await service.status(queued)).state is State.QUEUED
            assert (await service.health()).in_queue == 1
            for job in (queued, long, queued, "nobody"):
                await service.cancel(job)
            assert {(await service.status(job)).state for job in (queued, long)} == {State.CANCELLED}
            with pytest.raises(JobExpired):
                await service.status("nobody")

    asyncio.run(scenario())


def test_a_streaming_workers_answer_is_joined(worker_of: StartWorker) -> None:
    """Chunks become one answer, a page of 5 MB in parts among them; where chunks are left out, the job fails and says
    what to do."""
    streaming = worker_of(OCR_ENGINE="support.doubles:by_colour", OCR_STREAM="true").wait_ready()
    pages = [WHITE, doubles.HUGE, (10, 255, 255)]

    async def scenario() -> None:
        async with remote(streaming.plane.base_url) as service:
            look = await answered(service, request(tiff(pages), png(WHITE)))
            assert look.response is not None
            assert look.response.status == "succeeded"
            first, second = look.response.documents
            assert [page.page for page in first.pages] == [1, 2, 3]
            assert first.pages[1].markdown == doubles.HUGE_TEXT
            assert first.markdown is None
            assert [page.markdown for page in second.pages] == [f"{READING} #ffffff"]
            with pytest.raises(JobFailed, match="OCR_STREAM"):
                await answered(service, request(tiff([doubles.HUGE] * 2)))
            failed = await answered(service, request(png(doubles.RAISES)))
            assert (failed.state, code_of(failed)) == (State.FAILED, "PAGE_FAILED")

    asyncio.run(scenario())


def test_workers_are_counted_once_and_a_key_is_required() -> None:
    """Workers that start count, no worker counts twice; without the key, or with a wrong one, AuthenticationFailed
    names the variable."""

    async def healths(endpoint: LocalEndpoint) -> None:
        for key in (None, SecretStr("wrong")):
            async with remote(endpoint.base_url, key) as service:
                for call in (service.health(), service.status("job"), service.submit({}, **LIMITS)):
                    with pytest.raises(AuthenticationFailed, match="RUNPOD_API_KEY"):
                        await call
        async with remote(endpoint.base_url, SecretStr("secret-key\n")) as service:
            assert await service.health() == ServiceHealth(workers=0, in_queue=0)
            with pytest.raises(JobFailed, match=r"executionTimeout.*is not between"):
                await service.submit({}, execution_timeout_s=1, ttl_s=3600)

    with LocalEndpoint(0, api_key="secret-key") as endpoint:
        asyncio.run(healths(endpoint))


# --------------------------------------------------------------------------- against a server with faults


def test_what_was_turned_away_is_sent_again() -> None:
    """After 429, and 503 with a Retry-After, the client waits as long as asked, in seconds or by a date.

    The job is then there once, with input, policy and key.
    """
    soon = formatdate(time.time() + 2, usegmt=True)
    script = [
        Answer(429, {"error": "slow"}, {"Retry-After": "1"}),
        Answer(503, b"", {"Retry-After": soon}),
        TAKEN,
    ]

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        began = time.monotonic()
        assert await submit(service) == "job-1"
        assert time.monotonic() - began > 1.2

    server = play(scenario, {"run": script})
    assert server.count_requests("run") == 3
    assert (server.requests[-1].method, server.requests[-1].path) == ("POST", "/v2/local/run")
    assert server.requests[-1].headers["authorization"] == "Bearer secret-key"
    assert json.loads(server.requests[-1].body) == {
        "input": {"documents": ["https://example.com/a.pdf"]},
        "policy": {"executionTimeout": 600_000, "ttl": 3_600_000},
    }


@pytest.mark.parametrize(
    "first",
    [
        Answer(closes=True),
        Answer(500, {"error": "oops"}),
        Answer(502, b"<html>"),
        Answer(503, b""),
        Answer(200, b"<html>"),
        Answer(200, {"status": "IN_QUEUE"}),
        Answer(after_s=600),
    ],
    ids=["closed", "500", "502", "503", "JSON object", "no id", "silent"],
)
def test_a_job_that_may_be_there_is_not_sent_again(first: Answer) -> None:
    """After an answer that may have been lost, EndpointUnavailable comes at once and says so: one request, no more."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        with pytest.raises(EndpointUnavailable, match="may have accepted the job nevertheless"):
            await submit(service)

    assert play(scenario, {"run": [first, TAKEN]}, timeout_s=2).count_requests("run") == 1


def test_an_endpoint_that_cannot_be_reached_is_tried_until_patience_ends() -> None:
    """A refused connection is tried again, submissions too, and is EndpointUnavailable in the end."""

    async def scenario() -> float:
        async with remote("http://127.0.0.1:9/v2", KEY, patience_s=1) as service:
            began = time.monotonic()
            for call in (submit(service), service.status("job-1")):
                with pytest.raises(EndpointUnavailable, match=r"endpoint local at 127\.0\.0\.1:9 cannot be reached"):
                    await call
            return time.monotonic() - began

    assert asyncio.run(scenario()) > 0.5


@pytest.mark.parametrize(
    ("status", "body", "error", "message"),
    [
        (400, {"error": "`input` is wrong" + "!" * 1000}, JobFailed, r"`input` is wrong!{284}$"),
        (413, {"error": "too large"}, JobFailed, "too large"),
        (422, b"<html>", JobFailed, "HTTP 422"),
        (404, b"", SettingsInvalid, "endpoint local at .* does not exist"),
    ],
)
def test_a_job_that_is_rejected_fails(status: int, body: Any, error: type[Exception], message: str) -> None:
    """The error of a rejected job has the server's message, shortened, and the job is not sent again.

    An endpoint that does not exist is not an error of the job.
    """

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        with pytest.raises(error, match=message):
            await submit(service)

    assert play(scenario, {"run": [Answer(status, body), TAKEN]}).count_requests("run") == 1


@pytest.mark.parametrize(
    "fault", [Answer(closes=True), Answer(500), Answer(200, b"]["), Answer(after_s=600), Answer(429), Answer(408)]
)
def test_a_look_is_repeated_whatever_happened(fault: Answer) -> None:
    """A status request is repeated after a broken connection, 5xx, garbage, silence or 429, and returns the state."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        assert (await service.status("job-1")).state is State.QUEUED

    assert play(scenario, {"status": [fault, QUEUED]}, timeout_s=2).count_requests("status") == 2


def test_patience_with_a_look_ends() -> None:
    """An endpoint that answers nothing but 500, or asks for more time than patience has, is EndpointUnavailable."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        for status in ("500", "429"):
            with pytest.raises(EndpointUnavailable, match=f"responded with {status}"):
                await service.status("job-1")
            server.script["status"] = [Answer(429, {}, {"Retry-After": "100"})]

    play(scenario, {"status": [Answer(500)]}, patience_s=0.6)


def test_a_job_is_expired_only_at_the_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """404 is asked again; twice 404 is JobExpired."""
    monkeypatch.setattr("ocr_worker.client.remote._RECHECK_S", 0.1)

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        assert (await service.status("job-1")).state is State.QUEUED
        server.script["status"] = [Answer(404)]
        with pytest.raises(JobExpired):
            await service.status("job-1")

    assert play(scenario, {"status": [Answer(404, {"error": "job not found"}), QUEUED]}).count_requests("status") == 4
