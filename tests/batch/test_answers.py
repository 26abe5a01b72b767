"""What came back, and what it means: pure."""

from __future__ import annotations

from typing import Any

from ocr_worker.batch import answers
from ocr_worker.batch.documents import assembled
from ocr_worker.batch.model import Document, SliceRow
from ocr_worker.batch.plan import Slice

KNOWN = Document(7, "report.pdf", "/in/report.pdf", None, "{}", "abc", 4, "waiting")


def page(number: int, code: str | None = None, retryable: bool = False, **more: Any) -> dict[str, Any]:
    if code:
        error = {"code": code, "message": "told", "retryable": retryable}
        return {"page": number, "status": "failed", "error": error, **more}
    return {"page": number, "status": "succeeded", "markdown": f"text {number}", **more}


def row(number: int, pages: str | None, count: int, *, cut: bool = False, attempt: int = 1, job: int = 1) -> SliceRow:
    return SliceRow(number, job, Slice(7, pages, count, cut, attempt))


def output(*pages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"documents": [{"id": "document-7", "pages": list(pages), **more}]}


def test_a_cut_slice_is_numbered_as_the_file_is() -> None:
    """Pages of a cut PDF come back with the file's numbers, and so do their pictures, in the Markdown, too."""
    figure = {"name": "page-2-figure-1.jpg", "bbox": [0, 0, 1, 1]}
    told = page(2, markdown="see page-2-figure-1.jpg", figures=[figure])
    one = row(1, "5,9", 2, cut=True)
    (entry,) = answers.entries_of(output(page(1), told), [one]).values()
    assert [found["page"] for found in entry["pages"]] == [5, 9]
    assert entry["pages"][1]["markdown"] == "see page-9-figure-1.jpg"
    assert entry["pages"][1]["figures"][0]["name"] == "page-9-figure-1.jpg"


def test_passing_errors_are_sent_again_and_others_not() -> None:
    """A page that may succeed another time goes into a slice of its own, as long as it has tries left."""
    one = row(1, "1-4", 4)
    told = output(page(1), page(2, "ENGINE_TIMED_OUT", True), page(3, "PAGE_FAILED"), page(4, "DEADLINE_EXCEEDED"))
    reading = answers.read(answers.entries_of(told, [one]), [one], {7: 4}, tries=2)
    assert reading.counts == {1: (1, 1, 0)}
    assert reading.again == [Slice(7, "2,4", 2, attempt=2)]
    last = row(1, "1-4", 4, attempt=2)
    reading = answers.read(answers.entries_of(told, [last]), [last], {7: 4}, tries=2)
    assert (reading.counts, reading.again) == ({1: (1, 3, 0)}, [])


def test_a_document_that_could_not_be_had_is_sent_again_whole() -> None:
    """An error of the document that may pass costs another try of all its pages; another one is the last word."""
    one = row(1, "1-10", 10)
    passing = {"code": "SOURCE_UNAVAILABLE", "message": "m", "retryable": True}
    reading = answers.read(answers.entries_of(output(error=passing), [one]), [one], {7: None}, tries=3)
    assert reading.again == [Slice(7, "1-10", 10, attempt=2)]
    final = answers.entries_of(output(error={**passing, "retryable": False}), [one])
    assert answers.read(final, [one], {7: None}, tries=3).again == []


def test_the_length_of_a_url_comes_with_its_first_pages() -> None:
    """The first answer tells how many pages there are, and the rest is planned in jobs of the same size."""
    one = row(1, "1-3", 3)
    entries = answers.entries_of(output(page(1), page(2), page(3), page_count=8), [one])
    reading = answers.read(entries, [one], {7: None}, tries=3)
    assert reading.lengths == {7: 8}
    rest = answers.the_rest(7, None, 3, 8, "{}")
    assert [(job.slices[0].pages, job.pages) for job in rest] == [("4-5", 2), ("6-8", 3)]


def test_slices_come_together_in_page_order_and_the_best_word_counts() -> None:
    """Pages come in order whatever order their slices came in; a result stands over an earlier or later error; a page
    that no job brought back has the reason of the job that lost it."""
    rows = [row(1, "3-4", 2, job=1), row(2, "1-2", 2, job=2), row(3, "4", 1, job=3)]
    kept = {
        1: {"id": "x", "page_count": 4, "pages": [page(3), page(4, "ENGINE_TIMED_OUT", True)]},
        3: {"id": "x", "page_count": 4, "pages": [page(4, warnings=[{"code": "LOW_CONFIDENCE", "message": "m"}])]},
    }
    whole = assembled(KNOWN, rows, kept, {2: ("JOB_EXPIRED", "gone")})
    assert whole.status == "partial"
    assert whole.entry is not None
    told = [(one["page"], one.get("error", {}).get("code")) for one in whole.entry["pages"]]
    assert told == [(1, "JOB_EXPIRED"), (2, "JOB_EXPIRED"), (3, None), (4, None)]
    assert whole.error == ("JOB_EXPIRED", "gone")
    assert whole.faults == {("error", "JOB_EXPIRED"): 2, ("warning", "LOW_CONFIDENCE"): 1}


def test_a_document_of_which_nothing_came_has_no_folder() -> None:
    """Nothing parsed: the document failed, its code is told, and nothing is to be written."""
    entry = {"id": "x", "pages": [], "error": {"code": "DOCUMENT_CORRUPT", "message": "m", "retryable": False}}
    whole = assembled(KNOWN, [row(1, None, 4)], {1: entry}, {})
    assert (whole.status, whole.entry, whole.error) == ("failed", None, ("DOCUMENT_CORRUPT", "m"))
    assert whole.faults == {("error", "DOCUMENT_CORRUPT"): 0}
