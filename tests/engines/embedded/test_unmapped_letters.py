"""Letters that a font maps to nothing, which are read in their words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.text_layer import fill_gaps

GAP = "\ufffd"


def layer_line(text: str) -> Line:
    """Return a line of the text layer, `?` for a character without mapping."""
    words, x = [], 0.0
    for word in text.replace("?", GAP).split():
        words.append(Word(word, Box(x, 0, x + 10 * len(word), 20), 3))
        x += 10 * (len(word) + 1)
    return Line(" ".join(word.text for word in words), Box(0, 0, x, 20), 1.0, tuple(words), True)


def reader(*texts: str, score: float = 0.99) -> object:
    """Return a reader that answers these texts, in order."""

    def read(words: Sequence[Word]) -> list[Line]:
        assert len(words) == len(texts)
        return [Line(text, word.box, score) for text, word in zip(texts, words, strict=True)]

    return read


@pytest.mark.parametrize(
    ("text", "readings", "expected"),
    [
        ("an IRS-certi?ed volunteer", ["IRS-certified"], "an IRS-certified volunteer"),
        ("the e?ective de?ning o?ce", ["effective", "defining", "office"], "the effective defining office"),
        ("su?ce to say", ["sufﬁce"], "suffice to say"),
        ("all bene?ts.", ["benefits,"], "all benefits."),
        ("the con?rmati0n of it", ["confirmation"], "the confirmati0n of it"),
        ("the same ?le and the same ?le", ["file", "file"], "the same file and the same file"),
        ("xq?zz is here", ["reading"], "reading is here"),
        ("no gaps at all", [], "no gaps at all"),
    ],
)
def test_gaps_are_filled_from_the_page(text: str, readings: list[str], expected: str) -> None:
    """The other letters of the word stay those of the layer, unless they are all different."""
    lines = fill_gaps([layer_line(text)], reader(*readings))  # type: ignore[arg-type]
    assert [line.text for line in lines] == [expected]
    assert lines[0].is_from_text_layer == (not readings)
    assert " ".join(word.text for word in lines[0].words) == expected


@pytest.mark.parametrize(("score", "expected"), [(0.99, ["• item"]), (0.4, ["item"])])
def test_a_sign_alone_is_read_with_certainty_or_left_out(score: float, expected: list[str]) -> None:
    """A sign of a symbol font is part of no word that would confirm the reading."""
    assert [line.text for line in fill_gaps([layer_line("? item")], reader("•", score=score))] == expected  # type: ignore[arg-type]


def test_a_line_of_unreadable_signs_is_no_line() -> None:
    """Nothing is left of it."""
    assert fill_gaps([layer_line("? ?")], reader("", "", score=0.0)) == []  # type: ignore[arg-type]
