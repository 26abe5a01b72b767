"""Where results go that do not simply come back: a bucket, the account of a stream, checkpoints.

One job's `Delivery` says how its answer leaves (`Destination`: inline, in a bucket, streamed) and where its parsed
pages are kept (`Checkpoints`). No library is loaded that neither the settings nor the job ask for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocr_worker import extras
from ocr_worker.delivery.checkpoints import BucketCheckpoints, Checkpoints, NoCheckpoints
from ocr_worker.delivery.destination import Destination, InBucket, Inline, Streamed
from ocr_worker.errors import BucketRejected, DeliveryFailed, InvalidRequest
from ocr_worker.log import event
from ocr_worker.settings import MEGABYTE, Settings
from ocr_worker.wire.request import parse_s3_config
from ocr_worker.wire.schema import ParseRequest

if TYPE_CHECKING:
    from ocr_worker.delivery.bucket import Bucket

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Of one job. bucket: to be proven before any page is paid for; None where the job can do without."""

    destination: Destination
    checkpoints: Checkpoints
    bucket: Bucket | None

    def check(self) -> None:
        """Raises BucketRejected, DeliveryFailed: what the job brings in must not be lost at its end."""
        if self.bucket:
            self.bucket.check()


class Deliveries:
    """Makes each job's delivery. `bucket` is the one of the settings, if they name one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.bucket = _bucket_of(settings)

    def start(self) -> None:
        """Proves the bucket of the settings. Raises BucketRejected; one that only does not answer may come back."""
        try:
            if self.bucket:
                self.bucket.check()
        except BucketRejected:
            raise
        except DeliveryFailed as error:
            event(log, "bucket_unreachable", reason=str(error))

    def of(self, request: ParseRequest, job: Mapping[str, Any], *, streamed: bool = False) -> Delivery:
        """The job's delivery; no bucket is asked yet. Raises InvalidRequest for one that cannot be had."""
        brought = self._brought(job.get("s3Config"))
        bucket, wanted = brought or self.bucket, request.options.delivery
        if wanted == "bucket" and not bucket:
            raise InvalidRequest(
                "options.delivery: this worker has no bucket; set BUCKET_ENDPOINT_URL, BUCKET_ACCESS_KEY_ID,"
                " BUCKET_SECRET_ACCESS_KEY and BUCKET_NAME in its environment"
            )
        key = request.idempotency_key
        checkpoints = BucketCheckpoints(bucket, key) if bucket and key else NoCheckpoints()
        needed = wanted == "bucket" or key or (brought and wanted == "auto")
        destination = self._destination(request, job["id"], bucket, streamed)
        return Delivery(destination, checkpoints, bucket if needed else None)

    def _destination(self, request: ParseRequest, job_id: str, bucket: Bucket | None, streamed: bool) -> Destination:
        limit, wanted = int(self._settings.inline_limit_mb * MEGABYTE), request.options.delivery
        plain: Destination = Streamed(limit) if streamed else Inline(limit)
        # Where the pages are streamed nothing is too large inline: the bucket has the answer only if it is asked for.
        if bucket and (wanted == "bucket" or (wanted == "auto" and not streamed)):
            return InBucket(bucket, job_id, limit, plain, always=wanted == "bucket")
        return plain

    def _brought(self, config: Any) -> Bucket | None:
        """The bucket that a job brings along, where the settings allow it. Raises InvalidRequest."""
        if not config:
            return None
        if not self._settings.job_buckets:
            raise InvalidRequest("s3Config: this worker takes no bucket from a job; start it with OCR_JOB_BUCKETS=true")
        given = parse_s3_config(config)
        return _bucket_class("s3Config").at(
            given.endpointUrl,
            given.accessId,
            given.accessSecret,
            name=given.bucketName,
            link_s=self._settings.bucket_link_s,
            patience_s=self._settings.bucket_patience_s,
        )


def _bucket_of(settings: Settings) -> Bucket | None:
    url, key, secret = settings.bucket_endpoint_url, settings.bucket_access_key_id, settings.bucket_secret_access_key
    if not (url and key and secret):  # the settings have all of them or none
        return None
    name, region = settings.bucket_name, settings.bucket_region
    return _bucket_class("BUCKET_ENDPOINT_URL").at(
        url,
        key,
        secret.get_secret_value(),
        name=name,
        region=region,
        link_s=settings.bucket_link_s,
        patience_s=settings.bucket_patience_s,
    )


def _bucket_class(user: str) -> type[Bucket]:
    """Import the S3 client, which only a bucket needs. `user`: the setting or field that names one.

    Raises SettingsInvalid: without the extra [s3].
    """
    with extras.needed_by(user, "s3"):
        from ocr_worker.delivery.bucket import Bucket
    return Bucket
