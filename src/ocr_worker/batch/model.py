"""The words of a batch: what is to be read, the jobs it is read in, and what is known of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from ocr_worker.batch.plan import Slice

Json = dict[str, Any]


class State(StrEnum):
    """Of a job of ours. The ledger holds the state before the act that it announces."""

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


@dataclass(frozen=True, slots=True)
class Document:
    """A row of the ledger's documents."""

    id: int
    name: str
    source: str
    pages: str | None
    options: str
    sha256: str | None
    page_count: int | None
    status: str


@dataclass(frozen=True, slots=True)
class Job:
    """A row of its jobs. pages: how many it carries. attempts: how often it failed."""

    id: int
    state: State
    service_id: str | None
    pages: int
    attempts: int
    options: str


@dataclass(frozen=True, slots=True)
class SliceRow:
    """A row of its slices, with the slice that was planned."""

    id: int
    job: int
    slice: Slice


@dataclass(frozen=True, slots=True)
class Look:
    """What the service says of a job. state: QUEUED, RUNNING, COLLECTED (its output is here), FAILED, TIMED_OUT or
    CANCELLED. output: of a job that ended, the worker's answer. execution_s, delay_s: as the service measured them."""

    state: State
    output: Json | None = None
    error: str | None = None
    execution_s: float = 0.0
    delay_s: float = 0.0
    pages_done: int = 0  # of a running job, as far as it tells


@dataclass(frozen=True, slots=True)
class Health:
    """Of the service: workers there are (idle, running or starting), and jobs in its queue, ours and others'."""

    workers: int
    in_queue: int


class Service(Protocol):
    """Where documents go and answers come from: an endpoint of the platform, or the pipeline in this process."""

    name: str  # for people
    jobs_at_once: int  # jobs worth having there at the start, before anything was measured
    payload_bytes: int  # largest `input` of a job as JSON

    async def submit(self, job_input: Json, *, execution_timeout_s: float, ttl_s: float) -> str:
        """Hands a job over; its id there. Raises EndpointUnavailable (the answer may be lost, the job there all the
        same), AuthenticationFailed, JobFailed for an input that is refused."""
        ...

    async def look(self, job_id: str) -> Look:
        """How a job stands. Raises JobExpired when nobody knows it (any more), EndpointUnavailable,
        AuthenticationFailed."""
        ...

    async def cancel(self, job_id: str) -> None:
        """Stops a job; one that is unknown or has ended is no error. Raises EndpointUnavailable."""
        ...

    async def health(self) -> Health:
        """Raises EndpointUnavailable, AuthenticationFailed."""
        ...

    async def close(self) -> None:
        """Gives back connections, threads and engines."""
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
    """A batch in numbers, from its ledger. Pages whose number is not known yet are not counted."""

    service: str
    engine: str | None  # name, version and backend, once an answer told them
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
