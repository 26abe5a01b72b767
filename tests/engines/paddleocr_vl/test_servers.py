"""Several model servers of one worker: how calls spread over them, and what the start and the end of one of them means.
The pool's servers are scripted, or real processes with a double of vLLM."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ocr_worker import threads
from ocr_worker.engines.paddleocr_vl import servers
from ocr_worker.engines.paddleocr_vl.model_server import ServedModel
from ocr_worker.engines.paddleocr_vl.servers import ServerPool, start_pool
from ocr_worker.errors import EngineUnavailable, OcrWorkerError, SettingsInvalid
from ocr_worker.settings import Settings
from support import tinyvl, vllm_command
from support.model_server import ModelServer
from support.waiting import PATIENCE_S, eventually


class ScriptedServer:
    """A server of a pool that is usable, down or lost as the test says."""

    def __init__(self, name: str, condition: threading.Condition, is_usable: bool = True) -> None:
        self.url = f"http://{name}/v1"
        self.condition = condition
        self.start = int(is_usable)
        self.is_usable = is_usable
        self.loss: OcrWorkerError | None = None

    def served(self) -> tuple[ServedModel, int] | None:
        return (ServedModel(self.url, "model", True), self.start) if self.is_usable else None

    def abandon(self, start: int) -> OcrWorkerError | None:
        if start == self.start:
            self.is_usable = False
        return self.loss

    def lost(self) -> OcrWorkerError | None:
        return self.loss

    def close(self) -> None:
        self.lose("closed")

    def lose(self, reason: str) -> None:
        with self.condition:
            self.is_usable, self.loss = False, EngineUnavailable(reason)
            self.condition.notify_all()

    def come_up(self) -> None:
        with self.condition:
            self.start += 1
            self.is_usable = True
            self.condition.notify_all()


def pool_of(*usable: bool) -> tuple[ServerPool, list[ScriptedServer]]:
    condition = threading.Condition()
    servers = [ScriptedServer(f"host{number}", condition, flag) for number, flag in enumerate(usable)]
    return ServerPool(servers, condition), servers


def test_calls_spread_over_the_servers() -> None:
    """Four engines use two servers two by two, and keep doing so call after call."""
    pool, servers = pool_of(True, True)
    shares = [pool.share() for _ in range(4)]
    for _ in range(3):
        urls = Counter(share.wait()[0].url for share in shares)
        assert urls == {server.url: 2 for server in servers}


def test_a_server_that_is_down_leaves_its_calls_to_the_others() -> None:
    """After a failed call the next one goes to the other server; the first is used again once it is back."""
    pool, (first, second) = pool_of(True, True)
    one_share, other_share = pool.share(), pool.share()
    model, start = one_share.wait()
    assert model.url == first.url
    other_share.wait()
    assert one_share.abandon(start) is None
    assert one_share.wait()[0].url == second.url
    first.come_up()
    assert {one_share.wait()[0].url, other_share.wait()[0].url} == {first.url, second.url}


def test_a_late_report_does_not_hurt_the_next_start() -> None:
    """A start that was abandoned before is ignored: the server runs again."""
    pool, (first, _) = pool_of(True, True)
    share = pool.share()
    _, start = share.wait()
    share.abandon(start)
    first.come_up()
    share.abandon(start)
    assert first.served()


def test_an_engine_is_lost_with_the_last_server() -> None:
    """One lost server is no error; with the second one, calls and reports get the reason."""
    pool, (first, second) = pool_of(True, True)
    share = pool.share()
    first.lose("no memory")
    assert share.lost() is None
    _, start = share.wait()
    second.lose("no memory either")
    assert isinstance(share.lost(), EngineUnavailable)
    assert share.abandon(start) is share.lost()
    with pytest.raises(EngineUnavailable, match="no memory"):
        share.wait()


def test_a_call_waits_while_no_server_is_up() -> None:
    """The call begins as soon as any server can be used."""
    pool, (_, second) = pool_of(False, False)
    share = pool.share()
    waiting = threads.start(share.wait, "engine")
    second.come_up()
    assert waiting.result(PATIENCE_S)[0].url == second.url


def test_the_last_engine_closes_the_servers() -> None:
    """Servers are stopped when the last of the engines leaves."""
    pool, servers = pool_of(True, True)
    shares = [pool.share(), pool.share()]
    for share in shares:
        share.join()
    shares[0].leave()
    assert servers[0].served()
    shares[1].leave()
    assert not any(server.served() for server in servers)


# --------------------------------------------------------------------------- managed servers


@pytest.mark.process
def test_servers_start_one_after_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are possible as soon as the first server is up, however long the others take; then they join. No server
    begins to start before the one before it is up."""
    starts, later = tmp_path / "starts", tmp_path / "later"
    monkeypatch.setenv("DOUBLE_STARTS", str(starts))
    monkeypatch.setenv("DOUBLE_LATER", str(later))
    pool = start_pool(
        tinyvl.settings(**vllm_command.fields(tmp_path, servers=3)), {"vl": vllm_command.weights(tmp_path)}
    )
    shares = [pool.share() for _ in range(3)]
    urls = {share.wait()[0].url for share in shares}
    assert len(urls) == 1
    assert eventually(lambda: starts.read_text().count("start") == 2)
    assert starts.read_text().count("ready") == 1
    later.touch()
    assert eventually(lambda: len({share.wait()[0].url for share in shares}) == 3)
    events = [line.split() for line in starts.read_text().splitlines()]
    assert [event for event, _ in events] == ["start", "ready"] * 3
    assert [port for _, port in events[::2]] == [port for _, port in events[1::2]]
    pool.close()


@pytest.mark.process
def test_one_server_dies_and_the_other_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls go to the other server at once; the dead one is started again and used again."""
    later = tmp_path / "later"
    later.touch()
    monkeypatch.setenv("DOUBLE_STARTS", str(tmp_path / "starts"))
    monkeypatch.setenv("DOUBLE_LATER", str(later))
    pool = start_pool(
        tinyvl.settings(**vllm_command.fields(tmp_path, servers=2)), {"vl": vllm_command.weights(tmp_path)}
    )
    shares = [pool.share(), pool.share()]
    assert eventually(lambda: len({share.wait()[0].url for share in shares}) == 2)
    later.unlink()  # the next start takes until it is there again
    model, start = shares[0].wait()
    port = str(urlsplit(model.url).port)
    (dead,) = [server for server in vllm_command.servers(tmp_path) if port in server.cmdline()]
    dead.kill()
    assert shares[0].abandon(start) is None
    url = shares[1].wait()[0].url
    assert shares[0].wait()[0].url == url != model.url
    assert pool.lost() is None
    later.touch()
    assert eventually(lambda: len({share.wait()[0].url for share in shares}) == 2)
    pool.close()


# --------------------------------------------------------------------------- external servers


def external(*doubles: ModelServer) -> ServerPool:
    return start_pool(
        tinyvl.settings(backend="vllm-server", server_url=[double.url for double in doubles], server_wait_s=PATIENCE_S),
        {},
    )


@pytest.mark.parametrize(
    ("version", "is_refused"), [("0.18.1", True), ("0.19.0", False), ("0.33.0rc1", False), (None, False)]
)
def test_an_old_vllm_is_refused(version: str | None, is_refused: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A vLLM before 0.19 is refused with the reason; one without a version is logged and used."""
    double = ModelServer(version=version)
    share = external(double).share()
    if is_refused:
        with pytest.raises(EngineUnavailable, match=r"is vLLM 0\.18\.1, which one request can stop \(GHSA-"):
            share.wait()
    else:
        assert share.wait()[0].url == double.url
    assert ("does not report its version" in caplog.text) is (version is None)
    double.die()


def test_a_gpu_that_is_too_small_for_so_many_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 24 GB card leaves four servers nothing: the worker does not start, and its message names what to lower."""
    monkeypatch.setattr(servers, "smallest_card_mb", lambda: 25_000)
    with pytest.raises(SettingsInvalid, match="each of 4 model servers, which need 6 GB\nlower OCR_SERVERS"):
        start_pool(Settings(backend="vllm-server", servers=4), {})


def test_one_of_several_external_servers_is_down(caplog: pytest.LogCaptureFixture) -> None:
    """A server that fails is checked and left out, the other one gets all calls, and the first is used again when it
    reads again. A server that still reads after a failed call stays in use."""
    first, second = ModelServer(), ModelServer()
    pool = external(first, second)
    shares = [pool.share(), pool.share()]
    assert eventually(lambda: len({share.wait()[0].url for share in shares}) == 2)
    _, start = shares[0].wait()
    shares[0].abandon(start)
    assert eventually(lambda: len({share.wait()[0].url for share in shares}) == 2)
    assert "is lost" not in caplog.text
    broken = first if shares[0].wait()[0].url == first.url else second
    _, start = shares[0].wait()
    broken.mode = "dying"
    shares[0].abandon(start)
    assert eventually(lambda: "is lost" in caplog.text)
    assert {share.wait()[0].url for share in shares} == {first.url, second.url} - {broken.url}
    assert pool.lost() is None
    first.die()
    second.die()
