"""The local endpoint, the whole way: client, API, SDK, handler in a real worker process, and back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import runpod

from ocr_worker.endpoint import EndpointLimits, LocalEndpoint
from ocr_worker.endpoint.rates import Rate
from support import doubles
from support.drawing import WHITE, png, request, tiff
from support.endpoint_client import ENDED, Client, ready
from support.processes import in_group
from support.waiting import PATIENCE_S, eventually
from support.worker_process import HANDLER, LIGHT_START, python_path

pytestmark = pytest.mark.process

STREAMING = """
import asyncio, runpod

async def handler(job):
    wanted = job["input"]
    if "progress" in wanted:
        runpod.serverless.progress_update(job, wanted["progress"])
    for number in range(wanted.get("chunks", 0)):
        yield {"number": number, "beside": sorted(job)}
    await asyncio.sleep(wanted.get("seconds", 0))

runpod.serverless.start({"handler": handler, "return_aggregate_stream": True})
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def events() -> list[tuple[str, str]]:
    """Return the endpoint's events about its workers."""
    return []


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file is not there, pages of the colour HELD are not read."""
    return tmp_path_factory.mktemp("gate") / "gate"


@pytest.fixture(scope="module")
def endpoint(logs: Path, gate: Path, events: list[tuple[str, str]]) -> Iterator[LocalEndpoint]:
    """Two workers with the double engine, one job each."""
    double = {
        **LIGHT_START,
        "PYTHONPATH": python_path(),
        "OCR_ENGINE": "support.doubles:by_colour",
        "DOUBLE_GATE": str(gate),
    }
    settings = {**double, "OCR_CONCURRENCY": "1"}
    with LocalEndpoint(
        2, handler=HANDLER, settings=settings, log_dir=logs, on_event=lambda *event: events.append(event)
    ) as endpoint:
        yield ready(endpoint)


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One worker whose handler is a generator; results of `/run` are kept for 4 s, and jobs time out after 2 s unless
    they bring `LONG`."""
    folder = tmp_path_factory.mktemp("streaming")
    (folder / "handler.py").write_text(STREAMING)
    limits = EndpointLimits(execution_timeout_s=2, run_retention_s=4, response=10_000, stream_chunk=1000)
    with LocalEndpoint(1, handler=folder / "handler.py", limits=limits, log_dir=folder) as endpoint:
        yield Client(ready(endpoint))


@pytest.fixture
def client(endpoint: LocalEndpoint, logs: Path) -> Client:
    return Client(ready(endpoint), logs)


LONG = {"executionTimeout": 600_000}


def slow(pages: int) -> Any:
    """A job of half a second a page."""
    return request(tiff([doubles.SLOW] * pages))


# --------------------------------------------------------------------------- run, runsync, the SDK's client


def test_run_and_status(client: Client) -> None:
    """A job is queued, then completed with its output, its worker and its times in milliseconds."""
    job = client.run(slow(2))
    done = client.end(job)
    assert done["status"] == "COMPLETED"
    assert done["output"]["coverage"]["pages_parsed"] == 2
    assert done["workerId"].startswith("worker-")
    assert done["executionTime"] >= 1000
    assert done["delayTime"] >= 0
    assert client.post(f"status/{job}").json() == done


def test_runsync_answers_with_the_output(client: Client) -> None:
    """The status object of an ended job comes back in the same request."""
    done = client.post("runsync", {"input": request(png(WHITE))}).json()
    assert done["status"] == "COMPLETED"
    assert done["output"]["documents"][0]["markdown"] == f"{doubles.READING} #ffffff"


def test_runsync_that_waits_too_long_answers_with_the_state(client: Client) -> None:
    """After `wait` milliseconds the job continues; `/status-sync` waits for its end, or as long as `wait` says."""
    early = client.post("runsync?wait=1000", {"input": slow(8)}).json()
    assert early["status"] in ("IN_QUEUE", "IN_PROGRESS")
    assert client.post(f"status-sync/{early['id']}?wait=1000").json()["status"] in ("IN_PROGRESS", "COMPLETED")
    assert client.post(f"status-sync/{early['id']}?wait=120000").json()["status"] == "COMPLETED"


def test_a_failed_job_has_its_error_and_what_came_beside(client: Client) -> None:
    """FAILED, an error that begins with the code, and no output that is not the handler's."""
    done = client.post("runsync", {"input": {"documents": []}}).json()
    assert done["status"] == "FAILED"
    assert done["error"].startswith("INVALID_REQUEST: ")


def test_the_sdks_own_client_works_against_it(endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """`runpod.Endpoint` runs, waits, cancels, and asks for health, with nothing changed but its base URL."""
    monkeypatch.setattr(runpod, "endpoint_url_base", endpoint.base_url)
    client = runpod.Endpoint("anything", api_key="any")
    assert client.run_sync({"input": request(png(WHITE))})["coverage"]["pages_parsed"] == 1
    assert client.run({"input": request(png(WHITE))}).output(timeout=PATIENCE_S)["coverage"]["pages_parsed"] == 1
    assert client.run({"input": slow(4)}).cancel()["status"] == "CANCELLED"
    assert client.health()["workers"]["ready"] == 2
    assert client.purge_queue()["status"] == "completed"


# --------------------------------------------------------------------------- the queue


def test_cancel_purge_and_health(client: Client) -> None:
    """Two jobs run, one in the queue is cancelled, one is purged; health counts them; cancelling frees the workers."""
    running = [client.run(slow(200)) for _ in range(2)]
    for job in running:
        client.started(job)
    queued, purged = client.run(slow(1)), client.run(slow(1))
    before = client.get("health")
    assert (before["jobs"]["inProgress"], before["jobs"]["inQueue"]) == (2, 2)
    assert (before["workers"]["running"], before["workers"]["idle"]) == (2, 0)
    assert client.post(f"cancel/{queued}").json() == {"id": queued, "status": "CANCELLED"}
    assert client.post("purge-queue").json() == {"removed": 1, "status": "completed"}
    for job in running:
        assert client.post(f"cancel/{job}").json()["status"] == "CANCELLED"
    assert {client.get(f"status/{job}")["status"] for job in (*running, queued, purged)} == {"CANCELLED"}
    assert client.post("runsync", {"input": request(png(WHITE))}).json()["status"] == "COMPLETED"
    assert client.get("health")["jobs"]["inProgress"] == 0


# --------------------------------------------------------------------------- stream, progress, times


def test_chunks_are_streamed_once(streaming: Client) -> None:
    """`/stream` gives each chunk in order and once, then the end; the aggregate is the output."""
    job = streaming.run({"chunks": 5}, policy=LONG, webhook="https://example.com", s3Config={"bucketName": "b"})
    chunks: list[Any] = []
    while (part := streaming.get(f"stream/{job}"))["status"] not in ENDED or part["stream"]:
        chunks += [chunk["output"] for chunk in part["stream"]]
    assert [chunk["number"] for chunk in chunks] == [0, 1, 2, 3, 4]
    assert part == {"status": "COMPLETED", "stream": []}
    assert chunks[0]["beside"] == ["id", "input", "policy", "s3Config", "webhook"]
    assert len(streaming.end(job)["output"]) == 5


def test_progress_shows_while_the_job_runs(streaming: Client) -> None:
    """The latest `progress_update` is the output of a job in progress."""
    job = streaming.run({"progress": "half", "seconds": 1.5}, policy=LONG)
    assert "output" in streaming.until(job, lambda status: status.get("output") == "half")
    assert streaming.end(job)["output"] == []


def test_an_execution_timeout_stops_the_job(streaming: Client) -> None:
    """TIMED_OUT, and the worker is free for the next job at once; a minute's result is gone in its retention."""
    job = streaming.run({"seconds": 600})
    assert streaming.end(job)["status"] == "TIMED_OUT"
    assert streaming.end(streaming.run({}, policy=LONG))["status"] == "COMPLETED"
    assert eventually(lambda: streaming.post(f"status/{job}").status_code == 404)
    assert "error" in streaming.post(f"status/{job}").json()


def test_a_rejected_answer_leaves_the_job_to_its_timeout(streaming: Client) -> None:
    """An answer over the limit never arrives: the job looks as if it ran on, and is timed out."""
    job = streaming.run({"chunks": 400})
    assert streaming.end(job)["status"] == "TIMED_OUT"


# --------------------------------------------------------------------------- what is refused


IDLE_LIMITS = EndpointLimits(run_body=1000, runsync_body=2000, ttl_s=2, rates={"status": Rate(3), "run": Rate(100, 5)})


@pytest.fixture(scope="module")
def idle() -> Iterator[Client]:
    """No workers, small limits, a key."""
    with LocalEndpoint(0, limits=IDLE_LIMITS, api_key="secret") as endpoint:
        yield Client(endpoint)


KEY = {"Authorization": "Bearer secret"}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("run", {"input": "x" * 1100}, 413),
        ("runsync", {"input": "x" * 2100}, 413),
        ("run", {"inputs": 1}, 400),
        ("run", [], 400),
        ("run", {"input": 1, "policy": {"executionTimeout": 4999}}, 400),
        ("run", {"input": 1, "policy": {"ttl": "long"}}, 400),
        ("runsync?wait=1", {"input": 1}, 400),
        ("cancel/nobody", None, 404),
        ("stream/nobody", None, 404),
        ("status-sync/nobody", None, 404),
        ("status-sync/nobody?wait=1", None, 400),
        ("nothing", None, 404),
        ("../../elsewhere", None, 404),
        ("health", None, 405),
    ],
)
def test_what_is_wrong_is_reported(idle: Client, path: str, body: Any, status: int) -> None:
    """The HTTP status and a JSON `error`."""
    answered = idle.post(path, body, headers=KEY)
    assert (answered.status_code, list(answered.json())) == (status, ["error"])


def test_a_missing_or_wrong_key_is_rejected(idle: Client) -> None:
    """401, and the right key is let in with or without `Bearer`."""
    header_sets = [None, {"Authorization": "Bearer wrong"}, KEY, {"Authorization": "secret"}]
    assert [idle.post("purge-queue", headers=headers).status_code for headers in header_sets] == [401, 401, 200, 200]


def test_a_job_that_nobody_takes_is_gone_after_its_time_to_live() -> None:
    """404 once the time to live is over, which the queue counts into; more than the rate gives 429 with Retry-After."""
    with LocalEndpoint(0, limits=IDLE_LIMITS) as endpoint:
        client = Client(endpoint)
        job = client.post("run", {"input": 1}).json()["id"]
        assert client.post(f"status/{job}").json() == {"id": job, "status": "IN_QUEUE"}
        time.sleep(2.2)
        answers = [client.post(f"status/{job}") for _ in range(3)]
        assert [answered.status_code for answered in answers] == [404, 404, 429]
        assert 1 <= int(answers[2].headers["Retry-After"]) <= 10


def test_a_taken_port_is_an_error(idle: Client) -> None:
    """Starting a second endpoint on the port raises OSError."""
    port = int(idle.url.split(":")[2].split("/")[0])
    with pytest.raises(OSError, match="address already in use"), LocalEndpoint(0, port=port):
        pass


# --------------------------------------------------------------------------- the life of workers


def test_a_killed_workers_job_runs_again_elsewhere(endpoint: LocalEndpoint, client: Client, gate: Path) -> None:
    """The job of a worker that is killed completes on another, is counted as retried, and a new worker starts."""
    retried = client.get("health")["jobs"]["retried"]
    job = client.run(request(png(doubles.HELD)))
    first = client.taken(job)["workerId"]
    os.kill(endpoint.workers[first], signal.SIGKILL)
    gate.touch()
    done = client.end(job)
    assert done["status"] == "COMPLETED"
    assert done["workerId"] != first
    assert client.get("health")["jobs"]["retried"] == retried + 1
    assert endpoint.wait_until(lambda: len(endpoint.workers) == 2 and first not in endpoint.workers, PATIENCE_S)


def test_a_worker_that_asks_for_it_is_replaced(
    endpoint: LocalEndpoint, client: Client, events: list[tuple[str, str]]
) -> None:
    """A worker whose engine died answers its job, ends in order with its children, and another takes its place."""
    pids = endpoint.workers
    done = client.post("runsync", {"input": request(png(doubles.ENGINE_DIES))}).json()
    assert done["error"].startswith("ENGINE_UNAVAILABLE")
    old = done["workerId"]
    assert endpoint.wait_until(lambda: len(endpoint.workers) == 2 and old not in endpoint.workers, PATIENCE_S)
    assert eventually(lambda: in_group(pids[old]) == [])
    assert [event for worker, event in events if worker == old][-2:] == ["asks to be replaced", "exited with code 0"]
    ready(endpoint)
    assert client.post("runsync", {"input": request(png(WHITE))}).json()["status"] == "COMPLETED"


def test_nobody_is_left_behind(tmp_path: Path) -> None:
    """After the endpoint no process of a worker is left, not even of one that will not leave in its grace."""
    handler = tmp_path / "handler.py"
    handler.write_text(STREAMING)
    with LocalEndpoint(1, handler=handler, log_dir=tmp_path, grace_s=0.5) as endpoint:
        client = Client(ready(endpoint))
        client.taken(client.run({"seconds": 600}))
        (pid,) = endpoint.workers.values()
        assert in_group(pid) != []
    assert in_group(pid) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:8090"}, 403),
        ({"Host": "user@localhost:no"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "localhost:8090"}, 200),
        ({"Host": "[::1]:8090"}, 200),
        ({}, 200),
    ],
)
def test_web_pages_are_rejected(endpoint: LocalEndpoint, headers: dict[str, str], status: int) -> None:
    """A page whose host name resolves to this machine sends that name; a page of another origin says so."""
    response = requests.get(f"{endpoint.url}/health", headers=headers, timeout=PATIENCE_S)
    assert response.status_code == status
    assert ("error" in response.json()) == (status == 403)
