"""Planning: documents are counted, cut into slices, and put into jobs of about the same size.

A long document is cut into slices, a job for each. Short documents of equal options share a job. A file that is too
large for a job is sent in parts. Of a URL nobody knows the length: its first pages are planned, and the rest once a
response says how many there are (`later_pages`). `Planner` does this for the documents of the ledger, not too far
ahead of what is sent; everything before it in this module is pure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ocr_worker import threads
from ocr_worker.batch.inputs import is_url
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import Document, PlannedJob, Slice
from ocr_worker.batch.sending import FileCounter
from ocr_worker.errors import PageOutOfRange, SourceTooLarge, as_worker_error
from ocr_worker.settings import Settings
from ocr_worker.sources.rasterizer.media_type import PDF
from ocr_worker.wire.page_ranges import PageRange, select_pages
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import MAX_DOCUMENTS, ErrorInfo

OnUnreadable = Callable[[Document, ErrorInfo], None]

_ENTRY_BYTES = 2_000  # of a document's JSON besides its bytes, with room to spare
_CUT_SHARE = 0.8  # of a job's bytes for a cut part: pages differ in size
_MOST_PAGES = 10_000_000  # end of an open range
_AHEAD = 200  # jobs planned and not sent
_TICK_S = 0.25


# --------------------------------------------------------------------------- slices and jobs


@dataclass(frozen=True, slots=True)
class CountedDocument:
    """What planning knows of a document. size: bytes that are sent with a job, 0 for a URL. page_count: of the file;
    None for a URL. ranges: the pages asked for; None: all."""

    id: int
    size: int
    page_count: int | None
    ranges: tuple[PageRange, ...] | None
    options: str


class Packer:
    """Puts documents into jobs in the order in which they come. job_pages: most pages of a job. payload_bytes: most
    bytes of its input as JSON."""

    def __init__(self, job_pages: int, payload_bytes: int) -> None:
        self._job_pages = job_pages
        self._payload_bytes = payload_bytes
        self._open: PlannedJob | None = None

    def add(self, document: CountedDocument) -> list[PlannedJob]:
        """Return the jobs that are full with this document: one for each slice of a long document, or that of the
        short documents before it."""
        parts = list(self._slices(document))
        if len(parts) > 1:
            return [PlannedJob(document.options, [part]) for part, _ in parts]
        ((part, size),) = parts
        full = [] if self._fits(document.options, part, size) else self.rest()
        self._open = self._open or PlannedJob(document.options)
        self._open.slices.append(part)
        self._open.size += size
        return full

    def rest(self) -> list[PlannedJob]:
        """Return the job that is not full yet, if there is one."""
        job, self._open = self._open, None
        return [job] if job else []

    def _fits(self, options: str, part: Slice, size: int) -> bool:
        job = self._open
        return job is None or (
            job.options == options
            and job.page_count + len(part.pages) <= self._job_pages
            and job.size + size <= self._payload_bytes
            and len(job.slices) < MAX_DOCUMENTS
        )

    def _slices(self, document: CountedDocument) -> Iterator[tuple[Slice, int]]:
        """Yield the document's slices, each with its bytes in a job."""
        size = encoded_size(document.size)
        if document.page_count is None:
            yield Slice(document.id, tuple(first_pages(document.ranges, self._job_pages))), size
            return
        pages = select_pages(document.ranges, document.page_count)
        is_cut = size > self._payload_bytes
        page_size = size / document.page_count
        most = self._job_pages
        if is_cut:
            most = max(1, min(most, int(_CUT_SHARE * self._payload_bytes / page_size)))
        for part in split_evenly(pages, most):
            yield Slice(document.id, part, is_cut), int(page_size * len(part)) if is_cut else size


def encoded_size(size: int) -> int:
    """Return the bytes that a file of `size` bytes takes in a job's JSON, as base64."""
    return -(-size // 3) * 4 + _ENTRY_BYTES


def split_evenly(pages: Sequence[int], most: int) -> list[tuple[int, ...]]:
    """Return the pages in parts of nearly equal length, each of at most `most`."""
    count = -(-len(pages) // most)
    return [tuple(pages[i * len(pages) // count : (i + 1) * len(pages) // count]) for i in range(count)]


def first_pages(ranges: Sequence[PageRange] | None, most: int) -> list[int]:
    """Return the first `most` pages asked for of a document of unknown length."""
    if ranges is None:
        return list(range(1, most + 1))
    pages: set[int] = set()
    for first, last in ranges:
        end = min(last or _MOST_PAGES, first + most)
        pages.update(range(first, end + 1))
    return sorted(pages)[:most]


def later_pages(ranges: Sequence[PageRange] | None, most: int, page_count: int) -> list[int]:
    """Return the pages asked for that are not among `first_pages`, now that the document's length is known."""
    planned = set(first_pages(ranges, most))
    return [page for page in select_pages(ranges, page_count) if page not in planned]


def jobs_of_later_pages(document: Document, job_pages: int, page_count: int) -> list[PlannedJob]:
    """Return jobs for the later pages of a document whose first pages told its length."""
    pages = later_pages(document.ranges, job_pages, page_count)
    return [PlannedJob(document.options, [Slice(document.id, part)]) for part in split_evenly(pages, job_pages)]


def halve(part: Slice) -> list[Slice]:
    """Return the slice in two; nothing where it has only one page."""
    if len(part.pages) < 2:
        return []
    middle = len(part.pages) // 2
    halves = part.pages[:middle], part.pages[middle:]
    return [Slice(part.document, pages, part.is_cut, part.attempt) for pages in halves]


# --------------------------------------------------------------------------- the planner


class Planner:
    """Plans the documents of the ledger. job_pages: most pages of a job. payload_bytes: most bytes of its input.

    on_unreadable: called for each document that cannot be opened. Set `is_stopped` to end planning.
    """

    def __init__(
        self, ledger: Ledger, settings: Settings, job_pages: int, payload_bytes: int, on_unreadable: OnUnreadable
    ) -> None:
        self.is_stopped = False
        self._ledger = ledger
        self._counter = FileCounter(settings)
        self._job_pages = job_pages
        self._payload_bytes = payload_bytes
        self._on_unreadable = on_unreadable

    async def run(self) -> None:
        """Return when all documents are planned. Raises BatchUnusable."""
        packer = Packer(self._job_pages, self._payload_bytes)
        for document in self._ledger.unplanned_documents():
            if self.is_stopped:
                return
            if (counted := await self._counted(document)) and (full := packer.add(counted)):
                self._ledger.plan(full)
                await self._wait_for_room()
        self._ledger.plan(packer.rest())

    def close(self) -> None:
        """End the processes that count pages."""
        self._counter.close()

    async def _wait_for_room(self) -> None:
        while self._ledger.planned_job_count() > _AHEAD:
            await asyncio.sleep(_TICK_S)

    async def _counted(self, document: Document) -> CountedDocument | None:
        """Return what is known of the document, and record it; None for one that cannot be read, which has failed."""
        if is_url(document.source):
            return CountedDocument(document.id, 0, None, document.ranges, document.options)
        try:
            work = partial(self._counter.count, Path(document.source))
            stamp, page_count, media_type = await asyncio.wrap_future(threads.start(work, "batch"))
            if encoded_size(stamp.size) > self._payload_bytes and media_type != PDF:
                raise SourceTooLarge(f"{stamp.size:,} bytes do not fit into a job: give a URL instead")
            if not (pages := document.pages_of(page_count)):
                raise PageOutOfRange(f"none of the pages asked for exists: the document has {page_count}")
        except Exception as error:
            if not self.is_stopped:  # Ctrl-C reaches the processes that count, too
                self._on_unreadable(document, error_info(as_worker_error(error)))
            return None
        self._ledger.record_length(document.id, stamp, page_count, len(pages))
        return CountedDocument(document.id, stamp.size, page_count, document.ranges, document.options)
