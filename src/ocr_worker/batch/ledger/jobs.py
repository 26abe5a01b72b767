"""The jobs and slices of a ledger, and the executions of jobs on workers."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from ocr_worker.batch.costs import Usage
from ocr_worker.batch.ledger.columns import page_numbers, placeholders
from ocr_worker.batch.ledger.database import Database
from ocr_worker.batch.model import BatchJob, PlannedJob, Slice, SliceRow
from ocr_worker.client.service import NOT_MEASURED, OPEN_STATES, JobTimes, State
from ocr_worker.wire.page_ranges import format_page_ranges
from ocr_worker.wire.schema import ErrorInfo

UNFINISHED_STATES = (State.PLANNED, *OPEN_STATES)


class Jobs(Database):
    """The jobs of a batch. Every method can raise BatchUnusable, as `transaction` does."""

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
            f" WHERE state IN ({placeholders(states)}) AND not_before <= ? ORDER BY id LIMIT ?",
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
            f" WHERE document = ? AND state IN ({placeholders(UNFINISHED_STATES)}) LIMIT 1"
        )
        return bool(self._query(sql, document, *UNFINISHED_STATES))

    def has_unsuccessful_documents(self, job: int) -> bool:
        """Return whether any document of the job has no complete result, so that the job's results must stay stored."""
        sql = "SELECT 1 FROM slices JOIN documents ON documents.id = document WHERE job = ? AND status <> 'succeeded'"
        return bool(self._query(sql, job))

    def errors_of_jobs(self, jobs: Collection[int]) -> dict[int, ErrorInfo]:
        """Return job id -> error, for those of the jobs that failed."""
        rows = self._query(
            f"SELECT id, code, message FROM jobs WHERE id IN ({placeholders(jobs)}) AND code IS NOT NULL", *jobs
        )
        return {job: ErrorInfo(code=code, message=message or "", retryable=False) for job, code, message in rows}

    def executed_pages(self) -> int:
        """Return the number of pages in the jobs whose execution time is known."""
        return int(self._total("executed_pages"))

    def usage(self) -> Usage:
        """Return the seconds of workers so far, from the kept sums."""
        execution_s, idle_timeout_s = self._total("execution_s"), self.get_number("idle_timeout_s")
        worker_count, cold_start_s = self._query("SELECT COUNT(*), TOTAL(delay_s) FROM workers")[0]
        busy_s = execution_s - self._total("placed_s") + self._total("busy_s")
        idle_s = None if idle_timeout_s is None else self._total("gaps_s") + worker_count * idle_timeout_s
        return Usage(
            execution_s=execution_s,
            # Intervals are differences of large numbers: more than milliseconds of them would be noise.
            busy_s=min(execution_s, round(busy_s, 3)),
            idle_s=None if idle_s is None else round(idle_s, 3),
            cold_start_s=cold_start_s,
            worker_count=worker_count,
        )

    def _total(self, kind: str) -> float:
        """Return a kept sum that is not split; see `schema`."""
        rows = self._query("SELECT value FROM totals WHERE kind = ? AND name = ''", kind)
        return float(rows[0][0]) if rows else 0.0

    def pages_of_jobs(self, jobs: Collection[int]) -> int:
        """Return the number of pages in these jobs."""
        return int(self._query(f"SELECT TOTAL(pages) FROM jobs WHERE id IN ({placeholders(jobs)})", *jobs)[0][0])

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
            SliceRow(row, job, Slice(document, page_numbers(pages, count), bool(is_cut), attempt))
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
