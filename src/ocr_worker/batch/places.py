"""Places for the files of a batch's results: its own folder, or a bucket (`batch run --out s3://BUCKET/PREFIX`).

A place holds complete files by path, such as `pages/part-000001.parquet`. The ledger is always in a local folder. The
S3 client, its settings and its retries are those of the worker (`delivery`).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ocr_worker.batch.folders import disk_errors
from ocr_worker.batch.manifests import BUCKET_SCHEME, split_bucket_url
from ocr_worker.delivery import named_bucket
from ocr_worker.errors import BatchUnusable, BucketRejected, DeliveryFailed, InvalidRequest
from ocr_worker.settings import Settings

if TYPE_CHECKING:
    from ocr_worker.delivery.bucket import Bucket


class Place(Protocol):
    """Complete files by path. Every method raises BatchUnusable: the disk or the bucket does not work."""

    def check(self) -> None:
        """Check that files can be stored."""
        ...

    def store(self, path: str, file: Path) -> None:
        """Move a local file to its path, in place of an older one; it is there complete or not at all."""
        ...

    def open(self, path: str) -> io.BufferedIOBase | None:
        """Open a file for reading; None: there is none."""
        ...


class LocalPlace:
    """A `Place` that is a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self) -> None:
        """See `Place`. The ledger is in the same folder."""

    def store(self, path: str, file: Path) -> None:
        """See `Place`."""
        target = self._folder / path
        with disk_errors(self._folder):
            target.parent.mkdir(exist_ok=True)
            _sync(file)
            file.replace(target)
            _sync(target.parent)

    def open(self, path: str) -> io.BufferedIOBase | None:
        """See `Place`."""
        with disk_errors(self._folder), suppress(FileNotFoundError):
            return (self._folder / path).open("rb")
        return None


class BucketPlace:
    """A `Place` that is a bucket, under a prefix. A file is in memory while it is sent or read."""

    def __init__(self, bucket: Bucket, url: str) -> None:
        self._bucket = bucket
        self._url = url
        self._prefix = split_bucket_url(url)[1].strip("/")

    def check(self) -> None:
        """See `Place`."""
        with self._errors():
            self._bucket.check()

    def store(self, path: str, file: Path) -> None:
        """See `Place`."""
        with disk_errors(file.parent):
            body = file.read_bytes()
        with self._errors():
            self._bucket.put(self._key(path), body, "application/vnd.apache.parquet")
        with disk_errors(file.parent):
            file.unlink()

    def open(self, path: str) -> io.BufferedIOBase | None:
        """See `Place`."""
        with self._errors():
            body = self._bucket.find(self._key(path))
        return None if body is None else io.BytesIO(body)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (BucketRejected, DeliveryFailed) as error:
            raise BatchUnusable(f"the results at {self._url} cannot be used: {error}; nothing is lost") from None

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}" if self._prefix else path


def result_place(out: str, ledger: str | None) -> tuple[str, Path]:
    """Return the URL of the bucket for results, or an empty one, and the folder of a batch.

    out, ledger: `--out` and `--ledger`. Raises InvalidRequest: a bucket without a ledger, or a ledger without a bucket.
    """
    if out.startswith(BUCKET_SCHEME):
        if ledger is None:
            raise InvalidRequest(f"--out {out} needs --ledger DIR: a local folder for the ledger and the reports")
        return out, Path(ledger)
    if ledger is not None:
        raise InvalidRequest(
            "--ledger is for results in a bucket (--out s3://BUCKET/PREFIX); else --out has the ledger"
        )
    return "", Path(out)


def open_place(folder: Path, url: str, settings: Settings) -> Place:
    """Return the bucket of `url`, or else the folder.

    Raises InvalidRequest: the URL names no bucket; SettingsInvalid: the settings have no keys, or the S3 client is not
    installed.
    """
    if not url:
        return LocalPlace(folder)
    name, _ = split_bucket_url(url)
    if not name:
        raise InvalidRequest(f"--out {url} names no bucket: it has the form s3://BUCKET/PREFIX")
    return BucketPlace(named_bucket(settings, name, f"--out {url}"), url)


def _sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
