"""The plan of a batch: how long it takes and what it costs, before anything is paid.

`count_pages` opens every file, as a run does, and draws pages at random for a sample. `measure` parses the sample with
a service, in a batch that is thrown away, and `former_rate` takes the rate of a former run instead. `Rate.estimate`
then says how long all pages take on a number of workers. The estimate knows nothing of other clients of the service.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from math import ceil
from pathlib import Path
from typing import NamedTuple

from ocr_worker import threads
from ocr_worker.batch.batch import Batch
from ocr_worker.batch.costs import Usage
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.runner import RunOptions
from ocr_worker.batch.sending import FileCounter
from ocr_worker.client.service import Service
from ocr_worker.errors import InvalidRequest, as_worker_error
from ocr_worker.settings import Settings
from ocr_worker.wire.page_ranges import format_page_ranges, parse_page_ranges, select_pages

_CHUNK = 64  # files that are read at once, by `raster_workers` threads


@dataclass(frozen=True, slots=True)
class Estimate:
    """Time and cost of a batch on this many workers. seconds: with the start of the workers. cost: None: no price."""

    workers: int
    seconds: float
    cost: float | None


@dataclass(frozen=True, slots=True)
class Rate:
    """The rate of one worker.

    page_s: seconds of a worker per page. cold_start_s: seconds until a worker is ready. pages: number of pages that
    were measured.
    """

    page_s: float
    cold_start_s: float
    pages: int

    def estimate(self, pages: int, workers: int, price_per_second: float | None = None) -> Estimate:
        """Return the time and cost of parsing `pages` pages on `workers` workers that start now."""
        billed_s = workers * self.cold_start_s + pages * self.page_s
        seconds = self.cold_start_s + pages * self.page_s / workers
        return Estimate(workers, seconds, None if price_per_second is None else billed_s * price_per_second)

    def workers_for(self, pages: int, seconds: float) -> int | None:
        """Return the smallest number of workers that parse `pages` pages in this time; None: no number does."""
        working_s = seconds - self.cold_start_s
        return max(1, ceil(pages * self.page_s / working_s)) if working_s > 0 else None


def former_rate(ledger: Ledger) -> Rate:
    """Return the rate of a former run. Raises InvalidRequest: nothing was measured in it."""
    usage, pages = ledger.usage(), ledger.executed_pages()
    if not pages or not usage.busy_s:
        raise InvalidRequest("no job of that batch has a measured time: name another batch, or leave out --like")
    return Rate(usage.busy_s / pages, usage.cold_start_s / max(1, usage.worker_count), pages)


def parse_deadline(text: str, now: datetime) -> datetime:
    """Return a deadline: `18:00`, the next time that a clock shows this, or a date and time as in ISO 8601.

    Raises ValueError: it is neither, or in the past.
    """
    if len(text) <= len("18:00"):
        clock = datetime.strptime(text, "%H:%M")
        deadline = now.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
        return deadline if deadline > now else deadline + timedelta(days=1)
    deadline = datetime.fromisoformat(text)
    if deadline.tzinfo is None:
        deadline = deadline.replace(tzinfo=now.tzinfo)
    if deadline <= now:
        raise ValueError
    return deadline


# --------------------------------------------------------------------------- pages and sample


@dataclass(slots=True)
class PageCount:
    """The pages of the inputs.

    url_count: documents at URLs, whose pages are not counted. unreadable_count: documents that cannot be opened.
    sample: pages that were drawn at random, as documents of one page each.
    """

    documents: int = 0
    pages: int = 0
    url_count: int = 0
    unreadable_count: int = 0
    sample: list[Item] | None = None


def count_pages(items: Iterable[Item], settings: Settings, sample_size: int, password: str | None = None) -> PageCount:
    """Return the number of pages of all files, and a sample of the pages. password: of documents without their own."""
    counter, result, draw = FileCounter(settings), PageCount(), random.Random(0)
    sample: list[Item] = []
    try:
        for item, page_count in _counted(items, counter, settings.raster_workers, password):
            result.documents += 1
            if item.is_url:
                result.url_count += 1
                continue
            ranges = parse_page_ranges(item.pages) if item.pages else None
            pages = select_pages(ranges, page_count) if page_count else []
            result.unreadable_count += not pages
            for page in pages:  # each page of the batch is in the sample with the same probability
                result.pages += 1
                position = len(sample) if len(sample) < sample_size else draw.randrange(result.pages)
                if position < sample_size:
                    sample[position : position + 1] = [replace(item, pages=format_page_ranges((page,)))]
    finally:
        counter.close()
    result.sample = sample
    return result


def _counted(
    items: Iterable[Item], counter: FileCounter, thread_count: int, password: str | None
) -> Iterator[tuple[Item, int | None]]:
    """Yield each document with its number of pages; None for a URL, or if it cannot be opened."""

    def count(item: Item) -> int | None:
        if item.is_url:
            return None
        try:
            return counter.count(Path(item.source), item.password or password)[1]
        except Exception as error:
            as_worker_error(error)
            return None

    remaining_items = iter(items)
    while chunk := list(islice(remaining_items, _CHUNK)):
        yield from zip(chunk, threads.map_bounded(count, chunk, thread_count, "batch"), strict=True)


async def measure(
    sample: Sequence[Item], service: Service, settings: Settings, options: RunOptions, password: str | None = None
) -> Rate:
    """Return the rate at which the service parses a sample. The results are thrown away.

    The first page is parsed alone. It pays for what comes once, such as the start of a worker and of its processes, so
    that the rate is that of the other pages. Raises InvalidRequest: no page of the sample was parsed; and the errors of
    `Batch.run`.
    """
    with tempfile.TemporaryDirectory(prefix="ocr-worker-plan-") as folder:
        async with Batch(Path(folder), service, options, settings, password) as batch:
            first = await _parse(batch, sample[:1])
            last = await _parse(batch, sample[1:])
            summary = batch.summary()
    if not summary.pages_parsed:
        codes = ", ".join(summary.errors)
        raise InvalidRequest(f"no page of the sample was parsed ({codes or 'no error'}): parse one to see why")
    # An engine in this process starts before its first job, so that its start is no delay of a job.
    cold_start_s = first.usage.cold_start_s
    if not service.outlives_client:
        cold_start_s = max(cold_start_s, first.wall_s - first.usage.busy_s)
    pages = last.pages - first.pages
    if not pages:
        return Rate(last.usage.busy_s / last.pages, cold_start_s, last.pages)
    return Rate((last.usage.busy_s - first.usage.busy_s) / pages, cold_start_s, pages)


class _Progress(NamedTuple):
    """Sums of a batch so far. pages: those whose time is in `usage`. wall_s: of all runs."""

    usage: Usage
    pages: int
    wall_s: float


async def _parse(batch: Batch, items: Sequence[Item]) -> _Progress:
    """Add documents to a batch and parse them. Return its progress."""
    if items:
        batch.add(items)
        await batch.run()
    return _Progress(batch.ledger.usage(), batch.ledger.executed_pages(), batch.summary().wall_s)
