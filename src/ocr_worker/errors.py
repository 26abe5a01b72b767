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


class OcrWorkerError(Exception):
    """Base of all errors. `str(error)` is the message for people, and `code` identifies the error for programs.

    An error that a client received keeps the `code` and `retryable` of the worker, which may differ from the class's.
    """

    code: str = "INTERNAL"
    retryable: bool = False


class SettingsInvalid(OcrWorkerError):
    """The environment does not make valid settings; the worker cannot start."""

    code = "SETTINGS_INVALID"


class InvalidRequest(OcrWorkerError):
    """The job's input is wrong; the message lists every fault with its path."""

    code = "INVALID_REQUEST"


class SourceError(OcrWorkerError):
    """The document's bytes could not be had."""

    code = "SOURCE_FAILED"


class SourceRejected(SourceError):
    """The source is not allowed or can never work: address, scheme, bad base64, 4xx."""

    code = "SOURCE_REJECTED"


class SourceTooLarge(SourceError):
    """The source has more bytes than the limit."""

    code = "SOURCE_TOO_LARGE"


class SourceUnavailable(SourceError):
    """The host does not answer or answers 429 or 5xx."""

    code = "SOURCE_UNAVAILABLE"
    retryable = True
    retry_after: float | None = None  # seconds that the host asks to wait


class SourceTimedOut(SourceError):
    """The download did not end within the total deadline."""

    code = "SOURCE_TIMED_OUT"
    retryable = True


class DocumentError(OcrWorkerError):
    """The bytes are here but cannot be turned into pages."""

    code = "DOCUMENT_FAILED"


class UnsupportedType(DocumentError):
    """The bytes are neither a PDF nor one of the image types."""

    code = "DOCUMENT_UNSUPPORTED_TYPE"


class Encrypted(DocumentError):
    """The PDF wants a password, or another one than was given."""

    code = "DOCUMENT_ENCRYPTED"


class Corrupt(DocumentError):
    """The file is damaged, empty, or has no pages."""

    code = "DOCUMENT_CORRUPT"


class PageOutOfRange(DocumentError):
    """None of the pages asked for exists."""

    code = "DOCUMENT_PAGE_OUT_OF_RANGE"


class TooManyPages(DocumentError):
    """More pages were asked for than the limit allows."""

    code = "DOCUMENT_TOO_MANY_PAGES"


class PageTooLarge(DocumentError):
    """The page has more pixels than the limit, even at the lowest resolution."""

    code = "DOCUMENT_PAGE_TOO_LARGE"


class RasterizerCrashed(DocumentError):
    """The child process that renders the document died on it."""

    code = "DOCUMENT_RASTERIZER_CRASHED"


class RasterizerTimedOut(DocumentError):
    """A page took longer to render than the limit."""

    code = "DOCUMENT_RASTERIZER_TIMED_OUT"


class RasterizerOutOfMemory(DocumentError):
    """Rendering the document needs more memory than a child process may have."""

    code = "DOCUMENT_RASTERIZER_OUT_OF_MEMORY"


class RasterizerUnavailable(DocumentError):
    """No child process could be started to render the document."""

    code = "DOCUMENT_RASTERIZER_UNAVAILABLE"
    retryable = True


class EngineError(OcrWorkerError):
    """The engine could not parse."""

    code = "ENGINE_FAILED"


class EngineUnavailable(EngineError):
    """The engine is gone: it never started, died, or poisoned its process."""

    code = "ENGINE_UNAVAILABLE"
    retryable = True


class WeightsMissing(EngineUnavailable):
    """Model weights are absent or incomplete; the worker cannot start."""

    code = "WEIGHTS_MISSING"
    retryable = False


class EngineOutOfMemory(EngineError):
    """The device had too little memory for the page, even with fewer pixels."""

    code = "ENGINE_OUT_OF_MEMORY"
    retryable = True


class EngineTimedOut(EngineError):
    """The engine did not answer within its deadline."""

    code = "ENGINE_TIMED_OUT"
    retryable = True


class PageFailed(EngineError):
    """The engine failed on this one page, or answered something that is no page."""

    code = "PAGE_FAILED"


class ResponseTooLarge(OcrWorkerError):
    """Even the Markdown alone does not fit into an answer."""

    code = "RESPONSE_TOO_LARGE"


class DeliveryFailed(OcrWorkerError):
    """The bucket that the answer or its checkpoints need does not answer, after all retries."""

    code = "DELIVERY_FAILED"
    retryable = True


class BucketRejected(DeliveryFailed):
    """The bucket refuses: no such bucket, a wrong key, or one without the right to write and read."""

    code = "BUCKET_REJECTED"
    retryable = False


class Cancelled(OcrWorkerError):
    """The job was cancelled before the page was parsed."""

    code = "CANCELLED"


class DeadlineExceeded(OcrWorkerError):
    """The job's time was up before the page was parsed."""

    code = "DEADLINE_EXCEEDED"


class Internal(OcrWorkerError):
    """Stands for an exception that nobody foresaw; its traceback is in the log only."""

    code = "INTERNAL"


class ClientError(OcrWorkerError):
    """A client could not send a job to an endpoint or get its result."""

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
    """The job ran into the endpoint's execution timeout, or did not end while its client waited."""

    code = "JOB_TIMED_OUT"
    retryable = True


class BatchUnusable(ClientError):
    """The batch's folder cannot be worked in: in use by another run, read-only, full, or its ledger damaged."""

    code = "BATCH_UNUSABLE"


class Unauthorized(OcrWorkerError):
    """The request lacks a key of `OCR_API_KEYS`, as `Authorization: Bearer KEY`."""

    code = "UNAUTHORIZED"


class QueueFull(OcrWorkerError):
    """As many jobs wait as may; the answer says after how many seconds to come again."""

    code = "QUEUE_FULL"
    retryable = True


def as_worker_error(error: BaseException) -> OcrWorkerError:
    """Return `error` itself if it is an OcrWorkerError, else an `Internal` with a fixed message."""
    message = "the worker met an unexpected error; its log has the details under this job's id"
    return error if isinstance(error, OcrWorkerError) else Internal(message)


def error_types(root: type[OcrWorkerError] = OcrWorkerError) -> list[type[OcrWorkerError]]:
    """Return all classes of the tree below and including `root`, depth first. Tests compare documentation with it."""
    return [root, *(error_type for subclass in root.__subclasses__() for error_type in error_types(subclass))]
