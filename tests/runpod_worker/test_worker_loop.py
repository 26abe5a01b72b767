"""The worker as the platform runs it: `handler.py` in a process of its own under the SDK's loop, jobs over HTTP."""

from __future__ import annotations

import re

import pytest

from support import doubles
from support.control_plane import Json, Result
from support.doubles import READING, Colour
from support.drawing import WHITE, document, hexadecimal, pdf, png, request, tiff
from support.worker_process import StartWorker, Worker

pytestmark = pytest.mark.process

LIMIT = 100_000


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker) -> Worker:
    """One worker for all jobs that leave it sound."""
    return worker_of(
        answer_limit=LIMIT,
        OCR_ENGINE="support.doubles:by_colour",
        OCR_INLINE_LIMIT_MB=str(LIMIT / 1e6),
        RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS="true",
    ).wait_ready()


def pages_of(result: Result, number: int = 0) -> list[Json]:
    """The page entries of one document of the answer."""
    pages: list[Json] = result.output["documents"][number]["pages"]
    return pages


# --------------------------------------------------------------------------- good and bad jobs


def test_a_good_job_is_parsed(worker: Worker) -> None:
    """A picture comes back as Markdown and blocks, accounted for, with the engine that read it."""
    result = worker.answer({"documents": [document(png(WHITE), id="white")]})
    assert result.error is None
    assert not result.stop_pod
    assert result.output["status"] == "succeeded"
    assert result.output["engine"]["name"] == "double"
    (entry,) = result.output["documents"]
    assert (entry["id"], entry["status"], entry["page_count"]) == ("white", "succeeded", 1)
    assert entry["markdown"] == f"{READING} #ffffff"
    (page,) = entry["pages"]
    assert (page["page"], page["width"], page["height"]) == (1, 48, 32)
    assert page["blocks"] == [{"label": "text", "content": f"{READING} #ffffff", "bbox": [0, 0, 48, 32]}]
    assert result.output["coverage"] == {
        "documents_expected": 1,
        "documents_failed": 0,
        "pages_expected": 1,
        "pages_parsed": 1,
        "pages_failed": 0,
    }


def test_pages_come_back_in_their_order(worker: Worker) -> None:
    """Each page of a TIFF and of a PDF has its own text at its own number, and page ranges keep the numbers."""
    colours: list[Colour] = [(10 * number, 255, 255) for number in range(1, 8)]
    documents = [document(tiff(colours)), document(tiff(colours), pages="2,5-6")]
    result = worker.answer({"documents": documents})
    expected = [(number, f"{READING} {hexadecimal(colour)}") for number, colour in enumerate(colours, start=1)]
    assert [(page["page"], page["markdown"]) for page in pages_of(result)] == expected
    assert [(page["page"], page["markdown"]) for page in pages_of(result, 1)] == [expected[1], expected[4], expected[5]]


def test_a_pdf_is_rendered(worker: Worker) -> None:
    """A PDF's pages reach the engine at the engine's own resolution or the one that was asked for."""
    result = worker.answer(request(pdf([WHITE, doubles.SLOW], (72, 144))))
    assert [(page["width"], page["height"], page["dpi"]) for page in pages_of(result)] == [(72, 144, 72), (72, 144, 72)]
    result = worker.answer(request(pdf([WHITE], (72, 144)), dpi=144))
    assert [(page["width"], page["height"], page["dpi"]) for page in pages_of(result)] == [(144, 288, 144)]


def test_a_bad_job_gets_a_reason(worker: Worker) -> None:
    """A request that is wrong fails with the code in front and beside, and what is wrong at its path."""
    result = worker.answer({"documents": [{"url": "https://example.com/a.pdf", "pages": "3-1"}]})
    assert result.error is not None
    assert result.error.startswith("INVALID_REQUEST: ")
    assert "input.documents[0].pages" in result.error
    assert (result.output["code"], result.output["retryable"]) == ("INVALID_REQUEST", False)


def test_a_job_of_which_nothing_was_parsed_fails(worker: Worker) -> None:
    """When no document could be parsed the job fails with the first one's code and still has each one's error."""
    result = worker.answer(request(b"neither a picture nor a PDF", png(doubles.RAISES)))
    assert result.error is not None
    assert re.match(r"[A-Z_]+: ", result.error)
    codes = [entry["error"]["code"] for entry in result.output["documents"]]
    assert codes == ["DOCUMENT_UNSUPPORTED_TYPE", "PAGE_FAILED"]
    assert result.error.startswith(codes[0])
    assert result.output["code"] == codes[0]
    assert not result.stop_pod


def test_a_bad_document_costs_only_itself(worker: Worker) -> None:
    """A broken document beside a good one makes the job partial, and the account says so."""
    result = worker.answer(request(b"neither a picture nor a PDF", png(WHITE)))
    assert result.error is None
    assert result.output["status"] == "partial"
    assert [entry["status"] for entry in result.output["documents"]] == ["failed", "succeeded"]
    assert result.output["coverage"]["documents_failed"] == 1


# --------------------------------------------------------------------------- at once, cancelled


def test_jobs_at_once_are_not_mixed_up(worker: Worker) -> None:
    """Of many jobs, two at a time, each gets the text of its own pages."""
    colours: list[Colour] = [(255, 4 * number, 255) for number in range(12)]
    jobs = [worker.plane.submit(request(tiff([colour] * 3))) for colour in colours]
    for job, colour in zip(jobs, colours, strict=True):
        texts = {page["markdown"] for page in pages_of(worker.plane.wait(job))}
        assert texts == {f"{READING} {hexadecimal(colour)}"}


def test_two_jobs_share_the_engine(worker: Worker) -> None:
    """A short job that came later is answered while a long one is still parsed."""
    long = worker.plane.submit(request(tiff([doubles.SLOW] * 16)))
    assert worker.started(long)
    short = worker.plane.submit(request(png(WHITE)))
    worker.plane.wait(short)
    assert worker.plane.jobs[long].results == []
    assert worker.plane.wait(long).output["coverage"]["pages_parsed"] == 16


def test_a_cancelled_job_leaves_its_neighbour_alone(worker: Worker) -> None:
    """A cancelled job leaves long before its pages are done, and the engine is rid of them, too; it has no answer, and
    the other job gets all its pages."""
    cancelled = worker.plane.submit(request(tiff([doubles.SLOW] * 200)))
    neighbour = worker.plane.submit(request(tiff([doubles.SLOW] * 6)))
    assert worker.started(cancelled)
    assert worker.started(neighbour)
    worker.plane.cancel(cancelled)
    assert worker.plane.left(cancelled)
    assert worker.plane.wait(neighbour).output["coverage"]["pages_parsed"] == 6
    assert worker.answer(request(png(WHITE))).output["status"] == "succeeded"
    assert worker.plane.jobs[cancelled].results == []
    assert worker.logged(rf"event=document job={cancelled} .*error=CANCELLED")


# --------------------------------------------------------------------------- what engines do


@pytest.mark.parametrize(
    ("colour", "code"),
    [
        (doubles.RAISES, "PAGE_FAILED"),
        (doubles.BABBLES, "PAGE_FAILED"),
        (doubles.NAN, "PAGE_FAILED"),
        (doubles.TOO_FEW, "PAGE_FAILED"),
        (doubles.OUT_OF_MEMORY, "ENGINE_OUT_OF_MEMORY"),
    ],
    ids=["raises", "babbles", "NaN", "too few results", "out of memory"],
)
def test_a_fault_of_the_engine_costs_one_page_of_three(worker: Worker, colour: Colour, code: str) -> None:
    """A page on which the engine fails, however it does, has its error; the pages beside it are parsed."""
    result = worker.answer(request(tiff([WHITE, colour, WHITE])))
    assert result.error is None
    assert result.output["status"] == "partial"
    pages = pages_of(result)
    assert [page["status"] for page in pages] == ["succeeded", "failed", "succeeded"]
    assert pages[1]["error"]["code"] == code
    assert result.output["documents"][0]["status"] == "partial"
    assert f"<!-- page 2: {code} -->" in result.output["documents"][0]["markdown"]
    assert pages[1]["error"]["message"]
    assert pages[0]["markdown"] == pages[2]["markdown"] == f"{READING} #ffffff"


@pytest.mark.parametrize("engine", ["raising", "babbling"])
def test_an_engine_that_only_fails_fails_the_job(worker_of: StartWorker, engine: str) -> None:
    """An engine that fails on every page makes jobs fail with a code and no traceback; the worker continues."""
    worker = worker_of(OCR_ENGINE=f"support.doubles:{engine}").wait_ready()
    for _ in range(2):
        result = worker.answer(request(tiff([WHITE, WHITE])))
        assert result.error is not None
        assert result.error.startswith("PAGE_FAILED: ")
        assert "Traceback" not in str(result.raw)
        assert result.output["coverage"]["pages_failed"] == 2
    worker.plane.assert_each_answered_once()


# --------------------------------------------------------------------------- over the budget


def test_figures_are_left_out_first(worker: Worker) -> None:
    """An answer over the budget loses its pictures, says so, and keeps everything else."""
    result = worker.answer(request(png(doubles.LARGE_FIGURES), figures="inline"))
    assert result.error is None
    assert result.output["degraded"] == ["figures"]
    (page,) = pages_of(result)
    assert page["blocks"]
    assert page["markdown"]
    assert [figure.get("base64") for figure in page["figures"]] == [None]


def test_blocks_are_left_out_next(worker: Worker) -> None:
    """An answer that is over the budget without its pictures loses its blocks, too, and keeps the Markdown."""
    result = worker.answer(request(png(doubles.LARGE_BLOCKS), figures="inline"))
    assert result.error is None
    assert result.output["degraded"] == ["figures", "blocks"]
    (page,) = pages_of(result)
    assert not page.get("blocks")
    assert page["markdown"]


def test_markdown_that_does_not_fit_is_an_error(worker: Worker) -> None:
    """When the Markdown alone is over the budget the job fails with the size, the limit and the remedy."""
    result = worker.answer(request(png(doubles.LARGE_MARKDOWN)))
    assert result.error is not None
    assert result.error.startswith("RESPONSE_TOO_LARGE: ")
    sizes = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\d", result.error)]
    assert LIMIT in sizes
    assert max(sizes) >= doubles.LARGE
    assert "pages" in result.error
    assert result.output["code"] == "RESPONSE_TOO_LARGE"


def test_the_bytes_counted_are_the_bytes_sent(worker: Worker) -> None:
    """Whatever its size, no answer is larger on the wire than the budget: separators and long letters count."""
    jobs = [worker.plane.submit(request(tiff([doubles.MANY_SMALL_BLOCKS] * count))) for count in range(12, 22)]
    results = [worker.plane.wait(job) for job in jobs]
    assert all(result.size <= LIMIT for result in results)
    complete_sizes = [result.size for result in results if not result.output["degraded"]]
    assert len(complete_sizes) < len(results)
    assert max(complete_sizes) > LIMIT * 0.8


def test_every_job_was_answered_once(worker: Worker) -> None:
    """After all of the above each job that was taken has exactly one answer, and the platform refused none."""
    worker.plane.assert_each_answered_once()


def test_no_more_jobs_are_taken_than_may_be(worker_of: StartWorker) -> None:
    """Two at once, as the setting says, while others wait in the queue for this worker or another; all are answered."""
    worker = worker_of(OCR_ENGINE="support.doubles:by_colour", OCR_CONCURRENCY="2", DOUBLE_SECONDS="0.2").wait_ready()
    plane = worker.plane
    jobs = [plane.submit(request(tiff([doubles.SLOW] * 3))) for _ in range(5)]
    under_way: list[int] = []
    while not all(plane.jobs[job].results for job in jobs):
        records = [plane.jobs[job] for job in jobs]
        under_way.append(sum(record.worker is not None and not record.results for record in records))
        plane.wait_until(lambda: False, 0.1)
    assert max(under_way) == 2
    plane.assert_each_answered_once()
