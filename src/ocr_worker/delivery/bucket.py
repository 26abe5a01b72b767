"""Read and write an S3 bucket through boto3, with retries, and with errors of this package.

No other module uses boto3. `Bucket` retries failing requests itself (stamina), because the retries of botocore have two
limits. They end after 13 s of refused connections. They also draw on a budget that all threads of a client share for as
long as it lives. Each request signs the digest of its body, which every S3-compatible service checks. The checksum
trailers of newer boto3 releases are off, because not all services support them.
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

from ocr_worker import awake
from ocr_worker.errors import BucketRejected, DeliveryFailed, OcrWorkerError, SettingsInvalid
from ocr_worker.log import event
from ocr_worker.wire.schema import Delivered

log = logging.getLogger(__name__)

CHECK_KEY = "ocr-worker/write-check"

_CHECK_VALID_S = 300.0
_SINGLE_ATTEMPT_S = 60.0  # after the retries ended in vain, requests get one attempt, so that not every job waits
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
    """An S3 bucket. Thread-safe.

    link_s: seconds for which a signed URL is valid. patience_s: seconds during which a failing request is retried.
    """

    def __init__(self, client: Any, name: str, link_s: int, patience_s: float) -> None:
        self.name = name
        self._client = client
        self._link_s = link_s
        self._patience_s = patience_s
        self._checked_at = self._unreachable_at = float("-inf")

    @classmethod
    def from_url(
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
        """Return the bucket at an endpoint's URL, whose host or path may contain its name.

        Raises SettingsInvalid when neither the URL nor `name` names the bucket.
        """
        endpoint, name = split_url(url, name)
        session = boto3.session.Session(aws_access_key_id=key_id, aws_secret_access_key=secret)
        region = region or guess_region(endpoint)
        client = session.client("s3", endpoint_url=endpoint, region_name=region, config=_CONFIG)
        return cls(client, name, link_s, patience_s)

    def check(self) -> None:
        """Write a few bytes and read them back, unless that succeeded within the last five minutes.

        Raises BucketRejected when the bucket rejects the request, DeliveryFailed when it does not respond.
        """
        if awake.now() - self._checked_at < _CHECK_VALID_S:
            return
        body = str(time.time()).encode()
        self.put(CHECK_KEY, body, "text/plain")
        self.get(CHECK_KEY)
        self._checked_at = awake.now()

    def put(self, key: str, body: bytes, media_type: str = "application/json") -> None:
        """Store an object, in parts if it has more than 16 MiB.

        Raises BucketRejected when the bucket rejects the request, DeliveryFailed when it does not respond.
        """
        attributes = {"ContentType": media_type, "Metadata": {"sha256": hashlib.sha256(body).hexdigest()}}
        if len(body) > 2 * _PART_BYTES:
            self._put_parts(key, body, attributes)
        else:
            self._retry(
                "write", key, lambda: self._client.put_object(Bucket=self.name, Key=key, Body=body, **attributes)
            )

    def _put_parts(self, key: str, body: bytes, attributes: dict[str, Any]) -> None:
        """Store the parts one after the other, on the caller's thread: a pool of boto3 would delay process exit."""
        target = {"Bucket": self.name, "Key": key}
        upload = self._retry("write", key, lambda: self._client.create_multipart_upload(**target, **attributes))
        target["UploadId"] = upload["UploadId"]

        def send(number: int, part: bytes) -> dict[str, Any]:
            response = self._client.upload_part(**target, PartNumber=number, Body=part)
            return {"PartNumber": number, "ETag": response["ETag"]}

        try:
            parts = []
            for number, start in enumerate(range(0, len(body), _PART_BYTES), start=1):
                part = body[start : start + _PART_BYTES]
                parts.append(self._retry("write", key, partial(send, number, part)))
            listing = {"Parts": parts}
            self._retry("write", key, lambda: self._client.complete_multipart_upload(**target, MultipartUpload=listing))
        except DeliveryFailed:
            with suppress(ClientError, BotoCoreError):
                self._client.abort_multipart_upload(**target)
            raise

    def get(self, key: str) -> bytes:
        """Return an object's bytes.

        Raises BucketRejected when the bucket rejects the request, DeliveryFailed when it does not respond.
        """
        return self._retry("read", key, lambda: self._read(key))

    def _read(self, key: str) -> bytes:
        body: bytes = self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def find(self, key: str) -> bytes | None:
        """Return an object's bytes, or None if there is no such object.

        Raises BucketRejected when the bucket rejects the request, DeliveryFailed when it does not respond.
        """
        return self._retry("read", key, lambda: self._read_if_present(key))

    def _read_if_present(self, key: str) -> bytes | None:
        try:
            return self._read(key)
        except self._client.exceptions.NoSuchKey:
            return None

    def keys(self, prefix: str) -> list[str]:
        """Return all keys that begin with `prefix`.

        Raises BucketRejected when the bucket rejects the request, DeliveryFailed when it does not respond.
        """
        return self._retry("list", prefix, lambda: self._list(prefix))

    def _list(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def deliver(self, key: str, body: bytes) -> Delivered:
        """Store JSON, and return a signed link to it with its size and digest.

        Raises BucketRejected when the bucket rejects the request, DeliveryFailed when it does not respond.
        """
        self.put(key, body)
        expires = datetime.now(UTC) + timedelta(seconds=self._link_s)
        return Delivered(
            url=self.link(key),
            bucket=self.name,
            key=key,
            bytes=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            expires_at=expires.isoformat(timespec="seconds"),
        )

    def link(self, key: str) -> str:
        """Return a signed URL of an object. Sends nothing to the bucket."""
        url: str = self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self.name, "Key": key}, ExpiresIn=self._link_s
        )
        return url

    def _retry(self, operation: str, key: str, request: Callable[[], Value]) -> Value:
        """Send a request until it succeeds, is rejected, or `patience_s` is over. Log the number of retries.

        operation: the verb for messages and the log. Raises BucketRejected, DeliveryFailed.
        """
        attempt_count = 0

        def attempt() -> Value:
            nonlocal attempt_count
            attempt_count += 1
            try:
                return request()
            except (ClientError, BotoCoreError) as error:
                raise self._translate(error, operation) from None

        limit = 1 if awake.now() - self._unreachable_at < _SINGLE_ATTEMPT_S else None
        caller = stamina.RetryingCaller(attempts=limit, timeout=None, wait_initial=0.3, wait_max=8.0)
        deadline = awake.now() + self._patience_s

        def may_pass(error: Exception) -> bool:
            return isinstance(error, DeliveryFailed) and error.retryable and awake.now() < deadline

        try:
            return caller(may_pass, attempt)
        except DeliveryFailed as error:
            if limit is None and error.retryable:
                self._unreachable_at = awake.now()
            raise
        finally:
            if attempt_count > 1:
                event(log, "bucket_retried", act=operation, key=key, times=attempt_count - 1)

    def _translate(self, error: Exception, operation: str) -> OcrWorkerError:
        bucket = f"the bucket {self.name!r} at {urlsplit(self._client.meta.endpoint_url).netloc}"
        if not isinstance(error, ClientError):
            return DeliveryFailed(
                f"{bucket} cannot be reached ({operation}: {type(error).__name__}); send the job again"
            )
        code, status = error.response["Error"].get("Code"), error.response["ResponseMetadata"]["HTTPStatusCode"]
        if 400 <= status < 500 and status not in (408, 429):
            remedy = "check the bucket's name, the key, and that the key may read and write"
            return BucketRejected(f"{bucket} rejects the request ({operation}: {code}); {remedy}")
        return DeliveryFailed(
            f"{bucket} responded with {status} to every attempt ({operation}: {code}); send the job again"
        )


def split_url(url: str, name: str | None) -> tuple[str, str]:
    """Return the endpoint and the bucket's name, which the host or the path of the URL may contain.

    The host contains it as `name.s3.region...`, the path as `/name`. Raises SettingsInvalid when the bucket has no
    name.
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


def guess_region(endpoint: str) -> str:
    """Return the region in a host such as `s3.eu-central-1.amazonaws.com`.

    Without one, return `us-east-1`, which every S3-compatible service accepts.
    """
    labels = (urlsplit(endpoint).hostname or "").split(".")
    region = labels[labels.index("s3") + 1] if "s3" in labels[:-1] else ""
    return region if "-" in region else "us-east-1"
