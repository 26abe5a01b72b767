"""Files on their way into jobs: looked into, so that their pages can be counted; read; cut where they are too large."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ocr_worker.batch.answers import numbers_of, wire_id
from ocr_worker.batch.cutting import HAS_FORMS
from ocr_worker.batch.model import Document, Job, Json, SliceRow
from ocr_worker.batch.plan import Slice
from ocr_worker.errors import SourceRejected, SourceTooLarge
from ocr_worker.settings import MEGABYTE, Settings
from ocr_worker.sources.rasterizer import RasterPool, RasterRequest
from ocr_worker.sources.rasterizer.media_type import PDF, media_type

Stamp = tuple[int, int, str]  # bytes, time of change (ns), sha256

_SEVERAL_PAGES = {PDF, "image/tiff"}
_CUT_S = 120


class Counting:
    """Counts the pages of files, in the children that render them for the worker."""

    def __init__(self, settings: Settings) -> None:
        self._rasters = RasterPool(
            workers=settings.raster_workers,
            memory_bytes=int(settings.raster_memory_mb * MEGABYTE),
            page_timeout_s=settings.raster_page_timeout_s,
        )

    def look(self, path: Path) -> tuple[Stamp, int, str]:
        """The file's stamp, its pages, its type. Raises DocumentError, SourceRejected."""
        data = read(path)
        kind = media_type(data)
        stamp = (len(data), path.stat().st_mtime_ns, hashlib.sha256(data).hexdigest())
        return stamp, self._pages(data) if kind in _SEVERAL_PAGES else 1, kind

    def _pages(self, data: bytes) -> int:
        request = RasterRequest(None, None, 72, 1_000_000, sys.maxsize)
        with self._rasters.open(data, request, lambda: False) as document:
            document.skip(document.numbers)
            list(document)  # to its end, though there is nothing to render: the child is good for the next one
            return document.page_count

    def close(self) -> None:
        """Ends the children."""
        self._rasters.close()


def read(path: Path) -> bytes:
    """The file. Raises SourceRejected."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceRejected(f"the file cannot be read ({error.strerror})") from None


def job_input(job: Job, rows: Sequence[SliceRow], documents: Sequence[Document], key: str, payload: int) -> Json:
    """What travels, under the idempotency key `key`.

    Raises SourceRejected for a file that changed, SourceTooLarge for a job over `payload` bytes.
    """
    entries = [_entry(row, document) for row, document in zip(rows, documents, strict=True)]
    given = {"documents": entries, "options": json.loads(job.options), "idempotency_key": key}
    size = sum(len(entry.get("base64", "")) + 1_000 for entry in entries)
    if size > payload:
        raise SourceTooLarge(f"{size:,} bytes do not fit into a job, the limit is {payload:,}: give a URL instead")
    return given


def _entry(row: SliceRow, document: Document) -> Json:
    entry: Json = {"id": wire_id(row)}
    if row.slice.pages and not row.slice.cut:
        entry["pages"] = row.slice.pages
    if document.sha256 is None:
        return {**entry, "url": document.source}
    path = Path(document.source)
    data = read(path)
    if hashlib.sha256(data).hexdigest() != document.sha256:
        raise SourceRejected("the file was changed since its pages were counted; run again with --refresh")
    if row.slice.cut:
        data = cut(path, row.slice)
    return {**entry, "base64": base64.b64encode(data).decode()}


def cut(path: Path, one: Slice) -> bytes:
    """A PDF of the slice's pages only, made in a process of its own. Raises SourceTooLarge, SourceRejected."""
    command = [sys.executable, "-m", "ocr_worker.batch.cutting", str(path), *map(str, numbers_of(one))]
    try:
        made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_CUT_S)
    except subprocess.TimeoutExpired:
        raise SourceRejected(f"cutting pages out of the file took more than {_CUT_S} s; give a URL instead") from None
    if made.returncode == HAS_FORMS:
        raise SourceTooLarge(
            "the file is too large for a job, and cut in parts it would lose its form; give a URL instead"
        )
    if made.returncode:
        raise SourceRejected("pages cannot be cut out of the file; give a URL instead")
    return made.stdout
