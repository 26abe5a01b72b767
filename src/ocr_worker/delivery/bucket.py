"""An S3 bucket, through boto3: the one place that talks to it, tries again, and says what went wrong in our words.

The retries are ours: botocore's are spent after 13 s of refused connections, and draw on a budget that all threads of a
client share for good. Each request signs the digest of its body, which every S3-compatible service checks; the checksum
trailers of newer boto3 not all of them know.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
import stamina
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ocr_worker.errors import BucketRejected, DeliveryFailed, OcrWorkerError, SettingsInvalid
from ocr_worker.log import event
from ocr_worker.wire.schema import Delivered

log = logging.getLogger(__name__)

CHECK_KEY = "ocr-worker/write-check"

_CHECKED_FOR_S = 300.0
_GONE_FOR_S = 60.0  # so long after patience ended each request has one try only: not every job is to wait for it
_PART_BYTES = 8 * 2**20
_CONFIG = Config(
    signature_version="s3v4",
    retries={"total_max_attempts": 1},
    connect_timeout=10,
    read_timeout=20,
    max_pool_connections=16,
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    s3={"payload_signing_enabled": True, "addressing_style": "path"},
)

Value = TypeVar("Value")


class Bucket:
    """Thread-safe. link_s: seconds for which a signed URL is good. patience_s: during which a failing request is
    retried."""

    def __init__(self, client: Any, name: str, link_s: int, patience_s: float) -> None:
        self.name = name
        self._client = client
        self._link_s = link_s
        self._patience_s = patience_s
        self._checked_at = self._gone_at = float("-inf")

    @classmethod
    def at(
        cls,
        url: str,
        key_id: str,
        secret: str,
        *,
        name: str | None = None,
        region: str | None = None,
        link_s: int,
        patience_s: float,
    ) -> Bucket:
        """The bucket at an endpoint's URL, whose host or path may name it. Raises SettingsInvalid when nothing does."""
        endpoint, name = located(url, name)
        session = boto3.session.Session(aws_access_key_id=key_id, aws_secret_access_key=secret)
        region = region or region_of(endpoint)
        client = session.client("s3", endpoint_url=endpoint, region_name=region, config=_CONFIG)
        return cls(client, name, link_s, patience_s)

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
        about = {"ContentType": media_type, "Metadata": {"sha256": hashlib.sha256(body).hexdigest()}}
        if len(body) > 2 * _PART_BYTES:
            self._put_parts(key, body, about)
        else:
            self._retried("write", key, lambda: self._client.put_object(Bucket=self.name, Key=key, Body=body, **about))

    def _put_parts(self, key: str, body: bytes, about: dict[str, Any]) -> None:
        """One after the other, on the caller's thread: a pool of boto3's would hold up the end of the process."""
        place = {"Bucket": self.name, "Key": key}
        begun = self._retried("write", key, lambda: self._client.create_multipart_upload(**place, **about))
        place["UploadId"] = begun["UploadId"]

        def send(number: int, part: bytes) -> dict[str, Any]:
            sent = self._client.upload_part(**place, PartNumber=number, Body=part)
            return {"PartNumber": number, "ETag": sent["ETag"]}

        try:
            parts = []
            for number, start in enumerate(range(0, len(body), _PART_BYTES), start=1):
                part = body[start : start + _PART_BYTES]
                parts.append(self._retried("write", key, partial(send, number, part)))
            whole = {"Parts": parts}
            self._retried("write", key, lambda: self._client.complete_multipart_upload(**place, MultipartUpload=whole))
        except DeliveryFailed:
            with suppress(ClientError, BotoCoreError):
                self._client.abort_multipart_upload(**place)
            raise

    def get(self, key: str) -> bytes:
        """An object's bytes. Raises BucketRejected, DeliveryFailed."""
        return self._retried("read", key, lambda: self._read(key))

    def _read(self, key: str) -> bytes:
        body: bytes = self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so. Raises BucketRejected, DeliveryFailed."""
        return self._retried("list", prefix, lambda: self._list(prefix))

    def _list(self, prefix: str) -> list[str]:
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

    def _retried(self, act: str, key: str, request: Callable[[], Value]) -> Value:
        """Tries until it works, is refused, or patience ends; says how often. Raises BucketRejected, DeliveryFailed."""
        tries = 0

        def attempt() -> Value:
            nonlocal tries
            tries += 1
            try:
                return request()
            except (ClientError, BotoCoreError) as error:
                raise self._translated(error, act) from None

        attempts = 1 if time.monotonic() - self._gone_at < _GONE_FOR_S else None
        retrying = stamina.RetryingCaller(attempts=attempts, timeout=self._patience_s, wait_initial=0.3, wait_max=8.0)
        try:
            return retrying(lambda error: isinstance(error, DeliveryFailed) and error.retryable, attempt)
        except DeliveryFailed as error:
            if attempts is None and error.retryable:
                self._gone_at = time.monotonic()
            raise
        finally:
            if tries > 1:
                event(log, "bucket_retried", act=act, key=key, times=tries - 1)

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
