"""Points and commas between digits: the layer has what the page shows, whatever the font calls them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ocr_worker.sources.rasterizer import pdf
from support import files

pytestmark = pytest.mark.process

HONEST = {code: code for code in range(32, 127)}
CLAIMS = {"a space": 0x20, "a no-break space": 0xA0, "nothing": 0}
FIGURES = ("1.234,56", "3.50", "2,00", "12 000.50")


def lines_of(data: bytes, dpi: int = 200) -> list[str]:
    document = pdf.PdfDocument(data, files.request(dpi=dpi, text_layer=True, max_pixels=40_000_000))
    page = document.render(1)
    document.close()
    return [line for line, *_ in page.text_lines or ()]


def page_of(
    rows: Sequence[str],
    claim: int,
    font: str = "Helvetica",
    size: float = 11,
    drawing: str = "",
    claims: dict[int, int] | None = None,
) -> bytes:
    """Return a page whose font says that points, commas and colons are the character `claim`; or has other claims."""
    texts = (f"BT /F {size} Tf 30 {160 - 20 * row} Td ({text}) Tj ET" for row, text in enumerate(rows))
    data = files.mapped_pdf(" ".join((drawing, *texts)), HONEST | (claims or dict.fromkeys(map(ord, ".,:"), claim)))
    return data.replace(b"/BaseFont /Helvetica /Encoding", f"/BaseFont /{font} /Encoding".encode())


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("font", ["Helvetica", "Helvetica-Bold", "Times-Roman", "Times-Italic", "Courier"])
def test_signs_within_figures_are_read_from_the_page(font: str, claim: str) -> None:
    """A point or comma between digits is in the layer, whatever the font calls it; true spaces stay."""
    for size in (8, 11, 14):
        assert lines_of(page_of(FIGURES, CLAIMS[claim], font, size)) == list(FIGURES)


def test_white_figures_on_black() -> None:
    """The ground may be darker than the figures."""
    assert lines_of(page_of(FIGURES, 32, drawing="0 0 500 200 re f 1 g")) == list(FIGURES)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_turned_pages(turn: int) -> None:
    """On a page that is shown turned, the signs are found as well."""
    data = page_of(FIGURES, 32).replace(b"/MediaBox [0 0 500 200]", f"/MediaBox [0 0 500 200] /Rotate {turn}".encode())
    assert sorted(lines_of(data)) == sorted(FIGURES)


@pytest.mark.parametrize(
    ("text", "drawing"),
    [
        ("1 234", ""),
        ("12:30", ""),
        ("1 234", "0.5 w 30 159 m 400 159 l S"),
        ("1 234", "0.5 w 30 164 m 400 164 l S"),
        ("1 234", "0.4 w 37.5 100 m 37.5 190 l S"),
    ],
    ids=["white", "colon", "underlined", "struck through", "rule"],
)
def test_other_ink_is_no_point(text: str, drawing: str) -> None:
    """White, a colon, a line along the figures and a rule between them are no point."""
    assert lines_of(page_of([text], 32, drawing=drawing)) == [text.replace(":", " ")]


def test_a_point_drawn_after_its_figure_is_at_its_place() -> None:
    """Programs that set a figure piece by piece may draw its point last."""
    pieces = ((30, "1"), (39.174, "7"), (36.117, "."))  # a digit is 6.117 points wide, and a point 3.058
    content = " ".join(f"BT /F 11 Tf {x} 50 Td ({text}) Tj ET" for x, text in pieces)
    assert lines_of(files.pages([content])) == ["1.7"]


@pytest.mark.parametrize("font", ["Helvetica", "Helvetica-Bold", "Times-Roman", "Times-Italic", "Courier"])
def test_points_that_are_called_commas_are_read_from_the_page(font: str) -> None:
    """A font that calls points commas, and commas points, is contradicted by the page; an honest one is not."""
    exchanged = {ord("."): ord(","), ord(","): ord(".")}
    for size in (9, 11, 14):
        assert lines_of(page_of(FIGURES, 0, font, size, claims=exchanged)) == list(FIGURES)
        assert lines_of(page_of(FIGURES, 0, font, size, claims=HONEST)) == list(FIGURES)


def test_a_single_sign_contradicts_no_font() -> None:
    """A comma that is called a point once on the page, alone, is not enough evidence."""
    assert lines_of(page_of(["2,00"], 0, claims={ord(","): ord(".")})) == ["2.00"]
