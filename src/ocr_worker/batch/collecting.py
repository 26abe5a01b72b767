"""Collecting: what a job's answer means for the slices it carried, and a document's result from all its answers.

    Look ─▶ results_of ─▶ Outcome: counts for the ledger, slices to send again, lengths of documents
                     └─▶ kept on the disk until all slices of a document are back ─▶ assemble ─▶ the document's folder

A page has the result of any of its slices that parsed it, or else its latest error; a page in no answer has the error
of the job that lost it. So every page asked for is accounted for, whatever happened to its jobs. Everything before
`Collector` is pure; `Collector` applies it to the ledger and the folder. An answer is on the disk before the ledger
says so.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ocr_worker.batch.folders import Folder
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import (
    NOT_MEASURED,
    Document,
    Job,
    JobTimes,
    Look,
    PlannedJob,
    Slice,
    SliceRow,
    State,
)
from ocr_worker.batch.planning import halve, jobs_of_later_pages, split_evenly
from ocr_worker.errors import JobExpired, JobFailed, JobTimedOut, OcrWorkerError
from ocr_worker.wire.page_ranges import has_page_beyond
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import DocumentResult, ErrorInfo, PageResult, PageWarning, ParseResponse, Status

OnFault = Callable[[str, str, str | None], None]  # name, status and error code of a document

# Not retryable as they are, but the pages that are left are sent again.
_SENT_AGAIN = {"DEADLINE_EXCEEDED"}
# Too much for one job; half of it may fit.
_HALVED = {"RESPONSE_TOO_LARGE", "SOURCE_TOO_LARGE", "JOB_TIMED_OUT"}
_STATE_OF = {JobExpired.code: State.EXPIRED, JobTimedOut.code: State.TIMED_OUT}
_BEYOND = "PAGE_OUT_OF_RANGE"
_LONGEST_WAIT_S = 60.0  # before a failed job is sent again


# --------------------------------------------------------------------------- one answer


def results_of(response: ParseResponse | None, rows: Sequence[SliceRow]) -> dict[int, DocumentResult]:
    """Return slice -> the result of its document in the response, its pages numbered as in the file."""
    documents = {document.id: document for document in response.documents} if response else {}
    return {row.id: _numbered(documents[row.wire_id], row.slice) for row in rows if row.wire_id in documents}


def _numbered(result: DocumentResult, part: Slice) -> DocumentResult:
    """Number the pages of a cut slice, which the worker counted from 1, as in the file."""
    if not part.is_cut:
        return result
    pages = [_renumbered(page, part.pages[page.page - 1]) for page in result.pages]
    return result.model_copy(update={"pages": pages})


def _renumbered(page: PageResult, number: int) -> PageResult:
    markdown, figures = page.markdown, []
    for figure in page.figures:
        name = figure.name.replace(f"page-{page.page}-", f"page-{number}-")
        figures.append(figure.model_copy(update={"name": name}))
        markdown = markdown and markdown.replace(figure.name, name)
    return page.model_copy(update={"page": number, "figures": figures, "markdown": markdown})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an answer means for its slices. counts: slice -> pages parsed, failed for good, taken from checkpoints.
    again: slices of the pages that are worth another attempt. lengths: document -> pages of the file, where a slice
    was sent without knowing."""

    counts: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    again: list[Slice] = field(default_factory=list)
    lengths: dict[int, int] = field(default_factory=dict)


def outcome_of(
    results: Mapping[int, DocumentResult], rows: Sequence[SliceRow], known: Mapping[int, int | None], tries: int
) -> Outcome:
    """Return what the results mean. known: document -> pages of the file, None where it is not known. tries: most
    attempts of a slice."""
    outcome = Outcome()
    for row in rows:
        part, result = row.slice, results[row.id]
        again = _worth_another_attempt(result, part) if part.attempt < tries else ()
        if again:
            outcome.again.append(Slice(part.document, again, part.is_cut, part.attempt + 1))
        page_count = known[part.document]
        parsed = sum(page.status == "succeeded" for page in result.pages)
        kept = sum(page.from_checkpoint for page in result.pages)
        total = len(result.pages) or (len(part.pages) if page_count is not None else 0)
        outcome.counts[row.id] = (parsed, max(0, total - parsed - len(again)), kept)
        if page_count is None and result.page_count:
            outcome.lengths[part.document] = result.page_count
    return outcome


def _worth_another_attempt(result: DocumentResult, part: Slice) -> tuple[int, ...]:
    """Return the pages that failed and may succeed another time."""
    if not result.pages:
        return part.pages if _may_pass(result.error) else ()
    return tuple(page.page for page in result.pages if _may_pass(page.error))


def _may_pass(error: ErrorInfo | None) -> bool:
    return error is not None and (error.retryable or error.code in _SENT_AGAIN)


def _with_degradation(results: Mapping[int, DocumentResult], response: ParseResponse) -> dict[int, DocumentResult]:
    """Return the results with a warning in each that says what the response had to leave out."""
    if not response.degraded:
        return dict(results)
    message = f"left out so that the answer fits: {', '.join(response.degraded)}; give the endpoint a bucket"
    warning = PageWarning(code="DEGRADED", message=message)
    return {row: result.model_copy(update={"warnings": [*result.warnings, warning]}) for row, result in results.items()}


def _failure_of(look: Look) -> ErrorInfo:
    """Return why a job that ended has no result for all of its slices."""
    if look.state is State.TIMED_OUT:
        return error_info(JobTimedOut("the job ran into the endpoint's execution timeout"))
    if look.state is State.CANCELLED:
        return error_info(JobFailed("the job was cancelled at the endpoint"))
    if look.state is State.COLLECTED:
        return error_info(JobFailed("the answer is none of this worker's: it lacks documents of the job"))
    return look.error or error_info(JobFailed("the job failed without a code; the endpoint's log has the reason"))


# --------------------------------------------------------------------------- a whole document


@dataclass(frozen=True, slots=True)
class Assembled:
    """A document's result. result: None where no page was parsed. faults: (kind, code) -> pages; kind: error or
    warning. seconds: engine time of its pages."""

    status: Status
    result: DocumentResult | None
    error: ErrorInfo | None
    faults: Mapping[tuple[str, str], int]
    seconds: float


def assemble(
    document: Document,
    rows: Sequence[SliceRow],
    answers: Mapping[int, DocumentResult],
    failures: Mapping[int, ErrorInfo],
) -> Assembled:
    """Return the document's result. answers: slice -> its result. failures: slice -> the error of its job."""
    pages = _pages(document, rows, answers, failures)
    results = [answers[row.id] for row in rows if row.id in answers]
    page_errors = [page.error for page in pages if page.error]
    parsed = len(pages) - len(page_errors)
    status: Status = "succeeded" if pages and not page_errors else "partial" if parsed else "failed"
    error = next(iter([*page_errors, *(result.error for result in results if result.error), *failures.values()]), None)
    warnings = _warnings(document, results)
    faults: Counter[tuple[str, str]] = Counter(("error", page_error.code) for page_error in page_errors)
    faults.update(("warning", warning.code) for page in pages for warning in page.warnings)
    faults.update(("warning", warning.code) for warning in warnings)
    if not pages and error:
        faults["error", error.code] = 0
    page_count = document.page_count or max((result.page_count or 0 for result in results), default=0) or None
    result = DocumentResult(id=document.name, status=status, page_count=page_count, pages=pages, warnings=warnings)
    return Assembled(
        status,
        result if parsed else None,
        None if status == "succeeded" else error,
        faults,
        sum(page.seconds for page in pages),
    )


def failed_pages(
    document: Document,
    rows: Sequence[SliceRow],
    answers: Mapping[int, DocumentResult],
    failures: Mapping[int, ErrorInfo],
) -> list[int]:
    """Return the numbers of the pages that have no result."""
    return [page.page for page in _pages(document, rows, answers, failures) if page.error]


def _pages(
    document: Document,
    rows: Sequence[SliceRow],
    answers: Mapping[int, DocumentResult],
    failures: Mapping[int, ErrorInfo],
) -> list[PageResult]:
    """Return every page asked for, once: parsed in any of the slices, or else with its latest error."""
    pages: dict[int, PageResult] = {}
    for row in rows:
        if row.id in answers:
            for page in answers[row.id].pages:
                if page.page not in pages or pages[page.page].error:
                    pages[page.page] = page
        if row.id in failures and document.page_count is not None:
            for number in row.slice.pages:
                pages.setdefault(number, _missing(number, failures[row.id]))
    if document.page_count is None:
        return [pages[number] for number in sorted(pages)]
    if not pages:
        return []
    lost = ErrorInfo(code="PAGE_FAILED", message="the page is in no answer", retryable=False)
    lost = next(iter(failures.values()), lost)
    return [pages.get(number) or _missing(number, lost) for number in document.pages_of(document.page_count)]


def _missing(number: int, error: ErrorInfo) -> PageResult:
    return PageResult(page=number, status="failed", error=error.model_copy(update={"retryable": False}))


def _warnings(document: Document, results: Sequence[DocumentResult]) -> list[PageWarning]:
    """Return the warnings of the document as a whole, each code once."""
    warnings = {warning.code: warning for result in results for warning in result.warnings}
    # Whether pages past the end were asked for is a question to the document: a slice of a URL asks for pages that
    # nobody has counted, and any other slice for existing pages only.
    warnings.pop(_BEYOND, None)
    if document.page_count is not None and has_page_beyond(document.ranges, document.page_count):
        message = f"pages past the end were asked for: the document has {document.page_count}"
        warnings[_BEYOND] = PageWarning(code=_BEYOND, message=message)
    return list(warnings.values())


# --------------------------------------------------------------------------- the collector


class Collector:
    """Takes the answers and failures of jobs in. job_pages: most pages of a job. tries: most attempts of a job or page
    that may succeed another time. on_fault: called for each document that did not succeed."""

    def __init__(self, folder: Folder, ledger: Ledger, job_pages: int, tries: int) -> None:
        self._folder = folder
        self._ledger = ledger
        self._job_pages = job_pages
        self._tries = tries
        self.on_fault: OnFault = lambda name, status, code: None

    def contents_of(self, job: Job) -> tuple[list[SliceRow], list[Document]]:
        """Return the job's slices, and the document of each."""
        rows = self._ledger.slices_of_job(job.id)
        return rows, [self._ledger.document(row.slice.document) for row in rows]

    def record_unreadable(self, document: Document, error: ErrorInfo) -> None:
        """Record that the document cannot be opened. Raises BatchUnusable."""
        self._ledger.record_unreadable(document.id, error)
        self.on_fault(document.name, "failed", error.code)

    def collect(self, job: Job, look: Look) -> None:
        """Keep the answer of a job that ended, or act upon its failure. Raises BatchUnusable."""
        rows, documents = self.contents_of(job)
        response, results = look.response, results_of(look.response, rows)
        if response is None or len(results) < len(rows):
            self._handle_failure(job, rows, _failure_of(look), look.times)
            return
        results = _with_degradation(results, response)
        self._note_engine(response)
        self._folder.keep_answer(job.id, results)
        known = {document.id: document.page_count for document in documents}
        outcome = outcome_of(results, rows, known, self._tries)
        # A slice that failed once does not go into company again.
        more = [PlannedJob(job.options, [part]) for part in outcome.again]
        lengths = {}
        for document in documents:
            if page_count := outcome.lengths.get(document.id):
                lengths[document.id] = (page_count, len(document.pages_of(page_count)))
                more += jobs_of_later_pages(document, self._job_pages, page_count)
        self._ledger.record_end(job.id, State.COLLECTED, outcome.counts, look.times, more, lengths)
        self._settle(documents)

    def fail(self, job: Job, error: OcrWorkerError) -> None:
        """Act upon the failure of a job that has no answer. Raises BatchUnusable."""
        self._handle_failure(job, self._ledger.slices_of_job(job.id), error_info(error), NOT_MEASURED)

    def _handle_failure(self, job: Job, rows: Sequence[SliceRow], error: ErrorInfo, times: JobTimes) -> None:
        parts = [row.slice for row in rows]
        is_too_much = error.code in _HALVED
        halves = halve(parts[0]) if is_too_much and len(parts) == 1 else []
        if halves or (len(parts) > 1 and (is_too_much or not error.retryable)):
            # With several slices in a job it is not known whose fault the failure is, so each is sent alone.
            self._ledger.replan(job.id, error, times, [PlannedJob(job.options, [part]) for part in halves or parts])
        elif error.retryable and job.attempts + 1 < self._tries:
            wait_s = min(_LONGEST_WAIT_S, 2.0 ** (job.attempts + 1))
            self._ledger.retry_later(job.id, times, time.time() + wait_s)
        else:
            state = _STATE_OF.get(error.code, State.FAILED)
            counts = {row.id: (0, len(row.slice.pages), 0) for row in rows}
            self._ledger.record_end(job.id, state, counts, times, error=error)
            self._settle([self._ledger.document(part.document) for part in parts])

    # ----------------------------------------------------------------- documents

    def settle_finished(self) -> None:
        """Assemble the documents whose last job an earlier run collected. Raises BatchUnusable."""
        self._settle(self._ledger.planned_documents())

    def _settle(self, documents: Sequence[Document]) -> None:
        for stale in documents:
            document = self._ledger.document(stale.id)
            if document.status == "waiting" and not self._ledger.has_unfinished_jobs(document.id):
                self._finish(document)

    def retry(self, document: Document) -> None:
        """Plan the document's failed pages once more."""
        rows, answers, failures = self._answers_of(document)
        pages = failed_pages(document, rows, answers, failures)
        is_cut = any(row.slice.is_cut for row in rows)
        parts = [Slice(document.id, part, is_cut) for part in split_evenly(pages, self._job_pages)]
        self._ledger.reopen(document.id, parts, document.options)

    def _finish(self, document: Document) -> None:
        rows, answers, failures = self._answers_of(document)
        whole = assemble(document, rows, answers, failures)
        files = self._folder.put_document(document.name, whole.result) if whole.result else {}
        self._ledger.record_result(
            document.id, whole.status, error=whole.error, faults=whole.faults, files=files, seconds=whole.seconds
        )
        if whole.status != "succeeded":
            self.on_fault(document.name, whole.status, whole.error.code if whole.error else None)
        self._drop_answers({row.job for row in rows})

    def _answers_of(self, document: Document) -> tuple[list[SliceRow], dict[int, DocumentResult], dict[int, ErrorInfo]]:
        rows = self._ledger.slices_of_document(document.id)
        jobs = sorted({row.job for row in rows})
        answers: dict[int, DocumentResult] = {}
        for job in jobs:
            answers |= self._folder.answer(job)
        errors = self._ledger.errors_of_jobs(jobs)
        return rows, answers, {row.id: errors[row.job] for row in rows if row.job in errors}

    def _drop_answers(self, jobs: Iterable[int]) -> None:
        """Delete the answers that no document needs any more. Those of a document with failed pages stay: a retry adds
        to them."""
        for job in jobs:
            if not self._ledger.is_answer_needed(job):
                self._folder.drop_answer(job)

    def _note_engine(self, response: ParseResponse) -> None:
        if not self._ledger.get("engine"):
            engine = response.engine
            self._ledger.put("engine", f"{engine.name} {engine.version} ({engine.backend})")
