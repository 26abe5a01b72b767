"""The job queue and the states of a job: plain Python with an injected clock, without HTTP.

    IN_QUEUE ── taken ─▶ IN_PROGRESS ── answered ─▶ COMPLETED | FAILED
       ▲  └── cancelled      │  └── cancelled, too long ─▶ CANCELLED | TIMED_OUT
       └──── worker lost ────┘

A job that has not ended within its time-to-live is deleted. An ended job is deleted after its retention.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class Status(StrEnum):
    """The state of a job, in the platform's words."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"


@dataclass(frozen=True, slots=True)
class Policy:
    """The times of a job in seconds: how long it may run, how long it may be unfinished, how long it is kept."""

    execution_timeout_s: float
    ttl_s: float
    retention_s: float


@dataclass(frozen=True, slots=True)
class Result:
    """An accepted response of a worker. raw: the posted object. size: its bytes. at: when it arrived, on the clock."""

    output: Any
    error: str | None
    stop_pod: bool
    raw: Json
    size: int
    at: float


@dataclass(frozen=True, slots=True)
class RejectedResult:
    """A response that the platform would reject. The SDK reports nothing in its place."""

    reason: str
    size: int


@dataclass(slots=True)
class JobRecord:
    """The history of one job. payload: the object for its worker: `id`, `input`, and the fields beside the input."""

    id: str
    payload: Json
    policy: Policy
    submitted_at: float
    status: Status = Status.IN_QUEUE
    worker: str | None = None
    taken_at: float | None = None
    ended_at: float | None = None
    retries: int = 0
    error: str | None = None  # an error that no worker's response reports
    results: list[Result] = field(default_factory=list)
    rejected_results: list[RejectedResult] = field(default_factory=list)
    progress: list[Json] = field(default_factory=list)
    stream: list[Json] = field(default_factory=list)
    chunks_sent: int = 0  # number of chunks that callers have received

    @property
    def is_ended(self) -> bool:
        """True when the job is in a final state."""
        return self.ended_at is not None

    @property
    def is_cancelled(self) -> bool:
        """True when a caller cancelled the job before a worker answered it."""
        return self.status is Status.CANCELLED


class JobQueue:
    """The jobs of an endpoint. jobs: all of them by id, until they are deleted. Not thread-safe.

    retries: how often a job is run again after it lost its worker. clock: seconds, monotonic.
    """

    def __init__(self, retries: int = 3, clock: Callable[[], float] = time.monotonic) -> None:
        self.jobs: dict[str, JobRecord] = {}
        self._retries = retries
        self._clock = clock
        self._queued_ids: deque[str] = deque()
        self._ids_to_stop: dict[str, list[str]] = {}
        self._end_counts: Counter[Status] = Counter()
        self._retry_count = 0

    def submit(self, payload: Json, policy: Policy, job_id: str | None = None) -> JobRecord:
        """Queue a job. payload: its `input` and the fields beside it. Without `job_id`, the job gets a new id."""
        job_id = job_id or f"{uuid.uuid4()}-u1"
        job = JobRecord(job_id, {"id": job_id, **payload}, policy, self._clock())
        self.jobs[job_id] = job
        self._queued_ids.append(job_id)
        return job

    @property
    def length(self) -> int:
        """Number of queued jobs."""
        return len(self._queued_ids)

    def take(self, worker: str, limit: int = 1) -> list[JobRecord]:
        """Assign the next jobs, at most `limit`, to the worker and return them."""
        jobs = [self.jobs[self._queued_ids.popleft()] for _ in range(min(limit, len(self._queued_ids)))]
        for job in jobs:
            job.status, job.worker, job.taken_at = Status.IN_PROGRESS, worker, self._clock()
        return jobs

    def add_result(self, job: JobRecord, worker: str, response: Json, size: int) -> None:
        """Record a worker's response. It ends the job only while the job is in progress on this worker."""
        error = response.get("error")
        stop_pod = bool(response.get("stopPod"))
        job.results.append(Result(response.get("output"), error, stop_pod, response, size, self._clock()))
        if job.status is Status.IN_PROGRESS and job.worker == worker:
            self._end(job, Status.FAILED if error else Status.COMPLETED)

    def cancel(self, job: JobRecord) -> None:
        """Cancel a job: remove it from the queue, or let its worker stop it. No-op for a job that has ended."""
        if not job.is_ended:
            self._withdraw(job)
            self._end(job, Status.CANCELLED)

    def purge(self) -> int:
        """Cancel all queued jobs. Return their number."""
        jobs = [self.jobs[job_id] for job_id in self._queued_ids]
        for job in jobs:
            self.cancel(job)
        return len(jobs)

    def take_stops(self, worker: str) -> list[str]:
        """Return the ids of jobs that the worker must stop. Each id is returned once."""
        return self._ids_to_stop.pop(worker, [])

    def has_stops(self, worker: str) -> bool:
        """Return whether `take_stops` has ids for the worker."""
        return worker in self._ids_to_stop

    def requeue_jobs_of(self, worker: str) -> None:
        """Return the jobs of a lost worker to the front of the queue, except jobs with a rejected result.

        A job that has no retry left fails.
        """
        self._ids_to_stop.pop(worker, None)
        jobs = [job for job in self.jobs.values() if job.status is Status.IN_PROGRESS and job.worker == worker]
        for job in reversed([job for job in jobs if not job.rejected_results]):
            if job.retries >= self._retries:
                job.error = f"the job's worker was lost {job.retries + 1} times"
                self._end(job, Status.FAILED)
                continue
            job.retries += 1
            self._retry_count += 1
            job.status, job.worker, job.taken_at = Status.IN_QUEUE, None, None
            self._queued_ids.appendleft(job.id)

    def sweep(self) -> bool:
        """End jobs that run too long and delete those that expired. Return whether there were any."""
        now = self._clock()
        late_jobs = [job for job in self.jobs.values() if self._runs_too_long(job, now)]
        for job in late_jobs:
            self._withdraw(job)
            self._end(job, Status.TIMED_OUT)
        expired_jobs = [job for job in self.jobs.values() if now >= _expiry(job)]
        for job in expired_jobs:
            self._withdraw(job)
            del self.jobs[job.id]
        return bool(late_jobs or expired_jobs)

    def busy_workers(self) -> set[str]:
        """Return the names of the workers that have a job in progress."""
        return {job.worker for job in self.jobs.values() if job.status is Status.IN_PROGRESS and job.worker}

    def counts(self) -> dict[str, int]:
        """Return the numbers of jobs as `/health` reports them; ended and retried jobs count since the start."""
        return {
            "completed": self._end_counts[Status.COMPLETED],
            "failed": self._end_counts[Status.FAILED] + self._end_counts[Status.TIMED_OUT],
            "inProgress": sum(job.status is Status.IN_PROGRESS for job in self.jobs.values()),
            "inQueue": len(self._queued_ids),
            "retried": self._retry_count,
        }

    def _runs_too_long(self, job: JobRecord, now: float) -> bool:
        return (
            job.status is Status.IN_PROGRESS
            and job.taken_at is not None
            and now >= job.taken_at + job.policy.execution_timeout_s
        )

    def _withdraw(self, job: JobRecord) -> None:
        """Remove the job from the queue, or let its worker stop it."""
        if job.status is Status.IN_QUEUE:
            self._queued_ids.remove(job.id)
        elif job.status is Status.IN_PROGRESS and job.worker:
            self._ids_to_stop.setdefault(job.worker, []).append(job.id)

    def _end(self, job: JobRecord, status: Status) -> None:
        job.status, job.ended_at = status, self._clock()
        self._end_counts[status] += 1


def _expiry(job: JobRecord) -> float:
    if job.ended_at is None:
        return job.submitted_at + job.policy.ttl_s
    return job.ended_at + job.policy.retention_s
