"""A letter within a circle: two characters of the file are one sign on the page."""

from __future__ import annotations

import pytest

from ocr_worker.sources.rasterizer import pdf
from support import files

pytestmark = pytest.mark.process

CIRCLES = {"a line's end": 0x0D, "a combining circle": 0x20DD, "a white circle": 0x25CB}


def lines_of(letter: str, circle: int, *, is_inside: bool = True, is_after: bool = False) -> list[str]:
    """Return the lines of a page with a letter and a circle: the letter O, which its font calls `circle`."""
    x, y = (57.2, 52.6) if is_inside else (72.0, 50.0)
    pieces = ["BT /F 14 Tf 54 50 Td (O) Tj ET", f"BT /G 7 Tf {x} {y} Td ({letter}) Tj ET"]
    around = "BT /G 10 Tf 10 50 Td (Rights) Tj ET", "BT /G 10 Tf 90 50 Td (2021) Tj ET"
    content = " ".join([around[0], *(pieces[::-1] if is_after else pieces), around[1]])
    document = pdf.PdfDocument(files.mapped_pdf(content, {ord("O"): circle}), files.request(dpi=200, text_layer=True))
    page = document.render(1)
    document.close()
    return [line for line, *_ in page.text_lines or ()]


@pytest.mark.parametrize("circle", CIRCLES.values(), ids=CIRCLES)
@pytest.mark.parametrize(("letter", "sign"), [("c", "©"), ("C", "©"), ("R", "®"), ("p", "℗")])
def test_a_letter_in_a_circle_is_a_sign(circle: int, letter: str, sign: str) -> None:
    """Whatever the font calls the circle, as long as the letter is inside it."""
    assert sign in "".join(lines_of(letter, circle))
    assert sign not in "".join(lines_of(letter, circle, is_inside=False))


def test_the_circle_may_come_after_the_letter() -> None:
    """A combining circle does."""
    assert "©" in "".join(lines_of("c", 0x20DD, is_after=True))


def test_other_letters_in_circles_stay() -> None:
    """They mark the parts of a drawing."""
    assert "©" not in "".join(lines_of("b", 0x25CB))
