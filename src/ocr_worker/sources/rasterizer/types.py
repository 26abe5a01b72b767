"""Input and output types of the rasterizer, besides `PageImage`.

They are apart from `pool` and `document`, so that the rasterizer process can import them and none of the worker's side.
"""

from __future__ import annotations

from dataclasses import dataclass

from ocr_worker.errors import OcrWorkerError
from ocr_worker.wire.page_ranges import PageRange


@dataclass(frozen=True, slots=True)
class RasterRequest:
    """Options of rendering one document.

    dpi: of PDF pages; images keep their pixels. max_pixels: budget of a page. max_pages: most pages that a request may
    select. text_layer: also return the text layer of PDF pages. repeated_lines: look for those of its lines that come
    again on neighboring pages. is_layer_apart: send the text layer after the page image, for which an engine then need
    not wait (`RasterDocument.with_layer`).
    """

    pages: tuple[PageRange, ...] | None
    password: str | None
    dpi: int
    max_pixels: int
    max_pages: int
    text_layer: bool = False
    repeated_lines: bool = True
    is_layer_apart: bool = False


@dataclass(frozen=True, slots=True)
class FailedPage:
    """A page that could not be rendered, with its error. Other pages of the document are unaffected."""

    number: int
    error: OcrWorkerError
