"""PDF pages by PDFium, with form fields, annotations and layers drawn; in a child process only."""

from __future__ import annotations

import math
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ocr_worker.errors import Corrupt, Encrypted
from ocr_worker.sources.rasterizer.rendered import Rendered, dpi_within, warning
from ocr_worker.sources.rasterizer.text_layer import text_lines
from ocr_worker.sources.rasterizer.types import RasterRequest


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
        page = self._page(number)
        try:
            rendered = self._rendered(page)
            if self._request.text_layer:
                if _flattened(page):
                    page.close()
                    page = self._page(number)
                height, width = rendered.pixels.shape[:2]
                rendered.text_lines = text_lines(page, width, height)
        finally:
            page.close()
        return rendered

    def _page(self, number: int) -> Any:
        try:
            return self._pdf[number - 1]
        except pdfium.PdfiumError:
            raise Corrupt("the page is damaged: print the document to a new PDF") from None

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
        bitmap.close()
        return rendered


_WRITTEN = (pdfium_c.FPDF_ANNOT_WIDGET, pdfium_c.FPDF_ANNOT_FREETEXT)


def _flattened(page: Any) -> bool:
    """Makes what is filled into form fields part of the page's text, which it is not else; tells whether it did so."""
    for index in range(pdfium_c.FPDFPage_GetAnnotCount(page.raw)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page.raw, index)
        kind = pdfium_c.FPDFAnnot_GetSubtype(annotation)
        pdfium_c.FPDFPage_CloseAnnot(annotation)
        if kind in _WRITTEN:
            done = pdfium_c.FPDFPage_Flatten(page.raw, pdfium_c.FLAT_NORMALDISPLAY)
            return bool(done == pdfium_c.FLATTEN_SUCCESS)
    return False


def _reason(error: pdfium.PdfiumError, data: bytes, password: str | None) -> Encrypted | Corrupt:
    """PDFium's last error is process-global and may be an earlier file's: a password is believed only of a file that
    says itself that it is encrypted."""
    if error.err_code == pdfium_c.FPDF_ERR_PASSWORD and b"/Encrypt" in data:
        wrong = "the password does not open the PDF" if password else "the PDF is encrypted"
        return Encrypted(f'{wrong}: send its password as "password" beside the source')
    return Corrupt("the PDF is damaged and cannot be opened: print it to a new PDF, or send images of its pages")
