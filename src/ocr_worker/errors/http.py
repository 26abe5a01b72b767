"""What the HTTP app answers before a job begins."""

from __future__ import annotations

from ocr_worker.errors.base import OcrWorkerError


class Unauthorized(OcrWorkerError):
    """The request lacks a key of `OCR_API_KEYS`, as `Authorization: Bearer KEY`."""

    code = "UNAUTHORIZED"


class QueueFull(OcrWorkerError):
    """As many jobs wait as may; the answer says after how many seconds to come again."""

    code = "QUEUE_FULL"
    retryable = True
