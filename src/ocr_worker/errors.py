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
    ├ ClientError                      (of the batch client)
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

from typing import ClassVar


class OcrWorkerError(Exception):
    """Base of all errors. `str(error)` is the message for people, and `code` identifies the error for programs.

    remedy: what a user can do, in one sentence. The documentation shows it beside the class's docstring.
    """

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False
    remedy: ClassVar[str] = "Read the message and the worker's log."


class SettingsInvalid(OcrWorkerError):
    """The environment does not make valid settings; the worker cannot start."""

    code = "SETTINGS_INVALID"
    remedy = "Correct the variables that the message names; `ocr-worker doctor` checks them without starting a worker."


class InvalidRequest(OcrWorkerError):
    """The job's input is invalid; the message lists every problem with its path."""

    code = "INVALID_REQUEST"
    remedy = "Correct the input at each path that the message lists."


class SourceError(OcrWorkerError):
    """The document's bytes could not be had."""

    code = "SOURCE_FAILED"


class SourceRejected(SourceError):
    """The source is not allowed or can never work: address, scheme, bad base64, 4xx."""

    code = "SOURCE_REJECTED"
    remedy = "Check the URL and `OCR_ALLOWED_HOSTS`, or send the file as base64."


class SourceTooLarge(SourceError):
    """The source has more bytes than the limit."""

    code = "SOURCE_TOO_LARGE"
    remedy = "Send a smaller file, or raise `OCR_MAX_SOURCE_MB`."


class SourceUnavailable(SourceError):
    """The host does not respond, or responds with 429 or 5xx."""

    code = "SOURCE_UNAVAILABLE"
    retryable = True
    remedy = "Send the job again later, and check that the worker can reach the host."
    retry_after: float | None = None  # seconds that the host asks to wait


class SourceTimedOut(SourceError):
    """The download did not finish within its time limit."""

    code = "SOURCE_TIMED_OUT"
    retryable = True
    remedy = "Send the job again, or raise `OCR_FETCH_TIMEOUT_S` for slow hosts."


class DocumentError(OcrWorkerError):
    """The bytes are here but cannot be turned into pages."""

    code = "DOCUMENT_FAILED"


class UnsupportedType(DocumentError):
    """The bytes are neither a PDF nor one of the image types."""

    code = "DOCUMENT_UNSUPPORTED_TYPE"
    remedy = "Convert the file to PDF, PNG, JPEG, TIFF, WebP, BMP, GIF, HEIC or AVIF."


class Encrypted(DocumentError):
    """The PDF needs a password, or the password is wrong."""

    code = "DOCUMENT_ENCRYPTED"
    remedy = "Send the right `password` with the document."


class Corrupt(DocumentError):
    """The file is damaged, empty, or has no pages."""

    code = "DOCUMENT_CORRUPT"
    remedy = "Open the file in a viewer, export it again, and send the new file."


class PageOutOfRange(DocumentError):
    """None of the requested pages exists."""

    code = "DOCUMENT_PAGE_OUT_OF_RANGE"
    remedy = "Correct `pages`: numbers start at 1."


class TooManyPages(DocumentError):
    """More pages were requested than the limit allows."""

    code = "DOCUMENT_TOO_MANY_PAGES"
    remedy = "Split the document over several jobs with `pages`, or raise `OCR_MAX_PAGES`."


class PageTooLarge(DocumentError):
    """The page has more pixels than the limit, even at the lowest resolution."""

    code = "DOCUMENT_PAGE_TOO_LARGE"
    remedy = "Split or shrink the page, or raise `OCR_MAX_PAGE_MPX`."


class RasterizerCrashed(DocumentError):
    """The child process that renders the document died on it."""

    code = "DOCUMENT_RASTERIZER_CRASHED"
    remedy = "Print the document to a new PDF in a viewer, and send that."


class RasterizerTimedOut(DocumentError):
    """A page took longer to render than the limit."""

    code = "DOCUMENT_RASTERIZER_TIMED_OUT"
    remedy = "Lower `dpi`, or raise `OCR_RASTER_PAGE_TIMEOUT_S`."


class RasterizerOutOfMemory(DocumentError):
    """Rendering the document needs more memory than a child process may have."""

    code = "DOCUMENT_RASTERIZER_OUT_OF_MEMORY"
    remedy = "Lower `dpi`, or raise `OCR_RASTER_MEMORY_MB`."


class RasterizerUnavailable(DocumentError):
    """No child process could be started to render the document."""

    code = "DOCUMENT_RASTERIZER_UNAVAILABLE"
    retryable = True
    remedy = "Send the job again; if it fails again, give the container more memory."


class EngineError(OcrWorkerError):
    """The engine could not parse."""

    code = "ENGINE_FAILED"


class EngineUnavailable(EngineError):
    """The engine is gone: it did not start, died, or left its process unusable."""

    code = "ENGINE_UNAVAILABLE"
    retryable = True
    remedy = "Send the job again; the worker's log has the cause."


class WeightsMissing(EngineUnavailable):
    """Model weights are absent or incomplete; the worker cannot start."""

    code = "WEIGHTS_MISSING"
    retryable = False
    remedy = "Run the command in the message, or set `OCR_DOWNLOAD_WEIGHTS=true`."


class EngineOutOfMemory(EngineError):
    """The device had too little memory for the page, even with fewer pixels."""

    code = "ENGINE_OUT_OF_MEMORY"
    retryable = True
    remedy = "Send the pages again; if they fail again, lower `dpi` or `max_pixels`, or use a GPU with more memory."


class EngineTimedOut(EngineError):
    """The engine did not finish within its deadline."""

    code = "ENGINE_TIMED_OUT"
    retryable = True
    remedy = "Send the pages again, or raise `OCR_ENGINE_TIMEOUT_S`."


class PageFailed(EngineError):
    """The engine failed on this page, or returned an invalid result."""

    code = "PAGE_FAILED"
    remedy = "Try another `dpi`; if the page fails again, report it with the worker's log."


class ResponseTooLarge(OcrWorkerError):
    """Even the Markdown alone exceeds the limit of an inline response."""

    code = "RESPONSE_TOO_LARGE"
    remedy = "Configure a bucket, or ask for fewer pages in a job or only one of the `formats`."


class DeliveryFailed(OcrWorkerError):
    """The bucket for the response or its checkpoints did not respond, after all retries."""

    code = "DELIVERY_FAILED"
    retryable = True
    remedy = "Send the job again when the bucket responds."


class BucketRejected(DeliveryFailed):
    """The bucket rejects the request: no such bucket, a wrong key, or a key without the right to write and read."""

    code = "BUCKET_REJECTED"
    retryable = False
    remedy = "Check the bucket's name, the key, and the key's rights to read, write and list."


class Cancelled(OcrWorkerError):
    """The job was cancelled before the page was parsed."""

    code = "CANCELLED"
    remedy = "Send the job again if you still need it."


class DeadlineExceeded(OcrWorkerError):
    """The job's time limit ended before the page was parsed."""

    code = "DEADLINE_EXCEEDED"
    remedy = "Send the missing pages in another job, or raise `timeout_s` or `OCR_JOB_TIMEOUT_S`."


class Internal(OcrWorkerError):
    """An unexpected exception; its traceback is only in the log."""

    code = "INTERNAL"
    remedy = "Report it with the log lines of the job's id."


class ClientError(OcrWorkerError):
    """The batch client could not send a job to an endpoint or get its result."""

    code = "CLIENT_FAILED"


class AuthenticationFailed(ClientError):
    """The endpoint rejects the API key."""

    code = "AUTHENTICATION_FAILED"
    remedy = "Set `RUNPOD_API_KEY` to a key that may use the endpoint."


class EndpointUnavailable(ClientError):
    """The endpoint does not respond, or responds with 429 or 5xx, after all retries."""

    code = "ENDPOINT_UNAVAILABLE"
    retryable = True
    remedy = "Run the same command again later; it continues where it stopped."


class JobFailed(ClientError):
    """The endpoint rejected the job, or returned something that this worker cannot have written."""

    code = "JOB_FAILED"
    remedy = "Check that the endpoint runs this worker; its log has the cause."


class JobExpired(ClientError):
    """The endpoint no longer knows the job: its time-to-live or its result's retention is over."""

    code = "JOB_EXPIRED"
    retryable = True
    remedy = "Run the same command again; add workers if jobs wait too long."


class JobTimedOut(ClientError):
    """The job exceeded the endpoint's execution timeout."""

    code = "JOB_TIMED_OUT"
    retryable = True
    remedy = "Send fewer pages per job (`--pages-per-job`), or raise the endpoint's execution timeout."


class BatchUnusable(ClientError):
    """The batch's folder cannot be worked in: in use by another run, read-only, full, or its ledger damaged."""

    code = "BATCH_UNUSABLE"
    remedy = "Wait for the other run, free disk space, or choose another folder, as the message says."


class Unauthorized(OcrWorkerError):
    """The request lacks a key of `OCR_API_KEYS`, as `Authorization: Bearer KEY`."""

    code = "UNAUTHORIZED"
    remedy = "Send the header `Authorization: Bearer KEY`."


class QueueFull(OcrWorkerError):
    """The queue is full; the response says after how many seconds to try again."""

    code = "QUEUE_FULL"
    retryable = True
    remedy = "Send the request again after the seconds in `Retry-After`."


def as_worker_error(error: BaseException) -> OcrWorkerError:
    """Return `error` itself if it is an OcrWorkerError, else an `Internal` with a fixed message."""
    message = "the worker met an unexpected error; its log has the details under this job's id"
    return error if isinstance(error, OcrWorkerError) else Internal(message)


def error_types(root: type[OcrWorkerError] = OcrWorkerError) -> list[type[OcrWorkerError]]:
    """Return all classes of the tree below and including `root`, depth first. Tests compare documentation with it."""
    return [root, *(error_type for subclass in root.__subclasses__() for error_type in error_types(subclass))]
