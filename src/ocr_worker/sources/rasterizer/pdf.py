"""PDF documents, rendered by PDFium with form fields, annotations and layers drawn.

Runs only in a rasterizer process. `pdf_file` opens and repairs the file, `page_scale` decides how large a page is
rendered. On request, a page also carries its text layer, which `text_layer` reads, with the lines marked that come
again on the pages around it (see `running_lines`). These pages are read in a copy of the process (see `apart`).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ocr_worker.errors import Corrupt
from ocr_worker.sources.rasterizer.apart import call_apart
from ocr_worker.sources.rasterizer.check_fields import CheckField, read_check_fields
from ocr_worker.sources.rasterizer.fonts import FontProver
from ocr_worker.sources.rasterizer.mapping import render_pixels
from ocr_worker.sources.rasterizer.page_scale import is_small, needed_dpi
from ocr_worker.sources.rasterizer.pdf_file import REPAIRED, PdfFile, annotation_kinds, attachments_warning
from ocr_worker.sources.rasterizer.rendered import RenderedPage, choose_dpi, make_warning
from ocr_worker.sources.rasterizer.running_lines import EDGE_DEPTH, PageView, PlacedLine, RunningLines, place_lines
from ocr_worker.sources.rasterizer.text_layer import read_edge_lines, read_text_layer
from ocr_worker.sources.rasterizer.types import RasterRequest

_POINTS_PER_INCH = 72
_WITH_TEXT = frozenset(  # kinds of annotations whose appearance often has text
    (
        pdfium_c.FPDF_ANNOT_WIDGET,
        pdfium_c.FPDF_ANNOT_FREETEXT,
        pdfium_c.FPDF_ANNOT_STAMP,
        pdfium_c.FPDF_ANNOT_WATERMARK,
        pdfium_c.FPDF_ANNOT_REDACT,
    )
)


@dataclass(slots=True)
class _LayerlessPage:
    """A page that was rendered, and whose text layer is still to be read. page: of PDFium. user_unit: in points."""

    page: Any
    number: int
    user_unit: float = 1.0


class PdfDocument:
    """An open PDF. Raises Encrypted when its password is missing or wrong, Corrupt when it cannot be opened."""

    def __init__(self, data: bytes, request: RasterRequest) -> None:
        self._request = request
        self._file = PdfFile(data, request.password)
        self._states_user_units = b"/UserUnit" in data
        self._may_hide_user_units = b"/ObjStm" in data  # compressed objects
        self._user_units: list[float] | None = None
        self.warnings = self._file.warnings
        self.page_count = len(self._file.document)
        self._file.document.init_forms()  # without this call, the values of form fields are not drawn
        self._prover = FontProver()
        self._running_lines = RunningLines(self.page_count, self._look_at)
        self._layerless: _LayerlessPage | None = None  # the last page, if its text layer is to be read

    def render(self, number: int) -> RenderedPage:
        """Render page `number` (1-based), with its text layer if the request wants it together.

        Raises PageTooLarge when the page exceeds the budget even at 36 dpi, Corrupt when it cannot be rendered.
        """
        self._close_layerless()
        page, warnings = self._load_or_repair(number)
        self._layerless = layerless = _LayerlessPage(page, number)
        try:
            layerless.user_unit = self._user_unit(page, number)
            rendered_page = self._render(page, layerless.user_unit)
            rendered_page.warnings += warnings + _attachments(page)
            if not self._request.is_layer_apart:
                self.read_layer(rendered_page)
        except BaseException:
            self._close_layerless()
            raise
        return rendered_page

    def read_layer(self, rendered_page: RenderedPage) -> None:
        """Add its text layer to the page that was rendered last, if the request wants it. Once for each page.

        Raises Corrupt when the page cannot be loaded.
        """
        layerless = self._layerless
        try:
            if layerless and self._request.text_layer:
                self._add_layer(rendered_page, layerless)
        finally:
            self._close_layerless()

    def _add_layer(self, rendered_page: RenderedPage, layerless: _LayerlessPage) -> None:
        check_fields = read_check_fields(self._file.document, layerless.page)
        if _flatten(layerless.page, _WITH_TEXT):
            layerless.page.close()
            layerless.page = self._load_page(layerless.number)
        page = layerless.page
        self._read_text_layer(page, rendered_page, layerless.user_unit, check_fields)
        if self._request.repeated_lines:
            scale = rendered_page.pixels.shape[0] / page.get_height()
            lines = place_lines(rendered_page.text_lines or (), page.get_height(), scale)
            rendered_page.repeated_lines = self._running_lines.find(layerless.number, lines)

    def _close_layerless(self) -> None:
        layerless, self._layerless = self._layerless, None
        if layerless:
            layerless.page.close()

    def _read_text_layer(
        self, page: Any, rendered_page: RenderedPage, user_unit: float, check_fields: list[CheckField]
    ) -> None:
        """Add the text layer; none when PDFium cannot read it. The page image shows the text anyway."""
        scale = _scale(rendered_page.dpi or _POINTS_PER_INCH, user_unit)
        with suppress(pdfium.PdfiumError):
            layer = read_text_layer(page, rendered_page.pixels, scale, check_fields, self._prover)
            rendered_page.text_lines, rendered_page.text_turn = layer.lines, layer.turn
            rendered_page.pixels = layer.pixels
            rendered_page.proven_fonts, rendered_page.symbol_fonts = layer.fonts

    def _look_at(self, number: int) -> PageView:
        """Return the view of a page, requested or not; an empty one if the page cannot be read."""
        lines, inner = call_apart(lambda: self._read_edges(number)) or ((), ())
        return PageView.of([PlacedLine(*line) for line in lines], inner)

    def _read_edges(self, number: int) -> tuple[list[PlacedLine], list[str]]:
        page = self._load_page(number)
        if _flatten(page, _WITH_TEXT):
            page = self._load_page(number)
        lines, inner = read_edge_lines(page, EDGE_DEPTH)
        return place_lines(lines, page.get_height(), 1), inner

    def _load_or_repair(self, number: int) -> tuple[Any, list[dict[str, str]]]:
        """Return the page, from a repaired copy of the file if it is damaged, and its warnings."""
        try:
            return self._load_page(number), []
        except Corrupt:
            damaged = self._file.document
            if not self._file.repair():
                raise
            self._prover.close()
            damaged.close()
            self._file.document.init_forms()
            return self._load_page(number), [REPAIRED]

    def _load_page(self, number: int) -> Any:
        try:
            page = self._file.document[number - 1]
            if not all(page.get_size()):  # a crop box outside of the media box is ignored, as by viewers
                page.set_cropbox(*page.get_mediabox())
                page.close()
                page = self._file.document[number - 1]
            if not page.formenv and _flatten(page, (pdfium_c.FPDF_ANNOT_WIDGET,)):  # fields of a form that was dropped
                page.close()
                page = self._file.document[number - 1]
            return page
        except (pdfium.PdfiumError, IndexError):
            raise Corrupt("the page is damaged; print the document to a new PDF") from None

    def _user_unit(self, page: Any, number: int) -> float:
        """Return the size of the page's unit in points. It is looked up only where it may differ from 1."""
        if not (self._states_user_units or (self._may_hide_user_units and is_small(page))):
            return 1.0
        if self._user_units is None:
            self._user_units = self._file.user_units()
        unit = self._user_units[number - 1] if number <= len(self._user_units) else 1.0
        return unit if 0 < unit < math.inf else 1.0

    def close(self) -> None:
        """Free the document."""
        self._close_layerless()
        self._prover.close()
        self._file.document.close()

    def _render(self, page: Any, user_unit: float) -> RenderedPage:
        width, height = (side * user_unit for side in page.get_size())
        if not (0 < width < math.inf and 0 < height < math.inf):
            raise Corrupt("the page has no size; print the document to a new PDF")
        dpi = choose_dpi(width, height, needed_dpi(page, user_unit, self._request.dpi), self._request.max_pixels)
        rendered_page = RenderedPage(render_pixels(page, _scale(dpi, user_unit)), dpi)
        if dpi < self._request.dpi:
            message = f"the page is large and was rendered at {dpi:g} dpi instead of {self._request.dpi}"
            rendered_page.warnings.append(make_warning("DPI_LOWERED", message))
        return rendered_page


def _scale(dpi: float, user_unit: float) -> float:
    """Return pixels per unit of a page. user_unit: in points."""
    return dpi / _POINTS_PER_INCH * user_unit


def _flatten(page: Any, kinds: Collection[int]) -> bool:
    """Flatten the annotations that are shown, if one of them is of these kinds, so that their text becomes page text.

    That includes the values of form fields. Return whether the page was changed.
    """
    if not any(kind in kinds for kind in annotation_kinds(page)):
        return False
    _hide_unviewed(page)
    result = pdfium_c.FPDFPage_Flatten(page.raw, pdfium_c.FLAT_NORMALDISPLAY)
    return bool(result == pdfium_c.FLATTEN_SUCCESS)


def _hide_unviewed(page: Any) -> None:
    """Hide the annotations that are only printed: PDFium does not draw them, but would flatten them."""
    for index in range(pdfium_c.FPDFPage_GetAnnotCount(page.raw)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page.raw, index)
        flags = pdfium_c.FPDFAnnot_GetFlags(annotation)
        if flags & pdfium_c.FPDF_ANNOT_FLAG_NOVIEW:
            pdfium_c.FPDFAnnot_SetFlags(annotation, flags | pdfium_c.FPDF_ANNOT_FLAG_HIDDEN)
        pdfium_c.FPDFPage_CloseAnnot(annotation)


def _attachments(page: Any) -> list[dict[str, str]]:
    """Return the warning for a page with icons of attached files."""
    count = sum(kind == pdfium_c.FPDF_ANNOT_FILEATTACHMENT for kind in annotation_kinds(page))
    return [attachments_warning("page", count)] if count else []
