"""Send a job's response where it belongs: inline, in a stream, or to a bucket.

Each destination turns a response into the JSON that the job returns to the platform. It serializes the response, counts
its bytes, and makes it fit (`wire.response`). A bucket that is gone costs no results: the response then takes
the way that it would take without a bucket, with a warning. `delivery` chooses the destination of each job.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from ocr_worker.delivery.keys import response_key
from ocr_worker.errors import DeliveryFailed, OcrWorkerError, ResponseTooLarge
from ocr_worker.log import event
from ocr_worker.wire import response
from ocr_worker.wire.response import JsonObject
from ocr_worker.wire.results import error_info, job_error
from ocr_worker.wire.schema import PageWarning, ParseResponse

if TYPE_CHECKING:
    from ocr_worker.delivery.bucket import Bucket

log = logging.getLogger(__name__)


class Destination(Protocol):
    """The place where a response goes."""

    def deliver(self, result: ParseResponse) -> JsonObject:
        """Deliver the response, and return the JSON for the platform.

        Raises ResponseTooLarge when not even the Markdown fits.
        """
        ...


class InlineDestination:
    """The return value of the job: the response itself, of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def deliver(self, result: ParseResponse) -> JsonObject:
        """Return the response as JSON, degraded if it does not fit."""
        error = job_error(result)
        return response.failure(error, result, self._limit) if error else response.success(result, self._limit)


class StreamDestination:
    """The end of a stream: the pages are sent already, so the response has none."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def deliver(self, result: ParseResponse) -> JsonObject:
        """Return the response as JSON, without its pages."""
        return InlineDestination(self._limit).deliver(response.without_pages(result))


class BucketDestination:
    """An object in a bucket, to which the job returns a link.

    limit: inline limit in bytes; smaller responses go to `fallback`, unless `is_forced`. fallback: destination of
    these, of failed jobs, and of all responses when the bucket is gone.
    """

    def __init__(self, bucket: Bucket, job_id: str, limit: int, fallback: Destination, *, is_forced: bool) -> None:
        self._bucket = bucket
        self._job_id = job_id
        self._limit = limit
        self._fallback = fallback
        self._is_forced = is_forced

    def deliver(self, result: ParseResponse) -> JsonObject:
        """Store the response, and return its coverage with a link to it.

        When the bucket is gone, return the response itself, degraded if it does not fit.
        """
        if job_error(result) or not (self._is_forced or response.is_larger(result, self._limit)):
            return self._fallback.deliver(result)
        try:
            link = self._bucket.deliver(response_key(self._job_id), response.encode(result))
        except DeliveryFailed as error:
            return self._deliver_without_bucket(result, error)
        event(log, "delivered", job=self._job_id, bytes=link.bytes, sha256=link.sha256)
        return response.success(response.without_pages(result, link), self._limit)

    def _deliver_without_bucket(self, result: ParseResponse, error: OcrWorkerError) -> JsonObject:
        event(log, "undelivered", job=self._job_id, code=error.code)
        warning = PageWarning(code=error.code, message=str(error))
        warnings = [*result.warnings, warning]
        try:
            return self._fallback.deliver(result.model_copy(update={"warnings": warnings}))
        except ResponseTooLarge:
            return response.failure(error_info(error), response.without_pages(result), self._limit)
