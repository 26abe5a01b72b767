"""A whole worker whose crops a model server reads (a double): what its loss looks like to callers."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import tinyvl
from support.born_digital import sheets_pdf, tinyvl_sheet
from support.model_server import TEXT, ModelServer
from support.worker_process import StartWorker, Worker, dry_run

pytestmark = [pytest.mark.paddle, pytest.mark.process]


@pytest.fixture
def double() -> Iterator[ModelServer]:
    double = ModelServer()
    yield double
    double.released.set()


def environment(double: ModelServer, **variables: str) -> dict[str, str]:
    served = {"OCR_BACKEND": "vllm-server", "OCR_SERVER_URL": double.url, "OCR_WARMUP_CHECK": "false"}
    return tinyvl.environment(**served | variables)


def request() -> dict[str, Any]:
    buffer = io.BytesIO()
    tinyvl.draw(tinyvl.LINES[:2]).save(buffer, "PNG")
    return {"documents": [{"base64": base64.b64encode(buffer.getvalue()).decode()}]}


def error_code(worker: Worker) -> str:
    """Of the job that is sent now and fails."""
    return str(worker.answer(request()).error).partition(":")[0]


def test_a_frozen_server_is_a_deadline(worker_of: StartWorker, double: ModelServer) -> None:
    """A server that read one job and then says nothing: the next job is ENGINE_TIMED_OUT."""
    worker = worker_of(**environment(double, OCR_ENGINE_TIMEOUT_S="8"))
    answer = worker.answer(request()).output
    assert answer["engine"]["backend"] == "vllm-server"
    assert [block["content"] for block in answer["documents"][0]["pages"][0]["blocks"]] == [TEXT] * 2
    double.mode = "hangs"
    assert error_code(worker) == "ENGINE_TIMED_OUT"


def test_a_dead_server_is_an_engine_that_is_gone(worker_of: StartWorker, double: ModelServer) -> None:
    """A server that dies after the start is not missed by pages whose text is in the file: no crop of them is sent.

    The next job that needs it is ENGINE_UNAVAILABLE.
    """
    worker = worker_of(**environment(double, OCR_TEXT_LAYER="auto")).wait_ready()
    double.die()
    data = sheets_pdf([tinyvl_sheet(lines) for lines in (tinyvl.LINES[:2], tinyvl.LINES[2:4])])
    job = {"documents": [{"base64": base64.b64encode(data).decode()}]}
    pages = worker.answer(job).output["documents"][0]["pages"]
    assert [page["text_source"] for page in pages] == ["text_layer"] * 2
    contents = [(block["content"], block["text_source"]) for page in pages for block in page["blocks"]]
    assert contents == [(line, "text_layer") for line in tinyvl.LINES[:4]]
    assert error_code(worker) == "ENGINE_UNAVAILABLE"


def test_without_its_server_the_worker_does_not_start(double: ModelServer, tmp_path: Path) -> None:
    """The reason comes on stderr, without a traceback, and the exit code is 1."""
    double.die()
    ended = dry_run(
        ["--test_input", json.dumps({"input": request()})], tmp_path, **environment(double, OCR_SERVER_WAIT_S="1")
    )
    assert ended.returncode == 1
    assert "ENGINE_UNAVAILABLE: no model server responded at 127.0.0.1" in ended.stderr
    assert "Traceback" not in ended.stderr
