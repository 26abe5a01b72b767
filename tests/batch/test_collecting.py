"""Results of jobs and their meaning for slices, documents and the ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocr_worker.batch.collecting import Collector, assemble, outcome_of, results_of
from ocr_worker.batch.folders import Folder
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import BatchDocument, PlannedJob, Slice, SliceRow, Stamp
from ocr_worker.batch.outputs import DocumentFolders
from ocr_worker.batch.planning import jobs_of_later_pages
from ocr_worker.client.service import JobStatus, JobTimes, State
from ocr_worker.wire.schema import DocumentResult, ErrorInfo, ParseResponse
from support.responses import response

KNOWN = BatchDocument(7, "report.pdf", "/in/report.pdf", None, "{}", "abc", 4, "waiting", "report.pdf")


def page(number: int, code: str | None = None, retryable: bool = False, **more: Any) -> dict[str, Any]:
    if code:
        error = {"code": code, "message": "told", "retryable": retryable}
        return {"page": number, "status": "failed", "error": error, **more}
    return {"page": number, "status": "succeeded", "markdown": f"text {number}", **more}


def row(
    number: int, pages: range | tuple[int, ...], *, is_cut: bool = False, attempt: int = 1, job: int = 1
) -> SliceRow:
    return SliceRow(number, job, Slice(7, tuple(pages), is_cut, attempt))


def answer(*pages: dict[str, Any], **more: Any) -> ParseResponse:
    return ParseResponse.read(response({"id": "document-7", "status": "partial", "pages": list(pages), **more}))


def result(*pages: dict[str, Any], **more: Any) -> DocumentResult:
    return answer(*pages, **more).documents[0]


def test_a_cut_slice_is_numbered_as_the_file_is() -> None:
    """Pages of a cut PDF come back with the file's numbers, and so do their pictures, in the Markdown, too."""
    figure = {"name": "page-2-figure-1.jpg", "bbox": [0, 0, 1, 1]}
    second = page(2, markdown="see page-2-figure-1.jpg", figures=[figure])
    (entry,) = results_of(answer(page(1), second), [row(1, (5, 9), is_cut=True)]).values()
    assert [entry_page.page for entry_page in entry.pages] == [5, 9]
    assert entry.pages[1].markdown == "see page-9-figure-1.jpg"
    assert entry.pages[1].figures[0].name == "page-9-figure-1.jpg"


def test_passing_errors_are_sent_again_and_others_not() -> None:
    """A page that may succeed another time goes into a slice of its own, as long as it has tries left."""
    first = row(1, range(1, 5))
    pages = page(1), page(2, "ENGINE_TIMED_OUT", True), page(3, "PAGE_FAILED"), page(4, "DEADLINE_EXCEEDED")
    outcome = outcome_of(results_of(answer(*pages), [first]), [first], {7: 4}, tries=2)
    assert outcome.counts == {1: (1, 1, 0)}
    assert outcome.retries == [Slice(7, (2, 4), attempt=2)]
    last = row(1, range(1, 5), attempt=2)
    outcome = outcome_of(results_of(answer(*pages), [last]), [last], {7: 4}, tries=2)
    assert (outcome.counts, outcome.retries) == ({1: (1, 3, 0)}, [])


def test_a_document_that_could_not_be_had_is_sent_again_whole() -> None:
    """An error of the document that may pass costs another try of all its pages; another one is the last word."""
    first = row(1, range(1, 11))
    passing = {"code": "SOURCE_UNAVAILABLE", "message": "m", "retryable": True}
    outcome = outcome_of(results_of(answer(error=passing), [first]), [first], {7: None}, tries=3)
    assert outcome.retries == [Slice(7, tuple(range(1, 11)), attempt=2)]
    final = results_of(answer(error={**passing, "retryable": False}), [first])
    assert outcome_of(final, [first], {7: None}, tries=3).retries == []


def test_the_length_of_a_url_comes_with_its_first_pages() -> None:
    """The first answer tells how many pages there are, and the rest is planned in jobs of the same size."""
    first = row(1, range(1, 4))
    results = results_of(answer(page(1), page(2), page(3), page_count=8), [first])
    assert outcome_of(results, [first], {7: None}, tries=3).lengths == {7: 8}
    url = BatchDocument(7, "a.pdf", "https://example.com/a.pdf", None, "{}", None, None, "waiting", "a.pdf")
    rest = jobs_of_later_pages(url, 3, 8)
    assert [job.slices for job in rest] == [[Slice(7, (4, 5))], [Slice(7, (6, 7, 8))]]


def test_slices_come_together_in_page_order_and_the_best_word_counts() -> None:
    """Pages are put in order, whatever the order of their slices.

    A result replaces an earlier or later error. A page that no job returned has the error of the job that lost it.
    """
    rows = [row(1, (3, 4), job=1), row(2, (1, 2), job=2), row(3, (4,), job=3)]
    answers = {
        1: result(page(3), page(4, "ENGINE_TIMED_OUT", True), page_count=4),
        3: result(page(4, warnings=[{"code": "LOW_CONFIDENCE", "message": "m"}]), page_count=4),
    }
    expired = ErrorInfo(code="JOB_EXPIRED", message="gone", retryable=False)
    document = assemble(KNOWN, rows, answers, {2: expired})
    assert document.status == "partial"
    assert document.result is not None
    assert [(entry.page, entry.error) for entry in document.result.pages] == [
        (1, expired),
        (2, expired),
        (3, None),
        (4, None),
    ]
    assert document.error == expired
    assert document.codes == {("error", "JOB_EXPIRED"): 2, ("warning", "LOW_CONFIDENCE"): 1}


def test_a_document_of_which_nothing_came_has_no_folder() -> None:
    """A document without parsed pages failed with its code, and nothing is written for it."""
    error = {"code": "DOCUMENT_CORRUPT", "message": "m", "retryable": False}
    document = assemble(KNOWN, [row(1, range(1, 5))], {1: result(error=error)}, {})
    assert (document.status, document.result, document.error) == ("failed", None, ErrorInfo(**error))
    assert document.codes == {("error", "DOCUMENT_CORRUPT"): 0}


# --------------------------------------------------------------------------- the collector


@pytest.fixture
def batch(tmp_path: Path) -> tuple[Collector, Ledger]:
    """A batch of two documents of two pages each, in one job that has no attempts left."""
    folder = Folder(tmp_path / "out")
    ledger = Ledger(folder.ledger)
    ledger.add([Item("/in/a.pdf", "a.pdf"), Item("/in/b.pdf", "b.pdf")])
    for number in (1, 2):
        ledger.record_length(number, Stamp(1, 1, "abc"), 2, 2)
    ledger.plan([PlannedJob("{}", [Slice(1, (1, 2)), Slice(2, (1, 2))])])
    return Collector(folder, ledger, DocumentFolders(folder, ledger), job_pages=10, tries=1), ledger


def collect(collector: Collector, ledger: Ledger, look: JobStatus) -> None:
    for job in ledger.jobs_to_send(10):
        collector.collect(job, look)


@pytest.mark.parametrize(
    ("look", "code"),
    [
        (JobStatus(State.COLLECTED, None, times=JobTimes(2.0, 1.0)), "JOB_FAILED"),
        (JobStatus(State.COLLECTED, answer(page(1)), times=JobTimes(2.0, 1.0)), "JOB_FAILED"),
        (JobStatus(State.TIMED_OUT, times=JobTimes(2.0, 1.0)), "JOB_TIMED_OUT"),
        (JobStatus(State.CANCELLED, times=JobTimes(2.0, 1.0)), "JOB_FAILED"),
        (
            JobStatus(
                State.FAILED,
                error=ErrorInfo(code="CODE", message="m", retryable=False),
                times=JobTimes(2.0, 1.0),
            ),
            "CODE",
        ),
    ],
    ids=["no response", "other documents", "timed out", "cancelled", "failed"],
)
def test_a_job_without_an_answer_loses_nothing(batch: tuple[Collector, Ledger], look: JobStatus, code: str) -> None:
    """A job that ended without a response that holds its documents is sent again in parts; in the end every page is
    counted as failed with the reason, and all seconds are counted."""
    collector, ledger = batch
    jobs = 0
    while ledger.planned_job_count():
        jobs += ledger.planned_job_count()
        collect(collector, ledger, look)
    summary = ledger.summary()
    assert (summary.pages_expected, summary.pages_parsed, summary.pages_failed) == (4, 0, 4)
    assert (summary.documents, summary.errors) == ({"failed": 2}, {code: 4})
    assert (summary.execution_s, summary.delay_s) == (2.0 * jobs, 1.0 * jobs)


def test_a_response_of_a_failed_job_is_believed(batch: tuple[Collector, Ledger]) -> None:
    """A job that failed because none of its pages was parsed has an entry for each: they are not sent again as a whole,
    and each document has its own error."""
    collector, ledger = batch
    documents = [
        {
            "id": f"document-{number}",
            "status": "failed",
            "pages": [page(1, f"CODE_{number}"), page(2, f"CODE_{number}")],
        }
        for number in (1, 2)
    ]
    error = ErrorInfo(code="CODE_1", message="m", retryable=False)
    collect(collector, ledger, JobStatus(State.FAILED, ParseResponse.read(response(*documents)), error))
    assert ledger.planned_job_count() == 0
    assert [summary.errors for summary in ledger.document_summaries()] == [{"CODE_1": 2}, {"CODE_2": 2}]


def test_what_an_answer_had_to_leave_out_is_a_warning_of_each_document(
    batch: tuple[Collector, Ledger], tmp_path: Path
) -> None:
    """`degraded` of a response is in the documents' own files and in the batch's numbers."""
    collector, ledger = batch
    documents = [
        {"id": f"document-{number}", "status": "succeeded", "page_count": 2, "pages": [page(1), page(2)]}
        for number in (1, 2)
    ]
    collect(
        collector,
        ledger,
        JobStatus(State.COLLECTED, ParseResponse.read(response(*documents, degraded=["figures", "blocks"]))),
    )
    assert ledger.summary().warnings == {"DEGRADED": 2}
    entry = json.loads((tmp_path / "out" / "b.pdf" / "document.json").read_text())
    assert entry["warnings"][0]["message"].startswith("the response was too large and lacks figures, blocks;")
