"""What the client of an endpoint makes of its answers: states, health, answers that lie in a bucket; and its pace."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from typing import Any

import pytest
from pydantic import SecretStr

from ocr_worker.batch.model import Health, Look, State
from ocr_worker.batch.remote import RemoteEndpoint
from ocr_worker.errors import (
    AuthenticationFailed,
    DeliveryFailed,
    EndpointUnavailable,
    JobFailed,
    OcrWorkerError,
    SettingsInvalid,
)
from support.faulty_endpoint import QUEUED, Answer, Server, play


def test_states_and_times_are_understood() -> None:
    """The platform's words, milliseconds and progress become ours; what is no answer of the worker's is JobFailed."""
    answer = {"status": "succeeded", "documents": []}
    told: list[tuple[dict[str, Any], Look]] = [
        ({"status": "IN_QUEUE", "delayTime": 1500}, Look(State.QUEUED, delay_s=1.5)),
        ({"status": "IN_PROGRESS", "output": {"pages_done": 12}}, Look(State.RUNNING, pages_done=12)),
        ({"status": "RUNNING", "output": "half"}, Look(State.RUNNING)),
        (
            {"status": "COMPLETED", "output": answer, "executionTime": 2500, "delayTime": 10},
            Look(State.COLLECTED, output=answer, execution_s=2.5, delay_s=0.01),
        ),
        (
            {"status": "FAILED", "error": "CODE: told", "output": {"code": "CODE"}},
            Look(State.FAILED, output={"code": "CODE"}, error="CODE: told"),
        ),
        ({"status": "FAILED", "error": {"error_type": "X"}}, Look(State.FAILED, error='{"error_type": "X"}')),
        ({"status": "TIMED_OUT"}, Look(State.TIMED_OUT)),
        ({"status": "CANCELLED", "executionTime": None}, Look(State.CANCELLED)),
    ]
    wrong: list[tuple[Any, type[OcrWorkerError]]] = [
        ({"status": "COMPLETED"}, JobFailed),
        ({"status": "COMPLETED", "output": [1]}, JobFailed),
        ({"status": "COMPLETED", "output": [{"chunk": 2, "summary": answer}]}, JobFailed),
        ({"status": "DANCING"}, EndpointUnavailable),
        ({"error": "?"}, EndpointUnavailable),
    ]

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        for body, look in told:
            server.script["status"] = [Answer(body=body)]
            assert await service.look("job-1") == look
        for body, error in wrong:
            server.script["status"] = [Answer(body=body)]
            with pytest.raises(error):
                await service.look("job-1")

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
        assert await service.health() == Health(counted, 5)

    play(scenario, {"health": [Answer(body={"jobs": {"inQueue": 5}, "workers": workers})]})


def test_an_endpoint_elsewhere_never_sees_the_key() -> None:
    """A redirect of the API is not followed: the key would go along."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        with pytest.raises(EndpointUnavailable, match="check the base URL"):
            await service.look("job-1")

    assert len(play(scenario, {"status": [Answer(307, b"", {"Location": "/v2/local/other"})]}).requests) == 1


def test_no_key_and_no_url_that_cannot_be_one() -> None:
    """A key with a line break inside, and a base URL that is none, are told before any call, without the key."""
    with pytest.raises(AuthenticationFailed) as raised:
        RemoteEndpoint("https://example.com/v2", "local", SecretStr("sec\nret"))
    assert "sec" not in str(raised.value).lower()
    for url in ("https://example.com:port/v2", "/v2"):
        with pytest.raises(SettingsInvalid, match="RUNPOD_ENDPOINT_BASE_URL"):
            RemoteEndpoint(url, "local", None)


# --------------------------------------------------------------------------- answers in a bucket

WHOLE = json.dumps({"status": "succeeded", "documents": [{"id": "a", "pages": [1, 2]}], "text": "ä" * 50_000}).encode()


def delivered(server: Server, path: str = "file", **changed: Any) -> Answer:
    """A completed job whose answer lies at a path of the server."""
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
        look = await service.look("job-1")
        assert (look.state, look.output) == (State.COLLECTED, json.loads(WHOLE))
        summary = delivered(server).body["output"]
        chunks = [{"omitted": 1}, {"chunk": 2, "summary": summary}]
        server.script["status"] = [Answer(body={"status": "COMPLETED", "output": chunks})]
        assert (await service.look("job-1")).output == json.loads(WHOLE)

    server = play(scenario, script)
    assert server.asked("file?X-Signature=hidden") == 5
    fetches = [asked for asked in server.requests if "status" not in asked.path]
    assert all("authorization" not in asked.headers for asked in fetches)
    assert "hidden" not in caplog.text
    assert "call_retried" in caplog.text


@pytest.mark.process
@pytest.mark.parametrize(
    ("answer", "changed", "tries", "told"),
    [
        (Answer(body=WHOLE), {"sha256": "0" * 64}, 2, "came damaged"),
        (Answer(body=WHOLE), {"bytes": len(WHOLE) - 1}, 2, "has more than"),
        (Answer(body=WHOLE), {"bytes": len(WHOLE) + 1}, 2, "came damaged"),
        (Answer(403, b"<Error>"), {}, 1, "its link has expired"),
        (Answer(302, b"", {"Location": "ftp://127.0.0.1/a"}), {}, 1, "cannot be followed"),
        (Answer(302, b"", {"Location": "file"}), {}, 1, "cannot be followed"),
        (Answer(), {"url": "file:///etc/passwd?X-Signature=hidden"}, 0, "cannot be followed"),
        (Answer(), {"url": "http://127.0.0.1:port/?X-Signature=hidden"}, 0, "in a form that is known"),
        (Answer(), {"sha256": None}, 0, "in a form that is known"),
        (Answer(500), {}, 2, "is not given out: 500"),
    ],
)
def test_an_answer_that_cannot_be_had_is_told(answer: Answer, changed: Any, tries: int, told: str) -> None:
    """DeliveryFailed, after as many tries as may help, and without the query of the link."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        server.script["status"] = [delivered(server, **changed)]
        with pytest.raises(DeliveryFailed, match=told) as raised:
            await service.look("job-1")
        assert "hidden" not in str(raised.value)

    server = play(scenario, {"status": [QUEUED], "file": [answer]}, patience_s=2)
    asked = server.asked("file?X-Signature=hidden")
    assert asked >= tries if tries > 1 else asked == tries


# --------------------------------------------------------------------------- pace


@pytest.mark.process
def test_calls_stay_below_the_published_rates() -> None:
    """160 looks at once are never more than forty, and take the second that eighty of them cost; fifteen cancellations
    are never more than ten, and five of them cost the other second."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        began = time.monotonic()
        await asyncio.gather(*(service.look("job-1") for _ in range(160)))
        looked = time.monotonic()
        assert 30 < server.most <= 40
        assert looked - began > 0.9
        server.most = 0
        await asyncio.gather(*(service.cancel("job-1") for _ in range(15)))
        assert server.most <= 10
        assert time.monotonic() - looked > 0.9

    slow = Answer(body=QUEUED.body, after_s=0.4)
    server = play(scenario, {"status": [slow], "cancel": [slow]})
    assert (server.asked("status"), server.asked("cancel")) == (160, 15)
