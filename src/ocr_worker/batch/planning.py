"""Documents are looked into, one after the other, and put into jobs, not too far ahead of what is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from ocr_worker import threads
from ocr_worker.batch.collecting import Collector
from ocr_worker.batch.inputs import is_url
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import Document
from ocr_worker.batch.plan import Counted, Packer, travelling
from ocr_worker.batch.sending import Counting
from ocr_worker.errors import PageOutOfRange, SourceTooLarge, typed
from ocr_worker.settings import Settings
from ocr_worker.sources.rasterizer.media_type import PDF
from ocr_worker.wire.results import error_info

Value = TypeVar("Value")

_AHEAD = 200  # jobs
_TICK_S = 0.25


class Planner:
    """job_pages: most of a job. payload_bytes: of its input. Whoever sets `stopped` has no more planned."""

    def __init__(
        self, ledger: Ledger, collector: Collector, settings: Settings, job_pages: int, payload_bytes: int
    ) -> None:
        self.stopped = False
        self._ledger = ledger
        self._collector = collector
        self._counting = Counting(settings)
        self._job_pages = job_pages
        self._payload_bytes = payload_bytes

    async def run(self) -> None:
        """Returns when all documents are planned. Raises BatchUnusable."""
        packer = Packer(self._job_pages, self._payload_bytes)
        for document in self._ledger.documents("planned = 0 AND status = 'waiting'"):
            if self.stopped:
                return
            if (counted := await self._counted(document)) and (full := packer.add(counted)):
                self._ledger.plan(full)
                await self._not_too_far_ahead()
        self._ledger.plan(packer.rest())

    def close(self) -> None:
        """Ends the children that count."""
        self._counting.close()

    async def _not_too_far_ahead(self) -> None:
        while self._ledger.query("SELECT COUNT(*) FROM jobs WHERE state = 'planned'")[0][0] > _AHEAD:
            await asyncio.sleep(_TICK_S)

    async def _counted(self, document: Document) -> Counted | None:
        """What is known of it; None when it cannot be read, which is then its last word."""
        if is_url(document.source):
            return Counted(document.id, 0, None, document.pages, document.options)
        try:
            stamp, pages, kind = await on_thread(partial(self._counting.look, Path(document.source)))
            counted = Counted(document.id, stamp[0], pages, document.pages, document.options)
            if travelling(stamp[0]) > self._payload_bytes and kind != PDF:
                raise SourceTooLarge(f"{stamp[0]:,} bytes do not fit into a job: give a URL instead")
            if not counted.numbers:
                raise PageOutOfRange(f"none of the pages asked for exists: the document has {pages}")
        except Exception as error:
            if not self.stopped:  # Ctrl-C reaches the children that count, too
                self._collector.unopened(document, error_info(typed(error)))
            return None
        self._ledger.count(document.id, stamp, pages, len(counted.numbers))
        return counted


def on_thread(function: Callable[[], Value]) -> Awaitable[Value]:
    """Runs it on a daemon thread: the event loop must not wait for disks."""
    return asyncio.wrap_future(threads.start(function, "batch"))
