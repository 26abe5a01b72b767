"""What goes into the rasterizer and what comes out beside `PageImage`."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_worker.errors import OcrWorkerError
from ocr_worker.wire.page_ranges import PageRange


@dataclass(frozen=True, slots=True)
class RasterRequest:
    """How to turn one document into pages.

    dpi: of PDF pages; images keep their pixels. max_pixels: budget of a page. max_pages: most pages that may be asked
    for. text_layer: also hand out the text that a PDF page carries itself.
    """

    pages: tuple[PageRange, ...] | None
    password: str | None
    dpi: int
    max_pixels: int
    max_pages: int
    text_layer: bool = False


@dataclass(frozen=True, slots=True)
class PageFault:
    """This page alone could not be rendered; the others can."""

    number: int
    error: OcrWorkerError
