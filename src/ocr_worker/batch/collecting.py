"""What came back: answers are kept on the disk, told to the ledger, and put together to whole documents."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ocr_worker.batch import answers
from ocr_worker.batch.documents import Fault, assembled, failed_pages
from ocr_worker.batch.folders import Folder
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import Document, Job, Json, Look, SliceRow, State
from ocr_worker.batch.plan import PlannedJob, Slice, as_ranges, parts
from ocr_worker.errors import JobExpired, JobFailed, JobTimedOut, OcrWorkerError, every_error
from ocr_worker.wire.page_ranges import parse_page_ranges, select_pages
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import ErrorInfo

OnFault = Callable[[str, str, str | None], None]

_RETRYABLE = {error.code for error in every_error() if error.retryable}
_STATE_OF = {JobExpired.code: State.EXPIRED, JobTimedOut.code: State.TIMED_OUT}


class Collector:
    """job_pages: most of a job; tries: of what may succeed another time. `on_fault(name, status, code)` is told of each
    document that did not succeed."""

    def __init__(self, folder: Folder, ledger: Ledger, job_pages: int, tries: int) -> None:
        self._folder = folder
        self._ledger = ledger
        self._job_pages = job_pages
        self._tries = tries
        self.on_fault: OnFault = lambda name, status, code: None

    def carried_by(self, job: Job) -> tuple[list[SliceRow], list[Document]]:
        """The job's slices, and of each its document."""
        rows = self._ledger.slices("job", job.id)
        return rows, [self._ledger.documents("id = ?", row.slice.document)[0] for row in rows]

    def unopened(self, document: Document, error: ErrorInfo) -> None:
        """The document's last word, before any job was spent on it. Raises BatchUnusable."""
        self._ledger.unopened(document.id, error)
        self.on_fault(document.name, "failed", error.code)

    def collect(self, job: Job, look: Look) -> None:
        """The job's end: its answer kept, or its failure acted upon. Raises BatchUnusable."""
        rows, documents = self.carried_by(job)
        entries = answers.entries_of(look.output, rows)
        if len(entries) < len(rows):
            self._failed(job, rows, _reason(look), (look.execution_s, look.delay_s))
            return
        _mark_degraded(entries.values(), look.output or {})
        self._note_engine(look.output or {})
        self._folder.keep_answer(job.id, entries)
        known = {document.id: document.page_count for document in documents}
        reading = answers.read(entries, rows, known, self._tries)
        more = answers.jobs_for(reading.again, job.options)
        lengths = {}
        for document in documents:
            if length := reading.lengths.get(document.id):
                asked = parse_page_ranges(document.pages) if document.pages else None
                lengths[document.id] = (length, len(select_pages(asked, length)))
                more += answers.the_rest(document.id, document.pages, self._job_pages, length, job.options)
        times = (look.execution_s, look.delay_s)
        self._ledger.collected(job.id, State.COLLECTED, reading.counts, times, more, lengths)
        self._settle(documents)

    def failed(self, job: Job, error: OcrWorkerError) -> None:
        """The job has no answer. Raises BatchUnusable."""
        self._failed(job, self._ledger.slices("job", job.id), error_info(error), (0.0, 0.0))

    def _failed(self, job: Job, rows: Sequence[SliceRow], error: ErrorInfo, times: tuple[float, float]) -> None:
        halves = answers.in_halves(rows[0]) if error.code in answers.HALVED and len(rows) == 1 else None
        if halves or (len(rows) > 1 and (not error.retryable or error.code in answers.HALVED)):
            # In company nobody knows whose fault it was; what is too much may do in parts.
            parts = halves or [row.slice for row in rows]
            self._ledger.replan(job.id, error, times, [PlannedJob(job.options, [one]) for one in parts])
        elif error.retryable and job.attempts + 1 < self._tries:
            wait_s = min(60.0, 2.0 ** (job.attempts + 1))
            self._ledger.again(job.id, times, time.time() + wait_s)
        else:
            state = _STATE_OF.get(error.code, State.FAILED)
            counts = {row.id: (0, row.slice.count, 0) for row in rows}
            self._ledger.collected(job.id, state, counts, times, error=error)
            self._settle([self._ledger.documents("id = ?", row.slice.document)[0] for row in rows])

    # ----------------------------------------------------------------- documents

    def settle_finished(self) -> None:
        """Documents whose last job an earlier run saw back, and no more. Raises BatchUnusable."""
        self._settle(self._ledger.documents("planned = 1 AND status = 'waiting'"))

    def _settle(self, documents: Sequence[Document]) -> None:
        for given in documents:
            (document,) = self._ledger.documents("id = ?", given.id)
            if document.status == "waiting" and not self._ledger.unfinished(document.id):
                self._put_together(document)

    def retry(self, document: Document, options: str) -> None:
        """The document's failed pages are to be read once more."""
        rows, kept, failures = self._known_of(document)
        numbers = failed_pages(document, rows, kept, failures)
        again = [Slice(document.id, as_ranges(part), len(part)) for part in parts(numbers, self._job_pages)]
        cut = any(row.slice.cut for row in rows)
        self._ledger.reopen(document.id, [replace(one, cut=cut) for one in again], options)

    def _known_of(self, document: Document) -> tuple[list[SliceRow], dict[int, Json], dict[int, Fault]]:
        rows = self._ledger.slices("document", document.id)
        jobs = sorted({row.job for row in rows})
        kept: dict[int, Json] = {}
        for job in jobs:
            kept |= self._folder.answer(job)
        return rows, kept, self._failures(jobs, rows)

    def _put_together(self, document: Document) -> None:
        rows, kept, failures = self._known_of(document)
        whole = assembled(document, rows, kept, failures)
        files = self._folder.put_document(document.name, whole.entry) if whole.entry else {}
        self._ledger.settle(
            document.id, whole.status, error=whole.error, faults=whole.faults, files=files, seconds=whole.seconds
        )
        if whole.status != "succeeded":
            self.on_fault(document.name, whole.status, whole.error[0] if whole.error else None)
        self._drop_answers({row.job for row in rows})

    def _drop_answers(self, jobs: Iterable[int]) -> None:
        """Those that no document needs any more; what has holes may be filled up later."""
        needed = (
            "SELECT 1 FROM slices JOIN documents ON documents.id = document WHERE job = ? AND status <> 'succeeded'"
        )
        for job in jobs:
            if not self._ledger.query(needed, job):
                self._folder.drop_answer(job)

    def _failures(self, jobs: Sequence[int], rows: Sequence[SliceRow]) -> dict[int, Fault]:
        marks = ",".join("?" * len(jobs))
        told = self._ledger.query(
            f"SELECT id, code, message FROM jobs WHERE id IN ({marks}) AND code IS NOT NULL", *jobs
        )
        reasons = {job: (code, message) for job, code, message in told}
        return {row.id: reasons[row.job] for row in rows if row.job in reasons}

    def _note_engine(self, output: Json) -> None:
        engine = output.get("engine")
        if engine and not self._ledger.get("engine"):
            self._ledger.put("engine", f"{engine['name']} {engine['version']} ({engine['backend']})")


def _reason(look: Look) -> ErrorInfo:
    """Why a job that ended has no answer for all of its slices."""
    if look.state is State.TIMED_OUT:
        return error_info(JobTimedOut("the job ran into the endpoint's execution timeout"))
    if look.state is State.CANCELLED:
        return error_info(JobFailed("the job was cancelled at the endpoint"))
    if look.state is State.COLLECTED:
        return error_info(JobFailed("the answer is none of this worker's: it lacks documents of the job"))
    output = look.output or {}
    code, _, message = (look.error or "").partition(": ")
    if told := output.get("code"):
        return ErrorInfo(code=told, message=output.get("message", ""), retryable=bool(output.get("retryable")))
    if code.isupper():
        return ErrorInfo(code=code, message=message, retryable=code in _RETRYABLE)
    return error_info(JobFailed("the job failed without a code; the endpoint's log has the reason"))


def _mark_degraded(entries: Iterable[Json], output: Json) -> None:
    """What an answer had to leave out is a warning of each of its documents."""
    if left_out := output.get("degraded"):
        told = f"left out so that the answer fits: {', '.join(left_out)}; give the endpoint a bucket"
        for entry in entries:
            entry["warnings"] = [*entry.get("warnings", []), {"code": "DEGRADED", "message": told}]
