"""The batch as one object: the interface for programs and for the `ocr-worker batch` command.

`Batch` opens the ledger in an output folder and offers all that can be done with it: add documents, run, retry, cancel,
summarize, verify. It holds no logic beyond that: the `ledger` stores the state, a `runner` does the work, and `folders`
writes the results.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ocr_worker.batch.collecting import Collector, OnUnsuccessful
from ocr_worker.batch.folders import Folder
from ocr_worker.batch.inputs import Entry, Item, SkippedEntry, gather
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.manifests import is_url
from ocr_worker.batch.model import BatchDocument, BatchSummary, DocumentSummary, Stamp
from ocr_worker.batch.outputs import Format, Output, check_format, choose_output, has_folders, open_output
from ocr_worker.batch.passwords import Passwords
from ocr_worker.batch.report import (
    DOCUMENT_COLUMNS,
    MAX_LISTED,
    MAX_ROWS,
    SKIPPED_COLUMNS,
    report_json,
    skipped_row,
)
from ocr_worker.batch.report_page import report_html
from ocr_worker.batch.runner import Runner, RunOptions
from ocr_worker.client.service import Service
from ocr_worker.errors import Encrypted, EndpointUnavailable
from ocr_worker.settings import Settings, load_settings

_MANIFESTS = "manifests"  # value of the ledger: paths of the manifests that have passwords, as JSON


class Repairs(NamedTuple):
    """Names of the damaged documents that were written again, that the next run parses, and whose file is gone."""

    written: list[str]
    planned: list[str]
    impossible: list[str]


class Batch:
    """The batch in the folder `out`, new or continued; an async context manager that holds the folder's lock.

    service: where jobs are sent; None: the batch is only read. password: of the documents that have none of their own.
    result_format: `folders`, a folder for each document, or `parquet`, rows of files in `pages/`; None: that of
    earlier runs, or folders. result_url: `s3://BUCKET/PREFIX`, which receives Parquet files instead of `out`. Raises
    SettingsInvalid: pyarrow is not installed; InvalidRequest: folders in a bucket. Entering raises BatchUnusable:
    another run holds the folder, or the ledger or the disk cannot be used; InvalidRequest: the batch has other results.
    """

    def __init__(
        self,
        out: Path,
        service: Service | None = None,
        options: RunOptions | None = None,
        settings: Settings | None = None,
        password: str | None = None,
        result_format: Format | None = None,
        result_url: str = "",
    ) -> None:
        check_format(result_format, result_url)
        self.folder = Folder(out)
        self.options = options or RunOptions()
        self.on_unsuccessful: OnUnsuccessful = lambda name, status, code: None
        self.runner: Runner | None = None
        self._service = service
        self._settings = settings
        self._passwords = Passwords(password)
        self._chosen_output = result_format, result_url

    async def __aenter__(self) -> Self:
        self.folder.lock()
        self.ledger = Ledger(self.folder.ledger)
        choose_output(self.ledger, *self._chosen_output)
        self.folder.cancel_request.unlink(missing_ok=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._service:
            await self._service.close()
        self.ledger.close()

    def set_service(self, service: Service) -> None:
        """Set the service that receives the jobs. It is closed with the batch."""
        self._service = service

    def open_read_only(self) -> None:
        """Open the ledger for reading only, without the lock, while another process may run the batch."""
        self.ledger = Ledger(self.folder.ledger)

    @cached_property
    def output(self) -> Output:
        """Results of the documents."""
        return open_output(self.folder, self.ledger, self._settings or load_settings())

    @property
    def has_folders(self) -> bool:
        """Return whether the results of the documents are folders, and not Parquet files."""
        return has_folders(self.ledger)

    # ----------------------------------------------------------------- documents

    def add(self, entries: Iterable[Entry]) -> int:
        """Add documents, except those that the batch already has, and record skipped entries, for the report.

        A document that failed because it is encrypted is planned again once its password is known. Return the number of
        new documents, and of those that replace a document that was never parsed.
        """
        with self.ledger.transaction():
            self.ledger.forget_skipped([entry for entry in self.skipped() if not os.path.lexists(entry.source)])
            manifests = set(self._manifests())
            new_count = self.ledger.add(self._note_passwords(entries, manifests), self.folder.foreign_names())
            self.ledger.put(_MANIFESTS, json.dumps(sorted(manifests)))
        for document in self.ledger.unsuccessful_documents(Encrypted.code):
            if document.status == "failed" and self._passwords.of(document.source) is not None:
                self.ledger.reset(document.id)
        return new_count

    def _note_passwords(self, entries: Iterable[Entry], manifests: set[str]) -> Iterator[Entry]:
        """Yield the entries, and collect their passwords and the manifests that have some."""
        for entry in entries:
            if isinstance(entry, Item) and entry.password is not None:
                self._passwords.add([entry])
                manifests |= {entry.manifest} if entry.manifest else set()
            yield entry

    def recall_passwords(self) -> None:
        """Read passwords again from the manifests that were added. Raises InvalidRequest: a manifest is not valid."""
        self._passwords.add(item for item in gather(self._manifests(), ()) if isinstance(item, Item))

    def password_of(self, source: str) -> str | None:
        """Return the password of a document's source; None: it has none, or this process does not have it."""
        return self._passwords.of(source)

    def _manifests(self) -> list[str]:
        manifests: list[str] = json.loads(self.ledger.get(_MANIFESTS, "[]"))
        return manifests

    def changed_documents(self, limit: int | None = None) -> list[int]:
        """Return the ids of the documents whose file has changed since it was parsed.

        limit: number of files to look at, in the order in which they were added; None: all.
        """
        stamps = islice(self.ledger.stamps(), limit)
        return [document for document, source, stamp in stamps if _has_changed(source, stamp)]

    def refresh(self, documents: Sequence[int]) -> None:
        """Delete the results of these documents, so that the next run parses them from the start."""
        self.output.delete(map(self.ledger.document, documents))  # they belong to the older files
        for document in documents:
            self.ledger.reset(document)

    def repair(self) -> Repairs:
        """Write damaged results of documents again, or plan their documents again if the results are not stored.

        A damaged document whose file is gone stays as it is.
        """
        collector = self._collector()
        written: list[BatchDocument] = []
        planned: list[BatchDocument] = []
        impossible: list[BatchDocument] = []
        for document in self.damaged_documents():
            if collector.can_finish(document):
                written.append(document)
            elif is_url(document.source) or os.access(document.source, os.R_OK):
                planned.append(document)
            else:
                impossible.append(document)
        self.output.delete([*written, *planned])
        for document in written:
            collector.finish(document)
        for document in planned:
            self.ledger.reset(document.id)
        self.output.flush()
        return Repairs(*([document.name for document in group] for group in (written, planned, impossible)))

    def retry(self, code: str | None = None) -> int:
        """Plan failed and cancelled documents again. Return their number.

        Of documents that were parsed in part, only the failed pages are sent. code: only documents with this error.
        """
        collector, count = self._collector(), 0
        for document in self.ledger.unsuccessful_documents(code):
            collector.retry(document)
            count += 1
        return count

    def _collector(self) -> Collector:
        return Collector(self.folder, self.ledger, self.output, self.options.job_pages, self.options.tries)

    # ----------------------------------------------------------------- work

    async def run(self) -> None:
        """Process documents until each has a result. Raises the exceptions of `Runner.run`."""
        assert self._service, "a batch that is to run has a service"
        self.output.check()
        self.ledger.put("service", self._service.name)
        settings = self._settings or load_settings()
        self.runner = Runner(
            self.folder, self.ledger, self.output, self._service, settings, self._passwords, self.options
        )
        self.runner.collector.on_unsuccessful = self.on_unsuccessful
        started_at, earlier_s = time.monotonic(), float(self.ledger.get("wall_s", "0"))
        try:
            await self.runner.run()
        finally:
            self.output.flush()
            self.ledger.put("wall_s", str(earlier_s + time.monotonic() - started_at))

    async def cancel(self) -> int:
        """Cancel all jobs and all documents without a result. Return the number of jobs that were at the service."""
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

    def documents(self) -> Iterator[DocumentSummary]:
        """Yield a summary of every document."""
        return self.ledger.document_summaries()

    def skipped(self) -> Iterator[SkippedEntry]:
        """Yield the entries of the inputs that are not parsed."""
        return self.ledger.skipped_entries()

    def damaged_documents(self) -> list[BatchDocument]:
        """Return the documents whose result is not as the ledger recorded it."""
        damaged = dict.fromkeys(document for _, documents in self.output.damages() for document in documents)
        return [self.ledger.document(document) for document in damaged]

    def differences(self) -> Iterator[str]:
        """Yield the differences between the documents' results and the ledger, a sentence each."""
        return (difference for difference, _ in self.output.damages())

    def write_report(self) -> tuple[Path, Path]:
        """Write the report as JSON and as HTML, and for a large batch its tables. Return the paths of the first two."""
        summary, totals = self.summary(), self.ledger.document_totals()
        skipped_count, is_large = sum(summary.skipped.values()), totals.count > MAX_LISTED
        documents = self.ledger.worst_documents(MAX_ROWS) if is_large else list(self.documents())
        tables = {}
        if is_large:
            tables["documents"] = self.folder.put_table("documents", DOCUMENT_COLUMNS, self.ledger.document_rows())
        if skipped_count > MAX_LISTED:
            tables["skipped"] = self.folder.put_table("skipped", SKIPPED_COLUMNS, map(skipped_row, self.skipped()))
        skipped = list(islice(self.skipped(), MAX_ROWS if "skipped" in tables else None))
        return self.folder.put_report(
            report_json(summary, documents, skipped, totals=totals, tables=tables),
            report_html(summary, documents, skipped, totals=totals, tables=tables),
        )


def _has_changed(path: str, stamp: Stamp) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False  # unknown, so the results stay
    if (status.st_size, status.st_mtime_ns) == (stamp.size, stamp.mtime_ns):
        return False
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() != stamp.sha256
