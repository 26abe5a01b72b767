"""Invalid requests through the real worker: one error lists every problem with its path and an example."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.drawing import WHITE, document, png, request
from support.worker_process import StartWorker, Worker

pytestmark = pytest.mark.process

URL = "https://example.com/a.pdf?token=s3cr3t"

# Name, a job's input, and what its error must hold.
BAD: list[tuple[str, Any, list[str]]] = [
    ("no document", {}, ["input", "documents"]),
    ("not an object", ["https://example.com/a.pdf"], ["input", "a list"]),
    ("null", None, ["input", "null"]),
    ("an empty list", {"documents": []}, ["input.documents"]),
    ("65 documents", {"documents": [{"url": URL}] * 65}, ["input.documents", "64"]),
    ("no list", {"documents": "https://example.com/a.pdf"}, ["input.documents", "list"]),
    ("a number", {"image": 5}, ["input.image", "string"]),
    ("two forms at once", {"image": "aGVsbG8=", "url": URL}, ["image", "url", "exactly one"]),
    ("a misspelt name", {"documnts": [{"url": URL}]}, ["input.documnts", "documents"]),
    ("a misspelt field", {"documents": [{"url": URL, "page": "1"}]}, ["input.documents[0].page", "pages"]),
    ("a misspelt option", {"url": URL, "options": {"formts": ["markdown"]}}, ["input.options.formts", "formats"]),
    ("both sources", {"documents": [{"url": URL, "base64": "aGVsbG8="}]}, ["input.documents[0]", "exactly one"]),
    ("no source", {"documents": [{"id": "a"}]}, ["input.documents[0]", "url", "base64"]),
    ("ids twice", {"documents": [{"url": URL, "id": "a"}, {"url": URL, "id": "a"}]}, ["input.documents", "a"]),
    ("a page range backwards", {"documents": [{"url": URL, "pages": "3-1"}]}, ["input.documents[0].pages", "1-3"]),
    ("pages from nought", {"documents": [{"url": URL, "pages": "0-2"}]}, ["input.documents[0].pages"]),
    ("pages as fractions", {"documents": [{"url": URL, "pages": [1, 1.5]}]}, ["input.documents[0].pages", '"1-3,8"']),
    ("an option beside the document", {"url": URL, "dpi": 200}, ["input.dpi", "belongs in input.options"]),
    ("pages beside two documents", {"images": [URL, URL], "pages": "1"}, ["input.pages", "input.documents[0].pages"]),
    (
        "a default id twice",
        {"documents": [URL, {"url": URL, "id": "document-1"}]},
        ["input.documents[1].id", "default"],
    ),
    (
        "a path among other problems",
        {"documents": [{"url": "/home/me/a.pdf"}], "options": {"dpi": 1}},
        ["input.documents[0].url", "cannot see", "input.options.dpi"],
    ),
    ("a format unknown", {"url": URL, "options": {"formats": ["html"]}}, ["input.options.formats[0]", "markdown"]),
    ("a dpi too small", {"url": URL, "options": {"dpi": 10}}, ["input.options.dpi", "36"]),
    ("a dpi in words", {"url": URL, "options": {"dpi": "high"}}, ["input.options.dpi", "integer"]),
    (
        "several at once",
        {
            "documents": [{"url": URL, "pages": "x"}, 5, {"url": URL, "pasword": "x"}],
            "options": {"dpi": True, "figures": "yes"},
            "model": "large",
        },
        [
            "input.documents[0].pages",
            "input.documents[1]",
            "input.documents[2].pasword",
            "password",
            "input.options.dpi",
            "input.options.figures",
            "inline",
            "input.model",
        ],
    ),
    (
        "a value, two ids and an option at once",
        {"documents": [{"url": URL, "id": "a"}, {"url": URL, "id": "a"}], "options": {"dpi": 10}},
        ["is also the id of", "input.options.dpi"],
    ),
]


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker) -> Worker:
    return worker_of(OCR_ENGINE="support.doubles:reading").wait_ready()


@pytest.mark.parametrize(("job_input", "phrases"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_every_fault_is_reported_with_its_path(worker: Worker, job_input: Any, phrases: list[str]) -> None:
    """The job fails with INVALID_REQUEST, never to be repeated, and a message with every fault's path and remedy."""
    result = worker.answer(job_input)
    assert result.error is not None
    assert result.error.startswith("INVALID_REQUEST: ")
    assert [part for part in phrases if part not in result.error] == []
    assert result.output["code"] == "INVALID_REQUEST"
    assert result.output["retryable"] is False
    assert "s3cr3t" not in str(result.raw)
    assert "Traceback" not in str(result.raw)
    assert not result.stop_pod


def test_an_option_of_another_engine_is_rejected_by_its_name(worker: Worker) -> None:
    """An option that only another engine honours is refused, and the message names that engine."""
    from ocr_worker.engines.embedded.options import EmbeddedOptions
    from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
    from ocr_worker.wire.schema import ParseOptions

    # Some options are common to two engines. No more than a message holds.
    own_options = ParseOptions.model_fields.keys() | EmbeddedOptions.model_fields.keys()
    foreign = sorted(PaddleOcrVlOptions.model_fields.keys() - own_options)[:10]
    error = worker.answer({"url": URL, "options": dict.fromkeys(foreign, True)}).error or ""
    assert [
        name for name in foreign if f"input.options.{name}: is an option of the engine paddleocr-vl" not in error
    ] == []


def test_a_fault_in_a_short_form_is_reported_where_it_was_written(worker: Worker) -> None:
    """The path is the one the sender wrote, not the one it was turned into."""
    result = worker.answer({"images": ["aGVsbG8=", 7]})
    assert result.error is not None
    assert "input.images[1]" in result.error


@pytest.mark.parametrize("base64", ["not base64 at all!", "%%%%", "C:\\scans\\a.pdf", "file:///home/me/a.pdf"])
def test_base64_that_is_none_is_the_documents_fault(worker: Worker, base64: str) -> None:
    """Bytes that cannot be decoded cost that document only, without showing them."""
    good = document(png(WHITE))
    result = worker.answer({"documents": [{"base64": base64}, good]})
    assert result.error is None
    assert result.output["status"] == "partial"
    error = result.output["documents"][0]["error"]
    assert error["code"] == "SOURCE_REJECTED"
    assert base64 not in error["message"]


def test_requests_as_other_tools_send_them(worker: Worker) -> None:
    """Unused fields are null, a data URI is in a base64 field, pages and an id are beside it, and all of it works."""
    data_uri = "DATA:image/png;base64," + document(png(WHITE))["base64"]
    nothing = dict.fromkeys(["url", "document", "documents", "images", "options", "password", "idempotency_key"])
    result = worker.answer({"input": {**nothing, "image_base64": data_uri, "file": "", "pages": [1], "id": 17}})
    assert result.error is None
    assert [entry["id"] for entry in result.output["documents"]] == ["17"]
    assert result.output["coverage"]["pages_parsed"] == 1


def test_fields_beside_the_input_are_the_platforms(worker: Worker) -> None:
    """`webhook`, `policy` and `s3Config` beside the input are no fault."""
    beside = {"webhook": "https://example.com/hook", "policy": {"ttl": 5000}, "s3Config": {}}
    assert worker.answer(request(png(WHITE)), **beside).error is None


def test_requests_are_checked_without_an_engine() -> None:
    """Checking a request imports neither an engine nor Paddle."""
    program = (
        "import sys; from ocr_worker.engines.registry import engine_spec, read_request\n"
        "read_request({'url': 'https://example.com/a.pdf'}, engine_spec('paddleocr-vl'))\n"
        "libraries = ('paddle', 'paddleocr', 'rapidocr', 'runpod', 'cv2')\n"
        "print([name for name in sys.modules if name.split('.')[0] in libraries])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path("/"))
    assert done.stdout.strip() == "[]"


def test_every_job_was_answered_once(worker: Worker) -> None:
    """No bad request left a job unanswered."""
    worker.plane.assert_each_answered_once()
