"""Responses of an endpoint as the client reads them: states, health, results in a bucket, and the client's pace."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from ocr_worker.client.remote import RemoteEndpoint
from ocr_worker.client.service import ENDED_STATES, JobStatus, JobTimes, ServiceHealth, State
from ocr_worker.errors import (
    AuthenticationFailed,
    DeliveryFailed,
    EndpointUnavailable,
    JobFailed,
    OcrWorkerError,
    SettingsInvalid,
)
from ocr_worker.wire.schema import ErrorInfo, ParseResponse
from support.faulty_endpoint import QUEUED, Answer, Server, play
from support.responses import response


def test_states_and_times_are_understood() -> None:
    """The platform's words, milliseconds and progress become ours; what is no answer of the worker's is JobFailed, and
    an object that is no response leaves the job without one."""
    answer = response()
    coded = ErrorInfo(code="CODE", message="told", retryable=False)
    silent = ErrorInfo(
        code="JOB_FAILED",
        message="the job failed without an error code; see the endpoint's log for the reason",
        retryable=False,
    )
    timed_out = ErrorInfo(code="ENGINE_TIMED_OUT", message="told", retryable=True)

    def failed(error: ErrorInfo) -> JobStatus:
        return JobStatus(State.FAILED, error=error)

    cases: list[tuple[dict[str, Any], JobStatus]] = [
        ({"status": "IN_QUEUE", "delayTime": 1500}, JobStatus(State.QUEUED, times=JobTimes(0.0, 1.5))),
        ({"status": "IN_PROGRESS", "output": {"pages_done": 12}}, JobStatus(State.RUNNING, pages_done=12)),
        ({"status": "RUNNING", "output": "half"}, JobStatus(State.RUNNING)),
        (
            {"status": "COMPLETED", "output": answer, "executionTime": 2500, "delayTime": 10, "workerId": "w1"},
            JobStatus(State.COLLECTED, ParseResponse.read(answer), times=JobTimes(2.5, 0.01, "w1")),
        ),
        ({"status": "TIMED_OUT", "executionTime": -5, "delayTime": "?", "workerId": 7}, JobStatus(State.TIMED_OUT)),
        ({"status": "IN_PROGRESS", "workerId": "w1"}, JobStatus(State.RUNNING, times=JobTimes(worker_id="w1"))),
        ({"status": "COMPLETED", "output": {"status": "succeeded"}}, JobStatus(State.COLLECTED)),
        ({"status": "FAILED", "error": "OTHER", "output": {"code": "CODE", "message": "told"}}, failed(coded)),
        (
            {"status": "FAILED", "output": {**answer, "code": "CODE", "message": "told", "retryable": False}},
            JobStatus(State.FAILED, ParseResponse.read(answer), coded),
        ),
        ({"status": "FAILED", "error": "CODE: told"}, failed(coded)),
        ({"status": "FAILED", "error": "ENGINE_TIMED_OUT: told"}, failed(timed_out)),
        ({"status": "FAILED", "error": {"error_type": "X"}}, failed(silent)),
        ({"status": "FAILED"}, failed(silent)),
        ({"status": "TIMED_OUT"}, JobStatus(State.TIMED_OUT)),
        ({"status": "CANCELLED", "executionTime": None}, JobStatus(State.CANCELLED)),
    ]
    wrong: list[tuple[Any, type[OcrWorkerError]]] = [
        ({"status": "COMPLETED"}, JobFailed),
        ({"status": "COMPLETED", "output": [1]}, JobFailed),
        ({"status": "COMPLETED", "output": [{"chunk": 1, "summary": {}}]}, JobFailed),
        ({"status": "COMPLETED", "output": [{"chunk": 2, "summary": answer}]}, JobFailed),
        ({"status": "DANCING"}, EndpointUnavailable),
        ({"error": "?"}, EndpointUnavailable),
    ]

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        started_at = time.time()
        for body, look in cases:
            server.script["status"] = [Answer(body=body)]
            status = await service.status("job-1")
            ended_at = status.times.ended_at
            assert (ended_at is not None and started_at <= ended_at <= time.time()) == (look.state in ENDED_STATES)
            assert replace(status, times=status.times._replace(ended_at=None)) == look
        for body, error in wrong:
            server.script["status"] = [Answer(body=body)]
            with pytest.raises(error):
                await service.status("job-1")

    play(scenario, {"status": [QUEUED]})


@pytest.mark.parametrize(
    ("workers", "counted"),
    [
        ({"idle": 1, "running": 2}, 3),
        ({"idle": 1, "initializing": 1, "ready": 3, "running": 2, "throttled": 4, "unhealthy": 1}, 4),
        ({}, 0),
    ],
)
def test_health_in_its_older_and_newer_form(workers: dict[str, int], counted: int) -> None:
    """Idle, running and starting workers count once, throttled and unhealthy ones not."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        assert await service.health() == ServiceHealth(counted, 5)

    play(scenario, {"health": [Answer(body={"jobs": {"inQueue": 5}, "workers": workers})]})


def test_an_endpoint_elsewhere_never_sees_the_key() -> None:
    """A redirect of the API is not followed: the key would go along."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        with pytest.raises(EndpointUnavailable, match="check the base URL"):
            await service.status("job-1")

    assert len(play(scenario, {"status": [Answer(307, b"", {"Location": "/v2/local/other"})]}).requests) == 1


def test_no_key_and_no_url_that_cannot_be_one() -> None:
    """A key with a line break and an invalid base URL are rejected before any call, without showing the key."""
    with pytest.raises(AuthenticationFailed) as raised:
        RemoteEndpoint("https://example.com/v2", "local", SecretStr("sec\nret"))
    assert "sec" not in str(raised.value).lower()
    for url in ("https://example.com:port/v2", "/v2"):
        with pytest.raises(SettingsInvalid, match="RUNPOD_ENDPOINT_BASE_URL"):
            RemoteEndpoint(url, "local", None)


def test_answers_of_workers_of_other_versions_are_read() -> None:
    """Unknown fields are ignored anywhere in an output.

    That is: in a response, in the chunks of a stream, in a failed job's error, and next to the link into a bucket.
    """
    block = {"label": "text", "content": "text", "bbox": [0, 1, 2, 3]}
    page = {"page": 1, "status": "succeeded", "blocks": [block]}
    plain = response({"id": "a", "status": "succeeded", "pages": [page]})
    new = {"newer": {"than": "this client"}}
    newer_page = {**page, **new, "blocks": [{**block, **new}]}
    newer = {**response({"id": "a", "status": "succeeded", "pages": [newer_page], **new}), "timing": new, **new}
    chunks = [
        {"chunk": 1, "document": "a", "page": newer_page, **new},
        {"chunk": 2, "summary": {**newer, "documents": [{"id": "a", "status": "succeeded", **new}]}, **new},
    ]

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        for output in (newer, chunks):
            server.script["status"] = [Answer(body={"status": "COMPLETED", "output": output, **new})]
            assert (await service.status("job-1")).response == ParseResponse.read(plain)
        failure = {"code": "CODE", "message": "told", "retryable": True, **new}
        server.script["status"] = [Answer(body={"status": "FAILED", "output": {**newer, **failure}})]
        look = await service.status("job-1")
        assert look.response == ParseResponse.read(plain)
        assert look.error == ErrorInfo(code="CODE", message="told", retryable=True)
        server.script["status"] = [delivered(server, **new)]
        assert (await service.status("job-1")).response == RESPONSE

    play(scenario, {"status": [QUEUED], "file": [Answer(body=WHOLE)]})


# --------------------------------------------------------------------------- answers in a bucket

PAGES = [{"page": number, "status": "succeeded", "markdown": "ä" * 25_000} for number in (1, 2)]
WHOLE = json.dumps(response({"id": "a", "status": "succeeded", "page_count": 2, "pages": PAGES})).encode()
RESPONSE = ParseResponse.read(json.loads(WHOLE))


def delivered(server: Server, path: str = "file", **changed: Any) -> Answer:
    """Return the answer of a completed job whose response is at a path of the server."""
    link = {
        "url": f"{server.url}/local/{path}?X-Signature=hidden",
        "bucket": "results",
        "key": "ocr-worker/answers/1.json",
        "bytes": len(WHOLE),
        "sha256": hashlib.sha256(WHOLE).hexdigest(),
        "expires_at": "2030-01-01T00:00:00+00:00",
        **changed,
    }
    return Answer(body={"status": "COMPLETED", "output": {"status": "succeeded", "documents": [], "delivery": link}})


@pytest.mark.process
def test_an_answer_in_a_bucket_is_fetched(caplog: pytest.LogCaptureFixture) -> None:
    """Through a redirect, a 503, a broken connection and damaged bytes the whole answer comes, without the key having
    gone to the bucket; a streamed summary is fetched as well; no log holds the signed query."""
    caplog.set_level(logging.INFO)
    damaged = WHOLE[:-10] + b"x" * 10
    faults = [Answer(503), Answer(body=WHOLE[:100], headers={"Content-Length": "500"}, closes=True)]
    script = {"moved": [Answer(302, b"", {"Location": "file?X-Signature=hidden"})], "status": [QUEUED]}
    script["file"] = [*faults, Answer(body=damaged), Answer(body=WHOLE)]

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        server.script["status"] = [delivered(server, "moved")]
        look = await service.status("job-1")
        assert (look.state, look.response) == (State.COLLECTED, RESPONSE)
        summary = delivered(server).body["output"]
        chunks = [{"omitted": 1}, {"chunk": 2, "summary": summary}]
        server.script["status"] = [Answer(body={"status": "COMPLETED", "output": chunks})]
        assert (await service.status("job-1")).response == RESPONSE

    server = play(scenario, script)
    assert server.count_requests("file?X-Signature=hidden") == 5
    fetches = [request for request in server.requests if "status" not in request.path]
    assert all("authorization" not in request.headers for request in fetches)
    assert "hidden" not in caplog.text
    assert "call_retried" in caplog.text


@pytest.mark.process
@pytest.mark.parametrize(
    ("answer", "changed", "tries", "message"),
    [
        (Answer(body=WHOLE), {"sha256": "0" * 64}, 2, "was damaged"),
        (Answer(body=WHOLE), {"bytes": len(WHOLE) - 1}, 2, "is larger than"),
        (Answer(body=WHOLE), {"bytes": len(WHOLE) + 1}, 2, "was damaged"),
        (Answer(403, b"<Error>"), {}, 1, "its link has expired"),
        (Answer(302, b"", {"Location": "ftp://127.0.0.1/a"}), {}, 1, "cannot be followed"),
        (Answer(302, b"", {"Location": "file"}), {}, 1, "cannot be followed"),
        (Answer(), {"url": "file:///etc/passwd?X-Signature=hidden"}, 0, "cannot be followed"),
        (Answer(), {"url": "http://127.0.0.1:port/?X-Signature=hidden"}, 0, "has an invalid `delivery`"),
        (Answer(), {"sha256": None}, 0, "has an invalid `delivery`"),
        (Answer(500), {}, 2, "cannot be downloaded \\(500\\)"),
    ],
)
def test_an_answer_that_cannot_be_had_is_reported(answer: Answer, changed: Any, tries: int, message: str) -> None:
    """DeliveryFailed, after as many tries as may help, and without the query of the link."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        server.script["status"] = [delivered(server, **changed)]
        with pytest.raises(DeliveryFailed, match=message) as raised:
            await service.status("job-1")
        assert "hidden" not in str(raised.value)

    server = play(scenario, {"status": [QUEUED], "file": [answer]}, patience_s=2)
    request_count = server.count_requests("file?X-Signature=hidden")
    assert request_count >= tries if tries > 1 else request_count == tries


# --------------------------------------------------------------------------- pace


@pytest.mark.process
def test_calls_stay_below_the_published_rates() -> None:
    """160 looks at once are never more than forty, and take the second that eighty of them cost; fifteen cancellations
    are never more than ten, and five of them cost the other second."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        began = time.monotonic()
        await asyncio.gather(*(service.status("job-1") for _ in range(160)))
        looked = time.monotonic()
        assert 30 < server.most <= 40
        assert looked - began > 0.9
        server.most = 0
        await asyncio.gather(*(service.cancel("job-1") for _ in range(15)))
        assert server.most <= 10
        assert time.monotonic() - looked > 0.9

    slow = Answer(body=QUEUED.body, after_s=0.4)
    server = play(scenario, {"status": [slow], "cancel": [slow]})
    assert (server.count_requests("status"), server.count_requests("cancel")) == (160, 15)
