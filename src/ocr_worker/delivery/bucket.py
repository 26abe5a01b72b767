"""An S3 bucket, through boto3: the one place that talks to it, retries, and says what went wrong in our words.

Retries are botocore's (mode `standard`: jittered, 1 to 20 s apart); ten attempts outlast most of a minute. Each request
signs the digest of its body, which every S3-compatible service checks; the trailers of newer boto3 not all know.
"""

from __future__ import annotations

import hashlib
import io
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ocr_worker.errors import BucketRejected, DeliveryFailed, OcrWorkerError, SettingsInvalid
from ocr_worker.log import event
from ocr_worker.schema import Delivered

log = logging.getLogger(__name__)

CHECK_KEY = "ocr-worker/write-check"

_CHECKED_FOR_S = 300.0
_PART_BYTES = 8 * 2**20
_CONFIG = Config(
    signature_version="s3v4",
    retries={"mode": "standard", "total_max_attempts": 10},
    connect_timeout=5,
    read_timeout=20,
    max_pool_connections=16,
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    s3={"payload_signing_enabled": True, "addressing_style": "path"},
)
# Parts go one after the other on the job's own thread: a pool of boto3's would hold up the end of the process.
_TRANSFER = TransferConfig(multipart_threshold=2 * _PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False)


class Bucket:
    """Thread-safe. link_s: seconds for which a signed URL is good."""

    def __init__(self, client: Any, name: str, link_s: int) -> None:
        self.name = name
        self._client = client
        self._link_s = link_s
        self._checked_at = float("-inf")
        self._here = threading.local()
        client.meta.events.register("needs-retry.s3", self._count_retry)

    @classmethod
    def at(
        cls, url: str, key_id: str, secret: str, *, name: str | None = None, region: str | None = None, link_s: int
    ) -> Bucket:
        """The bucket at an endpoint's URL, whose host or path may name it. Raises SettingsInvalid when nothing does."""
        endpoint, name = located(url, name)
        session = boto3.session.Session(aws_access_key_id=key_id, aws_secret_access_key=secret)
        region = region or region_of(endpoint)
        return cls(session.client("s3", endpoint_url=endpoint, region_name=region, config=_CONFIG), name, link_s)

    def check(self) -> None:
        """Writes and reads back a few bytes, unless that went well within five minutes.

        Raises BucketRejected, DeliveryFailed.
        """
        if time.monotonic() - self._checked_at < _CHECKED_FOR_S:
            return
        body = str(time.time()).encode()
        self.put(CHECK_KEY, body, "text/plain")
        self.get(CHECK_KEY)
        self._checked_at = time.monotonic()

    def put(self, key: str, body: bytes, media_type: str = "application/json") -> None:
        """Stores an object, a large one in parts. Raises BucketRejected, DeliveryFailed."""
        extra = {"ContentType": media_type, "Metadata": {"sha256": hashlib.sha256(body).hexdigest()}}
        with self._told("write", key):
            self._client.upload_fileobj(io.BytesIO(body), self.name, key, ExtraArgs=extra, Config=_TRANSFER)

    def get(self, key: str) -> bytes:
        """An object's bytes. Raises BucketRejected, DeliveryFailed."""
        with self._told("read", key):
            body: bytes = self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
            return body

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so. Raises BucketRejected, DeliveryFailed."""
        with self._told("list", prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def deliver(self, key: str, body: bytes) -> Delivered:
        """Stores JSON and makes a link to it. Raises BucketRejected, DeliveryFailed."""
        self.put(key, body)
        expires = datetime.now(UTC) + timedelta(seconds=self._link_s)
        url = self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self.name, "Key": key}, ExpiresIn=self._link_s
        )
        return Delivered(
            url=url,
            bucket=self.name,
            key=key,
            bytes=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            expires_at=expires.isoformat(timespec="seconds"),
        )

    @contextmanager
    def _told(self, act: str, key: str) -> Iterator[None]:
        """Errors in our words; and how often the act had to be tried again."""
        self._here.retries = 0
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise self._translated(error, act) from None
        finally:
            if self._here.retries:
                event(log, "bucket_retried", act=act, key=key, times=self._here.retries)

    def _count_retry(self, attempts: int, **told: Any) -> None:
        self._here.retries = getattr(self._here, "retries", 0) + (attempts > 1)

    def _translated(self, error: Exception, act: str) -> OcrWorkerError:
        where = f"the bucket {self.name!r} at {urlsplit(self._client.meta.endpoint_url).netloc}"
        if not isinstance(error, ClientError):
            return DeliveryFailed(f"{where} could not be reached to {act} ({type(error).__name__}); send the job again")
        code, status = error.response["Error"].get("Code"), error.response["ResponseMetadata"]["HTTPStatusCode"]
        if 400 <= status < 500 and status not in (408, 429):
            told = f"{where} refuses to {act} ({code}): check its name, the key and the key's rights (read and write)"
            return BucketRejected(told)
        return DeliveryFailed(f"{where} answered {status} ({code}) to every attempt to {act}; send the job again")


def located(url: str, name: str | None) -> tuple[str, str]:
    """The endpoint and the bucket's name, from a URL whose host (`name.s3.region...`) or path (`/name`) may hold it.

    Raises SettingsInvalid when the bucket has no name.
    """
    parts = urlsplit(url)
    host, path = parts.netloc, parts.path.strip("/")
    if not name and path:
        name = path.partition("/")[0]
    elif not name and ".s3" in host:
        name = host.partition(".s3")[0]
    if not name:
        raise SettingsInvalid("the bucket has no name: set BUCKET_NAME, or s3Config.bucketName")
    return f"{parts.scheme}://{host.removeprefix(f'{name}.')}", name


def region_of(endpoint: str) -> str:
    """The region in a host such as `s3.eu-central-1.amazonaws.com`; else one that every compatible service takes."""
    labels = (urlsplit(endpoint).hostname or "").split(".")
    after = labels[labels.index("s3") + 1] if "s3" in labels[:-1] else ""
    return after if "-" in after else "us-east-1"
