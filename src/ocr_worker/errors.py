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
    │   ├ EngineCrashed
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
    ├ HostRejected                     of the HTTP app
    ├ OriginRejected                   of the HTTP app
    ├ QueueFull                        (retryable) of the HTTP app
    ├ Cancelled
    ├ DeadlineExceeded
    └ Internal

Messages are shown to callers: they never hold document text, credentials or the query of a URL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class OcrWorkerError(Exception):
    """Base of all errors. `str(error)` is the message for people, and `code` identifies the error for programs.

    An error that a client received keeps the `code` and `retryable` of the worker, which may differ from the class's.
    remedy: what a user can do, in one sentence. The documentation shows it beside the class's docstring.
    """

    code: str = "INTERNAL"
    retryable: bool = False
    remedy: ClassVar[str] = "Read the message and the worker's log."


class SettingsInvalid(OcrWorkerError):
    """A setting is missing or invalid, so the worker cannot start."""

    code = "SETTINGS_INVALID"
    remedy = "Correct the variables that the message names; `ocr-worker doctor` checks them without starting a worker."


class InvalidRequest(OcrWorkerError):
    """The job's input is invalid; the message lists every problem with its JSON path."""

    code = "INVALID_REQUEST"
    problems: Sequence[tuple[tuple[str | int, ...], str]] = ()  # JSON path and message of each
    remedy = "Correct the input at each path that the message lists."


class SourceError(OcrWorkerError):
    """The document could not be read from its source."""

    code = "SOURCE_FAILED"


class SourceRejected(SourceError):
    """The source is invalid or not allowed: its address, scheme or base64, or the host responded with a 4xx status."""

    code = "SOURCE_REJECTED"
    remedy = "Check the URL, `OCR_ALLOWED_HOSTS` and `OCR_PRIVATE_HOSTS`, or send the file as base64."


class SourceTooLarge(SourceError):
    """The document has more bytes than the limit."""

    code = "SOURCE_TOO_LARGE"
    remedy = "Send a smaller file, or raise `OCR_MAX_SOURCE_MB`."


class SourceUnavailable(SourceError):
    """The document's host cannot be reached, or responded with 429 or 5xx."""

    code = "SOURCE_UNAVAILABLE"
    retryable = True
    remedy = "Send the job again later, and check that the worker can reach the host."
    retry_after: float | None = None  # seconds that the host asks to wait


class SourceTimedOut(SourceError):
    """The download did not finish within its time limit, which includes retries."""

    code = "SOURCE_TIMED_OUT"
    retryable = True
    remedy = "Send the job again, or raise `OCR_FETCH_TIMEOUT_S` for slow hosts."


class DocumentError(OcrWorkerError):
    """The document was received but cannot be turned into page images."""

    code = "DOCUMENT_FAILED"


class UnsupportedType(DocumentError):
    """The file is neither a PDF nor an image of a supported type."""

    code = "DOCUMENT_UNSUPPORTED_TYPE"
    remedy = "Convert the file to PDF, PNG, JPEG, TIFF, WebP, BMP, GIF, HEIC or AVIF."


class Encrypted(DocumentError):
    """The PDF needs a password, the password in the request is wrong, or its protection does not use a password."""

    code = "DOCUMENT_ENCRYPTED"
    remedy = "Send the right `password` with the document, or export it without protection."


class Corrupt(DocumentError):
    """The file is damaged, empty, or has no pages."""

    code = "DOCUMENT_CORRUPT"
    remedy = "Open the file in a viewer, export it again, and send the new file."


class PageOutOfRange(DocumentError):
    """None of the requested pages exists in the document."""

    code = "DOCUMENT_PAGE_OUT_OF_RANGE"
    remedy = "Correct `pages`: numbers start at 1."


class TooManyPages(DocumentError):
    """The request asks for more pages of a document than the limit allows."""

    code = "DOCUMENT_TOO_MANY_PAGES"
    remedy = "Split the document over several jobs with `pages`, or raise `OCR_MAX_PAGES`."


class PageTooLarge(DocumentError):
    """The page has more pixels than the limit, even at the lowest resolution."""

    code = "DOCUMENT_PAGE_TOO_LARGE"
    remedy = "Split or shrink the page, or raise `OCR_MAX_PAGE_MPX`."


class RasterizerCrashed(DocumentError):
    """The rasterizer process crashed while it rendered the document."""

    code = "DOCUMENT_RASTERIZER_CRASHED"
    remedy = "Print the document to a new PDF in a viewer, and send that."


class RasterizerTimedOut(DocumentError):
    """A page took longer to render than the limit."""

    code = "DOCUMENT_RASTERIZER_TIMED_OUT"
    remedy = "Lower `dpi`, or raise `OCR_RASTER_PAGE_TIMEOUT_S`."


class RasterizerOutOfMemory(DocumentError):
    """Rendering the document needs more memory than a rasterizer process may use."""

    code = "DOCUMENT_RASTERIZER_OUT_OF_MEMORY"
    remedy = "Lower `dpi`, or raise `OCR_RASTER_MEMORY_MB`."


class RasterizerUnavailable(DocumentError):
    """No rasterizer process could be started to render the document."""

    code = "DOCUMENT_RASTERIZER_UNAVAILABLE"
    retryable = True
    remedy = "Send the job again; if it fails again, give the container more memory."


class EngineError(OcrWorkerError):
    """The engine could not parse the page."""

    code = "ENGINE_FAILED"


class EngineUnavailable(EngineError):
    """The engine cannot be used: it did not start, crashed, or left its device in a broken state."""

    code = "ENGINE_UNAVAILABLE"
    retryable = True
    remedy = "Send the job again; the worker's log has the cause."


class WeightsMissing(EngineUnavailable):
    """Model weights are missing or incomplete, so the worker cannot start."""

    code = "WEIGHTS_MISSING"
    retryable = False
    remedy = "Run the command in the message, or set `OCR_DOWNLOAD_WEIGHTS=true`."


class EngineOutOfMemory(EngineError):
    """The device has too little memory for the page, even with fewer pixels."""

    code = "ENGINE_OUT_OF_MEMORY"
    retryable = True
    remedy = "Send the pages again; if they fail again, lower `dpi` or `max_pixels`, or use a GPU with more memory."


class EngineTimedOut(EngineError):
    """The engine did not finish the page within its time limit."""

    code = "ENGINE_TIMED_OUT"
    retryable = True
    remedy = "Send the pages again, or raise `OCR_ENGINE_TIMEOUT_S`."


class EngineCrashed(EngineError):
    """The engine's process ended twice while it parsed this page."""

    code = "ENGINE_CRASHED"
    remedy = "Send the document without this page, or at another `dpi`, and report the page with the worker's log."


class PageFailed(EngineError):
    """The engine failed on this page, or returned something that is not a valid page."""

    code = "PAGE_FAILED"
    remedy = "Try another `dpi`; if the page fails again, report it with the worker's log."


class ResponseTooLarge(OcrWorkerError):
    """The response is too large to be returned inline, even with Markdown alone."""

    code = "RESPONSE_TOO_LARGE"
    remedy = "Configure a bucket, or ask for fewer pages in a job or only one of the `formats`."


class DeliveryFailed(OcrWorkerError):
    """The bucket for the response or its checkpoints cannot be reached, after all retries."""

    code = "DELIVERY_FAILED"
    retryable = True
    remedy = "Send the job again when the bucket responds."


class BucketRejected(DeliveryFailed):
    """The bucket rejects the request: it does not exist, or the key is wrong or may not both read and write."""

    code = "BUCKET_REJECTED"
    retryable = False
    remedy = "Check the bucket's name, the key, and the key's rights to read, write and list."


class Cancelled(OcrWorkerError):
    """The job was cancelled before the page was parsed."""

    code = "CANCELLED"
    remedy = "Send the job again if you still need it."


class DeadlineExceeded(OcrWorkerError):
    """The job's time limit passed before the page was parsed."""

    code = "DEADLINE_EXCEEDED"
    remedy = "Send the missing pages in another job, or raise `timeout_s` or `OCR_JOB_TIMEOUT_S`."


class Internal(OcrWorkerError):
    """An unexpected exception. Its traceback is in the worker's log only."""

    code = "INTERNAL"
    remedy = "Report it with the log lines of the job's id."


class ClientError(OcrWorkerError):
    """A client could not send a job to an endpoint or get its result."""

    code = "CLIENT_FAILED"


class AuthenticationFailed(ClientError):
    """The endpoint rejects the API key."""

    code = "AUTHENTICATION_FAILED"
    remedy = "Set `RUNPOD_API_KEY` to a key that may use the endpoint."


class EndpointUnavailable(ClientError):
    """The endpoint cannot be reached, or responded with 429 or 5xx, after all retries."""

    code = "ENDPOINT_UNAVAILABLE"
    retryable = True
    remedy = "Run the same command again later; it continues where it stopped."


class JobFailed(ClientError):
    """The endpoint rejected the job, or returned something that is not a response of this worker."""

    code = "JOB_FAILED"
    remedy = "Check that the endpoint runs this worker; its log has the cause."


class JobExpired(ClientError):
    """The endpoint no longer has the job: its time to live, or the time its result is kept, has passed."""

    code = "JOB_EXPIRED"
    retryable = True
    remedy = "Run the same command again; add workers if jobs wait too long."


class JobTimedOut(ClientError):
    """The job exceeded the endpoint's execution timeout, or did not end while its client waited."""

    code = "JOB_TIMED_OUT"
    retryable = True
    remedy = "Send fewer pages per job (`--pages-per-job`), or raise the endpoint's execution timeout."


class BatchUnusable(ClientError):
    """The batch folder cannot be used: another run uses it, it is read-only or full, or its ledger is damaged."""

    code = "BATCH_UNUSABLE"
    remedy = "Wait for the other run, free disk space, or choose another folder, as the message says."


class Unauthorized(OcrWorkerError):
    """The request has no valid API key: send one of `OCR_API_KEYS`."""

    code = "UNAUTHORIZED"
    remedy = "Send the header `Authorization: Bearer KEY` or `X-Api-Key: KEY`."


class HostRejected(OcrWorkerError):
    """The `Host` of the request is not a name under which the HTTP app serves this worker."""

    code = "HOST_REJECTED"
    remedy = "Use the name or address that the app listens on, or add the host to `OCR_TRUSTED_HOSTS`."


class OriginRejected(OcrWorkerError):
    """A web page of another origin sent the request without a valid API key."""

    code = "ORIGIN_REJECTED"
    remedy = "Add the page's origin to `OCR_CORS_ORIGINS`, or send an API key."


class QueueFull(OcrWorkerError):
    """The HTTP app's queue is full; the response says after how many seconds to retry."""

    code = "QUEUE_FULL"
    retryable = True
    remedy = "Send the request again after the seconds in `Retry-After`."


def as_worker_error(error: BaseException) -> OcrWorkerError:
    """Return `error` itself if it is an OcrWorkerError, else an `Internal` with a fixed message."""
    message = "an unexpected error occurred in the worker; search its log for this job's id"
    return error if isinstance(error, OcrWorkerError) else Internal(message)


def error_types(root: type[OcrWorkerError] = OcrWorkerError) -> list[type[OcrWorkerError]]:
    """Return all classes of the tree below and including `root`, depth first. Tests compare documentation with it."""
    return [root, *(error_type for subclass in root.__subclasses__() for error_type in error_types(subclass))]
