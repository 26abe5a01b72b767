"""The data of a batch: documents, the slices and jobs that they are read in, what a service says of a job, summaries.

Page numbers are integers here, as in the file and counted from 1. Ranges written as text (`1-3,8`) exist in a job's
input and in the ledger's tables only.
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
    """State of a batch job. The ledger holds a state before the act that it announces."""

    PLANNED = "planned"
    SUBMITTING = "submitting"
    QUEUED = "queued"
    RUNNING = "running"
    COLLECTED = "collected"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


OPEN = (State.SUBMITTING, State.QUEUED, State.RUNNING)
ENDED = (State.COLLECTED, State.FAILED, State.TIMED_OUT, State.EXPIRED, State.CANCELLED)


class Stamp(NamedTuple):
    """What a file was when its pages were counted."""

    size: int  # bytes
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the ledger.

    name: its folder below the batch's. source: absolute path or http(s) URL. ranges: the pages asked for; None: all.
    options: as JSON, so that equal options are equal text. sha256, page_count: of the file; None until it is counted,
    and of a URL.
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
        """Return the pages asked for that a file of `page_count` pages has."""
        return select_pages(self.ranges, page_count)


@dataclass(frozen=True, slots=True)
class Slice:
    """Pages of one document in one job.

    document: its id. pages: ascending. is_cut: a PDF of these pages only is sent, because the file is too large for a
    job; its pages are then numbered from 1. attempt: counts from 1.
    """

    document: int
    pages: tuple[int, ...]
    is_cut: bool = False
    attempt: int = 1


@dataclass(slots=True)
class PlannedJob:
    """Slices that are sent together: of equal options, within the limits of a job. size: bytes of its input as JSON."""

    options: str
    slices: list[Slice] = field(default_factory=list)
    size: int = 0

    @property
    def page_count(self) -> int:
        """Pages of all slices."""
        return sum(len(part.pages) for part in self.slices)


@dataclass(frozen=True, slots=True)
class Job:
    """A batch job of the ledger. pages: their number. attempts: how often it failed."""

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
        """Id of the slice's document in a request: the same in every job, so that checkpoints are found again. No job
        holds two slices of a document."""
        return f"document-{self.slice.document}"


class JobTimes(NamedTuple):
    """Seconds of a job, as the service measured them."""

    execution_s: float = 0.0
    delay_s: float = 0.0  # in the service's queue


NOT_MEASURED = JobTimes()


@dataclass(frozen=True, slots=True)
class Look:
    """What a service says of a job.

    state: QUEUED, RUNNING, COLLECTED, FAILED, TIMED_OUT or CANCELLED. response: of a job that ended; None: it has none,
    or none that can be read. error: of a FAILED job. pages_done: of a running job, as far as the service says.
    """

    state: State
    response: ParseResponse | None = None
    error: ErrorInfo | None = None
    times: JobTimes = NOT_MEASURED
    pages_done: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """Workers of a service (idle, running or starting), and jobs in its queue, including those of other clients."""

    workers: int
    in_queue: int


class Service(Protocol):
    """Where a batch sends jobs: an endpoint of the platform, or the pipeline in this process."""

    name: str  # for people
    jobs_at_once: int  # jobs worth having there at the start, before anything was measured
    payload_bytes: int  # largest `input` of a job as JSON

    async def submit(self, job_input: Json, *, execution_timeout_s: float, ttl_s: float) -> str:
        """Hand over a job and return its id at the service.

        Raises EndpointUnavailable: the service may have the job all the same; AuthenticationFailed; JobFailed: the
        input is refused.
        """
        ...

    async def look(self, job_id: str) -> Look:
        """Return the state of a job. Raises JobExpired: the service does not know it (any more); EndpointUnavailable;
        AuthenticationFailed."""
        ...

    async def cancel(self, job_id: str) -> None:
        """Stop a job; one that is unknown or has ended is no error. Raises EndpointUnavailable."""
        ...

    async def health(self) -> Health:
        """Return the service's workers and queue. Raises EndpointUnavailable, AuthenticationFailed."""
        ...

    async def close(self) -> None:
        """Release connections, threads and engines."""
        ...


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """One document for the report. status: succeeded, partial, failed, cancelled, or waiting."""

    name: str  # its folder below the batch's
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
    """A batch in numbers, from its ledger. Pages of documents of unknown length are not counted."""

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
    resubmitted: int  # jobs sent again: a lost answer, a retry
    execution_s: float
    delay_s: float  # summed over jobs: time in the service's queue
    wall_s: float  # that a run was at work, over all runs
    cost: float | None  # of execution_s, when a price is known
