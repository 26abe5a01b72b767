"""Everything that can go wrong, once: each error has a stable code and says what to do, and whether to try again.

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

from ocr_worker.errors.base import OcrWorkerError
from ocr_worker.errors.client import (
    AuthenticationFailed,
    BatchUnusable,
    ClientError,
    EndpointUnavailable,
    JobExpired,
    JobFailed,
    JobTimedOut,
)
from ocr_worker.errors.http import QueueFull, Unauthorized
from ocr_worker.errors.worker import (
    BucketRejected,
    Cancelled,
    Corrupt,
    DeadlineExceeded,
    DeliveryFailed,
    DocumentError,
    Encrypted,
    EngineError,
    EngineOutOfMemory,
    EngineTimedOut,
    EngineUnavailable,
    Internal,
    InvalidRequest,
    PageFailed,
    PageOutOfRange,
    PageTooLarge,
    RasterizerCrashed,
    RasterizerOutOfMemory,
    RasterizerTimedOut,
    RasterizerUnavailable,
    ResponseTooLarge,
    SettingsInvalid,
    SourceError,
    SourceRejected,
    SourceTimedOut,
    SourceTooLarge,
    SourceUnavailable,
    TooManyPages,
    UnsupportedType,
    WeightsMissing,
)

__all__ = [
    "AuthenticationFailed",
    "BatchUnusable",
    "BucketRejected",
    "Cancelled",
    "ClientError",
    "Corrupt",
    "DeadlineExceeded",
    "DeliveryFailed",
    "DocumentError",
    "Encrypted",
    "EndpointUnavailable",
    "EngineError",
    "EngineOutOfMemory",
    "EngineTimedOut",
    "EngineUnavailable",
    "Internal",
    "InvalidRequest",
    "JobExpired",
    "JobFailed",
    "JobTimedOut",
    "OcrWorkerError",
    "PageFailed",
    "PageOutOfRange",
    "PageTooLarge",
    "QueueFull",
    "RasterizerCrashed",
    "RasterizerOutOfMemory",
    "RasterizerTimedOut",
    "RasterizerUnavailable",
    "ResponseTooLarge",
    "SettingsInvalid",
    "SourceError",
    "SourceRejected",
    "SourceTimedOut",
    "SourceTooLarge",
    "SourceUnavailable",
    "TooManyPages",
    "Unauthorized",
    "UnsupportedType",
    "WeightsMissing",
    "every_error",
    "typed",
]


def typed(error: BaseException) -> OcrWorkerError:
    """`error` itself when it is one of ours, else an `Internal` with a fixed text."""
    told = "the worker met an unexpected error; its log has the details under this job's id"
    return error if isinstance(error, OcrWorkerError) else Internal(told)


def every_error(root: type[OcrWorkerError] = OcrWorkerError) -> list[type[OcrWorkerError]]:
    """All classes of the tree, depth first; documentation and tests are held against it."""
    return [root, *(found for sub in root.__subclasses__() for found in every_error(sub))]
