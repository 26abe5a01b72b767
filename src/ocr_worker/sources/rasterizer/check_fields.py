"""The states of check boxes and radio buttons: form fields whose value is drawn, but is no text.

Runs only in a rasterizer process. The states are read before the fields are flattened.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pypdfium2.raw as pdfium_c

from ocr_worker.sources.rasterizer.rendered import Rectangle

_SIGNS = {
    (pdfium_c.FPDF_FORMFIELD_CHECKBOX, True): "☑",
    (pdfium_c.FPDF_FORMFIELD_CHECKBOX, False): "☐",
    (pdfium_c.FPDF_FORMFIELD_RADIOBUTTON, True): "◉",
    (pdfium_c.FPDF_FORMFIELD_RADIOBUTTON, False): "○",
}
_UNSEEN = pdfium_c.FPDF_ANNOT_FLAG_HIDDEN | pdfium_c.FPDF_ANNOT_FLAG_NOVIEW

CheckField = tuple[str, Rectangle]  # the sign of its state, and its box in points


def read_check_fields(document: Any, page: Any) -> list[CheckField]:
    """Return the page's check boxes and radio buttons; none if the document has no form."""
    return list(_check_fields(document.formenv.raw, page.raw)) if document.formenv else []


def _check_fields(form: Any, page: Any) -> Iterator[CheckField]:
    edges = pdfium_c.FS_RECTF()
    for index in range(pdfium_c.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page, index)
        is_widget = pdfium_c.FPDFAnnot_GetSubtype(annotation) == pdfium_c.FPDF_ANNOT_WIDGET
        if is_widget and not pdfium_c.FPDFAnnot_GetFlags(annotation) & _UNSEEN:
            kind = pdfium_c.FPDFAnnot_GetFormFieldType(form, annotation)
            sign = _SIGNS.get((kind, bool(pdfium_c.FPDFAnnot_IsChecked(form, annotation))))
            if sign and pdfium_c.FPDFAnnot_GetRect(annotation, edges):
                yield sign, (edges.left, edges.bottom, edges.right, edges.top)
        pdfium_c.FPDFPage_CloseAnnot(annotation)
