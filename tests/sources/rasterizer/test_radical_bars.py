"""Bars of roots that a font calls ligatures."""

from __future__ import annotations

import pytest

from ocr_worker.sources.rasterizer.letters import Letter
from ocr_worker.sources.rasterizer.radical_bars import drop_radical_bars

SPACE = Letter(" ", None)


def characters(text: str) -> list[Letter]:
    """Return the characters of a text side by side; `~` is the ligature, which PDFium gives as three letters."""
    letters: list[Letter] = []
    for i, character in enumerate(text):
        box = (10.0 * i, 0.0, 10.0 * i + 10, 12.0)
        if character == " ":
            letters.append(SPACE)
        else:
            letters += [Letter(each, box) for each in ("ffi" if character == "~" else character)]
    return letters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = ~~~~~~", "x = "),
        ("~~~ ~~~~", ""),
        ("a ~~ b", "a  b"),
        ("an o~ce", "an office"),
        ("di~cult and e~cient", "difficult and efficient"),
        ("of fine", "of fine"),
        ("ffiffi", "ffiffi"),
    ],
)
def test_only_runs_of_the_ligature_are_dropped(text: str, expected: str) -> None:
    """A ligature alone is part of a word, and letters that are written one by one are no ligature."""
    assert "".join(letter.text for letter in drop_radical_bars(characters(text))) == expected
