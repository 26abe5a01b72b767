"""Underscores that are drawn as rules: the layer has what the page shows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ocr_worker.sources.rasterizer import pdf
from support import files

pytestmark = pytest.mark.process

# Widths in thousandths of an em, of the letters used here.
HELVETICA = dict(
    zip("abcdefilnmopst12().,", (556, 556, 500, 556, 556, 278, 222, 222, 556, 833, 556, 556, 500, 278), strict=False)
)
TIMES = dict(
    zip("abcdefilnmopst", (444, 500, 444, 500, 444, 333, 278, 278, 500, 778, 500, 500, 389, 278), strict=False)
)
COURIER = dict.fromkeys("abcdefilnmopst12().", 600)
WIDTHS = {"Helvetica": HELVETICA, "Times-Roman": TIMES, "Courier": COURIER}


def lines_of(data: bytes, dpi: int = 200) -> list[str]:
    document = pdf.PdfDocument(data, files.request(dpi=dpi, text_layer=True, max_pixels=40_000_000))
    page = document.render(1)
    document.close()
    return [line for line, *_ in page.text_lines or ()]


def drawn(text: str, y: float, font: str, size: float, x: float = 30) -> str:
    """Return the content of a row as TeX sets it: an underscore is a rule of 0.3 ems behind a little white."""
    content = []
    for character in text:
        if character == "_":
            content.append(f"{x + 0.06 * size} {y} {0.3 * size} 0.4 re f")
            x += 0.36 * size
        elif character == " ":
            x += 0.3 * size
        else:
            content.append(f"BT /F {size} Tf {x} {y} Td ({character}) Tj ET")
            x += WIDTHS[font][character] / 1000 * size
    return " ".join(content)


def page_of(rows: Sequence[str], font: str = "Helvetica", size: float = 10, drawing: str = "") -> bytes:
    content = " ".join((drawing, *(drawn(row, 80 - 20 * i, font, size) for i, row in enumerate(rows))))
    return files.pages([content]).replace(b"/BaseFont /Helvetica", f"/BaseFont /{font}".encode())


@pytest.mark.parametrize("font", WIDTHS)
@pytest.mark.parametrize("size", [8, 10, 14])
def test_a_rule_between_letters_is_an_underscore(font: str, size: float) -> None:
    """One or two of them, also at the beginning and the end of a name; true spaces stay."""
    rows = ["field_name tools", "a_b_c and int _lib", "on a_ to b__c lent"]
    assert lines_of(page_of(rows, font, size)) == rows


def test_on_a_dark_ground() -> None:
    """The ground may be darker than the letters."""
    assert lines_of(page_of(["field_name"], drawing="0 0 200 100 re f 1 g")) == ["field_name"]


@pytest.mark.parametrize(
    "drawing",
    [
        "0.4 w 20 79 m 150 79 l S",  # a line below the words
        "0.4 w 52 79.5 m 90 79.5 l S",  # below the second one, and the white before it
        "0.4 w 30 79.5 m 56.5 79.5 l S",
        "0.4 w 53 83 m 55.5 83 l S",  # a dash
        "0.4 w 54 76 m 54 88 l S",  # a rule between two columns
        "53.5 79.8 0.8 0.8 re f",  # a point
    ],
    ids=["underlined", "second word", "first word", "dash", "rule", "point"],
)
def test_other_ink_is_no_underscore(drawing: str) -> None:
    """Words that are underlined, dashes, points and the rules of a table are none."""
    assert [line.replace(" ", "") for line in lines_of(page_of(["fields data"], drawing=drawing))] == ["fieldsdata"]


def test_a_blank_to_fill_in_is_none() -> None:
    """A line as long as a word is the place of an answer."""
    row = f"{drawn('name', 80, 'Helvetica', 10)} 62 80 40 0.4 re f {drawn('and', 80, 'Helvetica', 10, x=104)}"
    assert "_" not in "".join(lines_of(files.pages([row])))


@pytest.mark.parametrize("leading", [8, 9, 10])
def test_the_next_line_is_none(leading: float) -> None:
    """Close below the white between two words may be the upper side of a letter."""
    rows = " ".join(
        f"BT /F 10 Tf {x} {80 - y} Td ({text}) Tj ET"
        for x, y, text in ((30, 0, "Free Service"), (30, leading, "75371 57531 77777"))
    )
    assert "_" not in "".join(lines_of(files.pages([rows])))
