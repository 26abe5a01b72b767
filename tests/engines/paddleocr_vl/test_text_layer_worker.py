"""`options.text_layer` through the whole worker: the real `PaddleOCRVL` on test weights, streamed, with checkpoints.

The document has two born-digital pages in the one font that the test weights read, and a scan of a third one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import tinyvl
from support.born_digital import sheets_pdf, tinyvl_sheet
from support.drawing import document
from support.s3_server import S3Server
from support.worker_process import HANDLER, StartWorker, Worker

pytestmark = [pytest.mark.paddle, pytest.mark.process]

PAGES = [tinyvl.LINES[0:3], tinyvl.LINES[3:6], tinyvl.LINES[6:8]]
SOURCES = ["text_layer", "text_layer", "picture"]
# `handler.py`, which also writes the number of crops of each call of the model to a file.
COUNTING_HANDLER = """
import os, runpy
from ocr_worker.engines.paddleocr_vl.repetition import Recognizer
predict = Recognizer.predict
def counted(self, crops, **arguments):
    with open(os.environ["CROPS_FILE"], "a") as file:
        file.write(f"{len(crops)}\\n")
    return predict(self, crops, **arguments)
Recognizer.predict = counted
runpy.run_path(os.environ["HANDLER"], run_name="__main__")
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture(scope="module")
def crops_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crops") / "crops"


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker, s3: S3Server, crops_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Worker:
    handler = tmp_path_factory.mktemp("handler") / "counting_handler.py"
    handler.write_text(COUNTING_HANDLER)
    variables = {"OCR_STREAM": "true", "OCR_WARMUP_CHECK": "false", "HANDLER": str(HANDLER)}
    environment = tinyvl.environment(**variables, CROPS_FILE=str(crops_file))
    return worker_of(handler, **environment, **s3.settings()).wait_ready()  # after the crops of its warm-up


def mixed_pdf() -> bytes:
    from pypdf import PdfReader, PdfWriter

    scan = io.BytesIO()
    tinyvl.draw(PAGES[2]).convert("L").save(scan, "PDF", resolution=144)
    writer = PdfWriter()
    for data in (sheets_pdf([tinyvl_sheet(lines) for lines in PAGES[:2]]), scan.getvalue()):
        for page in PdfReader(io.BytesIO(data)).pages:
            writer.add_page(page)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def test_a_mixed_document(worker: Worker, crops_file: Path) -> None:
    """With `auto` only the scan is read, the rest is exact, and checkpoints keep all of it.

    The same document without the option is read whole, to the same text within the weights' error rate.
    """
    data = mixed_pdf()

    def parse(text_layer: str) -> tuple[list[dict[str, Any]], int]:
        """Return the streamed pages, and the number of crops that the model read."""
        crops_file.write_text("")
        options = {"text_layer": text_layer, "max_new_tokens": tinyvl.LIMIT}
        job = {"documents": [document(data, id="doc")], "options": options, "idempotency_key": "mixed"}
        *chunks, last = worker.answer(job).output
        assert last["summary"]["coverage"]["pages_parsed"] == len(PAGES)
        return [chunk["page"] for chunk in chunks], sum(map(int, crops_file.read_text().split()))

    never, crops = parse("never")
    assert crops == sum(map(len, PAGES))
    assert [page["text_source"] for page in never] == ["picture"] * 3

    auto, crops = parse("auto")
    assert crops == len(PAGES[2])
    assert [page["text_source"] for page in auto] == SOURCES
    assert [{block["text_source"] for block in page["blocks"]} for page in auto] == [{source} for source in SOURCES]
    assert [[block["content"] for block in page["blocks"]] for page in auto[:2]] == [list(lines) for lines in PAGES[:2]]
    assert [block["content"] for block in auto[2]["blocks"]] == [block["content"] for block in never[2]["blocks"]]
    for page, page_read in zip(auto, never, strict=True):
        assert [block["bbox"] for block in page["blocks"]] == [block["bbox"] for block in page_read["blocks"]]
        assert tinyvl.character_error_rate(page_read["markdown"], page["markdown"]) < 0.15

    again, crops = parse("auto")
    assert crops == 0
    assert [page.pop("from_checkpoint") for page in again] == [True] * 3
    assert [page.pop("from_checkpoint") for page in auto] == [False] * 3
    assert again == auto
