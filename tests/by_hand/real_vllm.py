"""Tests that need a real vLLM (`make test-vllm`): its counter grows by the crops, and it reads what `native` reads.

Not collected by `make test`.
"""

from __future__ import annotations

import io
import os
import re
import signal
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from ocr_worker.engines.base import Engine
from ocr_worker.engines.paddleocr_vl.adapter import PaddleOcrVl
from ocr_worker.engines.paddleocr_vl.builder import Builder
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from support import tinyvl, vllm_command
from support.drawing import request
from support.processes import descendants
from support.waiting import PATIENCE_S
from support.worker_process import StartWorker, Worker

HOME = Path(os.environ["VLLM_UNDER_TEST"])
PAGES = [tinyvl.LINES, tinyvl.LINES[:4]]
CROPS = sum(map(len, PAGES))
FROZEN_S = float(os.environ.get("FROZEN_S", "60"))


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker) -> Worker:
    return worker_of(**vllm_command.real_environment(HOME, OCR_ENGINE_TIMEOUT_S="30")).wait_ready(2 * PATIENCE_S)


@pytest.fixture(scope="module")
def native() -> Iterator[Engine]:
    engine = Builder(tinyvl.settings())()
    yield engine
    engine.close()


def requests_served() -> int:
    """vLLM's own count of the requests that it finished."""
    command = vllm_command.server(HOME / "tinyvl").cmdline()
    port = command[command.index("--port") + 1]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        counted = re.findall(r"^vllm:request_success_total\{.*\} (\S+)$", response.read().decode(), re.MULTILINE)
    return int(sum(map(float, counted)))


def read(worker: Worker) -> list[str]:
    """The lines of PAGES as the worker's answer has them."""
    answer = worker.answer(request(tinyvl.tiff(PAGES), max_new_tokens=tinyvl.LIMIT)).output
    assert answer["engine"]["backend"] == "vllm-server"
    return [block["content"] for page in answer["documents"][0]["pages"] for block in page["blocks"]]


def test_the_server_is_used(worker: Worker) -> None:
    """A job of two pages is one request for each crop, by vLLM's own counter."""
    before = requests_served()
    lines = read(worker)
    after = requests_served()
    print(f"vllm:request_success_total {before} -> {after}, {CROPS} crops")
    assert len(lines) == CROPS
    assert after - before == CROPS


def test_a_frozen_worker_continues_with_its_server(worker: Worker) -> None:
    """Stopped with all its processes, as the platform does with an idle worker, it reads the same when it continues."""
    lines = read(worker)
    process = psutil.Process(worker.process.pid)
    family = [process, *descendants(process)]
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for member in family:
            member.send_signal(number)
        time.sleep(FROZEN_S if number == signal.SIGSTOP else 0)
    assert vllm_command.server(HOME / "tinyvl") in family
    assert read(worker) == lines
    assert worker.logged("stood still")
    assert "starting the model server again" not in worker.log()
    print(f"{len(family)} processes were stopped for {FROZEN_S:g} s")


class ThroughJpeg:
    """The native model, whose crops take the way of those that are sent to a server."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, crops: Sequence[dict[str, Any]], **arguments: Any) -> Any:
        return self._model.predict([crop | {"image": jpeg(crop["image"])} for crop in crops], **arguments)

    def close(self) -> None:
        self._model.close()


def jpeg(pixels: Any) -> Any:
    """BGR pixels after a JPEG of PaddleX's quality."""
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, ::-1]).save(buffer, "JPEG")
    return np.ascontiguousarray(np.asarray(Image.open(buffer))[:, :, ::-1])


def test_the_server_reads_as_the_native_backend_does(worker: Worker, native: PaddleOcrVl) -> None:
    """The same text on the same crops: the JPEG that a server is sent is the whole difference."""
    served = read(worker)
    watched = native._pipeline.paddlex_pipeline._pipeline.vl_rec_model
    plain = lines_of(native)
    watched._model = ThroughJpeg(watched._model)
    through_jpeg = lines_of(native)
    written = [line for page in PAGES for line in page]
    rates = [tinyvl.character_error_rate("\n".join(read), "\n".join(written)) for read in (served, plain)]
    print(f"character errors: server {rates[0]:.3f}, native {rates[1]:.3f}")
    print(f"lines that differ: {differing(served, plain)} from native, {differing(served, through_jpeg)} through JPEG")
    assert served == through_jpeg
    assert max(rates) < 0.2


def lines_of(engine: Engine) -> list[str]:
    options = PaddleOcrVlOptions(max_new_tokens=tinyvl.LIMIT)
    parsed = [engine.parse([tinyvl.page(lines)], options)[0] for lines in PAGES]
    return [block.content for page in parsed for block in page.blocks]


def differing(texts: Sequence[str], other_texts: Sequence[str]) -> int:
    return sum(a != b for a, b in zip(texts, other_texts, strict=True))
