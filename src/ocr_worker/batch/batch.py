"""One batch in one folder: what a program, and the command, does with it."""

from __future__ import annotations

import hashlib
import json
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
from ocr_worker.batch.model import OPEN, BatchSummary, DocumentSummary, Service
from ocr_worker.batch.runner import Runner, RunOptions
from ocr_worker.batch.summary import batch_summary, document_summaries
from ocr_worker.errors import EndpointUnavailable
from ocr_worker.settings import Settings, load_settings

_AGAIN = ("failed", "partial", "cancelled")


class Batch:
    """The batch in the folder `out`, begun or gone on with. An async context manager that holds the folder's lock.

    service: where jobs go; None: it is only looked at. Entering raises BatchUnusable.
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
        """Where jobs go; it is closed with the batch."""
        self._service = service

    def look(self) -> None:
        """Opens the ledger beside a run that may be at work; to be looked at only."""
        self.ledger = Ledger(self.folder.ledger)

    # ----------------------------------------------------------------- documents

    def add(self, items: Iterable[Item]) -> int:
        """Documents to read; those that the batch knows are left alone. How many are new."""
        return self.ledger.add(items)

    def changed(self) -> list[int]:
        """Documents whose file is another than the one that was read."""
        found = []
        for document, source, *known in self.ledger.stamps():
            try:
                now = os.stat(source)
            except OSError:
                continue  # nothing can be said of it, and what was read of it stands
            if [now.st_size, now.st_mtime_ns] != known[:2] and _digest(source) != known[2]:
                found.append(document)
        return found

    def refresh(self, documents: Sequence[int]) -> None:
        """These are read from the start."""
        for document in documents:
            (row,) = self.ledger.documents("id = ?", document)
            self.folder.drop_document(row.name)  # of another file: nobody is to take it for this one
            self.ledger.reset(document)

    def retry(self, code: str | None = None) -> int:
        """What failed, or was cancelled, is to be read once more: of parsed documents their failed pages only. How many
        documents; with `code`, those that have it."""
        marks = ",".join("?" * len(_AGAIN))
        documents = self.ledger.documents(f"status IN ({marks})", *_AGAIN)
        having = {one for (one,) in self.ledger.query("SELECT document FROM faults WHERE code = ?", code)}
        chosen = [document for document in documents if code is None or document.id in having]
        collector = Collector(self.folder, self.ledger, self.options.job_pages, self.options.tries)
        for document in chosen:
            collector.retry(document, document.options)
        return len(chosen)

    # ----------------------------------------------------------------- work

    async def run(self) -> None:
        """Reads until every document has its last word. Raises what `Runner.run` raises."""
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
        """Stops all jobs at the service, and gives up what waits. How many jobs were under way."""
        jobs = self.ledger.jobs(OPEN)
        for job in jobs:
            if self._service and job.service_id:
                try:
                    await self._service.cancel(job.service_id)
                except EndpointUnavailable:
                    continue  # its time-to-live ends it
        self.ledger.cancel_all()
        return len(jobs)

    # ----------------------------------------------------------------- what came of it

    def summary(self) -> BatchSummary:
        """The batch in numbers."""
        return batch_summary(self.ledger)

    def faults(self) -> list[str]:
        """What differs from the ledger on the disk."""
        rows = self.ledger.query("SELECT name, files FROM documents ORDER BY id")
        return [fault for name, files in rows for fault in self.folder.faults(name, json.loads(files))]

    def documents(self) -> list[DocumentSummary]:
        """Every document."""
        return document_summaries(self.ledger)


def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
