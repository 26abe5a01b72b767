"""PDF pages by PDFium, with form fields, annotations and layers drawn; in a child process only."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ocr_worker.errors import Corrupt, Encrypted
from ocr_worker.rasterizer.rendered import Rendered, dpi_within, warning
from ocr_worker.rasterizer.types import RasterRequest

Box = tuple[float, float, float, float]


class PdfDocument:
    """An open PDF. Raises Encrypted, Corrupt."""

    def __init__(self, data: bytes, request: RasterRequest) -> None:
        self._request = request
        self.warnings: list[dict[str, str]] = []
        try:
            self._pdf = pdfium.PdfDocument(data, password=request.password)
        except pdfium.PdfiumError as error:
            raise _reason(error, data, request.password) from None
        self.page_count = len(self._pdf)
        if not self.page_count:
            raise Corrupt("the PDF has no pages")
        self._pdf.init_forms()  # without it the values of form fields are not drawn

    def render(self, number: int) -> Rendered:
        """Page `number`, from 1. Raises PageTooLarge, Corrupt."""
        try:
            page = self._pdf[number - 1]
        except pdfium.PdfiumError:
            raise Corrupt("the page is damaged: print the document to a new PDF") from None
        try:
            return self._rendered(page)
        finally:
            page.close()

    def close(self) -> None:
        """Frees the document."""
        self._pdf.close()

    def _rendered(self, page: Any) -> Rendered:
        width, height = page.get_size()
        if not (0 < width < math.inf and 0 < height < math.inf):
            raise Corrupt("the page has no size: print the document to a new PDF")
        dpi = dpi_within(width, height, self._request.dpi, self._request.max_pixels)
        bitmap = page.render(scale=dpi / 72, may_draw_forms=True, force_bitmap_format=pdfium_c.FPDFBitmap_BGR)
        rendered = Rendered(bitmap.to_numpy().copy(), dpi)
        if dpi < self._request.dpi:
            told = f"the page is large: it was rendered at {dpi:g} dpi instead of {self._request.dpi}"
            rendered.warnings.append(warning("DPI_LOWERED", told))
        if self._request.text_layer:
            rendered.text_lines = _text_lines(page, bitmap.width, bitmap.height)
        bitmap.close()
        return rendered


def _reason(error: pdfium.PdfiumError, data: bytes, password: str | None) -> Encrypted | Corrupt:
    """PDFium's last error is process-global and may be an earlier file's: a password is believed only of a file that
    says itself that it is encrypted."""
    if error.err_code == pdfium_c.FPDF_ERR_PASSWORD and b"/Encrypt" in data:
        wrong = "the password does not open the PDF" if password else "the PDF is encrypted"
        return Encrypted(f'{wrong}: send its password as "password" beside the source')
    return Corrupt("the PDF is damaged and cannot be opened: print it to a new PDF, or send images of its pages")


# --------------------------------------------------------------------------- text layer


def _text_lines(page: Any, width: int, height: int) -> list[tuple[str, Box]]:
    """The page's own text, line by line, boxes in pixels of a bitmap of `width` x `height`."""
    text_page = page.get_textpage()
    segments: list[tuple[str, Box]] = []
    for index in range(text_page.count_rects()):
        rect = text_page.get_rect(index)
        text = text_page.get_text_bounded(*rect).replace("\r\n", " ").replace("\n", " ").strip()
        if text:
            segments.append((text, _on_bitmap(page, rect, width, height)))
    text_page.close()
    return _joined(segments)


def _on_bitmap(page: Any, rect: Box, width: int, height: int) -> Box:
    """PDF coordinates (points, upwards) to the bitmap's, with the page's rotation and crop box."""
    left, bottom, right, top = rect
    x, y = ctypes.c_int(), ctypes.c_int()
    corners = []
    for px, py in ((left, bottom), (right, top)):
        # PageToDevice rounds to whole units, so the page is mapped onto a bitmap sixteen times as large.
        pdfium_c.FPDF_PageToDevice(page.raw, 0, 0, width * 16, height * 16, 0, px, py, x, y)
        corners.append((x.value / 16, y.value / 16))
    (x0, y0), (x1, y1) = corners
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _joined(segments: list[tuple[str, Box]]) -> list[tuple[str, Box]]:
    """Neighbouring segments of one line (a change of font splits them) as one; in the order of the file."""
    lines: list[tuple[str, Box]] = []
    for text, box in segments:
        if lines and (gap := _gap(lines[-1][1], box)) is not None:
            last_text, last = lines[-1]
            joint = " " if gap > 0.15 * (last[3] - last[1]) else ""
            union = min(last[0], box[0]), min(last[1], box[1]), max(last[2], box[2]), max(last[3], box[3])
            lines[-1] = last_text + joint + text, union
        else:
            lines.append((text, box))
    return lines


def _gap(last: Box, box: Box) -> float | None:
    """The gap between two segments that are close neighbours on one line, left to right; else None."""
    height = min(last[3] - last[1], box[3] - box[1])
    overlap = min(last[3], box[3]) - max(last[1], box[1])
    gap = box[0] - last[2]
    return gap if height > 0 and overlap > 0.5 * height and -0.5 * height < gap < 0.8 * height else None
