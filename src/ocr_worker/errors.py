"""Define every error of the package: each has a stable code, a remedy in its message, and says whether to retry.

Callers see the code, the message and `retryable` (`wire.results.error_info`). The docstring of an error class is shown
to users, too: a batch report prints it beside the code. The errors form one tree:

    OcrWorkerError
    ├ SettingsInvalid
    ├ InvalidRequest
    ├ SourceError
    │   ├ SourceRejected
    │   ├ SourceTooLarge
    │   ├ SourceUnavailable            (retryable)
    │   └ SourceTimedOut               (retryable)
    ├ DocumentError
    │   ├ UnsupportedType
    │   ├ Encrypted
    │   ├ Corrupt
    │   ├ PageOutOfRange
    │   ├ TooManyPages
    │   ├ PageTooLarge
    │   ├ RasterizerCrashed
    │   ├ RasterizerTimedOut
    │   ├ RasterizerOutOfMemory
    │   └ RasterizerUnavailable        (retryable)
    ├ EngineError
    │   ├ EngineUnavailable            (retryable)
    │   │   └ WeightsMissing
    │   ├ EngineOutOfMemory            (retryable)
    │   ├ EngineTimedOut               (retryable)
    │   └ PageFailed
    ├ ResponseTooLarge
    ├ DeliveryFailed                   (retryable)
    │   └ BucketRejected
    ├ ClientError                      (of clients)
    │   ├ AuthenticationFailed
    │   ├ EndpointUnavailable          (retryable)
    │   ├ JobFailed
    │   ├ JobExpired                   (retryable)
    │   ├ JobTimedOut                  (retryable)
    │   └ BatchUnusable
    ├ Unauthorized                     of the HTTP app
    ├ QueueFull                        (retryable) of the HTTP app
    ├ Cancelled
    ├ DeadlineExceeded
    └ Internal

Messages are shown to callers: they never hold document text, credentials or the query of a URL.
"""

from __future__ import annotations

from collections.abc import Sequence


class OcrWorkerError(Exception):
    """Base of all errors. `str(error)` is the message for people, and `code` identifies the error for programs.

    An error that a client received keeps the `code` and `retryable` of the worker, which may differ from the class's.
    """

    code: str = "INTERNAL"
    retryable: bool = False


class SettingsInvalid(OcrWorkerError):
    """A setting is missing or invalid, so the worker cannot start."""

    code = "SETTINGS_INVALID"


class InvalidRequest(OcrWorkerError):
    """The job's input is invalid; the message lists every problem with its JSON path."""

    code = "INVALID_REQUEST"
    problems: Sequence[tuple[tuple[str | int, ...], str]] = ()  # JSON path and message of each


class SourceError(OcrWorkerError):
    """The document could not be read from its source."""

    code = "SOURCE_FAILED"


class SourceRejected(SourceError):
    """The source is invalid or not allowed: its address, scheme or base64, or the host responded with a 4xx status."""

    code = "SOURCE_REJECTED"


class SourceTooLarge(SourceError):
    """The document has more bytes than the limit."""

    code = "SOURCE_TOO_LARGE"


class SourceUnavailable(SourceError):
    """The document's host cannot be reached, or responded with 429 or 5xx."""

    code = "SOURCE_UNAVAILABLE"
    retryable = True
    retry_after: float | None = None  # seconds that the host asks to wait


class SourceTimedOut(SourceError):
    """The download did not finish within its time limit, which includes retries."""

    code = "SOURCE_TIMED_OUT"
    retryable = True


class DocumentError(OcrWorkerError):
    """The document was received but cannot be turned into page images."""

    code = "DOCUMENT_FAILED"


class UnsupportedType(DocumentError):
    """The file is neither a PDF nor an image of a supported type."""

    code = "DOCUMENT_UNSUPPORTED_TYPE"


class Encrypted(DocumentError):
    """The PDF needs a password, or the password in the request is wrong."""

    code = "DOCUMENT_ENCRYPTED"


class Corrupt(DocumentError):
    """The file is damaged, empty, or has no pages."""

    code = "DOCUMENT_CORRUPT"


class PageOutOfRange(DocumentError):
    """None of the requested pages exists in the document."""

    code = "DOCUMENT_PAGE_OUT_OF_RANGE"


class TooManyPages(DocumentError):
    """The request asks for more pages of a document than the limit allows."""

    code = "DOCUMENT_TOO_MANY_PAGES"


class PageTooLarge(DocumentError):
    """The page has more pixels than the limit, even at the lowest resolution."""

    code = "DOCUMENT_PAGE_TOO_LARGE"


class RasterizerCrashed(DocumentError):
    """The rasterizer process crashed while it rendered the document."""

    code = "DOCUMENT_RASTERIZER_CRASHED"


class RasterizerTimedOut(DocumentError):
    """A page took longer to render than the limit."""

    code = "DOCUMENT_RASTERIZER_TIMED_OUT"


class RasterizerOutOfMemory(DocumentError):
    """Rendering the document needs more memory than a rasterizer process may use."""

    code = "DOCUMENT_RASTERIZER_OUT_OF_MEMORY"


class RasterizerUnavailable(DocumentError):
    """No rasterizer process could be started to render the document."""

    code = "DOCUMENT_RASTERIZER_UNAVAILABLE"
    retryable = True


class EngineError(OcrWorkerError):
    """The engine could not parse the page."""

    code = "ENGINE_FAILED"


class EngineUnavailable(EngineError):
    """The engine cannot be used: it did not start, crashed, or left its device in a broken state."""

    code = "ENGINE_UNAVAILABLE"
    retryable = True


class WeightsMissing(EngineUnavailable):
    """Model weights are missing or incomplete, so the worker cannot start."""

    code = "WEIGHTS_MISSING"
    retryable = False


class EngineOutOfMemory(EngineError):
    """The device has too little memory for the page, even with fewer pixels."""

    code = "ENGINE_OUT_OF_MEMORY"
    retryable = True


class EngineTimedOut(EngineError):
    """The engine did not finish the page within its time limit."""

    code = "ENGINE_TIMED_OUT"
    retryable = True


class PageFailed(EngineError):
    """The engine failed on this page, or returned something that is not a valid page."""

    code = "PAGE_FAILED"


class ResponseTooLarge(OcrWorkerError):
    """The response is too large to be returned inline, even with Markdown alone."""

    code = "RESPONSE_TOO_LARGE"


class DeliveryFailed(OcrWorkerError):
    """The bucket for the response or its checkpoints cannot be reached, after all retries."""

    code = "DELIVERY_FAILED"
    retryable = True


class BucketRejected(DeliveryFailed):
    """The bucket rejects the request: it does not exist, or the key is wrong or may not both read and write."""

    code = "BUCKET_REJECTED"
    retryable = False


class Cancelled(OcrWorkerError):
    """The job was cancelled before the page was parsed."""

    code = "CANCELLED"


class DeadlineExceeded(OcrWorkerError):
    """The job's time limit passed before the page was parsed."""

    code = "DEADLINE_EXCEEDED"


class Internal(OcrWorkerError):
    """An unexpected exception. Its traceback is in the worker's log only."""

    code = "INTERNAL"


class ClientError(OcrWorkerError):
    """A client could not send a job to an endpoint or get its result."""

    code = "CLIENT_FAILED"


class AuthenticationFailed(ClientError):
    """The endpoint rejects the API key."""

    code = "AUTHENTICATION_FAILED"


class EndpointUnavailable(ClientError):
    """The endpoint cannot be reached, or responded with 429 or 5xx, after all retries."""

    code = "ENDPOINT_UNAVAILABLE"
    retryable = True


class JobFailed(ClientError):
    """The endpoint rejected the job, or returned something that is not a response of this worker."""

    code = "JOB_FAILED"


class JobExpired(ClientError):
    """The endpoint no longer has the job: its time to live, or the time its result is kept, has passed."""

    code = "JOB_EXPIRED"
    retryable = True


class JobTimedOut(ClientError):
    """The job exceeded the endpoint's execution timeout, or did not end while its client waited."""

    code = "JOB_TIMED_OUT"
    retryable = True


class BatchUnusable(ClientError):
    """The batch folder cannot be used: another run uses it, it is read-only or full, or its ledger is damaged."""

    code = "BATCH_UNUSABLE"


class Unauthorized(OcrWorkerError):
    """The request has no valid API key: send one of `OCR_API_KEYS` as `Authorization: Bearer KEY`."""

    code = "UNAUTHORIZED"


class QueueFull(OcrWorkerError):
    """The HTTP app's queue is full; the response says after how many seconds to retry."""

    code = "QUEUE_FULL"
    retryable = True


def as_worker_error(error: BaseException) -> OcrWorkerError:
    """Return `error` itself if it is an OcrWorkerError, else an `Internal` with a fixed message."""
    message = "an unexpected error occurred in the worker; search its log for this job's id"
    return error if isinstance(error, OcrWorkerError) else Internal(message)


def error_types(root: type[OcrWorkerError] = OcrWorkerError) -> list[type[OcrWorkerError]]:
    """Return all classes of the tree below and including `root`, depth first. Tests compare documentation with it."""
    return [root, *(error_type for subclass in root.__subclasses__() for error_type in error_types(subclass))]
