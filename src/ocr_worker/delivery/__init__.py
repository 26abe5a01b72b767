"""Decide where the results of a job go: inline, into a bucket, or into a stream; and whether its pages are stored.

`Deliveries` makes the `Delivery` of each job from the settings and the request. It holds the destination of the
response (`destination`) and the store of parsed pages (`checkpoints`). Both may use a `Bucket` (`bucket`), under keys
that `keys` builds. The S3 client is imported only if the settings or a job name a bucket. Jobs that do not come from
the platform have no delivery: the HTTP app and the command line use the response as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocr_worker import extras
from ocr_worker.delivery.checkpoints import BucketCheckpoints, Checkpoints, NoCheckpoints
from ocr_worker.delivery.destination import BucketDestination, Destination, InlineDestination, StreamDestination
from ocr_worker.delivery.page_cache import PageCache, digest_of_weights
from ocr_worker.engines.base import Weights
from ocr_worker.errors import BucketRejected, DeliveryFailed, InvalidRequest, SettingsInvalid
from ocr_worker.log import event
from ocr_worker.settings import MEGABYTE, Settings
from ocr_worker.wire.request import parse_s3_config
from ocr_worker.wire.schema import ParseRequest

if TYPE_CHECKING:
    from ocr_worker.delivery.bucket import Bucket

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery of one job.

    bucket: the bucket to check before any page is parsed; None if the job can succeed without one.
    """

    destination: Destination
    checkpoints: Checkpoints
    bucket: Bucket | None

    def check(self) -> None:
        """Check that the bucket works before the job parses pages whose results would be lost at its end.

        Raises BucketRejected and DeliveryFailed as `Bucket.check` does.
        """
        if self.bucket:
            self.bucket.check()


class Deliveries:
    """The factory of deliveries. `bucket` is the bucket that the settings name, or None."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.bucket = settings_bucket(settings)

    def start(self) -> None:
        """Check the bucket of the settings. Log an error if it does not respond, since it may recover.

        Raises BucketRejected when the bucket rejects the key or does not exist.
        """
        try:
            if self.bucket:
                self.bucket.check()
        except BucketRejected:
            raise
        except DeliveryFailed as error:
            event(log, "bucket_unreachable", reason=str(error))

    def plan(self, request: ParseRequest, job: Mapping[str, Any], *, is_streamed: bool = False) -> Delivery:
        """Return the delivery of a job. Sends nothing to a bucket yet.

        job: with `id`, and perhaps `s3Config`. Raises InvalidRequest when the job requests a bucket and has none, or
        names one that this worker does not accept.
        """
        job_bucket = self._job_bucket(job.get("s3Config"))
        bucket, mode = job_bucket or self.bucket, request.options.delivery
        if mode == "bucket" and not bucket:
            raise InvalidRequest(
                "options.delivery: 'bucket' needs a bucket, and this worker has none; set BUCKET_ENDPOINT_URL,"
                " BUCKET_ACCESS_KEY_ID, BUCKET_SECRET_ACCESS_KEY and BUCKET_NAME in its environment"
            )
        key = request.idempotency_key
        checkpoints = BucketCheckpoints(bucket, key) if bucket and key else NoCheckpoints()
        is_needed = mode == "bucket" or key or (job_bucket and mode == "auto")
        destination = self._destination(request, job["id"], bucket, is_streamed)
        return Delivery(destination, checkpoints, bucket if is_needed else None)

    def _destination(self, request: ParseRequest, job_id: str, bucket: Bucket | None, is_streamed: bool) -> Destination:
        limit, mode = int(self._settings.inline_limit_mb * MEGABYTE), request.options.delivery
        fallback: Destination = StreamDestination(limit) if is_streamed else InlineDestination(limit)
        # A streamed response has no pages and is never too large, so it goes to the bucket only on request.
        if bucket and (mode == "bucket" or (mode == "auto" and not is_streamed)):
            return BucketDestination(bucket, job_id, limit, fallback, is_forced=mode == "bucket")
        return fallback

    def _job_bucket(self, config: Any) -> Bucket | None:
        """Return the bucket that a job's `s3Config` names, or None. Raises InvalidRequest if it is not allowed."""
        if not config:
            return None
        if not self._settings.job_buckets:
            raise InvalidRequest(
                "s3Config: this worker does not accept buckets from jobs; start it with OCR_JOB_BUCKETS=true"
            )
        s3_config = parse_s3_config(config)
        return _bucket_class("s3Config").from_url(
            s3_config.endpointUrl,
            s3_config.accessId,
            s3_config.accessSecret,
            name=s3_config.bucketName,
            link_s=self._settings.bucket_link_s,
            patience_s=self._settings.bucket_patience_s,
        )


def open_cache(settings: Settings, weights: Weights | None) -> PageCache | None:
    """Return the content cache of a worker; None: it is off. Reads the weights, for their digest.

    Raises WeightsMissing.
    """
    bucket = settings_bucket(settings) if settings.cache else None
    if bucket is None:
        return None
    digest = digest_of_weights(weights.locate(settings)) if weights else ""
    return PageCache(bucket, settings.cache_prefix, digest)


def settings_bucket(settings: Settings) -> Bucket | None:
    """Return the bucket that the settings name, or None."""
    if settings.bucket_endpoint_url is None:
        return None
    return named_bucket(settings, settings.bucket_name, "BUCKET_ENDPOINT_URL")


def named_bucket(settings: Settings, name: str | None, user: str) -> Bucket:
    """Return a bucket at the endpoint of the settings, with their keys.

    name: None: it is in the endpoint's URL. user: the setting or argument that wants the bucket, for messages. Raises
    SettingsInvalid: the settings have no endpoint.
    """
    url, key, secret = settings.bucket_endpoint_url, settings.bucket_access_key_id, settings.bucket_secret_access_key
    if url is None or key is None or secret is None:  # the settings have all of them or none
        raise SettingsInvalid(
            f"{user} needs BUCKET_ENDPOINT_URL, BUCKET_ACCESS_KEY_ID and BUCKET_SECRET_ACCESS_KEY; set them"
        )
    return _bucket_class(user).from_url(
        url,
        key,
        secret.get_secret_value(),
        name=name,
        region=settings.bucket_region,
        link_s=settings.bucket_link_s,
        patience_s=settings.bucket_patience_s,
    )


def _bucket_class(user: str) -> type[Bucket]:
    """Import the S3 client, which only a bucket needs, and return `Bucket`.

    user: the setting or field that names a bucket. Raises SettingsInvalid when the extra [s3] is not installed.
    """
    with extras.needed_by(user, "s3"):
        from ocr_worker.delivery.bucket import Bucket
    return Bucket
