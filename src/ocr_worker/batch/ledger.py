"""The ledger: the complete state of a batch in one SQLite file. No other module of the batch contains SQL.

    documents   documents of the batch, and their results     waiting ─▶ succeeded | partial | failed | cancelled
    jobs        jobs for the service                          see `model.State`
    executions  when which worker ran a job                   see `costs`
    slices      the pages of one document in one job
    faults      codes of errors and warnings, by document
    skipped     entries of the inputs that are not parsed, with the reason

`Database` opens the file and turns its errors into BatchUnusable. `Ledger` reads and writes the tables. Every change of
state is a transaction before the action that it announces, so a run that is started again continues from the last one.
Pages are text in the tables (`1-3,8`) and integers everywhere else. A path that is not UTF-8 is a blob in the tables
and has surrogates everywhere else (`os.fsdecode`). The methods here convert both. The ledger is not thread-safe, and
one process writes it at a time: see `Folder.lock`.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ocr_worker.batch.costs import Execution, Usage, measure_usage
from ocr_worker.batch.folders import RESERVED_NAMES
from ocr_worker.batch.inputs import Entry, Item, SkippedEntry
from ocr_worker.batch.manifests import is_url
from ocr_worker.batch.model import (
    BatchDocument,
    BatchJob,
    BatchSummary,
    DocumentSummary,
    PlannedJob,
    Slice,
    SliceRow,
    Stamp,
)
from ocr_worker.client.service import NOT_MEASURED, OPEN_STATES, JobTimes, State
from ocr_worker.errors import BatchUnusable
from ocr_worker.sources.fetch import redact_url
from ocr_worker.wire.page_ranges import format_page_ranges, parse_page_ranges, select_pages
from ocr_worker.wire.schema import ErrorInfo

_VERSION_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE documents (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, source TEXT NOT NULL, pages TEXT, options TEXT NOT NULL,
  size INTEGER, mtime_ns INTEGER, sha256 TEXT, page_count INTEGER, expected INTEGER,
  status TEXT NOT NULL DEFAULT 'waiting', planned INTEGER NOT NULL DEFAULT 0,
  code TEXT, message TEXT, files TEXT NOT NULL DEFAULT '{}', seconds REAL NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX document_of_source ON documents (source, COALESCE(pages, ''), options);
CREATE INDEX documents_by_status ON documents (status, planned);
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY, options TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'planned', service_id TEXT, pages INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, submissions INTEGER NOT NULL DEFAULT 0,
  not_before REAL NOT NULL DEFAULT 0, execution_s REAL NOT NULL DEFAULT 0, delay_s REAL NOT NULL DEFAULT 0,
  code TEXT, message TEXT);
CREATE INDEX jobs_by_state ON jobs (state, not_before);
CREATE TABLE slices (
  id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents, job INTEGER NOT NULL REFERENCES jobs,
  pages TEXT, count INTEGER NOT NULL, cut INTEGER NOT NULL, attempt INTEGER NOT NULL,
  parsed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, kept INTEGER NOT NULL DEFAULT 0);
CREATE INDEX slices_by_job ON slices (job);
CREATE INDEX slices_by_document ON slices (document);
CREATE TABLE faults (
  document INTEGER NOT NULL REFERENCES documents, kind TEXT NOT NULL, code TEXT NOT NULL, pages INTEGER NOT NULL);
CREATE INDEX faults_by_document ON faults (document);
"""
# In `executions`, only those with a known place. The sums stay with the jobs, and what is not there counts in full: the
# executions of an older ledger, and those that an older client adds while a newer one looks at its ledger.
_VERSION_2 = """
CREATE TABLE executions (
  id INTEGER PRIMARY KEY, job INTEGER NOT NULL REFERENCES jobs, worker TEXT NOT NULL, ended_at REAL NOT NULL,
  execution_s REAL NOT NULL, delay_s REAL NOT NULL);
CREATE TABLE skipped (source TEXT PRIMARY KEY, reason TEXT NOT NULL);
"""
_UPGRADES = (_VERSION_1, _VERSION_2)  # each turns the version before it into its own; a new ledger gets all of them

_UNFINISHED_STATES = (State.PLANNED, *OPEN_STATES)


class Database:
    """An SQLite file with a write-ahead log and a schema version. Its errors become BatchUnusable.

    The constructor opens or creates the file `path`.
    It raises BatchUnusable: the file is damaged or of another version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._typed_errors():
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
            if self._db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged")
            if self._version() > len(_UPGRADES):
                raise BatchUnusable(
                    f"the ledger {path} has version {self._version()}, and this client needs {len(_UPGRADES)};"
                    " use the version of the client that created it"
                )
            if self._version() < len(_UPGRADES):
                self._upgrade()

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _upgrade(self) -> None:
        """Create or upgrade the tables. Another process may do it at the same time."""
        with self.transaction():
            for script in _UPGRADES[self._version() :]:
                for statement in script.split(";"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {len(_UPGRADES)}")

    def close(self) -> None:
        """Close the database and merge its write-ahead log into the one file."""
        with self._typed_errors():
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Apply all changes of the block or none.

        Raises BatchUnusable: the disk is full or read-only, or the file is damaged.
        """
        with self._typed_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite has already rolled back after a full disk
                    self._db.execute("ROLLBACK")
                raise

    def _query(self, sql: str, *values: Any) -> list[Any]:
        with self._typed_errors():
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise BatchUnusable(
                f"the ledger {self._path} cannot be used ({error}); check the disk and its permissions and run again; a"
                " damaged ledger can be recovered (`sqlite3 ledger.sqlite3 .recover`), or moved away to start over"
            ) from None


class Ledger(Database):
    """The documents, jobs and slices of a batch. Every method can raise BatchUnusable, as `transaction` does."""

    _usage: tuple[tuple[float, int | None, float | None], Usage] | None = None  # the last one, and what it is made from

    # ----------------------------------------------------------------- values of the batch

    def get(self, name: str, default: str = "") -> str:
        """Return a value of the batch.

        They are `service`, `engine`, `target`, `wall_s`, `price_per_second`, `idle_timeout_s`.
        """
        rows = self._query("SELECT value FROM meta WHERE name = ?", name)
        return str(rows[0][0]) if rows else default

    def get_number(self, name: str) -> float | None:
        """Return a value of the batch that is a number; None: it is not stored."""
        value = self.get(name)
        return float(value) if value else None

    def put(self, name: str, value: str) -> None:
        """Store a value of the batch."""
        with self.transaction():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    @property
    def idempotency_key(self) -> str:
        """Idempotency key of all jobs.

        An endpoint with a bucket uses it to find a page that it has already parsed, whichever job requests it.
        """
        if not self.get("key"):
            self.put("key", f"batch-{secrets.token_hex(12)}")
        return self.get("key")

    # ----------------------------------------------------------------- documents: read

    def documents(self) -> list[BatchDocument]:
        """Return all documents, in the order in which they were added."""
        return self._documents("1")

    def document(self, document: int) -> BatchDocument:
        """Return one document."""
        return self._documents("id = ?", document)[0]

    def unplanned_documents(self) -> list[BatchDocument]:
        """Return the documents that are in no job yet."""
        return self._documents("planned = 0 AND status = 'waiting'")

    def planned_documents(self) -> list[BatchDocument]:
        """Return the documents that are in jobs and have no result yet."""
        return self._documents("planned = 1 AND status = 'waiting'")

    def unsuccessful_documents(self, code: str | None = None) -> list[BatchDocument]:
        """Return the documents that are partial, failed or cancelled. code: only documents with this error."""
        condition = "status IN ('failed', 'partial', 'cancelled')"
        if code is None:
            return self._documents(condition)
        return self._documents(f"{condition} AND id IN (SELECT document FROM faults WHERE code = ?)", code)

    def _documents(self, condition: str, *values: Any) -> list[BatchDocument]:
        columns = "id, name, source, pages, options, sha256, page_count, status"
        rows = self._query(f"SELECT {columns} FROM documents WHERE {condition} ORDER BY id", *values)
        return [
            BatchDocument(row_id, name, _decode_path(source), parse_page_ranges(pages) if pages else None, *rest)
            for row_id, name, source, pages, *rest in rows
        ]

    def stamps(self) -> list[tuple[int, str, Stamp]]:
        """Return document id, path and stamp of each file that has a result."""
        rows = self._query(
            "SELECT id, source, size, mtime_ns, sha256 FROM documents WHERE status <> 'waiting' AND sha256 IS NOT NULL"
        )
        return [(document, _decode_path(source), Stamp(*stamp)) for document, source, *stamp in rows]

    def files(self) -> list[tuple[str, dict[str, str]]]:
        """Return the name of each document, and the files in its folder: name -> sha256."""
        rows = self._query("SELECT name, files FROM documents ORDER BY id")
        return [(name, json.loads(files)) for name, files in rows]

    # ----------------------------------------------------------------- documents: change

    def add(self, entries: Iterable[Entry], foreign_names: Collection[str] = ()) -> int:
        """Add the documents that are new, under unique names, and the entries that are skipped.

        A document replaces another one of its file that no entry names, if nothing of that was parsed: it is the same
        document under corrected pages or options. foreign_names: names in the batch's folder that are not free.
        Return the number of documents that were added or replaced.
        """
        with self.transaction():
            entries = list(entries)
            items = {_identity(entry): entry for entry in reversed(entries) if isinstance(entry, Item)}
            old_identities = set(self._db.execute("SELECT source, pages, options FROM documents"))
            names = RESERVED_NAMES | {name for (name,) in self._db.execute("SELECT name FROM documents")}
            names |= set(foreign_names)
            new_items = [
                (identity, item) for identity, item in reversed(items.items()) if identity not in old_identities
            ]
            for identity, item in new_items:
                if not self._replace(identity, items):
                    sql = "INSERT INTO documents (name, source, pages, options) VALUES (?, ?, ?, ?)"
                    self._db.execute(sql, (_unique_name(item.name, names), *identity))
            self._record_skipped(entry for entry in entries if isinstance(entry, SkippedEntry))
            return len(new_items)

    def _replace(self, identity: _Identity, items: Collection[_Identity]) -> bool:
        """Give a document of the same source that was never parsed another identity. Return whether there is one."""
        sql = (
            "SELECT id, source, pages, options FROM documents WHERE source = ? AND ("
            " status IN ('failed', 'cancelled') OR status = 'waiting' AND NOT EXISTS ("
            "  SELECT 1 FROM slices JOIN jobs ON jobs.id = job WHERE document = documents.id AND submissions > 0))"
            " AND NOT EXISTS (SELECT 1 FROM slices WHERE document = documents.id AND parsed > 0) ORDER BY id"
        )
        for document, *row in self._db.execute(sql, identity[:1]).fetchall():
            if tuple(row) not in items:
                self._db.execute(
                    "UPDATE documents SET pages = ?, options = ? WHERE id = ?", (identity[1], identity[2], document)
                )
                self._reset(document)
                return True
        return False

    def _record_skipped(self, entries: Iterable[SkippedEntry]) -> None:
        rows = [(_encode_path(entry.source), entry.reason) for entry in entries]
        self._db.executemany("INSERT OR REPLACE INTO skipped VALUES (?, ?)", rows)
        self._db.execute("DELETE FROM skipped WHERE source IN (SELECT source FROM documents)")

    def forget_skipped(self, entries: Iterable[SkippedEntry]) -> None:
        """Remove these entries from the skipped ones."""
        with self.transaction():
            rows = [(_encode_path(entry.source),) for entry in entries]
            self._db.executemany("DELETE FROM skipped WHERE source = ?", rows)

    def skipped_entries(self) -> list[SkippedEntry]:
        """Return the entries of the inputs that are not parsed, sorted by reason and path."""
        rows = self._query("SELECT source, reason FROM skipped ORDER BY reason, source")
        return [SkippedEntry(_decode_path(source), reason) for source, reason in rows]

    def record_length(self, document: int, stamp: Stamp, page_count: int, pages_expected: int) -> None:
        """Record the stamp and length of a document's file. expected: number of requested pages that exist."""
        with self.transaction():
            self._db.execute(
                "UPDATE documents SET size = ?, mtime_ns = ?, sha256 = ?, page_count = ?, expected = ? WHERE id = ?",
                (*stamp, page_count, pages_expected, document),
            )

    def record_unreadable(self, document: int, error: ErrorInfo) -> None:
        """Record that a document cannot be read. No job is sent for it."""
        with self.transaction():
            self._db.execute(
                "UPDATE documents SET status = 'failed', planned = 1, code = ?, message = ? WHERE id = ?",
                (error.code, error.message, document),
            )
            self._db.execute("INSERT INTO faults VALUES (?, 'error', ?, 0)", (document, error.code))

    def record_result(
        self,
        document: int,
        status: str,
        *,
        error: ErrorInfo | None,
        codes: Mapping[tuple[str, str], int],
        files: Mapping[str, str],
        seconds: float,
    ) -> None:
        """Record a document's result.

        codes: (kind, code) -> pages, with "error" or "warning" as the kind. files: name -> sha256. seconds: engine
        time.
        """
        code, message = (error.code, error.message) if error else (None, None)
        with self.transaction():
            self._db.execute(
                "UPDATE documents SET status = ?, code = ?, message = ?, files = ?, seconds = ? WHERE id = ?",
                (status, code, message, json.dumps(files), seconds, document),
            )
            self._db.execute("DELETE FROM faults WHERE document = ?", (document,))
            rows = [(document, kind, code, pages) for (kind, code), pages in codes.items()]
            self._db.executemany("INSERT INTO faults VALUES (?, ?, ?, ?)", rows)

    def reset(self, document: int) -> None:
        """Delete the result of a document whose file has changed, so that it is counted and parsed from the start."""
        with self.transaction():
            self._reset(document)

    def _reset(self, document: int) -> None:
        for table in ("slices", "faults"):
            self._db.execute(f"DELETE FROM {table} WHERE document = ?", (document,))
        # A job that was never sent shrinks, or is not needed any more.
        unsent = "state = 'planned' AND submissions = 0"
        self._db.execute(f"DELETE FROM jobs WHERE {unsent} AND NOT EXISTS (SELECT 1 FROM slices WHERE job = jobs.id)")
        count = "(SELECT SUM(count) FROM slices WHERE job = jobs.id)"
        self._db.execute(f"UPDATE jobs SET pages = {count} WHERE {unsent} AND pages <> {count}")
        self._db.execute(
            "UPDATE documents SET status = 'waiting', planned = 0, code = NULL, message = NULL, seconds = 0,"
            " files = '{}', page_count = NULL, expected = NULL, sha256 = NULL, size = NULL, mtime_ns = NULL"
            " WHERE id = ?",
            (document,),
        )

    def reopen(self, document: int, slices: Sequence[Slice], options: str) -> None:
        """Plan these slices of a document again, a job for each. Without slices, the document is counted again."""
        with self.transaction():
            self._db.execute("UPDATE slices SET failed = 0 WHERE document = ?", (document,))
            self._db.execute("DELETE FROM faults WHERE document = ?", (document,))
            sql = "UPDATE documents SET status = 'waiting', planned = 0, code = NULL, message = NULL WHERE id = ?"
            self._db.execute(sql, (document,))
            for part in slices:
                self._plan(PlannedJob(options, [part]))

    def cancel_all(self) -> None:
        """Cancel the jobs that have not ended, and the documents without a result."""
        with self.transaction():
            sql = f"UPDATE jobs SET state = 'cancelled' WHERE state IN ({_placeholders(_UNFINISHED_STATES)})"
            self._db.execute(sql, _UNFINISHED_STATES)
            self._db.execute("UPDATE documents SET status = 'cancelled', planned = 1 WHERE status = 'waiting'")

    # ----------------------------------------------------------------- jobs: read

    def jobs_to_send(self, limit: int) -> list[BatchJob]:
        """Return the first planned jobs that are due, and those whose submission was interrupted."""
        return self._jobs((State.SUBMITTING, State.PLANNED), limit)

    def jobs_at_service(self) -> list[BatchJob]:
        """Return the jobs that are queued or running at the service."""
        return self._jobs((State.QUEUED, State.RUNNING))

    def open_jobs(self) -> list[BatchJob]:
        """Return the jobs that the service may have: queued, running, or in submission."""
        return self._jobs(OPEN_STATES)

    def _jobs(self, states: Sequence[State], limit: int = -1) -> list[BatchJob]:
        rows = self._query(
            "SELECT id, state, service_id, pages, attempts, options FROM jobs"
            f" WHERE state IN ({_placeholders(states)}) AND not_before <= ? ORDER BY id LIMIT ?",
            *states,
            time.time(),
            limit,
        )
        return [BatchJob(job, State(state), *rest) for job, state, *rest in rows]

    def planned_job_count(self) -> int:
        """Return the number of planned jobs, including those that are not due yet."""
        return int(self._query("SELECT COUNT(*) FROM jobs WHERE state = 'planned'")[0][0])

    def has_unsent_jobs(self) -> bool:
        """Return whether any job is planned, due or not, or its submission was interrupted."""
        return bool(self._query("SELECT 1 FROM jobs WHERE state IN ('planned', 'submitting') LIMIT 1"))

    def has_unfinished_jobs(self, document: int) -> bool:
        """Return whether any job of the document has not ended."""
        sql = (
            f"SELECT 1 FROM slices JOIN jobs ON jobs.id = job"
            f" WHERE document = ? AND state IN ({_placeholders(_UNFINISHED_STATES)}) LIMIT 1"
        )
        return bool(self._query(sql, document, *_UNFINISHED_STATES))

    def has_unsuccessful_documents(self, job: int) -> bool:
        """Return whether any document of the job has no complete result, so that the job's results must stay stored."""
        sql = "SELECT 1 FROM slices JOIN documents ON documents.id = document WHERE job = ? AND status <> 'succeeded'"
        return bool(self._query(sql, job))

    def errors_of_jobs(self, jobs: Collection[int]) -> dict[int, ErrorInfo]:
        """Return job id -> error, for those of the jobs that failed."""
        rows = self._query(
            f"SELECT id, code, message FROM jobs WHERE id IN ({_placeholders(jobs)}) AND code IS NOT NULL", *jobs
        )
        return {job: ErrorInfo(code=code, message=message or "", retryable=False) for job, code, message in rows}

    def executed_pages(self) -> int:
        """Return the number of pages in the jobs whose execution time is known."""
        return int(self._query("SELECT TOTAL(pages) FROM jobs WHERE execution_s > 0")[0][0])

    def usage(self) -> Usage:
        """Return the seconds of workers so far."""
        execution_s = self._query("SELECT TOTAL(execution_s) FROM jobs")[0][0]
        newest_row = self._query("SELECT MAX(id) FROM executions")[0][0]
        key = (execution_s, newest_row, self.get_number("idle_timeout_s"))
        if (
            self._usage is None or self._usage[0] != key
        ):  # computed for each job that is sent, but it changes less often
            rows = self._query("SELECT worker, ended_at - execution_s, ended_at, delay_s FROM executions")
            self._usage = key, measure_usage(execution_s, [Execution(*row) for row in rows], key[2])
        return self._usage[1]

    def pages_of_jobs(self, jobs: Collection[int]) -> int:
        """Return the number of pages in these jobs."""
        return int(self._query(f"SELECT TOTAL(pages) FROM jobs WHERE id IN ({_placeholders(jobs)})", *jobs)[0][0])

    def slices_of_job(self, job: int) -> list[SliceRow]:
        """Return the slices in a job."""
        return self._slices("job", job)

    def slices_of_document(self, document: int) -> list[SliceRow]:
        """Return the slices of a document, in the order in which they were planned."""
        return self._slices("document", document)

    def _slices(self, column: str, value: int) -> list[SliceRow]:
        rows = self._query(
            f"SELECT id, job, document, pages, count, cut, attempt FROM slices WHERE {column} = ? ORDER BY id", value
        )
        return [
            SliceRow(row, job, Slice(document, _page_numbers(pages, count), bool(is_cut), attempt))
            for row, job, document, pages, count, is_cut, attempt in rows
        ]

    # ----------------------------------------------------------------- jobs: change

    def plan(self, jobs: Iterable[PlannedJob]) -> None:
        """Add jobs, and mark the documents of their slices as planned.

        All slices of a document must be in the same call.
        """
        with self.transaction():
            for job in jobs:
                self._plan(job)

    def _plan(self, job: PlannedJob) -> None:
        sql = "INSERT INTO jobs (pages, options) VALUES (?, ?)"
        job_id = self._db.execute(sql, (job.page_count, job.options)).lastrowid
        for part in job.slices:
            pages = format_page_ranges(part.pages)
            self._db.execute(
                "INSERT INTO slices (document, job, pages, count, cut, attempt) VALUES (?, ?, ?, ?, ?, ?)",
                (part.document, job_id, pages, len(part.pages), part.is_cut, part.attempt),
            )
            self._db.execute("UPDATE documents SET planned = 1 WHERE id = ?", (part.document,))

    def mark_submitting(self, job: int) -> None:
        """Record that the submission of the job starts."""
        with self.transaction():
            self._db.execute(
                "UPDATE jobs SET state = 'submitting', submissions = submissions + 1, service_id = NULL WHERE id = ?",
                (job,),
            )

    def mark_not_sent(self, job: int, not_before: float) -> None:
        """Record that the service did not accept the job, and when it is sent again.

        not_before: earliest time, in seconds since the epoch.
        """
        with self.transaction():
            self._db.execute("UPDATE jobs SET state = 'planned', not_before = ? WHERE id = ?", (not_before, job))

    def mark_queued(self, job: int, service_id: str) -> None:
        """Record that the service has the job under this id."""
        with self.transaction():
            self._db.execute("UPDATE jobs SET state = 'queued', service_id = ? WHERE id = ?", (service_id, job))

    def mark_running(self, job: int) -> None:
        """Record that the service works on the job."""
        with self.transaction():
            self._db.execute("UPDATE jobs SET state = 'running' WHERE id = ?", (job,))

    def retry_later(self, job: int, times: JobTimes, not_before: float) -> None:
        """Record that the job failed and is sent again. not_before: earliest time, in seconds since the epoch."""
        with self.transaction():
            assignments = "state = 'planned', attempts = attempts + 1, not_before = ?"
            self._db.execute(f"UPDATE jobs SET {assignments} WHERE id = ?", (not_before, job))
            self._add_times(job, times)

    def replan(self, job: int, error: ErrorInfo, times: JobTimes, jobs: Iterable[PlannedJob]) -> None:
        """Record that the job failed, and move its slices into these jobs."""
        with self.transaction():
            self._db.execute("DELETE FROM slices WHERE job = ?", (job,))
            self._db.execute("UPDATE jobs SET state = 'failed', code = ? WHERE id = ?", (error.code, job))
            self._add_times(job, times)
            for planned_job in jobs:
                self._plan(planned_job)

    def record_end(
        self,
        job: int,
        state: State,
        counts: Mapping[int, tuple[int, int, int]],
        times: JobTimes = NOT_MEASURED,
        jobs: Sequence[PlannedJob] = (),
        lengths: Mapping[int, tuple[int, int]] = MappingProxyType({}),
        error: ErrorInfo | None = None,
    ) -> None:
        """Record that the job's results are on disk, or that its error is final.

        counts: slice id -> pages parsed, failed, taken from checkpoints. jobs: new jobs that the response requires.
        lengths: document id -> pages of the file, pages expected, where the response contains them.
        """
        with self.transaction():
            code, message = (error.code, error.message) if error else (None, None)
            self._db.execute(
                "UPDATE jobs SET state = ?, code = ?, message = ? WHERE id = ?", (state, code, message, job)
            )
            self._add_times(job, times)
            rows = [(*numbers, row) for row, numbers in counts.items()]
            self._db.executemany("UPDATE slices SET parsed = ?, failed = ?, kept = ? WHERE id = ?", rows)
            length_rows = [(*length, document) for document, length in lengths.items()]
            self._db.executemany("UPDATE documents SET page_count = ?, expected = ? WHERE id = ?", length_rows)
            for planned_job in jobs:
                self._plan(planned_job)

    def _add_times(self, job: int, times: JobTimes) -> None:
        sql = "UPDATE jobs SET execution_s = execution_s + ?, delay_s = delay_s + ? WHERE id = ?"
        self._db.execute(sql, (times.execution_s, times.delay_s, job))
        if times.worker_id is not None and times.ended_at is not None:
            self._db.execute(
                "INSERT INTO executions (job, worker, ended_at, execution_s, delay_s) VALUES (?, ?, ?, ?, ?)",
                (job, times.worker_id, times.ended_at, times.execution_s, times.delay_s),
            )

    # ----------------------------------------------------------------- summaries

    def summary(self) -> BatchSummary:
        """Return the batch in numbers."""
        pages_parsed, pages_failed, pages_from_checkpoint = self._query(
            "SELECT TOTAL(parsed), TOTAL(failed), TOTAL(kept) FROM slices"
        )[0]
        pages_expected, documents_of_unknown_length = self._query(
            "SELECT TOTAL(expected), COUNT(*) FILTER (WHERE expected IS NULL AND status = 'waiting') FROM documents"
        )[0]
        delay_s, resubmitted = self._query("SELECT TOTAL(delay_s), TOTAL(MAX(submissions - 1, 0)) FROM jobs")[0]
        state_rows = self._query("SELECT state, COUNT(*) FROM jobs GROUP BY state")
        usage, price = self.usage(), self.get_number("price_per_second")

        def cost_of(seconds: float) -> float | None:
            return None if price is None else seconds * price

        return BatchSummary(
            service=self.get("service"),
            engine=self.get("engine") or None,
            jobs={State(state): count for state, count in state_rows},
            documents=dict(self._query("SELECT status, COUNT(*) FROM documents GROUP BY status")),
            pages_expected=int(pages_expected),
            pages_parsed=int(pages_parsed),
            pages_failed=int(pages_failed),
            pages_from_checkpoint=int(pages_from_checkpoint),
            documents_of_unknown_length=documents_of_unknown_length,
            errors=self._code_counts("error"),
            warnings=self._code_counts("warning"),
            resubmitted=int(resubmitted),
            execution_s=usage.execution_s,
            delay_s=delay_s,
            busy_s=usage.busy_s,
            idle_s=usage.idle_s,
            cold_start_s=usage.cold_start_s,
            wall_s=float(self.get("wall_s", "0")),
            cost=cost_of(usage.estimated_s),
            cold_start_cost=cost_of(usage.cold_start_s),
            cost_bound=cost_of(usage.bound_s),
            skipped=dict(self._query("SELECT reason, COUNT(*) FROM skipped GROUP BY reason ORDER BY 2 DESC, 1")),
        )

    def _code_counts(self, kind: str) -> dict[str, int]:
        sql = "SELECT code, SUM(MAX(pages, 1)) FROM faults WHERE kind = ? GROUP BY code ORDER BY 2 DESC, 1"
        return dict(self._query(sql, kind))

    def document_summaries(self) -> list[DocumentSummary]:
        """Return a summary of every document, in the order in which they were added."""
        codes: dict[tuple[int, str], dict[str, int]] = defaultdict(dict)
        for document, kind, code, pages in self._query("SELECT document, kind, code, pages FROM faults"):
            codes[document, kind][code] = pages
        sql = "SELECT document, TOTAL(parsed), TOTAL(failed) FROM slices GROUP BY document"
        counts = {
            document: (int(parsed_count), int(failed_count))
            for document, parsed_count, failed_count in self._query(sql)
        }
        rows = self._query("SELECT id, name, source, status, expected, message, seconds FROM documents ORDER BY id")
        return [
            DocumentSummary(
                name=name,
                source=redact_url(source) if is_url(source) else source,
                status=status,
                pages_expected=pages_expected,
                pages_parsed=counts.get(document, (0, 0))[0],
                pages_failed=counts.get(document, (0, 0))[1],
                errors=codes[document, "error"],
                warnings=codes[document, "warning"],
                message=message,
                seconds=seconds,
            )
            for document, name, path, status, pages_expected, message, seconds in rows
            for source in [_decode_path(path)]
        ]


_Identity = tuple[str | bytes, str | None, str]


def _identity(item: Item) -> _Identity:
    """Return the columns `source`, `pages` and `options`, by which a document is known."""
    return _encode_path(item.source), item.pages, _encode(item.options)


def _encode_path(path: str) -> str | bytes:
    """Return a path as a column holds it: text, or its bytes if they are not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def _decode_path(column: str | bytes) -> str:
    return os.fsdecode(column)


def _page_numbers(text: str | None, count: int) -> tuple[int, ...]:
    """Return the pages of a slice's row. NULL: all `count` pages, as earlier versions wrote a complete document."""
    if text is None:
        return tuple(range(1, count + 1))
    ranges = parse_page_ranges(text)
    return tuple(select_pages(ranges, max(last or first for first, last in ranges)))


def _placeholders(values: Collection[Any]) -> str:
    return ",".join("?" * len(values))


def _unique_name(name: str, names: set[str]) -> str:
    """Return `name`, or the first of `name-2`, `name-3`, ... that is not in `names`, and add it there."""
    candidate, number = name, 1
    while candidate in names:
        number += 1
        candidate = f"{name}-{number}"
    names.add(candidate)
    return candidate


def _encode(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
