"""A service that does not answer, or not yet: found at the start of a run, and shown with its tries."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from ocr_worker.batch.batch import Batch
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.local import LocalPipeline
from ocr_worker.client.remote import RemoteEndpoint
from ocr_worker.client.service import Delay
from ocr_worker.endpoint import LocalEndpoint
from ocr_worker.errors import AuthenticationFailed, EndpointUnavailable, SettingsInvalid
from ocr_worker.settings import Settings
from support import doubles
from support.batch_client import Client, batch, plain
from support.drawing import WHITE, png, request, tiff
from support.faulty_endpoint import LIMITS, Answer, Server, play
from support.http_handler import Answering
from support.responses import response

pytestmark = pytest.mark.process

HEALTHY = Answer(body={"workers": {"idle": 1}, "jobs": {}})


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def planned_jobs(out: Path) -> int:
    """Return the number of jobs in the ledger, or 0 without a ledger."""
    if not (out / "ledger.sqlite3").exists():
        return 0
    with sqlite3.connect(out / "ledger.sqlite3") as ledger:
        return int(ledger.execute("SELECT COUNT(*) FROM jobs").fetchone()[0])


def run_batch(base_url: str, tmp_path: Path, *more: str, **settings: str) -> tuple[int, str]:
    plain(tmp_path / "in", 2, 3)
    return batch(base_url, "run", tmp_path / "in", "--out", tmp_path / "out", "--endpoint", "local", *more, **settings)


# --------------------------------------------------------------------------- found at the start


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_a_dead_address_ends_the_run_at_its_start(tmp_path: Path, host: str) -> None:
    """Without a server at the address, or without the name, one line names the endpoint, and no job is planned."""
    code, output = run_batch(f"http://{host}:{free_port()}/v2", tmp_path)
    assert code == 1
    assert f"ENDPOINT_UNAVAILABLE: endpoint local at {host}" in output
    assert "cannot be reached (ConnectError); check RUNPOD_ENDPOINT_BASE_URL and the network" in output
    assert planned_jobs(tmp_path / "out") == 0


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_key_that_is_missing_or_wrong_ends_the_run_at_its_start(tmp_path: Path, key: str) -> None:
    """An endpoint that rejects the key, or wants one, ends the run with the variable's name, and no job is planned."""
    with LocalEndpoint(0, api_key="right-key") as endpoint:
        code, output = run_batch(endpoint.base_url, tmp_path, RUNPOD_API_KEY=key)
    assert code == 1
    assert "AUTHENTICATION_FAILED: endpoint local" in output
    assert ("rejects the API key" if key else "needs an API key") in output
    assert planned_jobs(tmp_path / "out") == 0


@pytest.mark.parametrize(
    ("health", "error"),
    [(404, SettingsInvalid), (401, AuthenticationFailed), (403, AuthenticationFailed), (400, EndpointUnavailable)],
)
def test_an_unknown_endpoint_ends_the_run_at_its_start(tmp_path: Path, health: int, error: type[Exception]) -> None:
    """Whatever the health route rejects ends the run before a job is planned; 404 says to check the endpoint's id."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        async with Batch(tmp_path / "out", service) as batch:
            batch.add([Item("https://example.com/a.png", "a.png")])
            with pytest.raises(error, match="check the endpoint's id" if health == 404 else "endpoint local"):
                await batch.run()

    server = play(scenario, {"health": [Answer(health)]})
    assert [request.path.rpartition("/")[2] for request in server.requests] == ["health"]
    assert planned_jobs(tmp_path / "out") == 0


def test_an_endpoint_that_disappears_from_health_later_does_not_end_the_run(tmp_path: Path) -> None:
    """A 404 of the health route in the midst of a run is an outage of that route, not a wrong id."""
    page = {"page": 1, "status": "succeeded", "markdown": "text"}
    document = {"id": "document-1", "status": "succeeded", "page_count": 1, "pages": [page]}
    script = {
        "run": [Answer(body={"id": "job-1", "status": "IN_QUEUE"})],
        "status": [
            *[Answer(body={"id": "job-1", "status": "IN_QUEUE"})] * 3,
            Answer(body={"status": "COMPLETED", "output": response(document)}),
        ],
        "health": [HEALTHY, Answer(404)],
    }

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        async with Batch(tmp_path / "out", service) as batch:
            batch.add([Item("https://example.com/a.png", "a.png")])
            await batch.run()
            assert batch.summary().documents == {"succeeded": 1}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ocr_worker.batch.runner._HEALTH_S", 0.05)
        assert play(scenario, script).count_requests("health") > 1


# --------------------------------------------------------------------------- shown while it lasts


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(Answer(502), "responded with 502"), (Answer(closes=True), "did not respond (RemoteProtocolError)")],
)
def test_an_endpoint_that_does_not_answer_is_retried_visibly(tmp_path: Path, failure: Answer, reason: str) -> None:
    """While the first check fails, the delay holds the error, the number of tries and the time of the next one."""
    delays: list[Delay] = []

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        async with Batch(tmp_path / "out", service) as batch:
            run = asyncio.ensure_future(batch.run())
            while not run.done():
                if batch.runner and (delay := batch.runner.delay):
                    delays.append(delay)
                await asyncio.sleep(0.01)
            await run
            assert service.delay() is None

    play(scenario, {"health": [failure, failure, HEALTHY]})
    assert {delay.tries for delay in delays} == {1, 2}
    assert {delay.reason.partition(" at ")[2].partition(" ")[2] for delay in delays} == {reason}
    assert any(delay.next_try_s and 0 < delay.next_try_s <= 1 for delay in delays)


class Failing(Answering):
    def do_GET(self) -> None:
        self.answer(b"<html>Bad Gateway</html>", 502)


@contextmanager
def failing_endpoint() -> Iterator[str]:
    """Serve 502 at every path; yield the base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v2"
    server.shutdown()
    server.server_close()


def test_json_lines_show_the_outage(tmp_path: Path) -> None:
    """`batch run --json` prints the outage when it begins, and ends at the first Ctrl-C; no job was planned."""
    with failing_endpoint() as url:
        plain(tmp_path / "in", 1, 1)
        client = Client(url, "run", tmp_path / "in", "--out", tmp_path / "out", "--endpoint", "local", "--json")
        assert client.process.stdout
        while not (delay := (line := json.loads(client.process.stdout.readline()))["delay"]):
            assert line["event"] == "progress"
        client.interrupt()
        code, output = client.end()
    assert code == 130, output
    assert delay["reason"].endswith("responded with 502")
    assert delay["tries"] >= 1
    assert '"event": "end"' in output
    assert planned_jobs(tmp_path / "out") == 0


def test_an_engine_that_loads_is_a_delay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """While the local engine starts, the delay says for how long; it ends with the start."""
    gate = tmp_path / "gate"
    monkeypatch.setenv("DOUBLE_GATE", str(gate))

    async def scenario() -> None:
        service = LocalPipeline(Settings(engine="support.doubles:slow_to_load"))
        assert service.delay() is None
        submission = asyncio.ensure_future(service.submit(request(png(WHITE)), **LIMITS))
        while (delay := service.delay()) is None:
            await asyncio.sleep(0.01)
        assert str(delay).startswith("loading the engine (")
        assert delay.tries == 0
        gate.touch()
        await submission
        assert service.delay() is None
        await service.close()

    asyncio.run(scenario())


def test_pages_count_as_soon_as_their_document_is_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A running local job reports the pages of its open documents before the first one is parsed."""
    gate = tmp_path / "gate"
    monkeypatch.setenv("DOUBLE_GATE", str(gate))

    async def scenario() -> None:
        service = LocalPipeline(Settings(engine="support.doubles:by_colour"))
        job = await service.submit(request(tiff([doubles.HELD, WHITE]), png(WHITE)), **LIMITS)
        while (await service.status(job)).pages_expected < 3:
            await asyncio.sleep(0.01)
        status = await service.status(job)
        assert (status.pages_expected, status.pages_done) in {(3, 0), (3, 1)}  # the second document needs no gate
        gate.touch()
        await service.close()

    asyncio.run(scenario())
