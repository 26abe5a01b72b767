"""The real engine through the whole worker: `handler.py`, the SDK's loop, the real `PaddleOCRVL`, test weights."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import tinyvl
from support.waiting import PATIENCE_S
from support.worker_process import StartWorker, Worker

pytestmark = [pytest.mark.paddle, pytest.mark.process]

ROOT = Path(__file__).parents[3]
OPTIONS = {"max_new_tokens": tinyvl.LIMIT}


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker) -> Worker:
    return worker_of(**tinyvl.environment(OCR_WARMUP_CHECK="false"))


def pdf_of(pages: list[list[str]], bar: bool = False) -> bytes:
    """A PDF of these pages, whose rendering at 72 dpi has the size the test weights read."""
    images = [tinyvl.draw(lines, bar) for lines in pages]
    buffer = io.BytesIO()
    images[0].save(buffer, "PDF", resolution=72, save_all=True, append_images=images[1:], quality=95)
    return buffer.getvalue()


def request_of(data: bytes, **options: Any) -> dict[str, Any]:
    document = {"base64": base64.b64encode(data).decode()}
    return {"documents": [document], "options": {"dpi": 72, **OPTIONS, **options}}


def test_a_pdf_comes_back_as_its_text(worker: Worker) -> None:
    """Three pages through the native pipeline: text within the weights' error rate, a block a line, boxes in order."""
    pages = [list(tinyvl.LINES[at : at + 3]) for at in (0, 3, 6)]
    answer = worker.answer(request_of(pdf_of(pages))).output
    assert answer["engine"]["name"] == "paddleocr-vl"
    assert answer["engine"]["backend"] == "native"
    entries = answer["documents"][0]["pages"]
    read = "\n".join(block["content"] for page in entries for block in page["blocks"])
    assert tinyvl.character_error_rate(read, "\n".join(line for page in pages for line in page)) < 0.15
    for page in entries:
        tops = [block["bbox"][1] for block in page["blocks"]]
        assert tops == sorted(tops)
        assert all(0 <= block["bbox"][0] < block["bbox"][2] <= page["width"] for block in page["blocks"])
        assert all(0 <= block["bbox"][1] < block["bbox"][3] <= page["height"] for block in page["blocks"])


def test_a_figure_comes_as_a_crop_under_a_name_of_its_page(worker: Worker) -> None:
    """A dark bar is a figure: named by page, in the Markdown too, its crop inline when asked for."""
    answer = worker.answer(request_of(pdf_of([["Invoice 20431"]] * 2, bar=True), figures="inline")).output
    pages = answer["documents"][0]["pages"]
    names = [figure["name"] for page in pages for figure in page["figures"]]
    assert names == ["page-1-figure-1.jpg", "page-2-figure-1.jpg"]
    assert all(figure["base64"] for page in pages for figure in page["figures"])
    assert all(name in answer["documents"][0]["markdown"] for name in names)


# `MIXED_PAGES=50 pytest tests/engines/paddleocr_vl/test_worker.py` looks harder than `make test` can.
PAGES_EACH = int(os.environ.get("MIXED_PAGES", "15"))


def test_pages_of_two_jobs_never_mix(worker: Worker) -> None:
    """Two jobs of many pages at once: each page comes back with its own number."""
    jobs = {}
    for start in (100, 200):
        pages = [[f"Invoice {start + number}"] for number in range(PAGES_EACH)]
        jobs[worker.plane.submit(request_of(pdf_of(pages)))] = start
    for job, start in jobs.items():
        entries = worker.plane.wait(job, 4 * PATIENCE_S).output["documents"][0]["pages"]
        expected = [f"Invoice {start + number}" for number in range(PAGES_EACH)]
        read = [page["blocks"][0]["content"] for page in entries]
        near = [min(expected, key=lambda line, text=text: tinyvl.character_error_rate(text, line)) for text in read]
        assert sum(text == line for text, line in zip(near, expected, strict=True)) >= 0.8 * PAGES_EACH
        other = 300 - start
        assert not any(text.startswith(f"Invoice {str(other)[0]}") for text in read)


def test_an_option_that_would_be_ignored_is_rejected(worker: Worker) -> None:
    """The native backend does not sample: `temperature` is an invalid request, and so is a model that is not loaded."""
    for options in ({"temperature": 0.5}, {"use_doc_unwarping": True}):
        result = worker.answer(request_of(pdf_of([["a"]]), **options))
        assert str(result.error).startswith("INVALID_REQUEST: ")
        assert next(iter(options)) in str(result.error)


def test_pages_can_be_merged(worker: Worker) -> None:
    """`merge_pages` looks over the whole document and loses no page of it."""
    answer = worker.answer(
        request_of(pdf_of([["Invoice 20431"], ["See chapter 9, page 311"]]), merge_pages=True)
    ).output
    assert [page["status"] for page in answer["documents"][0]["pages"]] == ["succeeded"] * 2


def test_a_dry_run_reads_with_the_default_engine(tmp_path: Path) -> None:
    """`python handler.py` with nothing but weights set runs PaddleOCR-VL and prints what it read."""
    environment = {**os.environ, **tinyvl.environment(OCR_WARMUP_CHECK="false")}
    del environment["OCR_ENGINE"]
    (tmp_path / "test_input.json").write_text(json.dumps({"input": request_of(pdf_of([list(tinyvl.LINES[:2])]))}))
    done = subprocess.run(
        [sys.executable, ROOT / "handler.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "1 page parsed" in done.stdout
    assert "paddleocr-vl" in done.stdout


@pytest.mark.parametrize("engine", ["paddleocr-vl"])
def test_without_weights_the_worker_stops_with_three_lines(engine: str, tmp_path: Path) -> None:
    """No weights: exit code 1 in seconds, what is missing and the command that gets it, and no traceback."""
    environment = {**os.environ, "OCR_ENGINE": engine, "OCR_DEVICE": "cpu", "OCR_WEIGHTS_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, ROOT / "handler.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1
    assert "WEIGHTS_MISSING" in done.stderr
    assert "ocr-worker weights fetch" in done.stderr
    assert "Traceback" not in done.stderr
