"""The interface between a caller and a service that runs jobs: submit, status, cancel, health.

`Service` is the protocol. `client.remote` implements it for an endpoint of the platform, and `batch.local` for the
pipeline in this process. The data classes describe a job as the service reports it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from ocr_worker.errors import Cancelled, JobFailed, JobTimedOut
from ocr_worker.wire.results import error_info, error_of
from ocr_worker.wire.schema import ErrorInfo, ParseResponse

Json = dict[str, Any]


class State(StrEnum):
    """State of a job at a service, and in the ledger of a batch.

    PLANNED, SUBMITTING and EXPIRED exist only in a ledger, which records a state before the action that it announces.
    """

    PLANNED = "planned"
    SUBMITTING = "submitting"
    QUEUED = "queued"
    RUNNING = "running"
    COLLECTED = "collected"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


OPEN_STATES = (State.SUBMITTING, State.QUEUED, State.RUNNING)
ENDED_STATES = (State.COLLECTED, State.FAILED, State.TIMED_OUT, State.EXPIRED, State.CANCELLED)


class JobTimes(NamedTuple):
    """Times of a job: seconds as the service measured them, its worker, and when this client saw its end."""

    execution_s: float = 0.0
    delay_s: float = 0.0  # before its execution: in the service's queue and during the start of a worker, together
    worker_id: str | None = None  # None: no worker has run the job, or the service does not name it
    ended_at: float | None = None  # seconds since the epoch; None: the job has not ended


NOT_MEASURED = JobTimes()


@dataclass(frozen=True, slots=True)
class JobStatus:
    """Status of a job at a service.

    state: QUEUED, RUNNING, COLLECTED, FAILED, TIMED_OUT or CANCELLED. response: of a job that ended; None: it is
    missing or cannot be read. error: of a FAILED job. pages_done: parsed pages of a running job, as far as the service
    reports them. pages_expected: pages of its documents that are open, as far as the service reports them.
    """

    state: State
    response: ParseResponse | None = None
    error: ErrorInfo | None = None
    times: JobTimes = NOT_MEASURED
    pages_done: int = 0
    pages_expected: int = 0


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """Number of workers of a service (idle, running or starting), and of jobs in its queue from all clients."""

    workers: int
    in_queue: int


@dataclass(frozen=True, slots=True)
class Delay:
    """Reason for which a service processes no jobs at the moment.

    reason: for people. tries: failed calls since its last response; 0: nothing has failed. next_try_s: seconds until
    the next call; None: it is not known, or in progress.
    """

    reason: str
    tries: int = 0
    next_try_s: float | None = None

    def __str__(self) -> str:
        """Return the delay in words, such as `endpoint abc responded with 502: 3 tries failed, the next in 4 s`."""
        if not self.tries:
            return self.reason
        return f"{self.reason}: {self.retries}"

    @property
    def retries(self) -> str:
        """The number of tries and the time of the next, such as `3 tries failed, the next in 4 s`."""
        tries = f"{self.tries} {'try' if self.tries == 1 else 'tries'} failed"
        next_try = "trying again now" if self.next_try_s is None else f"the next in {max(1, round(self.next_try_s))} s"
        return f"{tries}, {next_try}"


class Service(Protocol):
    """A destination of jobs: an endpoint of the platform, or the pipeline in this process."""

    name: str  # for people
    jobs_at_once: int  # jobs to send at the start, before anything is measured
    payload_bytes: int  # largest `input` of a job as JSON
    reads_files: bool  # takes the `path` of a file and its `sha256` in place of its bytes; see `batch.sending`
    outlives_client: bool  # its jobs run on, and keep their ids, when the process that sent them has ended

    async def submit(self, job_input: Json, *, execution_timeout_s: float, ttl_s: float) -> str:
        """Submit a job and return its id at the service.

        Raises EndpointUnavailable: the service may still have the job; AuthenticationFailed; JobFailed: the service
        rejects the input.
        """
        ...

    async def status(self, job_id: str) -> JobStatus:
        """Return the status of a job.

        Raises JobExpired: the service does not know the job, or no longer; EndpointUnavailable; AuthenticationFailed.
        """
        ...

    async def cancel(self, job_id: str) -> None:
        """Cancel a job. An unknown or ended job is no error. Raises EndpointUnavailable."""
        ...

    async def health(self) -> ServiceHealth:
        """Return the service's workers and queue. Raises EndpointUnavailable, AuthenticationFailed, SettingsInvalid."""
        ...

    async def check(self) -> ServiceHealth:
        """Return the health at the start of a run, and raise what is wrong with the key, the address or the id.

        Raises as `health`. An address without a server is an error after a few seconds, not after all retries.
        """
        ...

    def delay(self) -> Delay | None:
        """Return why no jobs are processed at the moment; None: nothing is wrong."""
        ...

    async def close(self) -> None:
        """Release connections, threads and engines."""
        ...


def response_of(status: JobStatus) -> ParseResponse:
    """Return the response of an ended job. Raises the job's error."""
    if status.state is State.COLLECTED and status.response:
        return status.response
    if status.state is State.CANCELLED:
        raise Cancelled("the job was cancelled at the endpoint")
    raise error_of(error_of_job(status))


def error_of_job(status: JobStatus) -> ErrorInfo:
    """Return the error of a job that ended without a result for each of its documents."""
    if status.state is State.TIMED_OUT:
        return error_info(JobTimedOut("the job ran into the endpoint's execution timeout"))
    if status.state is State.CANCELLED:
        return error_info(JobFailed("the job was cancelled at the endpoint"))
    if status.state is State.COLLECTED:
        return error_info(
            JobFailed("the response lacks documents of the job; check that the endpoint runs this worker")
        )
    return status.error or error_info(
        JobFailed("the job failed without an error code; see the endpoint's log for the reason")
    )
