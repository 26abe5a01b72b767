"""The files of a batch: count their pages, read them, cut them where they are too large, and build a job's input.

`FileCounter` counts pages in rasterizer processes, since documents are untrusted. `JobInputs` turns the slices of a job
into the request that a service gets: a URL (signed by `Links`, if it is an object in a bucket), the complete file as
base64, or a smaller PDF with only the pages of the slice (`cut_pages`, in a process of its own). A service that reads
the same files gets their paths, and calls `inline_files`. This module decides no limits; `planning` does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ocr_worker.batch.cutting import HAS_FORMS
from ocr_worker.batch.manifests import BUCKET_SCHEME, split_bucket_url
from ocr_worker.batch.model import BatchDocument, BatchJob, Slice, SliceRow, Stamp
from ocr_worker.batch.passwords import Passwords
from ocr_worker.client.service import Json
from ocr_worker.delivery import named_bucket
from ocr_worker.errors import SourceRejected, SourceTooLarge
from ocr_worker.settings import MEGABYTE, Settings
from ocr_worker.sources.rasterizer import RasterPool, RasterRequest
from ocr_worker.sources.rasterizer.media_type import PDF, detect_media_type
from ocr_worker.wire.page_ranges import format_page_ranges

if TYPE_CHECKING:
    from ocr_worker.delivery.bucket import Bucket

_SEVERAL_PAGES = {PDF, "image/tiff"}
_CUT_S = 120
_ENTRY_BYTES = 1_000  # of a document's JSON besides its file


class Links:
    """URLs of documents, as a service can fetch them. settings: have the keys of buckets. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._buckets: dict[str, Bucket] = {}

    def of(self, source: str) -> str:
        """Return the URL of a source; for an object in a bucket, sign one now. Raises SettingsInvalid: no keys."""
        if not source.startswith(BUCKET_SCHEME):
            return source
        name, key = split_bucket_url(source)
        if name not in self._buckets:
            self._buckets[name] = named_bucket(self._settings, name, f"{BUCKET_SCHEME}{name}")
        return self._buckets[name].link(key)


class FileCounter:
    """Counter of the pages of files, in the same rasterizer processes that a worker uses."""

    def __init__(self, settings: Settings) -> None:
        self._rasters = RasterPool(
            workers=settings.raster_workers,
            memory_bytes=int(settings.raster_memory_mb * MEGABYTE),
            page_timeout_s=settings.raster_page_timeout_s,
        )

    def count(self, path: Path, password: str | None) -> tuple[Stamp, int, str]:
        """Return the file's stamp, its number of pages and its media type. Raises DocumentError, SourceRejected."""
        data = read_file(path)
        content_type = detect_media_type(data)
        stamp = Stamp(len(data), path.stat().st_mtime_ns, hashlib.sha256(data).hexdigest())
        return stamp, self._pages(data, password) if content_type in _SEVERAL_PAGES else 1, content_type

    def _pages(self, data: bytes, password: str | None) -> int:
        request = RasterRequest(None, password, 72, 1_000_000, sys.maxsize)
        with self._rasters.open(data, request, lambda: False) as document:
            document.skip(document.numbers)
            list(document)  # read to the end, though nothing is rendered: the process can then count the next file
            return document.page_count

    def close(self) -> None:
        """End the rasterizer processes."""
        self._rasters.close()


def read_file(path: Path) -> bytes:
    """Return the file's bytes. Raises SourceRejected: it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceRejected(f"the file cannot be read ({error.strerror})") from None


class JobInputs:
    """Builder of the inputs of a batch's jobs.

    key: idempotency key. payload_bytes: size limit of an input. links: make URLs that a service can fetch. Thread-safe.
    """

    def __init__(self, passwords: Passwords, links: Links, key: str, payload_bytes: int) -> None:
        self._passwords = passwords
        self._links = links
        self._key = key
        self._payload_bytes = payload_bytes

    def build(
        self, job: BatchJob, rows: Sequence[SliceRow], documents: Sequence[BatchDocument], *, by_path: bool = False
    ) -> Json:
        """Return the job's input.

        rows: slices of the job. documents: document of each row. by_path: name complete files, with their digests,
        instead of reading them; `inline_files` reads them. Raises SourceRejected: a file has changed; SourceTooLarge:
        the input is too large; SettingsInvalid: there are no keys for a bucket.
        """
        entries = [self._entry(row, document, by_path=by_path) for row, document in zip(rows, documents, strict=True)]
        size, limit = sum(len(entry.get("base64", "")) + _ENTRY_BYTES for entry in entries), self._payload_bytes
        if size > limit:
            raise SourceTooLarge(f"the file has {size:,} bytes, and a job may have {limit:,}; use a URL")
        return {"documents": entries, "options": json.loads(job.options), "idempotency_key": self._key}

    def _entry(self, row: SliceRow, document: BatchDocument, *, by_path: bool) -> Json:
        entry = {"id": row.wire_id, "pages": format_page_ranges(row.slice.pages)}
        password = self._passwords.of(document.source)
        if password is not None and not row.slice.is_cut:  # a part is not encrypted
            entry["password"] = password
        if document.sha256 is None:
            return {**entry, "url": self._links.of(document.source)}
        if row.slice.is_cut or len(row.slice.pages) == document.page_count:
            del entry["pages"]  # default: all pages of the file
        if by_path and not row.slice.is_cut:
            return {**entry, "path": document.source, "sha256": document.sha256}
        path = Path(document.source)
        data = _read_unchanged(path, document.sha256)
        if row.slice.is_cut:
            data = cut_pages(path, row.slice, password)
        return {**entry, "base64": _encode(data)}


def inline_files(job_input: Json) -> Json:
    """Return the job's input with the bytes of the files that it names. Raises SourceRejected: a file has changed."""
    return {**job_input, "documents": [_inline(entry) for entry in job_input["documents"]]}


def _inline(entry: Json) -> Json:
    if "path" not in entry:
        return entry
    others = {name: value for name, value in entry.items() if name not in ("path", "sha256")}
    return {**others, "base64": _encode(_read_unchanged(Path(entry["path"]), entry["sha256"]))}


def _read_unchanged(path: Path, sha256: str) -> bytes:
    data = read_file(path)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise SourceRejected("the file has changed since its pages were counted; run again with --refresh")
    return data


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def cut_pages(path: Path, part: Slice, password: str | None) -> bytes:
    """Return a PDF of only the slice's pages, made in a process of its own.

    Raises SourceTooLarge: the document has a form, which a part would lose; SourceRejected: the file cannot be cut.
    """
    command = [sys.executable, "-m", "ocr_worker.batch.cutting", str(path), *map(str, part.pages)]
    process = _run(command, password)
    if process.returncode == -signal.SIGKILL:  # by the kernel, for example, when memory is short: no fault of the file
        process = _run(command, password)
    if process.returncode == HAS_FORMS:
        raise SourceTooLarge(
            "the file is too large for a job, and has a form whose fields would be lost in parts; use a URL"
        )
    if process.returncode:
        raise SourceRejected("pages cannot be extracted from the file; use a URL")
    return process.stdout


def _run(command: Sequence[str], password: str | None) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end, in a session of its own, which Ctrl-C does not reach. Raises SourceRejected.

    password: sent through stdin.
    """
    try:
        return subprocess.run(
            command,
            input=(password or "").encode(),
            capture_output=True,
            check=False,
            timeout=_CUT_S,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise SourceRejected(f"extracting pages from the file took more than {_CUT_S} s; use a URL") from None
