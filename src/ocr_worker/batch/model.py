"""The data of a batch: documents, slices and jobs, the status of a job at a service, and summaries.

These classes have no behavior beyond small properties; the modules of `batch` pass them to each other. `Service` is the
protocol that `remote` and `local` implement. Page numbers are integers here, as in the file and counted from 1. Ranges
as text (`1-3,8`) exist only in a job's input and in the ledger's tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from ocr_worker.wire.page_ranges import PageRange, select_pages
from ocr_worker.wire.schema import ErrorInfo, ParseResponse

Json = dict[str, Any]


class State(StrEnum):
    """State of a batch job. The ledger records a state before the action that it announces."""

    PLANNED = "planned"
    SUBMITTING = "submitting"
    QUEUED = "queued"
    RUNNING = "running"
    COLLECTED = "collected"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


OPEN_STATES = (State.SUBMITTING, State.QUEUED, State.RUNNING)
ENDED_STATES = (State.COLLECTED, State.FAILED, State.TIMED_OUT, State.EXPIRED, State.CANCELLED)


class Stamp(NamedTuple):
    """Size, time and hash of a file when its pages were counted."""

    size: int  # bytes
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BatchDocument:
    """A document of the ledger.

    name: name of its folder in the batch's folder. source: absolute path or http(s) URL. ranges: requested pages; None:
    all. options: as JSON, so that equal options are equal text. sha256, page_count: of the file; None until it is
    counted, and for a URL.
    """

    id: int
    name: str
    source: str
    ranges: tuple[PageRange, ...] | None
    options: str
    sha256: str | None
    page_count: int | None
    status: str

    def pages_of(self, page_count: int) -> list[int]:
        """Return the requested pages that exist in a file of `page_count` pages."""
        return select_pages(self.ranges, page_count)


@dataclass(frozen=True, slots=True)
class Slice:
    """Pages of one document in one job.

    document: its id. pages: ascending. is_cut: a PDF of only these pages is sent, because the file is too large for a
    job; its pages are then numbered from 1. attempt: counts from 1.
    """

    document: int
    pages: tuple[int, ...]
    is_cut: bool = False
    attempt: int = 1


@dataclass(slots=True)
class PlannedJob:
    """Slices of equal options that fit into one job. size: bytes of the job's input as JSON."""

    options: str
    slices: list[Slice] = field(default_factory=list)
    size: int = 0

    @property
    def page_count(self) -> int:
        """Number of pages of all slices."""
        return sum(len(part.pages) for part in self.slices)


@dataclass(frozen=True, slots=True)
class BatchJob:
    """A batch job of the ledger. pages: number of its pages. attempts: number of failed attempts."""

    id: int
    state: State
    service_id: str | None
    pages: int
    attempts: int
    options: str


@dataclass(frozen=True, slots=True)
class SliceRow:
    """A slice of the ledger, with the id of its job."""

    id: int
    job: int
    slice: Slice

    @property
    def wire_id(self) -> str:
        """Id of the slice's document in a request.

        It is the same in every job, so that checkpoints are found again. No job holds two slices of a document.
        """
        return f"document-{self.slice.document}"


class JobTimes(NamedTuple):
    """Seconds of a job, as the service measured them."""

    execution_s: float = 0.0
    delay_s: float = 0.0  # in the service's queue


NOT_MEASURED = JobTimes()


@dataclass(frozen=True, slots=True)
class JobStatus:
    """Status of a job at a service.

    state: QUEUED, RUNNING, COLLECTED, FAILED, TIMED_OUT or CANCELLED. response: of a job that ended; None: it is
    missing or cannot be read. error: of a FAILED job. pages_done: parsed pages of a running job, as far as the service
    reports them.
    """

    state: State
    response: ParseResponse | None = None
    error: ErrorInfo | None = None
    times: JobTimes = NOT_MEASURED
    pages_done: int = 0


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """Number of workers of a service (idle, running or starting), and of jobs in its queue from all clients."""

    workers: int
    in_queue: int


class Service(Protocol):
    """A destination of jobs: an endpoint of the platform, or the pipeline in this process."""

    name: str  # for people
    jobs_at_once: int  # jobs to send at the start, before anything is measured
    payload_bytes: int  # largest `input` of a job as JSON

    async def submit(self, job_input: Json, *, execution_timeout_s: float, ttl_s: float) -> str:
        """Submit a job and return its id at the service.

        Raises EndpointUnavailable: the service may still have the job; AuthenticationFailed; JobFailed: the service
        rejects the input.
        """
        ...

    async def status(self, job_id: str) -> JobStatus:
        """Return the status of a job.

        Raises JobExpired: the service does not know the job, or no longer; EndpointUnavailable; AuthenticationFailed.
        """
        ...

    async def cancel(self, job_id: str) -> None:
        """Cancel a job. An unknown or ended job is no error. Raises EndpointUnavailable."""
        ...

    async def health(self) -> ServiceHealth:
        """Return the service's workers and queue. Raises EndpointUnavailable, AuthenticationFailed."""
        ...

    async def close(self) -> None:
        """Release connections, threads and engines."""
        ...


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """Summary of a document for the report. status: succeeded, partial, failed, cancelled, or waiting."""

    name: str  # of its folder in the batch's folder
    source: str  # path or URL, without the query
    status: str
    pages_expected: int | None
    pages_parsed: int
    pages_failed: int
    errors: Mapping[str, int] = field(default_factory=dict)  # code -> pages; 0 pages: the document as a whole
    warnings: Mapping[str, int] = field(default_factory=dict)  # code -> pages
    message: str | None = None  # of the first error
    seconds: float = 0.0  # of execution, as the service measured it; shared out by pages where jobs hold several


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """Summary of a batch, from its ledger. Pages of documents of unknown length are not counted."""

    service: str
    engine: str | None  # name, version and backend, once a response names them
    jobs: Mapping[State, int]
    documents: Mapping[str, int]  # status -> number
    pages_expected: int
    pages_parsed: int
    pages_failed: int
    pages_from_checkpoint: int
    documents_of_unknown_length: int
    errors: Mapping[str, int]  # code -> pages, or documents that could not be opened
    warnings: Mapping[str, int]
    resubmitted: int  # jobs sent again: after a lost response, or as a retry
    execution_s: float
    delay_s: float  # summed over jobs: time in the service's queue
    wall_s: float  # duration of all runs
    cost: float | None  # of execution_s, when a price is known
