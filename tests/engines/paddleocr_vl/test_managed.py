"""A model server that the worker starts itself: used, watched, started again, and never left behind; vLLM is a double,
its processes are real, and so is the pipeline."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import psutil
import pytest

from ocr_worker.engines.base import Engine
from ocr_worker.engines.paddleocr_vl.builder import Builder
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.errors import EngineUnavailable, OcrWorkerError, SettingsInvalid, WeightsMissing
from ocr_worker.settings import load_settings
from support import tinyvl, vllm_command
from support.model_server import TEXT
from support.waiting import eventually

pytestmark = [pytest.mark.paddle, pytest.mark.process]


def built(folder: Path, **fields: Any) -> Any:
    """An engine whose server may be revived."""
    from ocr_worker.engines.paddleocr_vl.adapter import PaddleOcrVl

    engine = Builder(tinyvl.settings(**vllm_command.fields(folder, **fields)))()
    assert isinstance(engine, PaddleOcrVl)
    return engine


def read(engine: Engine) -> str:
    (block,) = engine.parse([tinyvl.page(tinyvl.LINES[:1])], PaddleOcrVlOptions())[0].blocks
    return block.content


def test_a_managed_server_reads_and_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is started on the weights with pixel limits allowed, reads the page, says so in our log without a document,
    and all its processes end with the last engine."""
    caplog.set_level(logging.INFO, "ocr_worker")
    build = Builder(tinyvl.settings(**vllm_command.fields(tmp_path, server_args=["--seed", "7"])))
    first, second = build(), build()
    assert (read(first), read(second)) == (TEXT, TEXT)
    assert first.info.backend == "vllm-server"
    assert {"--trust-request-mm-kwargs", "--seed", '{"image": 1, "video": 0}'} <= set(
        vllm_command.server(tmp_path).cmdline()
    )
    assert "--trust-remote-code" not in vllm_command.server(tmp_path).cmdline()
    assert "vllm: arguments:" in caplog.text
    assert "c2VjcmV0" not in caplog.text
    first.close()
    assert read(second) == TEXT
    second.close()
    assert eventually(lambda: vllm_command.processes(tmp_path) == [])


def test_a_dead_server_is_started_again_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call in its midst fails, the next one waits for the new server; a second death is the last."""
    monkeypatch.setenv("DOUBLE_VLLM_SECONDS", "4")  # longer than the client tries again
    engine = built(tmp_path)
    for restarted in (True, False):
        vllm_command.server(tmp_path).kill()
        with pytest.raises(EngineUnavailable, match="no longer works"):
            read(engine)
        assert (engine.abandon() is None) is restarted
        if restarted:
            engine.revive()
            assert read(engine) == TEXT
    with pytest.raises(EngineUnavailable, match="stopped twice"):
        engine.revive()
    assert eventually(lambda: vllm_command.processes(tmp_path) == [])


def test_a_server_that_dies_idle_is_started_again(tmp_path: Path) -> None:
    """Nobody calls: the server is back all the same, and after its second death the engine says that it is lost."""
    engine = built(tmp_path)
    first = vllm_command.server(tmp_path)
    first.kill()
    assert eventually(lambda: vllm_command.servers(tmp_path) not in ([], [first]))
    engine.revive()
    assert read(engine) == TEXT
    assert engine.lost() is None
    vllm_command.server(tmp_path).kill()
    assert eventually(lambda: engine.lost() is not None)


def test_a_frozen_server_can_be_abandoned(tmp_path: Path) -> None:
    """A stopped process takes no signal but the kill: it gets that, and a new one is there."""
    engine = built(tmp_path)
    frozen = vllm_command.server(tmp_path)
    frozen.suspend()
    assert engine.abandon() is None
    assert engine.abandon() is None  # told twice, by the watchdog and by the engine's thread: one death
    engine.revive()
    assert read(engine) == TEXT
    assert not psutil.pid_exists(frozen.pid)
    engine.close()


@pytest.mark.parametrize(
    ("mode", "fields", "error", "message"),
    [
        ("fails", {}, EngineUnavailable, "exited with code 1 before it was ready: ValueError: No available memory"),
        (
            "silent",
            {"server_wait_s": 2},
            EngineUnavailable,
            r"no model server responded at 127\.0\.0\.1:\d+ within 2 s",
        ),
        (
            "fine",
            {"vllm": "/nowhere/vllm"},
            SettingsInvalid,
            "OCR_VLLM=/nowhere/vllm is not a command, but the worker has to start vLLM; install vLLM into",
        ),
        ("fine", {"vl_weights_dir": tinyvl.VL}, WeightsMissing, "tokenizer.json is missing"),
    ],
)
def test_a_managed_server_that_does_not_come_up_says_why(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    fields: dict[str, Any],
    error: type[OcrWorkerError],
    message: str,
) -> None:
    """A crash, silence, no command and no weights are each an error that says so, and no process is left."""
    monkeypatch.setenv("DOUBLE_VLLM", mode)
    with pytest.raises(error, match=message):
        built(tmp_path, **fields)
    assert eventually(lambda: vllm_command.processes(tmp_path) == [])


def test_after_a_failure_nothing_more_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second replica of a worker that cannot start gets the first one's error at once."""
    monkeypatch.setenv("DOUBLE_VLLM", "fails")
    build = Builder(tinyvl.settings(**vllm_command.fields(tmp_path)))
    with pytest.raises(EngineUnavailable) as first:
        build()
    with pytest.raises(EngineUnavailable) as second:
        build()
    assert second.value is first.value


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"OCR_SERVER": "managed"}, "does not go with OCR_BACKEND=native"),
        ({"OCR_SERVER": "managed", "OCR_BACKEND": "sglang-server"}, "does not go with OCR_BACKEND=sglang-server"),
        (
            {"OCR_SERVER": "managed", "OCR_BACKEND": "vllm-server", "OCR_SERVER_URL": "http://127.0.0.1:1/v1"},
            "does not go with OCR_SERVER_URL",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_reported(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    """A managed server of another kind, or at an address of its own, is no valid setting."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid, match=message):
        load_settings()
