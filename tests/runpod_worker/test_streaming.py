"""`OCR_STREAM=true`: pages leave a real worker as they are parsed, under the SDK's loop."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from support import doubles
from support.control_plane import JobRecord
from support.doubles import READING, Colour
from support.drawing import WHITE, hexadecimal, png, request, tiff
from support.waiting import PATIENCE_S
from support.worker_process import StartWorker, Worker, dry_run

pytestmark = pytest.mark.process

LIMIT = 1_000_000


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file is not there, pages of the colour HELD are not read."""
    return tmp_path_factory.mktemp("gate") / "gate"


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker, gate: Path) -> Worker:
    return worker_of(
        OCR_ENGINE="support.doubles:by_colour",
        OCR_STREAM="true",
        OCR_INLINE_LIMIT_MB=str(LIMIT / 1e6),
        DOUBLE_BATCH="1",
        DOUBLE_GATE=str(gate),
    ).wait_ready()


def chunks_of(record: JobRecord) -> list[dict[str, Any]]:
    """Return the streamed chunks, unpacked from the SDK's envelope."""
    return [posted["output"] for posted in record.stream]


def test_pages_come_before_the_answer_and_in_order(worker: Worker, gate: Path) -> None:
    """The first page is there while others are still being read; pages keep their document's order; the last chunk is
    the account of all, without the pages."""
    colours: list[Colour] = [WHITE, doubles.HELD, doubles.RAISES, WHITE]
    job = worker.plane.submit(request(tiff(colours)))
    record = worker.plane.jobs[job]
    assert worker.plane.wait_until(lambda: bool(record.stream), PATIENCE_S)
    assert not record.results
    gate.touch()
    result = worker.plane.wait(job)
    gate.unlink()
    *pages, last = chunks_of(record)
    assert [chunk["page"]["page"] for chunk in pages] == [1, 2, 3, 4]
    assert [chunk["page"]["status"] for chunk in pages] == ["succeeded", "succeeded", "failed", "succeeded"]
    assert pages[2]["page"]["error"]["code"] == "PAGE_FAILED"
    assert [chunk["chunk"] for chunk in [*pages, last]] == [1, 2, 3, 4, 5]
    summary = last["summary"]
    assert summary["status"] == "partial"
    assert summary["coverage"]["pages_parsed"] == 3
    (document,) = summary["documents"]
    assert (document["pages"], document.get("markdown")) == ([], None)
    assert result.output == [*pages, last]


def test_several_documents_tell_whose_page_it_is(worker: Worker) -> None:
    """Chunks name their document, and each document's pages come in order."""
    first, second = [WHITE, (10, 255, 255)], [(20, 255, 255), (30, 255, 255)]
    job = worker.plane.submit(request(tiff(first), tiff(second)))
    worker.plane.wait(job)
    *pages, _ = chunks_of(worker.plane.jobs[job])
    for name, colours in {"document-1": first, "document-2": second}.items():
        markdown = [chunk["page"]["markdown"] for chunk in pages if chunk["document"] == name]
        assert markdown == [f"{READING} {hexadecimal(colour)}" for colour in colours]


def test_a_huge_page_is_put_together_again(worker: Worker) -> None:
    """A page of 5 MB leaves in chunks of at most 1 MB and comes together byte for byte; what `/status` gives stays
    under its limit and says which chunks it leaves out."""
    job = worker.plane.submit(request(tiff([WHITE, doubles.HUGE, WHITE])))
    result = worker.plane.wait(job)
    record = worker.plane.jobs[job]
    assert all(len(json.dumps(posted, ensure_ascii=False).encode()) <= 1_000_000 for posted in record.stream)
    parts = [chunk["part"] for chunk in chunks_of(record) if "part" in chunk]
    page = json.loads(base64.b64decode("".join(part["base64"] for part in parts)))
    assert page["markdown"] == doubles.HUGE_TEXT
    assert [part["number"] for part in parts] == list(range(1, parts[0]["of"] + 1))
    assert result.size <= LIMIT
    assert result.output[0]["page"]["page"] == 1
    assert {"omitted": 2} in result.output
    assert result.output[-1]["summary"]["coverage"]["pages_parsed"] == 3


@pytest.mark.parametrize("job_input", [{"documents": []}, request(png(doubles.RAISES))])
def test_a_job_that_fails_is_failed(worker: Worker, job_input: dict[str, Any]) -> None:
    """A wrong request, and a job of which nothing was parsed, end with the error and its code, as they always do."""
    result = worker.answer(job_input)
    assert result.error is not None
    assert result.error.startswith(("INVALID_REQUEST: ", "PAGE_FAILED: "))


def test_a_cancelled_job_gives_no_more_pages(worker: Worker) -> None:
    """A job that is cancelled among its pages leaves the worker, which continues with the next."""
    job = worker.plane.submit(request(tiff([doubles.SLOW] * 60)))
    record = worker.plane.jobs[job]
    assert worker.plane.wait_until(lambda: bool(record.stream), PATIENCE_S)
    worker.plane.cancel(job)
    assert worker.plane.left(job)
    came = len(record.stream)
    assert came < 60
    assert worker.answer(request(png(WHITE))).error is None
    assert len(record.stream) <= came + 1


def test_the_last_answer_asks_for_a_replacement(worker_of: StartWorker) -> None:
    """When the engine dies under two streaming jobs, both return their pages and coverage.

    The last response asks the platform for a replacement, and no other job is taken.
    """
    worker = worker_of(OCR_ENGINE="support.doubles:by_colour", OCR_STREAM="true").wait_ready()
    plane = worker.plane
    neighbour = plane.submit(request(tiff([doubles.SLOW] * 24)))
    assert plane.wait_until(lambda: bool(plane.jobs[neighbour].stream), PATIENCE_S)
    deadly = plane.submit(request(png(doubles.ENGINE_DIES)))
    queued = plane.submit(request(png(WHITE)))
    failed, partial = plane.wait(deadly), plane.wait(neighbour)
    assert failed.error is not None
    assert failed.error.startswith("ENGINE_UNAVAILABLE")
    *pages, last = chunks_of(plane.jobs[neighbour])
    assert last["summary"]["status"] == "partial"
    assert [chunk["page"]["page"] for chunk in pages] == list(range(1, 25))
    assert sorted([failed.stop_pod, partial.stop_pod]) == [False, True]
    assert not plane.taken(queued, 3)
    worker.terminate()
    assert worker.exit_code() == 0, worker.log()


def test_a_dry_run_really_runs(worker: Worker) -> None:
    """With the setting a dry run parses its page and shows it, though the SDK would not run a generator there."""
    job_input = json.dumps({"input": request(png(WHITE))})
    settings = {"OCR_ENGINE": "support.doubles:by_colour", "OCR_STREAM": "true"}
    done = dry_run(["--test_input", job_input], worker.log_file.parent, **settings)
    assert done.returncode == 0, done.stderr
    assert f"{READING} #ffffff" in done.stdout
