"""The truth about a batch: one SQLite file. Every change of state is a transaction before the act that it announces.

    documents  what is to be read, and what came of it     waiting ─▶ succeeded | partial | failed | cancelled
    jobs       what travels to the service and back        see `model.State`
    slices     the pages of one document in one job
    faults     codes of errors and warnings, by document

Not thread-safe; one process at a time, which the lock in `folder` sees to.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ocr_worker.batch.database import Database
from ocr_worker.batch.folders import RESERVED
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.model import OPEN, Document, Job, SliceRow, State
from ocr_worker.batch.plan import PlannedJob, Slice
from ocr_worker.wire.schema import ErrorInfo

_ADD_TIMES = "execution_s = execution_s + ?, delay_s = delay_s + ?"


class Ledger(Database):
    """What the batch knows. Every method may raise BatchUnusable: the disk is full or read-only, the file damaged."""

    # ----------------------------------------------------------------- what the batch is

    def get(self, name: str, default: str = "") -> str:
        """A word about the batch as a whole."""
        found = self.query("SELECT value FROM meta WHERE name = ?", name)
        return str(found[0][0]) if found else default

    def put(self, name: str, value: str) -> None:
        """Keeps it."""
        with self.transaction():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    @property
    def key(self) -> str:
        """The idempotency key of all jobs: pages that an endpoint with a bucket has parsed once are found again,
        whichever job asks for them."""
        if not self.get("key"):
            self.put("key", f"batch-{secrets.token_hex(12)}")
        return self.get("key")

    # ----------------------------------------------------------------- documents

    def add(self, items: Iterable[Item]) -> int:
        """The documents that are new are added, under names of their own; how many."""
        with self.transaction():
            taken = RESERVED | {name for (name,) in self._db.execute("SELECT name FROM documents")}
            known = set(self._db.execute("SELECT source, pages, options FROM documents"))
            before = len(taken)
            for item in items:
                identity = (item.source, item.pages, _json(item.options))
                if identity not in known:
                    known.add(identity)
                    name = _unique(item.name, taken)
                    self._db.execute(
                        "INSERT INTO documents (name, source, pages, options) VALUES (?, ?, ?, ?)", (name, *identity)
                    )
            return len(taken) - before

    def documents(self, where: str = "1", *values: Any) -> list[Document]:
        """Documents, in the order they were added."""
        columns = "id, name, source, pages, options, sha256, page_count, status"
        return [
            Document(*row) for row in self.query(f"SELECT {columns} FROM documents WHERE {where} ORDER BY id", *values)
        ]

    def stamps(self) -> list[tuple[int, str, int, int, str]]:
        """Of each file that was read: document, path, and as it was counted bytes, time of change (ns), sha256."""
        return self.query(
            "SELECT id, source, size, mtime_ns, sha256 FROM documents WHERE status <> 'waiting' AND sha256 IS NOT NULL"
        )

    def count(
        self, document: int, stamp: tuple[int, int, str] | None, page_count: int | None, expected: int | None
    ) -> None:
        """What is known of a document once somebody looked into it."""
        size, mtime, sha256 = stamp or (None, None, None)
        with self.transaction():
            self._db.execute(
                "UPDATE documents SET size = COALESCE(?, size), mtime_ns = COALESCE(?, mtime_ns),"
                " sha256 = COALESCE(?, sha256), page_count = ?, expected = ? WHERE id = ?",
                (size, mtime, sha256, page_count, expected, document),
            )

    def unopened(self, document: int, error: ErrorInfo) -> None:
        """The document cannot be read at all, and no job is spent on it."""
        with self.transaction():
            self._db.execute(
                "UPDATE documents SET status = 'failed', planned = 1, code = ?, message = ? WHERE id = ?",
                (error.code, error.message, document),
            )
            self._db.execute("INSERT INTO faults VALUES (?, 'error', ?, 0)", (document, error.code))

    def reset(self, document: int) -> None:
        """The document has changed: it is looked into anew, and read from the start."""
        with self.transaction():
            for table in ("slices", "faults"):
                self._db.execute(f"DELETE FROM {table} WHERE document = ?", (document,))
            self._db.execute(
                "UPDATE documents SET status = 'waiting', planned = 0, code = NULL, message = NULL, seconds = 0,"
                " files = '{}', page_count = NULL, expected = NULL, sha256 = NULL, size = NULL, mtime_ns = NULL"
                " WHERE id = ?",
                (document,),
            )

    def reopen(self, document: int, slices: Sequence[Slice], options: str) -> None:
        """A document's failed pages are read once more, in these slices; without any it is looked into anew."""
        with self.transaction():
            self._db.execute("UPDATE slices SET failed = 0 WHERE document = ?", (document,))
            self._db.execute("DELETE FROM faults WHERE document = ?", (document,))
            sql = "UPDATE documents SET status = 'waiting', planned = 0, code = NULL, message = NULL WHERE id = ?"
            self._db.execute(sql, (document,))
            for one in slices:
                self._plan(PlannedJob(options, [one]))

    def cancel_all(self) -> None:
        """Jobs that are not back, and documents without their last word."""
        marks = ",".join("?" * (len(OPEN) + 1))
        with self.transaction():
            self._db.execute(f"UPDATE jobs SET state = 'cancelled' WHERE state IN ({marks})", (State.PLANNED, *OPEN))
            self._db.execute("UPDATE documents SET status = 'cancelled', planned = 1 WHERE status = 'waiting'")

    def settle(
        self,
        document: int,
        status: str,
        *,
        error: tuple[str, str] | None,
        faults: Mapping[tuple[str, str], int],
        files: Mapping[str, str],
        seconds: float,
    ) -> None:
        """The last word on a document. faults: (kind, code) -> pages. files: name -> sha256."""
        code, message = error or (None, None)
        with self.transaction():
            self._db.execute(
                "UPDATE documents SET status = ?, code = ?, message = ?, files = ?, seconds = ? WHERE id = ?",
                (status, code, message, json.dumps(files), seconds, document),
            )
            self._db.execute("DELETE FROM faults WHERE document = ?", (document,))
            rows = [(document, kind, code, pages) for (kind, code), pages in faults.items()]
            self._db.executemany("INSERT INTO faults VALUES (?, ?, ?, ?)", rows)

    # ----------------------------------------------------------------- jobs

    def plan(self, jobs: Iterable[PlannedJob]) -> None:
        """Adds jobs, which hold all slices of their documents; these count as planned."""
        with self.transaction():
            for job in jobs:
                self._plan(job)

    def replan(self, job: int, error: ErrorInfo, times: tuple[float, float], jobs: Iterable[PlannedJob]) -> None:
        """The job failed, and its slices go into these jobs instead. times: of execution, in the queue."""
        with self.transaction():
            self._db.execute("DELETE FROM slices WHERE job = ?", (job,))
            self._db.execute(
                f"UPDATE jobs SET state = 'failed', code = ?, {_ADD_TIMES} WHERE id = ?", (error.code, *times, job)
            )
            for planned in jobs:
                self._plan(planned)

    def again(self, job: int, times: tuple[float, float], not_before: float) -> None:
        """The job failed, and is to be sent once more, not before then (seconds since the epoch)."""
        with self.transaction():
            sets = f"state = 'planned', attempts = attempts + 1, {_ADD_TIMES}, not_before = ?"
            self._db.execute(f"UPDATE jobs SET {sets} WHERE id = ?", (*times, not_before, job))

    def _plan(self, job: PlannedJob) -> None:
        insert = "INSERT INTO jobs (pages, options) VALUES (?, ?)"
        added = self._db.execute(insert, (job.pages, job.options)).lastrowid
        for one in job.slices:
            self._db.execute(
                "INSERT INTO slices (document, job, pages, count, cut, attempt) VALUES (?, ?, ?, ?, ?, ?)",
                (one.document, added, one.pages, one.count, one.cut, one.attempt),
            )
            self._db.execute("UPDATE documents SET planned = 1 WHERE id = ?", (one.document,))

    def jobs(self, states: Sequence[State], most: int = -1) -> list[Job]:
        """Jobs in these states that are due, first come first."""
        marks = ",".join("?" * len(states))
        rows = self.query(
            "SELECT id, state, service_id, pages, attempts, options FROM jobs"
            f" WHERE state IN ({marks}) AND not_before <= ? ORDER BY id LIMIT ?",
            *states,
            time.time(),
            most,
        )
        return [Job(one, State(state), *rest) for one, state, *rest in rows]

    def slices(self, where: str, value: int) -> list[SliceRow]:
        """Slices of a `job` or a `document`."""
        rows = self.query(
            f"SELECT id, job, document, pages, count, cut, attempt FROM slices WHERE {where} = ? ORDER BY id", value
        )
        return [
            SliceRow(one, job, Slice(doc, pages, n, bool(cut), attempt))
            for one, job, doc, pages, n, cut, attempt in rows
        ]

    def move(self, job: int, state: State, **values: Any) -> None:
        """A job changes its state, and its columns of these names their values."""
        names = "".join(f", {name} = ?" for name in values)
        with self.transaction():
            self._db.execute(f"UPDATE jobs SET state = ?{names} WHERE id = ?", (state, *values.values(), job))

    def submitting(self, job: int) -> None:
        """The job is about to be sent."""
        with self.transaction():
            self._db.execute(
                "UPDATE jobs SET state = 'submitting', submissions = submissions + 1, service_id = NULL WHERE id = ?",
                (job,),
            )

    def collected(
        self,
        job: int,
        state: State,
        counts: Mapping[int, tuple[int, int, int]],
        times: tuple[float, float] = (0.0, 0.0),
        more: Sequence[PlannedJob] = (),
        lengths: Mapping[int, tuple[int, int]] = MappingProxyType({}),
        error: ErrorInfo | None = None,
    ) -> None:
        """The job's answer is on the disk, or its failure (`error`) final.

        counts: slice -> pages parsed, failed, kept. times: of execution, in the queue. more: jobs that the answer makes
        necessary. lengths: document -> pages of the file, pages expected, where the answer told them.
        """
        with self.transaction():
            told = (error.code, error.message) if error else (None, None)
            sql = f"UPDATE jobs SET state = ?, {_ADD_TIMES}, code = ?, message = ? WHERE id = ?"
            self._db.execute(sql, (state, *times, *told, job))
            rows = [(*numbers, one) for one, numbers in counts.items()]
            self._db.executemany("UPDATE slices SET parsed = ?, failed = ?, kept = ? WHERE id = ?", rows)
            known = [(*length, document) for document, length in lengths.items()]
            self._db.executemany("UPDATE documents SET page_count = ?, expected = ? WHERE id = ?", known)
            for planned in more:
                self._plan(planned)

    def unfinished(self, document: int) -> bool:
        """Whether a job of the document is still to come back."""
        marks = ",".join("?" * (len(OPEN) + 1))
        sql = f"SELECT 1 FROM slices JOIN jobs ON jobs.id = job WHERE document = ? AND state IN ({marks}) LIMIT 1"
        return bool(self.query(sql, document, State.PLANNED, *OPEN))


def _unique(name: str, taken: set[str]) -> str:
    """`name`, or the first of `name-2`, `name-3` that is free; taken from now on."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(found)
    return found


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
