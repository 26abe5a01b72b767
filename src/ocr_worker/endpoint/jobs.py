"""The queue and the states of a job: plain Python on an injected clock, without HTTP.

    IN_QUEUE ── taken ─▶ IN_PROGRESS ── answered ─▶ COMPLETED | FAILED
       ▲  └── cancelled      │  └── cancelled, too long ─▶ CANCELLED | TIMED_OUT
       └──── worker lost ────┘

A job that has not ended within its time-to-live is gone, and so is an ended one after its retention.
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
    """Where a job stands, in the platform's words."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a job may run, exist unfinished, and be kept once it has ended; seconds."""

    execution_timeout_s: float
    ttl_s: float
    retention_s: float


@dataclass(frozen=True, slots=True)
class Result:
    """An accepted answer; `raw` is the posted object, `size` its bytes, `at` the time of the clock it came."""

    output: Any
    error: str | None
    stop_pod: bool
    raw: Json
    size: int
    at: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer the platform would not take; the worker never learns what became of the job."""

    reason: str
    size: int


@dataclass(slots=True)
class Job:
    """All that happened to one job. `payload` is what its worker gets: `id`, `input` and what stood beside it."""

    id: str
    payload: Json
    policy: Policy
    submitted_at: float
    status: Status = Status.IN_QUEUE
    worker: str | None = None
    taken_at: float | None = None
    ended_at: float | None = None
    retries: int = 0
    error: str | None = None  # where no worker's answer tells it
    results: list[Result] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    progress: list[Json] = field(default_factory=list)
    stream: list[Json] = field(default_factory=list)
    streamed: int = 0  # chunks that a caller has had

    @property
    def ended(self) -> bool:
        """Whether the job is in a state that it never leaves."""
        return self.ended_at is not None

    @property
    def cancelled(self) -> bool:
        """Whether a caller cancelled it before it was answered."""
        return self.status is Status.CANCELLED


class JobQueue:
    """All jobs there are. `jobs` holds them by id until they are gone. Not thread-safe.

    retries: how often a job may lose its worker and be run again. clock: seconds, monotonic.
    """

    def __init__(self, retries: int = 3, clock: Callable[[], float] = time.monotonic) -> None:
        self.jobs: dict[str, Job] = {}
        self._retries = retries
        self._clock = clock
        self._waiting: deque[str] = deque()
        self._stops: dict[str, list[str]] = {}
        self._ended: Counter[Status] = Counter()
        self._retried = 0

    def submit(self, payload: Json, policy: Policy, job_id: str | None = None) -> Job:
        """Queues a job; `payload` is its `input` and what stands beside it. Without `job_id` one is made."""
        job_id = job_id or f"{uuid.uuid4()}-u1"
        job = Job(job_id, {"id": job_id, **payload}, policy, self._clock())
        self.jobs[job_id] = job
        self._waiting.append(job_id)
        return job

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return len(self._waiting)

    def take(self, worker: str, most: int = 1) -> list[Job]:
        """The next jobs, at most so many, which are this worker's from now on."""
        taken = [self.jobs[self._waiting.popleft()] for _ in range(min(most, len(self._waiting)))]
        for job in taken:
            job.status, job.worker, job.taken_at = Status.IN_PROGRESS, worker, self._clock()
        return taken

    def answer(self, job: Job, worker: str, answer: Json, size: int) -> None:
        """A worker's last word on a job: kept in any case, counted only while the job is this worker's to answer."""
        error = answer.get("error")
        stop_pod = bool(answer.get("stopPod"))
        job.results.append(Result(answer.get("output"), error, stop_pod, answer, size, self._clock()))
        if job.status is Status.IN_PROGRESS and job.worker == worker:
            self._end(job, Status.FAILED if error else Status.COMPLETED)

    def cancel(self, job: Job) -> None:
        """Takes the job out of the queue, or asks the worker that has it to stop it; one that has ended stays."""
        if not job.ended:
            self._drop(job)
            self._end(job, Status.CANCELLED)

    def purge(self) -> int:
        """Cancels all jobs in the queue; how many those were."""
        purged = [self.jobs[job_id] for job_id in self._waiting]
        for job in purged:
            self.cancel(job)
        return len(purged)

    def stops(self, worker: str) -> list[str]:
        """The jobs that this worker is to stop and was not told of yet."""
        return self._stops.pop(worker, [])

    def has_stops(self, worker: str) -> bool:
        """Whether there are such jobs."""
        return worker in self._stops

    def lost(self, worker: str) -> None:
        """The worker is gone. Its jobs go back to the front of the queue; those it was refused an answer to do not."""
        self._stops.pop(worker, None)
        lost = [job for job in self.jobs.values() if job.status is Status.IN_PROGRESS and job.worker == worker]
        for job in reversed([job for job in lost if not job.refusals]):
            if job.retries >= self._retries:
                job.error = f"the job lost its worker {job.retries + 1} times"
                self._end(job, Status.FAILED)
                continue
            job.retries += 1
            self._retried += 1
            job.status, job.worker, job.taken_at = Status.IN_QUEUE, None, None
            self._waiting.appendleft(job.id)

    def sweep(self) -> bool:
        """Ends jobs that run too long and forgets those whose time is over; whether there were any."""
        now = self._clock()
        late = [job for job in self.jobs.values() if self._runs_too_long(job, now)]
        for job in late:
            self._drop(job)
            self._end(job, Status.TIMED_OUT)
        over = [job for job in self.jobs.values() if now >= _gone_at(job)]
        for job in over:
            self._drop(job)
            del self.jobs[job.id]
        return bool(late or over)

    def busy(self) -> set[str]:
        """The workers that have a job in progress."""
        return {job.worker for job in self.jobs.values() if job.status is Status.IN_PROGRESS and job.worker}

    def counts(self) -> dict[str, int]:
        """Jobs as `/health` tells them; ended and retried ones since the start."""
        return {
            "completed": self._ended[Status.COMPLETED],
            "failed": self._ended[Status.FAILED] + self._ended[Status.TIMED_OUT],
            "inProgress": sum(job.status is Status.IN_PROGRESS for job in self.jobs.values()),
            "inQueue": len(self._waiting),
            "retried": self._retried,
        }

    def _runs_too_long(self, job: Job, now: float) -> bool:
        return (
            job.status is Status.IN_PROGRESS
            and job.taken_at is not None
            and now >= job.taken_at + job.policy.execution_timeout_s
        )

    def _drop(self, job: Job) -> None:
        """Takes the job from the queue or from its worker."""
        if job.status is Status.IN_QUEUE:
            self._waiting.remove(job.id)
        elif job.status is Status.IN_PROGRESS and job.worker:
            self._stops.setdefault(job.worker, []).append(job.id)

    def _end(self, job: Job, status: Status) -> None:
        job.status, job.ended_at = status, self._clock()
        self._ended[status] += 1


def _gone_at(job: Job) -> float:
    if job.ended_at is None:
        return job.submitted_at + job.policy.ttl_s
    return job.ended_at + job.policy.retention_s
