"""Marks over letters of scripts that run from right to left."""

from __future__ import annotations

import pypdfium2
import pytest

from ocr_worker.sources.rasterizer.letters import Letter
from ocr_worker.sources.rasterizer.mapping import BitmapMapping
from ocr_worker.sources.rasterizer.text_layer import _build_lines

FATHATAN, PATAH = "\u064b", "\u05b7"
SPACE = Letter(" ", None)


def letter(text: str, x0: float, x1: float) -> Letter:
    return Letter(text, (x0, 0, x1, 12))


@pytest.mark.parametrize(
    ("letters", "text"),
    [
        pytest.param(
            [letter("ي", 17, 20), SPACE, letter(FATHATAN, 8, 10.5), letter("ض", 7, 17.5), letter("ا", 4.5, 7.5)],
            f"يض{FATHATAN}ا",
            id="before",
        ),
        pytest.param(
            [letter("ض", 7, 17.5), letter(FATHATAN, 8, 10.5), letter("ا", 4.5, 7.5)], f"ض{FATHATAN}ا", id="after"
        ),
        pytest.param(
            [letter("ا", 13, 16), SPACE, letter(FATHATAN, 9, 11), letter("ء", 8.5, 13.5)],
            f"اء{FATHATAN}",
            id="at-the-end",
        ),
        pytest.param(
            [letter("א", 30, 36), SPACE, letter(PATAH, 12, 14), letter("ב", 10, 16)], f"א ב{PATAH}", id="next-word"
        ),
    ],
)
def test_a_mark_comes_after_its_letter(letters: list[Letter], text: str) -> None:
    """A mark that the file has before its letter comes after it, and does not part the word; true spaces stay."""
    mapping = BitmapMapping(
        pypdfium2.PdfDocument.new().new_page(100, 100), 100, 100
    )  # for fields, of which none is here
    lines = _build_lines(letters, mapping)
    assert [line[0] for line in lines] == [text]
