"""The pictures of pages for a review: as the worker sent them, or rendered again from the batch's own files.

A file is rendered only if it is the file that was parsed. URLs are not fetched again. Where there is no picture, a note
says why. Documents are untrusted, so they are rendered in rasterizer processes.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from ocr_worker.batch.manifests import is_url
from ocr_worker.batch.model import BatchDocument
from ocr_worker.batch.review_article import Picture
from ocr_worker.batch.sending import read_file
from ocr_worker.errors import OcrWorkerError, PageOutOfRange
from ocr_worker.pages import Pixels
from ocr_worker.settings import MEGABYTE, Settings
from ocr_worker.sources.rasterizer import FailedPage, RasterPool, RasterRequest
from ocr_worker.wire.schema import PageResult

_DPI = 140
_SIDE = 1600  # pixels of the longer side of a picture
_QUALITY = 72  # of 100, as Pillow counts it
_MEGAPIXEL = 1_000_000
_MAX_DISTORTION = 0.02  # share by which the proportions of picture and page may differ
_HINT = 'with --options \'{"page_images": "inline"}\', results keep the pictures of their pages'


class PagePictures:
    """The source of the pictures: a context manager, which ends its rasterizer process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: RasterPool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.close()

    def of(self, document: BatchDocument, pages: Sequence[PageResult], password: str | None) -> dict[int, Picture]:
        """Return the pictures of these pages of a document, by page number."""
        pictures = {page.page: Picture(_shrink(base64.b64decode(page.image))) for page in pages if page.image}
        others = [page for page in pages if not page.image]
        if not others:
            return pictures
        try:
            rendered = self._render(document, others, password)
        except PageOutOfRange:
            rendered = {}
        except OcrWorkerError as error:
            return pictures | {page.page: _missing(str(error)) for page in others}
        return pictures | {page.page: _checked(page, rendered.get(page.page)) for page in others}

    def _render(
        self, document: BatchDocument, pages: Sequence[PageResult], password: str | None
    ) -> dict[int, Image.Image | str]:
        """Return the images of pages, or why a page has none. Raises SourceRejected, DocumentError."""
        if is_url(document.source):
            return {page.page: f"the document came from a URL; {_HINT}" for page in pages}
        data = read_file(Path(document.source))
        if hashlib.sha256(data).hexdigest() != document.sha256:
            return {page.page: "the file has changed since it was parsed" for page in pages}
        numbers = tuple((page.page, page.page) for page in sorted(pages, key=lambda page: page.page))
        budget = int(self._settings.max_page_mpx * _MEGAPIXEL)
        request = RasterRequest(numbers, password, _DPI, budget, sys.maxsize)
        images: dict[int, Image.Image | str] = {}
        with self._rasters().open(data, request) as opened:
            for page in opened:
                images[page.number] = str(page.error) if isinstance(page, FailedPage) else _image(page.pixels)
        return images

    def _rasters(self) -> RasterPool:
        if self._pool is None:
            self._pool = RasterPool(
                workers=1,
                memory_bytes=int(self._settings.raster_memory_mb * MEGABYTE),
                page_timeout_s=self._settings.raster_page_timeout_s,
            )
        return self._pool


def _image(pixels: Pixels) -> Image.Image:
    """Return BGR pixels as an image of at most `_SIDE` pixels."""
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
    image.thumbnail((_SIDE, _SIDE))
    return image


def _checked(page: PageResult, image: Image.Image | str | None) -> Picture:
    """Return the picture of a page, unless its proportions say that the page was turned when it was parsed."""
    if image is None or isinstance(image, str):
        return _missing(image or "the file does not have this page any more")
    if page.width and page.height:
        distortion = abs(image.width * page.height / (image.height * page.width) - 1)
        if distortion > _MAX_DISTORTION and min(image.size) > 1 / _MAX_DISTORTION:
            return _missing("the page was turned or straightened when it was parsed")
    return Picture(_jpeg(image))


def _shrink(jpeg: bytes) -> bytes:
    with Image.open(BytesIO(jpeg)) as image:
        if max(image.size) <= _SIDE:
            return jpeg
        image.thumbnail((_SIDE, _SIDE))
        return _jpeg(image)


def _jpeg(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _missing(reason: str) -> Picture:
    return Picture(None, f"No picture: {reason}. The boxes are on a blank page of the same size.")
