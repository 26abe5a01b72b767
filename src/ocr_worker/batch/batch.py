"""One batch in one folder: the interface for programs and for the command."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ocr_worker.batch.collecting import Collector, OnFault
from ocr_worker.batch.folders import Folder
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import BatchSummary, DocumentSummary, Service, Stamp
from ocr_worker.batch.runner import Runner, RunOptions
from ocr_worker.errors import EndpointUnavailable
from ocr_worker.settings import Settings, load_settings


class Batch:
    """The batch in the folder `out`, new or continued. An async context manager that holds the folder's lock.

    service: where jobs are sent; None: the batch is only looked at. Entering raises BatchUnusable.
    """

    def __init__(
        self,
        out: Path,
        service: Service | None = None,
        options: RunOptions | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.folder = Folder(out)
        self.options = options or RunOptions()
        self.on_fault: OnFault = lambda name, status, code: None
        self.runner: Runner | None = None
        self._service = service
        self._settings = settings

    async def __aenter__(self) -> Self:
        self.folder.lock()
        self.ledger = Ledger(self.folder.ledger)
        self.folder.cancel_request.unlink(missing_ok=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._service:
            await self._service.close()
        self.ledger.close()

    def use(self, service: Service) -> None:
        """Send jobs to this service, which is closed with the batch."""
        self._service = service

    def open_read_only(self) -> None:
        """Open the ledger only to read it, beside a run that may be at work."""
        self.ledger = Ledger(self.folder.ledger)

    # ----------------------------------------------------------------- documents

    def add(self, items: Iterable[Item]) -> int:
        """Add documents; those that the batch has are left alone. Return the number of new ones."""
        return self.ledger.add(items)

    def changed(self) -> list[int]:
        """Return the documents whose file is not the one that was read."""
        return [document for document, source, stamp in self.ledger.stamps() if _has_changed(source, stamp)]

    def refresh(self, documents: Sequence[int]) -> None:
        """Have these documents read from the start."""
        for document in documents:
            self.folder.drop_document(self.ledger.document(document).name)  # it is of another file now
            self.ledger.reset(document)

    def retry(self, code: str | None = None) -> int:
        """Have what failed or was cancelled read once more: of documents that were parsed in part, their failed pages.
        With `code`, only documents with this error. Return the number of documents."""
        documents = self.ledger.unsuccessful_documents(code)
        collector = Collector(self.folder, self.ledger, self.options.job_pages, self.options.tries)
        for document in documents:
            collector.retry(document)
        return len(documents)

    # ----------------------------------------------------------------- work

    async def run(self) -> None:
        """Read until every document has a result. Raises what `Runner.run` raises."""
        assert self._service, "a batch that is to run has a service"
        self.ledger.put("service", self._service.name)
        self.runner = Runner(self.folder, self.ledger, self._service, self._settings or load_settings(), self.options)
        self.runner.collector.on_fault = self.on_fault
        began, before = time.monotonic(), float(self.ledger.get("wall_s", "0"))
        try:
            await self.runner.run()
        finally:
            self.ledger.put("wall_s", str(before + time.monotonic() - began))

    async def cancel(self) -> int:
        """Stop all jobs at the service, and cancel what waits. Return the number of jobs that were under way."""
        jobs = self.ledger.open_jobs()
        for job in jobs:
            if self._service and job.service_id:
                try:
                    await self._service.cancel(job.service_id)
                except EndpointUnavailable:
                    continue  # its time-to-live ends it
        self.ledger.cancel_all()
        return len(jobs)

    # ----------------------------------------------------------------- results

    def summary(self) -> BatchSummary:
        """Return the batch in numbers."""
        return self.ledger.summary()

    def documents(self) -> list[DocumentSummary]:
        """Return a summary of every document."""
        return self.ledger.document_summaries()

    def faults(self) -> list[str]:
        """Return what differs from the ledger in the documents' folders."""
        return [fault for name, files in self.ledger.files() for fault in self.folder.faults(name, files)]


def _has_changed(path: str, stamp: Stamp) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False  # nothing can be said of it, and what was read of it stays
    if (status.st_size, status.st_mtime_ns) == (stamp.size, stamp.mtime_ns):
        return False
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() != stamp.sha256
