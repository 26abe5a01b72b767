"""Marks over letters: of scripts that run from right to left, and several over one letter."""

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


@pytest.mark.parametrize("text", ["สี่", "ผู้", "q\u0302\u0301a", "x\u0304a"])
def test_marks_of_other_scripts_keep_their_order(text: str) -> None:
    """Two marks over a letter that runs from left to right stay as the file has them, and with that letter."""
    first, *marks = text.rstrip("a")
    letters = [letter(first, 0, 8), *(letter(mark, 4 + i, 8 + i) for i, mark in enumerate(marks))]
    if text.endswith("a"):
        letters.append(letter("a", 8.5, 16))
    mapping = BitmapMapping(pypdfium2.PdfDocument.new().new_page(100, 100), 100, 100)
    assert [line[0] for line in _build_lines(letters, mapping)] == [text]


@pytest.mark.parametrize(
    ("letters", "text"),
    [
        pytest.param([letter("ε", 0, 8), letter("\u0384", 2, 6)], "έ", id="Greek"),
        pytest.param([letter("\u1fce", 2, 6), letter("ο", 0, 8)], "ὄ", id="two marks"),
        pytest.param([letter("\u0384", 0, 3), letter("Ε", 3, 11)], "Έ", id="capital"),
        pytest.param([letter("f", 0, 5), letter("\u0301", 7, 11), letter("e", 5, 13)], "fé", id="before its letter"),
        pytest.param([letter("e", 0, 8), letter("\u0301", 8, 8), letter("e", 8, 16)], "ée", id="without width"),
        pytest.param([letter("5", 0, 8), letter("\u0384", 8, 11)], "5\u0384", id="sign"),
    ],
)
def test_accents_are_composed_with_the_letter_that_they_are_over(letters: list[Letter], text: str) -> None:
    """A Greek accent that is a character of its own, or a combining one before its letter, is part of that letter."""
    mapping = BitmapMapping(pypdfium2.PdfDocument.new().new_page(100, 100), 100, 100)
    assert [line[0] for line in _build_lines(letters, mapping)] == [text]


@pytest.mark.parametrize(
    "letters",
    [
        pytest.param([letter("\ufdd0Z\ufdd2", 0, 8), letter("x", 9, 16)], id="raised capital"),
        pytest.param([letter("\ufdd1Q", 0, 8), letter("W\ufdd3", 8, 16)], id="lowered capitals"),
        pytest.param([letter("\ufdd0\u0384\ufdd2", 0, 3), letter("Ε", 20, 28)], id="raised accent before a capital"),
    ],
)
def test_letters_between_marks_of_raised_text_are_characters(letters: list[Letter]) -> None:
    """A raised letter without a form in Unicode is a text of several characters."""
    mapping = BitmapMapping(pypdfium2.PdfDocument.new().new_page(100, 100), 100, 100)
    assert "".join(line[0] for line in _build_lines(letters, mapping)) == "".join(each.text for each in letters)
