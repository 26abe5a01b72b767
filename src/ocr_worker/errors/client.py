"""What the batch client meets on the way to an endpoint and back."""

from __future__ import annotations

from ocr_worker.errors.base import OcrWorkerError


class ClientError(OcrWorkerError):
    """What the batch client meets on the way to an endpoint and back."""

    code = "CLIENT_FAILED"


class AuthenticationFailed(ClientError):
    """The endpoint does not take the API key."""

    code = "AUTHENTICATION_FAILED"


class EndpointUnavailable(ClientError):
    """The endpoint does not answer, or answers 429 or 5xx, after all retries."""

    code = "ENDPOINT_UNAVAILABLE"
    retryable = True


class JobFailed(ClientError):
    """The endpoint refused the job, or gave an answer that is none of this worker's."""

    code = "JOB_FAILED"


class JobExpired(ClientError):
    """The endpoint no longer knows the job: its time-to-live or its result's retention is over."""

    code = "JOB_EXPIRED"
    retryable = True


class JobTimedOut(ClientError):
    """The job ran into the endpoint's execution timeout."""

    code = "JOB_TIMED_OUT"
    retryable = True


class BatchUnusable(ClientError):
    """The batch's folder cannot be worked in: in use by another run, read-only, full, or its ledger damaged."""

    code = "BATCH_UNUSABLE"
