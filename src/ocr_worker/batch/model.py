"""The data of a batch: documents, slices, jobs and summaries.

These classes have no behavior beyond small properties; the modules of `batch` pass them to each other. The status of a
job at a service is `client.service.JobStatus`. Page numbers are integers here, as in the file and counted from 1.
Ranges as text (`1-3,8`) exist only in a job's input and in the ledger's tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ocr_worker.client.service import State
from ocr_worker.wire.page_ranges import PageRange, select_pages

SHARD_FOLDER = "pages/"
SHARD_PATH = f"{SHARD_FOLDER}part-%06d.parquet"  # of a Parquet file with results, in the batch's folder, by its number


class Stamp(NamedTuple):
    """Size, time and hash of a file when its pages were counted."""

    size: int  # bytes
    mtime_ns: int
    sha256: str


class Shard(NamedTuple):
    """A Parquet file with the results of documents, as the ledger recorded it. Numbers count from 1."""

    number: int
    row_count: int
    sha256: str

    @property
    def path(self) -> str:
        """Path of the file in the batch's folder."""
        return SHARD_PATH % self.number


@dataclass(frozen=True, slots=True)
class BatchDocument:
    """A document of the ledger.

    name: unique in the batch. source: absolute path, http(s) or s3:// URL. ranges: requested pages; None: all.
    options: as JSON, so that equal options are equal text. sha256, page_count: of the file; None until it is counted,
    and for a URL. folder: path of its folder in the batch's folder: its name, or in a large batch `ab/NAME`. shard:
    number of the Parquet file that has, or will have again, its rows; None: none yet, or the batch writes folders.
    """

    id: int
    name: str
    source: str
    ranges: tuple[PageRange, ...] | None
    options: str
    sha256: str | None
    page_count: int | None
    status: str
    folder: str
    shard: int | None = None

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


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """Summary of a document for the report. status: succeeded, partial, failed, cancelled, or waiting."""

    name: str  # unique in the batch
    source: str  # path or URL, without the query
    status: str
    pages_expected: int | None
    pages_parsed: int
    pages_failed: int
    errors: Mapping[str, int] = field(default_factory=dict)  # code -> pages; 0 pages: the document as a whole
    warnings: Mapping[str, int] = field(default_factory=dict)  # code -> pages
    message: str | None = None  # of the first error
    seconds: float = 0.0  # of execution, as the service measured it; shared out by pages where jobs hold several
    folder: str = ""  # path of its result in the batch's folder: its own folder, or the Parquet file with its rows


class CodeTotal(NamedTuple):
    """Documents and pages with a code. message: of a document that has no other code; None: there is none."""

    documents: int
    pages: int
    message: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentTotals:
    """Sums over the documents of a batch, which may be too many for a list.

    unknown_length_count: documents whose pages were not counted. warned_count: documents with warnings. statuses:
    number of documents by status. errors, warnings: by code.
    """

    count: int
    pages_expected: int
    pages_parsed: int
    pages_failed: int
    unknown_length_count: int
    warned_count: int
    statuses: Mapping[str, int]
    errors: Mapping[str, CodeTotal]
    warnings: Mapping[str, CodeTotal]


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
    execution_s: float  # summed over jobs; a second in which jobs share a worker counts for each of them
    delay_s: float  # summed over jobs: time in the service's queue and during the start of a worker, together
    busy_s: float  # seconds in which a worker ran jobs, each counted once per worker
    idle_s: float | None  # seconds in which workers waited, at most; None: the idle timeout is unknown
    cold_start_s: float  # starts of workers, at most: an estimate, the delay of the first job of each worker
    wall_s: float  # duration of all runs
    cost: float | None  # estimate, of busy_s and idle_s; None: no price is known
    cold_start_cost: float | None  # of cold_start_s
    cost_bound: float | None  # upper bound, of execution_s, idle_s and cold_start_s
    skipped: Mapping[str, int] = field(default_factory=dict)  # reason -> entries of the inputs that are not parsed

    @property
    def limited_cost(self) -> float | None:
        """Cost that a limit applies to: the estimate with cold starts. None: no price is known."""
        return None if self.cost is None else self.cost + (self.cold_start_cost or 0.0)
