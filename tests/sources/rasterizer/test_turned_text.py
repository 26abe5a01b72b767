"""Text that runs up or down a page is lines and words like any other text."""

from __future__ import annotations

import pytest

from ocr_worker.sources.rasterizer import pdf
from support.files import pages, request, text_page

NOTE = "Downloaded from example.org, vol. 12 [2019]"


def lines_of(content: str) -> list[str]:
    """Return the lines of a page with this content stream, as a rasterizer process reads them."""
    data = pages([content], "0 0 595 842").replace(b"/Helvetica", b"/Courier")
    document = pdf.PdfDocument(data, request(dpi=200, text_layer=True, max_pixels=40_000_000))
    page = document.render(1)
    document.close()
    return [line for line, *_ in page.text_lines or ()]


@pytest.mark.parametrize(("turn", "x", "y"), [("0 1 -1 0", 30, 100), ("0 -1 1 0", 560, 760)], ids=["up", "down"])
@pytest.mark.parametrize("size", [7, 12, 18])
def test_a_note_that_runs_up_or_down_is_one_line(turn: str, x: int, y: int, size: int) -> None:
    """A note whose letters are placed one by one is one line; PDFium ends the line at most of them."""
    step = 0.6 * size if y < 400 else -0.6 * size
    places = ((letter, y + i * step) for i, letter in enumerate(NOTE) if letter != " ")
    note = " ".join(f"BT /F {size} Tf {turn} {x} {at:.1f} Tm ({letter}) Tj ET" for letter, at in places)
    assert lines_of(f"BT /F 11 Tf 72 700 Td (A plain line) Tj ET {note}") == ["A plain line", NOTE]


def test_upright_letters_below_one_another_are_lines_of_their_own() -> None:
    """A column of numbers of one digit is no word that runs down the page."""
    numbers = " ".join(f"BT /F 11 Tf 72 {700 - 12 * i} Td ({i}) Tj ET" for i in range(1, 5))
    assert lines_of(numbers) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_page_knows_the_turn_that_sets_its_letters_upright(rotation: int) -> None:
    """A page says by how many quarters nearly all of its letters are turned, so that engines need not find out."""
    document = pdf.PdfDocument(
        pages([text_page("A plain line")], extra=f"/Rotate {rotation}"), request(text_layer=True)
    )
    page = document.render(1)
    document.close()
    assert page.text_turn == rotation // 90
