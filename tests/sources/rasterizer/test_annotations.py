"""Annotations are page text where they are shown, and only there."""

from __future__ import annotations

import pytest

from ocr_worker.sources.rasterizer import pdf
from ocr_worker.sources.rasterizer.rendered import RenderedPage
from support import files
from support.files import stream

pytestmark = pytest.mark.process

WORD, COVER = "BT /F 12 Tf 2 8 Td (Margit) Tj ET", "0 0 200 30 re f"
OVER_PAGE_TEXT, BELOW = "20 140 220 170", "100 50 300 80"
HIDDEN, PRINT, NO_VIEW = 2, 4, 32  # flags


def annotated(kind: str, flags: int, appearance: str = WORD, box: str = BELOW) -> bytes:
    """Return a page with the text "plain words" and an annotation."""
    form = b"<< /Type /XObject /Subtype /Form /BBox [0 0 200 30] /Resources << /Font << /F 3 0 R >> >>"
    return files.pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 500 200] /Contents 5 0 R /Annots [6 0 R] "
            "/Resources << /Font << /F 3 0 R >> >> >>",
            stream("BT /F 12 Tf 30 150 Td (plain words) Tj ET"),
            f"<< /Type /Annot /Subtype /{kind} /Rect [{box}] /F {flags} /FT /Tx /T (field) /AP << /N 7 0 R >> >>",
            stream(appearance).replace(b"<<", form, 1),
        ]
    )


def render(data: bytes) -> tuple[list[str], RenderedPage]:
    """Return the lines of the layer and the page."""
    document = pdf.PdfDocument(data, files.request(dpi=100, text_layer=True, max_pixels=40_000_000))
    page = document.render(1)
    document.close()
    return [line for line, *_ in page.text_lines or ()], page


def has_ink_below(page: RenderedPage) -> bool:
    return bool((page.pixels[160:] < 128).any())


@pytest.mark.parametrize("kind", ["FreeText", "Stamp", "Watermark", "Redact", "Widget"])
@pytest.mark.parametrize("flags", [0, PRINT])
def test_text_of_annotations_is_page_text(kind: str, flags: int) -> None:
    """The text of an annotation that is shown is in the layer and on the page; so is a field whose form was dropped."""
    lines, page = render(annotated(kind, flags))
    assert lines == ["plain words", "Margit"]
    assert has_ink_below(page)


@pytest.mark.parametrize("kind", ["FreeText", "Stamp", "Watermark", "Redact", "Widget"])
@pytest.mark.parametrize("flags", [HIDDEN, NO_VIEW, NO_VIEW | PRINT, HIDDEN | PRINT])
def test_hidden_annotations_have_no_text(kind: str, flags: int) -> None:
    """The text of an annotation that is hidden, or only printed, is neither in the layer nor on the page."""
    lines, page = render(annotated(kind, flags))
    assert lines == ["plain words"]
    assert not has_ink_below(page)


@pytest.mark.parametrize(("flags", "expected"), [(PRINT, []), (HIDDEN, ["plain words"]), (NO_VIEW, ["plain words"])])
def test_an_annotation_covers_the_text_below_it(flags: int, expected: list[str]) -> None:
    """Text under a filled square is not in the layer, unless the square is not shown."""
    assert render(annotated("Square", flags, COVER, OVER_PAGE_TEXT))[0] == expected
