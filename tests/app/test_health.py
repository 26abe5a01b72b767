"""Health that tells the truth, a queue with an end, and a stop in order; each in a process of its own."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
import requests

from support import doubles
from support.app_process import App, free_port, health, serving
from support.drawing import WHITE, png, request, tiff
from support.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.process


BY_COLOUR = {"OCR_ENGINE": "support.doubles:by_colour"}


class Caller:
    """Somebody who asks on a thread of his own for a page of this colour."""

    def __init__(self, app: App, colour: doubles.Colour) -> None:
        self.answer: requests.Response | None = None
        self._app, self._colour = app, colour
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        url, job_input = f"{self._app.url}/v1/parse", request(png(self._colour))
        self.answer = requests.post(url, json=job_input, timeout=PATIENCE_S)

    def wait(self) -> requests.Response:
        self._thread.join(PATIENCE_S)
        assert self.answer is not None
        return self.answer


def probes(app: App) -> dict[str, int]:
    """Return the statuses of the probes that take every status below 400 for success."""
    return {path: requests.get(app.url + path, timeout=PATIENCE_S).status_code for path in ("/readyz", "/livez")}


def test_health_and_metrics_count(tmp_path: Path) -> None:
    """Parsed and failed pages are counted by status and code; health names engine, replicas and memory."""
    with serving(tmp_path / "log", **BY_COLOUR) as app:
        app.wait(200)
        requests.post(f"{app.url}/v1/parse", files={"file": tiff([WHITE, doubles.RAISES])}, timeout=PATIENCE_S)
        report, metrics = health(app), requests.get(f"{app.url}/metrics", timeout=PATIENCE_S).text
    assert (report["state"], report["engine"]["name"], report["replicas"]) == (
        "ready",
        "double",
        {"alive": 1, "total": 1},
    )
    assert report["last_error"] == "PAGE_FAILED"
    assert report["memory_bytes"] > 1_000_000
    for gauge in ("ocr_jobs_waiting 0.0", "ocr_jobs_limit 64.0", "ocr_replicas 1.0", "ocr_replicas_alive 1.0"):
        assert f"\n{gauge}\n" in metrics
    seconds = re.search(r"^ocr_seconds_per_page (\S+)$", metrics, re.MULTILINE)
    assert seconds
    assert float(seconds[1]) >= 0
    for line in (
        'ocr_pages_total{status="failed"}',
        'ocr_errors_total{code="PAGE_FAILED"}',
        'ocr_stage_seconds_bucket{le="0.01",stage="engine"}',
    ):
        assert line in metrics


def test_a_full_queue_says_come_again(tmp_path: Path) -> None:
    """More jobs than may wait are answered 429 with a time to come again; the others are answered."""
    gate = tmp_path / "gate"
    with serving(tmp_path / "log", **BY_COLOUR, OCR_QUEUE="3", DOUBLE_GATE=str(gate)) as app:
        app.wait(200)
        callers = [Caller(app, doubles.HELD) for _ in range(8)]
        assert eventually(lambda: sum(caller.answer is not None for caller in callers) == 5)
        gate.touch()
        answers = [caller.wait() for caller in callers]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert [answer.status_code for answer in answers if answer not in refused] == [200] * 3
    assert len(refused) == 5
    assert refused[0].headers["Retry-After"] == "5"
    assert refused[0].json()["code"] == "QUEUE_FULL"


def test_ping_tells_an_engine_that_died(tmp_path: Path) -> None:
    """Ready until the engine is lost, dead from then on, and every parse says so."""
    with serving(tmp_path / "log", **BY_COLOUR) as app:
        app.wait(200)
        assert (
            requests.post(f"{app.url}/v1/parse", json=request(png(doubles.ENGINE_DIES)), timeout=PATIENCE_S).status_code
            == 503
        )
        assert eventually(lambda: app.ping() == 503)
        assert probes(app) == {"/readyz": 503, "/livez": 503}
        answer = requests.post(f"{app.url}/v1/parse", json=request(png(WHITE)), timeout=PATIENCE_S)
        assert (answer.status_code, answer.json()["code"]) == (503, "ENGINE_UNAVAILABLE")
        assert health(app)["state"] == "dead"


def test_ping_tells_an_engine_that_hangs(tmp_path: Path) -> None:
    """An engine that does not answer in its time is lost, and `/ping` says so as soon as it is given up."""
    with serving(tmp_path / "log", **BY_COLOUR, OCR_ENGINE_TIMEOUT_S="1") as app:
        app.wait(200)
        answer = requests.post(f"{app.url}/v1/parse", json=request(png(doubles.HANGS)), timeout=PATIENCE_S)
        assert (answer.status_code, answer.json()["code"]) == (503, "ENGINE_TIMED_OUT")
        assert eventually(lambda: app.ping() == 503)


def test_ping_tells_an_engine_that_loads_and_one_that_cannot(tmp_path: Path) -> None:
    """204 while the engine loads, 503 and the reason's code when it cannot; `/readyz` is 503 until it is ready."""
    gate = tmp_path / "gate"
    with serving(tmp_path / "slow", OCR_ENGINE="support.doubles:slow_to_load", DOUBLE_GATE=str(gate)) as app:
        app.wait(204)
        assert probes(app) == {"/readyz": 503, "/livez": 200}
        answer = requests.post(f"{app.url}/v1/parse", json=request(png(WHITE)), timeout=PATIENCE_S)
        assert (answer.status_code, answer.json()["code"]) == (503, "ENGINE_UNAVAILABLE")
        gate.touch()
        app.wait(200)
        assert probes(app) == {"/readyz": 200, "/livez": 200}
        for path in ("/ping", "/readyz", "/livez", "/health", "/metrics", "/openapi.json"):
            answer = requests.head(app.url + path, timeout=PATIENCE_S)
            assert (answer.status_code, answer.content) == (200, b"")
    with serving(tmp_path / "never", OCR_ENGINE="support.doubles:unstartable") as app:
        app.wait(503)
        assert health(app)["last_error"] == "WEIGHTS_MISSING"


def test_a_stop_lets_jobs_go_on(tmp_path: Path) -> None:
    """Told to stop, the app answers the job under way and then ends with 0."""
    gate = tmp_path / "gate"
    with serving(tmp_path / "log", **BY_COLOUR, DOUBLE_GATE=str(gate), OCR_GRACE_S=str(PATIENCE_S)) as app:
        app.wait(200)
        caller = Caller(app, doubles.HELD)
        assert eventually(lambda: health(app)["jobs"] == 1)
        app.process.terminate()
        assert eventually(lambda: app.ping() is None)
        gate.touch()
        assert caller.wait().status_code == 200
        assert app.process.wait(PATIENCE_S) in (0, -15)


def test_others_need_a_key(tmp_path: Path) -> None:
    """Without keys the app listens on loopback only, unless `--open` is used."""
    with serving(tmp_path / "log", "--host", "0.0.0.0", **BY_COLOUR) as app:
        assert app.process.wait(PATIENCE_S) == 1
        assert "SETTINGS_INVALID: without API keys, anyone who reaches 0.0.0.0" in app.log()
    with serving(tmp_path / "log", "--host", "0.0.0.0", "--open", **BY_COLOUR) as app:
        app.wait(200)


def test_one_port_for_both_is_bound_once(tmp_path: Path) -> None:
    """`--port` decides, not PORT: with the same PORT_HEALTH, the app serves `/ping` itself."""
    port = str(free_port())
    with serving(tmp_path / "log", "--port", port, **BY_COLOUR, PORT_HEALTH=port) as app:
        app.url = f"http://127.0.0.1:{port}"
        app.wait(200)
        assert health(app)["state"] == "ready"


def test_health_on_the_port_that_the_app_does_not_use(tmp_path: Path) -> None:
    """PORT_HEALTH is served when it equals PORT, but `--port` chooses another."""
    port = str(free_port())
    with serving(tmp_path / "log", **BY_COLOUR, PORT=port, PORT_HEALTH=port) as app:
        app.wait(200)
        assert requests.get(f"http://127.0.0.1:{port}/ping", timeout=PATIENCE_S).status_code == 200


def test_the_port_of_health_has_the_same_hosts(tmp_path: Path) -> None:
    """On loopback, `/ping` on its own port serves loopback names only."""
    port = free_port()
    with serving(tmp_path / "log", **BY_COLOUR, PORT_HEALTH=str(port)) as app:
        app.wait(200)
        url, headers = f"http://127.0.0.1:{port}/ping", {"Host": "rebound.example"}
        assert requests.get(url, headers=headers, timeout=PATIENCE_S).status_code == 421


def test_health_has_a_port_of_its_own(tmp_path: Path) -> None:
    """A load balancer finds `/ping` on the port that it was promised."""
    port = free_port()
    with serving(tmp_path / "log", **BY_COLOUR, PORT_HEALTH=str(port)) as app:
        app.wait(200)
        assert requests.get(f"http://127.0.0.1:{port}/ping", timeout=PATIENCE_S).status_code == 200
        assert requests.get(f"http://127.0.0.1:{port}/health", timeout=PATIENCE_S).status_code == 404
