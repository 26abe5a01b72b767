"""The interface between the routes of the PaddleOCR job API and what runs the jobs.

`LocalJobs` runs them on the engine of this process and keeps them on disk. `EndpointJobs` passes them to a RunPod
endpoint and keeps nothing. Both raise `HttpError` with the status that the client gets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, Protocol

from ocr_worker.app.jobs.submission import Submission
from ocr_worker.app.problems import HttpError
from ocr_worker.errors import JobExpired

JobState = Literal["pending", "running", "done", "failed"]


@dataclass(frozen=True)
class JobReport:
    """State of a job.

    result_key: secret part of the address of the result; None: there is none. Times are in seconds since the epoch.
    """

    id: str
    state: JobState
    error: str | None = None
    result_key: str | None = None
    pages_expected: int = 0
    pages_done: int = 0
    started_at: float | None = None
    ended_at: float | None = None


class JobService(Protocol):
    """A service that runs jobs of the PaddleOCR job API. Its methods are called on one event loop."""

    async def start(self) -> None:
        """Begin to work: jobs that an earlier process accepted come first."""
        ...

    async def stop(self) -> None:
        """Stop working. Accepted jobs stay accepted."""
        ...

    async def submit(self, submission: Submission) -> str:
        """Accept a job and return its id. Raises HttpError, OcrWorkerError."""
        ...

    async def report(self, job_id: str) -> JobReport:
        """Return the state of a job. Raises HttpError (404), OcrWorkerError."""
        ...

    async def batch(self, batch_id: str) -> list[JobReport]:
        """Return the states of the jobs of a batch, in the order of submission. Raises HttpError, OcrWorkerError."""
        ...

    async def lines(self, result_key: str) -> Iterable[str]:
        """Return the lines of a result, with names of pictures. Raises HttpError (404), OcrWorkerError."""
        ...

    async def picture(self, result_key: str, name: str) -> bytes:
        """Return a picture of a result. Raises HttpError (404), OcrWorkerError."""
        ...


def unknown_job() -> HttpError:
    """Return the error for an id that belongs to no job."""
    return HttpError(HTTPStatus.NOT_FOUND, "there is no such job, or its result has expired", JobExpired.code)


def unknown_batch() -> HttpError:
    """Return the error for a batch without jobs."""
    return HttpError(HTTPStatus.NOT_FOUND, "there is no such batch, or its results have expired", JobExpired.code)


def unknown_result() -> HttpError:
    """Return the error for an address of no result."""
    return HttpError(HTTPStatus.NOT_FOUND, "there is no such result, or it has expired", JobExpired.code)
