"""Collecting: apply a job's response to its slices, and assemble each document's result from all its responses.

    JobStatus ─▶ results_of ─▶ JobOutcome: counts for the ledger, slices to send again, lengths of documents
                     └─▶ stored on disk until all slices of a document have ended ─▶ assemble ─▶ the document's folder

A page gets the result of any slice that parsed it, or else its latest error. A page that is missing from all responses
gets the error of the job that lost it. So every expected page is counted, whatever happened to its jobs. Everything
before `Collector` is pure; `Collector` applies it to the ledger and the folder. Results are on disk before the ledger
records them. This module sends nothing: it plans the jobs that a response makes necessary, and `runner` sends them.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ocr_worker.batch.doubts import document_doubt
from ocr_worker.batch.folders import Folder
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import BatchDocument, BatchJob, PlannedJob, Slice, SliceRow
from ocr_worker.batch.outputs import Output
from ocr_worker.batch.planning import halve, jobs_of_later_pages, split_evenly
from ocr_worker.client.service import NOT_MEASURED, JobStatus, JobTimes, State, error_of_job
from ocr_worker.errors import JobExpired, JobTimedOut, OcrWorkerError
from ocr_worker.wire.page_ranges import has_page_beyond
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import DocumentResult, ErrorInfo, PageResult, PageWarning, ParseResponse, Status

OnUnsuccessful = Callable[[str, str, str | None], None]  # name, status and error code of a document

# Not retryable, but the pages that are left are sent again.
_RESENT_CODES = {"DEADLINE_EXCEEDED"}
# Too much for one job; half of it may fit.
_HALVED_CODES = {"RESPONSE_TOO_LARGE", "SOURCE_TOO_LARGE", "JOB_TIMED_OUT"}
_STATE_OF = {JobExpired.code: State.EXPIRED, JobTimedOut.code: State.TIMED_OUT}
_OUT_OF_RANGE = "PAGE_OUT_OF_RANGE"
_MAX_WAIT_S = 60.0  # before a failed job is sent again


# --------------------------------------------------------------------------- the response of a job


def results_of(response: ParseResponse | None, rows: Sequence[SliceRow]) -> dict[int, DocumentResult]:
    """Return slice id -> the result of its document in the response, with pages numbered as in the file."""
    documents = {document.id: document for document in response.documents} if response else {}
    return {row.id: _renumber_slice(documents[row.wire_id], row.slice) for row in rows if row.wire_id in documents}


def _renumber_slice(result: DocumentResult, part: Slice) -> DocumentResult:
    """Return the result with pages numbered as in the file; the worker counts those of a cut slice from 1."""
    if not part.is_cut:
        return result
    pages = [_renumber_page(page, part.pages[page.page - 1]) for page in result.pages]
    return result.model_copy(update={"pages": pages})


def _renumber_page(page: PageResult, number: int) -> PageResult:
    markdown, figures = page.markdown, []
    for figure in page.figures:
        name = figure.name.replace(f"page-{page.page}-", f"page-{number}-")
        figures.append(figure.model_copy(update={"name": name}))
        markdown = markdown and markdown.replace(figure.name, name)
    return page.model_copy(update={"page": number, "figures": figures, "markdown": markdown})


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """Outcome of a job for its slices.

    counts: slice id -> pages parsed, failed for good, taken from checkpoints. retries: slices of the pages that are
    worth another attempt. lengths: document id -> pages of the file, where it was unknown when the slice was sent.
    """

    counts: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    retries: list[Slice] = field(default_factory=list)
    lengths: dict[int, int] = field(default_factory=dict)


def outcome_of(
    results: Mapping[int, DocumentResult], rows: Sequence[SliceRow], page_counts: Mapping[int, int | None], tries: int
) -> JobOutcome:
    """Return the outcome of a job for its slices.

    results: slice id -> its result. page_counts: document id -> pages of the file, None where unknown. tries: most
    attempts of a slice.
    """
    outcome = JobOutcome()
    for row in rows:
        part, result = row.slice, results[row.id]
        retry_pages = _pages_worth_retrying(result, part) if part.attempt < tries else ()
        if retry_pages:
            outcome.retries.append(Slice(part.document, retry_pages, part.is_cut, part.attempt + 1))
        page_count = page_counts[part.document]
        parsed_count = sum(page.status == "succeeded" for page in result.pages)
        checkpoint_count = sum(page.from_checkpoint for page in result.pages)
        total = len(result.pages) or (len(part.pages) if page_count is not None else 0)
        failed_count = max(0, total - parsed_count - len(retry_pages))
        outcome.counts[row.id] = (parsed_count, failed_count, checkpoint_count)
        if page_count is None and result.page_count:
            outcome.lengths[part.document] = result.page_count
    return outcome


def _pages_worth_retrying(result: DocumentResult, part: Slice) -> tuple[int, ...]:
    """Return the pages that failed and may succeed in another attempt."""
    if not result.pages:
        return part.pages if _can_succeed_later(result.error) else ()
    return tuple(page.page for page in result.pages if _can_succeed_later(page.error))


def _can_succeed_later(error: ErrorInfo | None) -> bool:
    return error is not None and (error.retryable or error.code in _RESENT_CODES)


def _add_degradation_warning(
    results: Mapping[int, DocumentResult], response: ParseResponse
) -> dict[int, DocumentResult]:
    """Return the results, each with a warning that lists the parts that the response left out."""
    if not response.degraded:
        return dict(results)
    message = (
        f"the response was too large and lacks {', '.join(response.degraded)}; configure a bucket for the endpoint"
    )
    warning = PageWarning(code="DEGRADED", message=message)
    return {row: result.model_copy(update={"warnings": [*result.warnings, warning]}) for row, result in results.items()}


# --------------------------------------------------------------------------- the result of a document


@dataclass(frozen=True, slots=True)
class DocumentOutcome:
    """Outcome of a document.

    result: None where no page was parsed. error: the first error; None where all pages were parsed. codes: (kind, code)
    -> pages, with "error" or "warning" as the kind. seconds: engine time of its pages.
    """

    status: Status
    result: DocumentResult | None
    error: ErrorInfo | None
    codes: Mapping[tuple[str, str], int]
    seconds: float


def assemble(
    document: BatchDocument,
    rows: Sequence[SliceRow],
    results_by_slice: Mapping[int, DocumentResult],
    errors_by_slice: Mapping[int, ErrorInfo],
) -> DocumentOutcome:
    """Return the outcome of a document.

    rows: all its slices. results_by_slice: slice id -> its result. errors_by_slice: slice id -> the error of its job.
    """
    pages = _pages(document, rows, results_by_slice, errors_by_slice)
    results = [results_by_slice[row.id] for row in rows if row.id in results_by_slice]
    page_errors = [page.error for page in pages if page.error]
    parsed_count = len(pages) - len(page_errors)
    status: Status = "succeeded" if pages and not page_errors else "partial" if parsed_count else "failed"
    errors = [*page_errors, *(result.error for result in results if result.error), *errors_by_slice.values()]
    error = next(iter(errors), None)
    warnings = _warnings(document, results)
    codes: Counter[tuple[str, str]] = Counter(("error", page_error.code) for page_error in page_errors)
    codes.update(("warning", warning.code) for page in pages for warning in page.warnings)
    codes.update(("warning", warning.code) for warning in warnings)
    if not pages and error:
        codes["error", error.code] = 0
    page_count = document.page_count or max((result.page_count or 0 for result in results), default=0) or None
    result = DocumentResult(id=document.name, status=status, page_count=page_count, pages=pages, warnings=warnings)
    return DocumentOutcome(
        status,
        result if parsed_count else None,
        None if status == "succeeded" else error,
        codes,
        sum(page.seconds for page in pages),
    )


def failed_pages(
    document: BatchDocument,
    rows: Sequence[SliceRow],
    results_by_slice: Mapping[int, DocumentResult],
    errors_by_slice: Mapping[int, ErrorInfo],
) -> list[int]:
    """Return the numbers of the pages that have no result."""
    return [page.page for page in _pages(document, rows, results_by_slice, errors_by_slice) if page.error]


def _pages(
    document: BatchDocument,
    rows: Sequence[SliceRow],
    results_by_slice: Mapping[int, DocumentResult],
    errors_by_slice: Mapping[int, ErrorInfo],
) -> list[PageResult]:
    """Return every expected page once: parsed by any slice, or else with its latest error."""
    pages: dict[int, PageResult] = {}
    for row in rows:
        if row.id in results_by_slice:
            for page in results_by_slice[row.id].pages:
                if page.page not in pages or pages[page.page].error:
                    pages[page.page] = page
        if row.id in errors_by_slice and document.page_count is not None:
            for number in row.slice.pages:
                pages.setdefault(number, _failed_page(number, errors_by_slice[row.id]))
    if document.page_count is None:
        return [pages[number] for number in sorted(pages)]
    if not pages:
        return []
    default = ErrorInfo(code="PAGE_FAILED", message="the page is missing from the endpoint's response", retryable=False)
    error = next(iter(errors_by_slice.values()), default)
    return [pages.get(number) or _failed_page(number, error) for number in document.pages_of(document.page_count)]


def _failed_page(number: int, error: ErrorInfo) -> PageResult:
    return PageResult(page=number, status="failed", error=error.model_copy(update={"retryable": False}))


def _warnings(document: BatchDocument, results: Sequence[DocumentResult]) -> list[PageWarning]:
    """Return the warnings of the document as a whole, each code once."""
    warnings = {warning.code: warning for result in results for warning in result.warnings}
    # Only the document can answer whether pages past the end were requested: a slice of a URL requests pages before
    # they are counted, and any other slice requests existing pages only.
    warnings.pop(_OUT_OF_RANGE, None)
    if document.page_count is not None and has_page_beyond(document.ranges, document.page_count):
        message = f"some requested pages do not exist; the last page is {document.page_count}"
        warnings[_OUT_OF_RANGE] = PageWarning(code=_OUT_OF_RANGE, message=message)
    return list(warnings.values())


# --------------------------------------------------------------------------- the collector


class Collector:
    """Collector of the responses and errors of jobs.

    output: receives the results of documents. job_pages: most pages of a job. tries: most attempts of a job or page
    that may succeed in another attempt.
    on_unsuccessful: called for each document that did not succeed.
    """

    def __init__(self, folder: Folder, ledger: Ledger, output: Output, job_pages: int, tries: int) -> None:
        self._folder = folder
        self._ledger = ledger
        self._output = output
        self._job_pages = job_pages
        self._tries = tries
        self.on_unsuccessful: OnUnsuccessful = lambda name, status, code: None

    def contents_of(self, job: BatchJob) -> tuple[list[SliceRow], list[BatchDocument]]:
        """Return the job's slices and the document of each."""
        rows = self._ledger.slices_of_job(job.id)
        return rows, [self._ledger.document(row.slice.document) for row in rows]

    def record_unreadable(self, document: BatchDocument, error: ErrorInfo) -> None:
        """Record that the document cannot be opened. Raises BatchUnusable: the ledger cannot be written."""
        self._ledger.record_unreadable(document.id, error)
        self.on_unsuccessful(document.name, "failed", error.code)

    def collect(self, job: BatchJob, status: JobStatus) -> None:
        """Store the results of a job that ended, or handle its error. Raises BatchUnusable."""
        rows, documents = self.contents_of(job)
        response, results = status.response, results_of(status.response, rows)
        if response is None or len(results) < len(rows):
            self._handle_error(job, rows, error_of_job(status), status.times)
            return
        results = _add_degradation_warning(results, response)
        self._record_engine(response)
        self._folder.store_results(job.id, results)
        page_counts = {document.id: document.page_count for document in documents}
        outcome = outcome_of(results, rows, page_counts, self._tries)
        # A slice that failed once does not share a job again.
        jobs = [PlannedJob(job.options, [part]) for part in outcome.retries]
        lengths = {}
        for document in documents:
            if page_count := outcome.lengths.get(document.id):
                lengths[document.id] = (page_count, len(document.pages_of(page_count)))
                jobs += jobs_of_later_pages(document, self._job_pages, page_count)
        self._ledger.record_end(job.id, State.COLLECTED, outcome.counts, status.times, jobs, lengths)
        self._settle(documents)

    def fail(self, job: BatchJob, error: OcrWorkerError) -> None:
        """Handle the error of a job that has no response. Raises BatchUnusable."""
        self._handle_error(job, self._ledger.slices_of_job(job.id), error_info(error), NOT_MEASURED)

    def _handle_error(self, job: BatchJob, rows: Sequence[SliceRow], error: ErrorInfo, times: JobTimes) -> None:
        parts = [row.slice for row in rows]
        is_too_much = error.code in _HALVED_CODES
        halves = halve(parts[0]) if is_too_much and len(parts) == 1 else []
        if halves or (len(parts) > 1 and (is_too_much or not error.retryable)):
            # With several slices in a job it is unknown which of them caused the error, so each is sent alone.
            self._ledger.replan(job.id, error, times, [PlannedJob(job.options, [part]) for part in halves or parts])
        elif error.retryable and job.attempts + 1 < self._tries:
            wait_s = min(_MAX_WAIT_S, 2.0 ** (job.attempts + 1))
            self._ledger.retry_later(job.id, times, time.time() + wait_s)
        else:
            state = _STATE_OF.get(error.code, State.FAILED)
            counts = {row.id: (0, len(row.slice.pages), 0) for row in rows}
            self._ledger.record_end(job.id, state, counts, times, error=error)
            self._settle([self._ledger.document(part.document) for part in parts])

    # ----------------------------------------------------------------- documents

    def settle_finished(self) -> None:
        """Assemble the documents whose last job was collected by an earlier run. Raises BatchUnusable."""
        self._settle(self._ledger.planned_documents())
        self._output.flush()

    def _settle(self, documents: Iterable[BatchDocument]) -> None:
        for snapshot in documents:
            document = self._ledger.document(snapshot.id)
            if document.status == "waiting" and not self._ledger.has_unfinished_jobs(document.id):
                self.finish(document)

    def retry(self, document: BatchDocument) -> None:
        """Plan the document's failed pages again. Raises BatchUnusable."""
        rows, results_by_slice, errors_by_slice = self._slice_outcomes(document)
        pages = failed_pages(document, rows, results_by_slice, errors_by_slice)
        is_cut = any(row.slice.is_cut for row in rows)
        parts = [Slice(document.id, part, is_cut) for part in split_evenly(pages, self._job_pages)]
        self._ledger.reopen(document.id, parts, document.options)

    def can_finish(self, document: BatchDocument) -> bool:
        """Return whether the results of all pages of the document are stored."""
        rows, results_by_slice, errors_by_slice = self._slice_outcomes(document)
        return bool(rows) and all(row.id in results_by_slice or row.id in errors_by_slice for row in rows)

    def finish(self, document: BatchDocument) -> None:
        """Write the document's result from the stored results of its jobs. Raises BatchUnusable."""
        rows, results_by_slice, errors_by_slice = self._slice_outcomes(document)
        outcome = assemble(document, rows, results_by_slice, errors_by_slice)
        separator = json.loads(document.options).get("page_separator")
        files = self._output.put(document, outcome.result, separator) if outcome.result else {}
        self._ledger.record_result(
            document.id,
            outcome.status,
            error=outcome.error,
            codes=outcome.codes,
            files=files,
            seconds=outcome.seconds,
            doubt=document_doubt(outcome.result.pages) if outcome.result else None,
        )
        if outcome.status != "succeeded":
            self.on_unsuccessful(document.name, outcome.status, outcome.error.code if outcome.error else None)
        self._delete_results({row.job for row in rows})

    def _slice_outcomes(
        self, document: BatchDocument
    ) -> tuple[list[SliceRow], dict[int, DocumentResult], dict[int, ErrorInfo]]:
        rows = self._ledger.slices_of_document(document.id)
        jobs = sorted({row.job for row in rows})
        results_by_slice: dict[int, DocumentResult] = {}
        for job in jobs:
            results_by_slice |= self._folder.stored_results(job)
        errors = self._ledger.errors_of_jobs(jobs)
        return rows, results_by_slice, {row.id: errors[row.job] for row in rows if row.job in errors}

    def _delete_results(self, jobs: Iterable[int]) -> None:
        """Delete the results that no document needs any more.

        Those of a document with failed pages stay, because a retry adds to them.
        """
        for job in jobs:
            if not self._ledger.has_unsuccessful_documents(job):
                self._folder.delete_results(job)

    def _record_engine(self, response: ParseResponse) -> None:
        if not self._ledger.get("engine"):
            engine = response.engine
            self._ledger.put("engine", f"{engine.name} {engine.version} ({engine.backend})")
