"""The jobs of the PaddleOCR job API on disk: a SQLite database, and a folder for each job.

A job is in the database as soon as its file is on disk, and ends there after its result is on disk. Only then does a
client learn of either. So a process can be killed at any moment: the next one finishes every accepted job. The
folder of a job has `source`, its file; `pages`, checkpoints of the pages parsed so far; and, when it has ended,
`result.jsonl` and `pictures`. One process uses a store at a time, and one thread the database.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ocr_worker.app.jobs.results import JobResult
from ocr_worker.app.jobs.service import JobReport, JobState
from ocr_worker.app.jobs.submission import JobRequest
from ocr_worker.errors import SettingsInvalid

_VERSION = 1
_SCHEMA = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    result_key TEXT NOT NULL UNIQUE,
    batch_id TEXT,
    request TEXT NOT NULL,
    state TEXT NOT NULL,
    starts INTEGER NOT NULL DEFAULT 0,
    submitted_at REAL NOT NULL,
    started_at REAL,
    ended_at REAL,
    pages_expected INTEGER NOT NULL DEFAULT 0,
    pages_done INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    has_result INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE INDEX jobs_by_batch ON jobs (batch_id, number);
"""


@dataclass(frozen=True)
class StoredJob:
    """A job in the store. starts: how often a process began to run it. Times are in seconds since the epoch."""

    id: str
    result_key: str
    request: JobRequest
    state: JobState
    starts: int
    submitted_at: float
    started_at: float | None
    ended_at: float | None
    pages_expected: int
    pages_done: int
    error: str | None
    has_result: bool

    def report(self) -> JobReport:
        """Return the state as the API reports it."""
        return JobReport(
            id=self.id,
            state=self.state,
            error=self.error,
            result_key=self.result_key if self.has_result else None,
            pages_expected=self.pages_expected,
            pages_done=self.pages_done,
            started_at=self.started_at,
            ended_at=self.ended_at,
        )


class JobStore:
    """The store in a directory, which is created if it does not exist.

    Raises SettingsInvalid when the directory cannot be used, or another process uses it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # addresses of results are secrets
            self._folders.mkdir(exist_ok=True)
            self._lock = (directory / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._database = sqlite3.connect(directory / "jobs.sqlite", isolation_level=None)
            self._database.row_factory = sqlite3.Row
            self._migrate()
        except BlockingIOError:
            raise SettingsInvalid(
                f"another process uses OCR_STATE_DIR={directory}; give each `ocr-worker serve` a directory of its own"
            ) from None
        except (OSError, sqlite3.Error) as error:
            raise SettingsInvalid(f"OCR_STATE_DIR={directory} cannot be used: {error}; choose another") from None

    @staticmethod
    def exists(directory: Path) -> bool:
        """Return True if an earlier process left jobs in the directory."""
        return (directory / "jobs.sqlite").exists()

    def _migrate(self) -> None:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        elif version != _VERSION:
            raise SettingsInvalid(
                f"OCR_STATE_DIR={self._directory} is of another version of ocr-worker; choose another, or delete it"
            )

    def close(self) -> None:
        """Close the database and let another process use the directory."""
        self._database.close()
        self._lock.close()

    # ----------------------------------------------------------------- files, from any thread

    @property
    def _folders(self) -> Path:
        return self._directory / "jobs"

    def folder(self, job_id: str) -> Path:
        """Return the folder of a job."""
        return self._folders / job_id

    def write_source(self, job_id: str, content: IO[bytes]) -> None:
        """Write the file of a job durably."""
        folder = self.folder(job_id)
        folder.mkdir(mode=0o700)
        with (folder / "source").open("wb") as source:
            shutil.copyfileobj(content, source)
            source.flush()
            os.fsync(source.fileno())

    def write_result(self, job_id: str, result: JobResult) -> None:
        """Write the result of a job. Its lines come last, so that a result with lines is complete."""
        pictures = self.folder(job_id) / "pictures"
        pictures.mkdir(parents=True, exist_ok=True)
        for name, data in result.pictures.items():
            (pictures / name).write_bytes(data)
        lines = self.folder(job_id) / "result.jsonl"
        lines.with_suffix(".part").write_text("\n".join(result.lines) + "\n", encoding="ascii")
        lines.with_suffix(".part").replace(lines)

    def lines(self, job_id: str) -> Iterator[str]:
        """Yield the lines of a result."""
        with (self.folder(job_id) / "result.jsonl").open(encoding="ascii") as lines:
            yield from lines

    def picture(self, job_id: str, name: str) -> bytes | None:
        """Return a picture of a result, or None."""
        folder = self.folder(job_id) / "pictures"
        if name not in os.listdir(folder):  # so that the name cannot lead elsewhere
            return None
        return (folder / name).read_bytes()

    def delete_input(self, job_id: str) -> None:
        """Delete what only a job that runs needs."""
        (self.folder(job_id) / "source").unlink(missing_ok=True)
        shutil.rmtree(self.folder(job_id) / "pages", ignore_errors=True)

    def delete_files(self, job_id: str) -> None:
        """Delete all files of a job."""
        shutil.rmtree(self.folder(job_id), ignore_errors=True)

    # ----------------------------------------------------------------- the database, from one thread

    def recover(self) -> None:
        """Return the jobs that an earlier process was running to the queue, and delete what belongs to no job."""
        self._database.execute("UPDATE jobs SET state = 'pending' WHERE state = 'running'")
        ids = {row["id"] for row in self._database.execute("SELECT id FROM jobs")}
        for name in os.listdir(self._folders):
            if name not in ids:
                self.delete_files(name)

    def add(self, job_id: str, request: JobRequest, batch_id: str | None) -> None:
        """Accept a job. Its file, if it has one, is written."""
        self._database.execute(
            "INSERT INTO jobs (id, result_key, batch_id, request, state, submitted_at) VALUES (?, ?, ?, ?, ?, ?)",
            (job_id, secrets.token_urlsafe(32), batch_id, request.model_dump_json(), "pending", time.time()),
        )

    def start_next(self) -> StoredJob | None:
        """Return the oldest job that waits, and count a start. None: no job waits."""
        jobs = self._select("state = 'pending' ORDER BY number LIMIT 1")
        if not jobs:
            return None
        self._database.execute(
            "UPDATE jobs SET state = 'running', starts = starts + 1, started_at = ? WHERE id = ?",
            (time.time(), jobs[0].id),
        )
        return self.job(jobs[0].id)

    def return_to_queue(self, job_id: str) -> None:
        """Let a running job wait again. Its start does not count."""
        self._database.execute(
            "UPDATE jobs SET state = 'pending', starts = starts - 1 WHERE id = ? AND state = 'running'", (job_id,)
        )

    def end(
        self, job_id: str, error: str | None, *, has_result: bool = False, pages_expected: int = 0, pages_done: int = 0
    ) -> None:
        """End a job, unless it has ended. error: None for a job that is done."""
        self._database.execute(
            "UPDATE jobs SET state = ?, error = ?, has_result = ?, pages_expected = ?, pages_done = ?, ended_at = ?"
            " WHERE id = ? AND ended_at IS NULL",
            ("failed" if error else "done", error, has_result, pages_expected, pages_done, time.time(), job_id),
        )

    def delete(self, job_id: str) -> None:
        """Delete a job from the database."""
        self._database.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def job(self, job_id: str) -> StoredJob | None:
        """Return a job, or None."""
        return next(iter(self._select("id = ?", job_id)), None)

    def job_of_result(self, result_key: str) -> StoredJob | None:
        """Return the job with a result at this key, or None."""
        return next(iter(self._select("result_key = ? AND has_result", result_key)), None)

    def batch(self, batch_id: str) -> Sequence[StoredJob]:
        """Return the jobs of a batch in the order of submission."""
        return self._select("batch_id = ? ORDER BY number", batch_id)

    def open_jobs(self) -> Sequence[StoredJob]:
        """Return the jobs that have not ended."""
        return self._select("state IN ('pending', 'running') ORDER BY number")

    def ended_before(self, moment: float) -> Sequence[StoredJob]:
        """Return the jobs that ended before a time."""
        return self._select("ended_at < ?", moment)

    def count_open(self) -> int:
        """Return the number of jobs that have not ended."""
        query = "SELECT count(*) FROM jobs WHERE state IN ('pending', 'running')"
        return int(self._database.execute(query).fetchone()[0])

    def _select(self, condition: str, *values: str | float) -> list[StoredJob]:
        rows = self._database.execute(f"SELECT * FROM jobs WHERE {condition}", values)
        return [_read(row) for row in rows]


def _read(row: sqlite3.Row) -> StoredJob:
    columns = {name: row[name] for name in row.keys() if name not in ("number", "batch_id")}  # noqa: SIM118
    columns |= {"request": JobRequest.model_validate_json(row["request"]), "has_result": bool(row["has_result"])}
    return StoredJob(**columns)
