"""Marks on letters that dirt was read as."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.letter_marks import doubtful_marks, drop_doubtful_marks

BOX = Box(0, 0, 400, 20)
PAGE = [Line("The controls may be used at any time to access any location in your sequence", BOX)] * 10


def read(text: str, **scores: float) -> Line:
    """Return the line with the recognizer's confidence for some of its letters, and 1 for the others."""
    words = tuple(Word(word, BOX) for word in text.split())
    return Line(text, BOX, words=words, doubtful_marks=doubtful_marks(text, [scores.get(c, 1.0) for c in text]))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (read("REPEAT or LOCÃTE.", Ã=0.78), "REPEAT or LOCATE."),
        (read("the Îast few bars", Î=0.5), "the Iast few bars"),
        (read("in a café", é=0.99), "in a café"),
        (read("for 5 × 7 на", й=0.5), "for 5 × 7 на"),
    ],
    ids=["a speck over a capital", "over a small letter", "a mark that is sure", "no letters with marks"],
)
def test_marks_in_doubt_are_dropped_on_a_page_without_marks(line: Line, text: str) -> None:
    """The text and its words lose the marks that the recognizer doubts, and keep those it is sure of."""
    changed = drop_doubtful_marks([*PAGE, line])[-1]
    assert changed.text == text
    assert [word.text for word in changed.words] == text.split()


def test_a_page_with_marks_keeps_those_in_doubt() -> None:
    """On a French page a mark in doubt is more likely right than not."""
    page = [replace(line, text="Les élèves ont été reçus à la mairie par le préfet et son épouse") for line in PAGE]
    line = read("la MÉTÉO", É=0.6)
    assert drop_doubtful_marks([*page, line])[-1] == line
