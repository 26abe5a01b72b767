"""PDF documents, rendered by PDFium with form fields, annotations and layers drawn.

Runs only in a rasterizer process. On request, a page also carries its text layer, which `text_layer` reads.
"""

from __future__ import annotations

import math
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ocr_worker.errors import Corrupt, Encrypted
from ocr_worker.sources.rasterizer.rendered import LayerLine, RenderedPage, choose_dpi, make_warning
from ocr_worker.sources.rasterizer.text_layer import read_text_lines
from ocr_worker.sources.rasterizer.types import RasterRequest


class PdfDocument:
    """An open PDF. Raises Encrypted when its password is missing or wrong, Corrupt when it cannot be opened."""

    def __init__(self, data: bytes, request: RasterRequest) -> None:
        self._request = request
        self.warnings: list[dict[str, str]] = []
        try:
            self._pdf = pdfium.PdfDocument(data, password=request.password)
        except pdfium.PdfiumError as error:
            raise _open_error(error, data, request.password) from None
        self.page_count = len(self._pdf)
        if not self.page_count:
            raise Corrupt("the PDF has no pages")
        self._pdf.init_forms()  # without this call, the values of form fields are not drawn

    def render(self, number: int) -> RenderedPage:
        """Render page `number` (1-based).

        Raises PageTooLarge when the page exceeds the budget even at 36 dpi, Corrupt when it cannot be rendered.
        """
        page = self._load_page(number)
        try:
            rendered_page = self._render(page)
            if self._request.text_layer:
                if _flatten_form_fields(page):
                    page.close()
                    page = self._load_page(number)
                height, width = rendered_page.pixels.shape[:2]
                rendered_page.text_lines = _read_text_layer(page, width, height)
        finally:
            page.close()
        return rendered_page

    def _load_page(self, number: int) -> Any:
        try:
            return self._pdf[number - 1]
        except pdfium.PdfiumError:
            raise Corrupt("the page is damaged; print the document to a new PDF") from None

    def close(self) -> None:
        """Free the document."""
        self._pdf.close()

    def _render(self, page: Any) -> RenderedPage:
        width, height = page.get_size()
        if not (0 < width < math.inf and 0 < height < math.inf):
            raise Corrupt("the page has no size; print the document to a new PDF")
        dpi = choose_dpi(width, height, self._request.dpi, self._request.max_pixels)
        bitmap = page.render(scale=dpi / 72, may_draw_forms=True, force_bitmap_format=pdfium_c.FPDFBitmap_BGR)
        rendered_page = RenderedPage(bitmap.to_numpy().copy(), dpi)
        if dpi < self._request.dpi:
            message = f"the page is large and was rendered at {dpi:g} dpi instead of {self._request.dpi}"
            rendered_page.warnings.append(make_warning("DPI_LOWERED", message))
        bitmap.close()
        return rendered_page


def _read_text_layer(page: Any, width: int, height: int) -> list[LayerLine] | None:
    """Return the page's text layer; None when PDFium cannot read it. The page image shows the text anyway."""
    try:
        return read_text_lines(page, width, height)
    except pdfium.PdfiumError:
        return None


_ANNOTATIONS_WITH_TEXT = (pdfium_c.FPDF_ANNOT_WIDGET, pdfium_c.FPDF_ANNOT_FREETEXT)


def _flatten_form_fields(page: Any) -> bool:
    """Flatten form fields, so that their values become page text. Return whether the page was changed."""
    for index in range(pdfium_c.FPDFPage_GetAnnotCount(page.raw)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page.raw, index)
        kind = pdfium_c.FPDFAnnot_GetSubtype(annotation)
        pdfium_c.FPDFPage_CloseAnnot(annotation)
        if kind in _ANNOTATIONS_WITH_TEXT:
            result = pdfium_c.FPDFPage_Flatten(page.raw, pdfium_c.FLAT_NORMALDISPLAY)
            return bool(result == pdfium_c.FLATTEN_SUCCESS)
    return False


def _open_error(error: pdfium.PdfiumError, data: bytes, password: str | None) -> Encrypted | Corrupt:
    """Return the error for a PDF that cannot be opened.

    PDFium's last error is global to the process and may belong to an earlier file. So a password error counts only when
    the file itself states that it is encrypted.
    """
    if error.err_code == pdfium_c.FPDF_ERR_PASSWORD and b"/Encrypt" in data:
        problem = "the password does not open the PDF" if password else "the PDF is encrypted"
        return Encrypted(f'{problem}; set "password" next to "url" or "base64"')
    return Corrupt("the PDF is damaged and cannot be opened; print it to a new PDF, or send images of its pages")
