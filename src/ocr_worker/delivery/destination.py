"""How a job's answer leaves. It is serialised here, once, with its bytes counted, and made to fit."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from ocr_worker.delivery.keys import answer_key
from ocr_worker.errors import DeliveryFailed, OcrWorkerError, ResponseTooLarge
from ocr_worker.log import event
from ocr_worker.wire import response
from ocr_worker.wire.response import Answer
from ocr_worker.wire.results import error_info, job_error
from ocr_worker.wire.schema import PageWarning, ParseResponse

if TYPE_CHECKING:
    from ocr_worker.delivery.bucket import Bucket

log = logging.getLogger(__name__)


class Destination(Protocol):
    """Where an answer goes."""

    def answer(self, parsed: ParseResponse) -> Answer:
        """What the job returns to the platform. Raises ResponseTooLarge."""
        ...


class Inline:
    """The answer itself, of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def answer(self, parsed: ParseResponse) -> Answer:
        """Degraded where it does not fit."""
        failed = job_error(parsed)
        return response.failure(failed, parsed, self._limit) if failed else response.success(parsed, self._limit)


class Streamed:
    """The pages went out as they came: what is left is the account of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def answer(self, parsed: ParseResponse) -> Answer:
        """The answer without its pages."""
        return Inline(self._limit).answer(response.without_pages(parsed))


class InBucket:
    """The answer in `bucket`, and a link to it, when it has more than `limit` bytes, or always; else, and when the
    bucket is gone, it leaves the other way."""

    def __init__(self, bucket: Bucket, job_id: str, limit: int, otherwise: Destination, *, always: bool) -> None:
        self._bucket = bucket
        self._job_id = job_id
        self._limit = limit
        self._otherwise = otherwise
        self._always = always

    def answer(self, parsed: ParseResponse) -> Answer:
        """The account of the answer and where it lies; the answer itself, degraded, when the bucket is gone."""
        if job_error(parsed) or not (self._always or response.is_larger(parsed, self._limit)):
            return self._otherwise.answer(parsed)
        try:
            delivered = self._bucket.deliver(answer_key(self._job_id), response.encoded(parsed))
        except DeliveryFailed as error:
            return self._without_bucket(parsed, error)
        event(log, "delivered", job=self._job_id, bytes=delivered.bytes, sha256=delivered.sha256)
        return response.success(response.without_pages(parsed, delivered), self._limit)

    def _without_bucket(self, parsed: ParseResponse, error: OcrWorkerError) -> Answer:
        event(log, "undelivered", job=self._job_id, code=error.code)
        told = PageWarning(code=error.code, message=str(error))
        warned = parsed.model_copy(update={"warnings": [*parsed.warnings, told]})
        try:
            return self._otherwise.answer(warned)
        except ResponseTooLarge:
            return response.failure(error_info(error), response.without_pages(parsed), self._limit)
