"""Check boxes and radio buttons of a form are text with their state, at their place."""

from __future__ import annotations

import pytest

from ocr_worker.sources.rasterizer import pdf
from support import files

pytestmark = pytest.mark.process


def form(*fields: str, label: str = "") -> bytes:
    """Return a page with these fields of 14 points below one another; their state On is a check of ZapfDingbats."""
    widgets = [
        f"<< /Type /Annot /Subtype /Widget /Rect [30 {150 - 30 * i} 44 {164 - 30 * i}] /F 4 /P 3 0 R {field} "
        "/MK << /BC [0] >> /AP << /N << /On 5 0 R /Off 6 0 R >> >> >>"
        for i, field in enumerate(fields)
    ]
    references = " ".join(f"{9 + i} 0 R" for i in range(len(fields)))
    frame = "<< /Type /XObject /Subtype /Form /BBox [0 0 14 14] /Resources << /Font << /Z 7 0 R >> >>"
    on, off = (
        files.stream(f"0.5 0.5 13 13 re S {tick}").replace(b"<<", frame.encode(), 1)
        for tick in ("BT /Z 12 Tf 2 3 Td (4) Tj ET", "")
    )
    labels = " ".join(f"BT /F 12 Tf 52 {152 - 30 * i} Td (Option {i}) Tj ET" for i in range(len(fields)))
    return files.pdf(
        [
            f"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [{references}] >> >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Annots [{references}] /Contents 4 0 R "
            "/Resources << /Font << /F 8 0 R >> >> >>",
            files.stream(labels),
            on,
            off,
            "<< /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            *widgets,
        ]
    )


CHECK, RADIO = "/FT /Btn /T (check)", "/FT /Btn /Ff 49152 /T (radio)"


@pytest.mark.parametrize(
    ("kind", "signs"), [pytest.param(CHECK, "☑☐", id="check boxes"), pytest.param(RADIO, "◉○", id="radio buttons")]
)
def test_the_state_of_a_field_is_text(kind: str, signs: str) -> None:
    """Each field has the sign of its state beside its label, and the glyph that draws the state is no text."""
    data = form(f"{kind} /V /On /AS /On", f"{kind} /V /Off /AS /Off")
    document = pdf.PdfDocument(data, files.request(dpi=144, text_layer=True))
    lines = document.render(1).text_lines or []
    document.close()
    assert [line[0] for line in lines] == ["Option 0", "Option 1", *signs]
    for label, sign in zip(lines[:2], lines[2:], strict=True):
        assert sign[1][2] < label[1][0]
        assert label[1][1] < (sign[1][1] + sign[1][3]) / 2 < label[1][3]


def test_a_hidden_field_is_no_text() -> None:
    """A field that the page does not show has no sign."""
    data = form(f"{CHECK} /V /On /AS /On").replace(b"/F 4 /P", b"/F 2 /P")
    document = pdf.PdfDocument(data, files.request(dpi=144, text_layer=True))
    lines = document.render(1).text_lines or []
    document.close()
    assert [line[0] for line in lines] == ["Option 0"]
