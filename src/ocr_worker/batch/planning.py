"""Planning: count the pages of documents, cut documents into slices, and pack slices into jobs of about equal size.

A long document is cut into slices, a job for each. Short documents of equal options share a job. A file that is too
large for a job is sent in parts. The length of a URL's document is unknown: its first pages are planned, and the rest
once a response contains the page count (`later_pages`). `Planner` does this for the documents of the ledger, at most a
few hundred jobs ahead of the runner. Everything before it in this module is pure. Nothing here sends jobs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ocr_worker import threads
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.manifests import is_url
from ocr_worker.batch.model import BatchDocument, PlannedJob, Slice
from ocr_worker.batch.passwords import Passwords
from ocr_worker.batch.sending import FileCounter
from ocr_worker.errors import Cancelled, PageOutOfRange, SourceTooLarge, as_worker_error
from ocr_worker.settings import Settings
from ocr_worker.sources.rasterizer.media_type import PDF
from ocr_worker.wire.page_ranges import PageRange, select_pages
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import MAX_DOCUMENTS, ErrorInfo

OnUnreadable = Callable[[BatchDocument, ErrorInfo], None]

_ENTRY_BYTES = 2_000  # of a document's JSON besides its file, with a margin
_CUT_SHARE = 0.8  # of a job's bytes for a cut part: pages differ in size
_MAX_PAGE = 10_000_000  # end of an open range
_MAX_PLANNED_JOBS = 200  # jobs planned and not sent
_TICK_S = 0.25


# --------------------------------------------------------------------------- slices and jobs


@dataclass(frozen=True, slots=True)
class CountedDocument:
    """A document whose pages are counted.

    size: bytes that are sent with a job, 0 for a URL. page_count: of the file; None for a URL. ranges: requested pages;
    None: all. options: as JSON.
    """

    id: int
    size: int
    page_count: int | None
    ranges: tuple[PageRange, ...] | None
    options: str


class Packer:
    """Packer of documents into jobs, in the order in which they are added.

    job_pages: most pages of a job. payload_bytes: most bytes of its input as JSON.
    """

    def __init__(self, job_pages: int, payload_bytes: int) -> None:
        self._job_pages = job_pages
        self._payload_bytes = payload_bytes
        self._open_job: PlannedJob | None = None

    def add(self, document: CountedDocument) -> list[PlannedJob]:
        """Add a document and return the jobs that are complete now.

        These are a job for each slice of a long document, or the job of the short documents before a short one.
        """
        parts = list(self._slices(document))
        if len(parts) > 1:
            return [PlannedJob(document.options, [part]) for part, _ in parts]
        ((part, size),) = parts
        jobs = [] if self._fits(document.options, part, size) else self.flush()
        self._open_job = self._open_job or PlannedJob(document.options)
        self._open_job.slices.append(part)
        self._open_job.size += size
        return jobs

    def flush(self) -> list[PlannedJob]:
        """Return the job that is not full yet, if any, and start a new one."""
        job, self._open_job = self._open_job, None
        return [job] if job else []

    def _fits(self, options: str, part: Slice, size: int) -> bool:
        job = self._open_job
        return job is None or (
            job.options == options
            and job.page_count + len(part.pages) <= self._job_pages
            and job.size + size <= self._payload_bytes
            and len(job.slices) < MAX_DOCUMENTS
        )

    def _slices(self, document: CountedDocument) -> Iterator[tuple[Slice, int]]:
        """Yield the document's slices, each with its size in a job, in bytes."""
        size = encoded_size(document.size)
        if document.page_count is None:
            yield Slice(document.id, tuple(first_pages(document.ranges, self._job_pages))), size
            return
        pages = select_pages(document.ranges, document.page_count)
        is_cut = size > self._payload_bytes
        page_size = size / document.page_count
        max_pages = self._job_pages
        if is_cut:
            max_pages = max(1, min(max_pages, int(_CUT_SHARE * self._payload_bytes / page_size)))
        for part in split_evenly(pages, max_pages):
            yield Slice(document.id, part, is_cut), int(page_size * len(part)) if is_cut else size


def encoded_size(size: int) -> int:
    """Return the size of a file of `size` bytes in a job's JSON, as base64, in bytes."""
    return -(-size // 3) * 4 + _ENTRY_BYTES


def split_evenly(pages: Sequence[int], max_pages: int) -> list[tuple[int, ...]]:
    """Return the pages in parts of nearly equal length, each of at most `max_pages`."""
    count = -(-len(pages) // max_pages)
    return [tuple(pages[i * len(pages) // count : (i + 1) * len(pages) // count]) for i in range(count)]


def first_pages(ranges: Sequence[PageRange] | None, max_pages: int) -> list[int]:
    """Return the first `max_pages` requested pages of a document of unknown length."""
    if ranges is None:
        return list(range(1, max_pages + 1))
    pages: set[int] = set()
    for first, last in ranges:
        end = min(last or _MAX_PAGE, first + max_pages)
        pages.update(range(first, end + 1))
    return sorted(pages)[:max_pages]


def later_pages(ranges: Sequence[PageRange] | None, max_pages: int, page_count: int) -> list[int]:
    """Return the requested pages that are not among `first_pages`, once the document's length is known."""
    first = set(first_pages(ranges, max_pages))
    return [page for page in select_pages(ranges, page_count) if page not in first]


def jobs_of_later_pages(document: BatchDocument, job_pages: int, page_count: int) -> list[PlannedJob]:
    """Return jobs for the later pages of a document whose length is known from its first pages."""
    pages = later_pages(document.ranges, job_pages, page_count)
    return [PlannedJob(document.options, [Slice(document.id, part)]) for part in split_evenly(pages, job_pages)]


def halve(part: Slice) -> list[Slice]:
    """Return the two halves of a slice, or an empty list if it has only one page."""
    if len(part.pages) < 2:
        return []
    middle = len(part.pages) // 2
    halves = part.pages[:middle], part.pages[middle:]
    return [Slice(part.document, pages, part.is_cut, part.attempt) for pages in halves]


# --------------------------------------------------------------------------- the planner


class Planner:
    """Planner of the documents of the ledger.

    job_pages: most pages of a job. payload_bytes: most bytes of its input. on_unreadable: called for each document that
    cannot be opened. Set `is_stopped` to end planning.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        passwords: Passwords,
        job_pages: int,
        payload_bytes: int,
        on_unreadable: OnUnreadable,
    ) -> None:
        self.is_stopped = False
        self._ledger = ledger
        self._counter = FileCounter(settings)
        self._passwords = passwords
        self._job_pages = job_pages
        self._payload_bytes = payload_bytes
        self._on_unreadable = on_unreadable

    async def run(self) -> None:
        """Plan all documents that are in no job yet. Raises BatchUnusable: the ledger cannot be written."""
        packer = Packer(self._job_pages, self._payload_bytes)
        for document in self._ledger.unplanned_documents():
            if self.is_stopped:
                return
            counted_document = await self._count(document)
            if counted_document and (jobs := packer.add(counted_document)):
                self._ledger.plan(jobs)
                await self._wait_for_capacity()
        self._ledger.plan(packer.flush())

    def close(self) -> None:
        """End the processes that count pages."""
        self._counter.close()

    async def _wait_for_capacity(self) -> None:
        while self._ledger.planned_job_count() > _MAX_PLANNED_JOBS:
            await asyncio.sleep(_TICK_S)

    async def _count(self, document: BatchDocument) -> CountedDocument | None:
        """Count the document's pages and record the result. Return None if it cannot be read, which is its error."""
        if is_url(document.source):
            return CountedDocument(document.id, 0, None, document.ranges, document.options)
        try:
            work = partial(self._counter.count, Path(document.source), self._passwords.of(document.source))
            stamp, page_count, media_type = await asyncio.wrap_future(threads.start(work, "batch"))
            if encoded_size(stamp.size) > self._payload_bytes and media_type != PDF:
                raise SourceTooLarge(f"the file has {stamp.size:,} bytes, which do not fit into a job; use a URL")
            if not (pages := document.pages_of(page_count)):
                raise PageOutOfRange(f"none of the requested pages exists; the last page is {page_count}")
        except Cancelled:  # the run ends, and the next one counts the document
            return None
        except Exception as error:
            self._on_unreadable(document, error_info(as_worker_error(error)))
            return None
        self._ledger.record_length(document.id, stamp, page_count, len(pages))
        return CountedDocument(document.id, stamp.size, page_count, document.ranges, document.options)
