"""Spaces between characters of one width."""

from __future__ import annotations

import pytest

from ocr_worker.sources.rasterizer.fixed_pitch import drop_false_spaces
from ocr_worker.sources.rasterizer.letters import Baseline, Letter

SIZE = 20.0
NARROW = dict.fromkeys("fijlrtI.,:;'!|()[] ", 0.28)


def line(text: str, pitch: float | None) -> list[Letter]:
    """Return the characters of a text in ems of one pitch, or as wide as in a usual font. `_` is a false space."""
    letters, x = [], 0.0
    for character in text:
        if character in " _":
            letters.append(Letter(" ", None))
        else:
            letters.append(Letter(character, (x, 0, x + 5, SIZE), 0, Baseline.between(x, SIZE, x + SIZE, SIZE)))
        if character != "_":
            x += SIZE * (pitch or NARROW.get(character, 0.556))
    return letters


@pytest.mark.parametrize(
    ("text", "pitch", "expected"),
    [
        ("console_.log_(add_(3_, 5)_)_;", 0.6, "console.log(add(3, 5));"),
        ("if_(x[i]) return", 0.5, "if(x[i]) return"),
        ("no one, bad ode", None, "no one, bad ode"),
        ("1234, 5678, 90", None, "1234, 5678, 90"),
        ("a title, little", None, "a title, little"),
    ],
)
def test_only_white_as_wide_as_a_character_is_a_space(text: str, pitch: float | None, expected: str) -> None:
    """In a font of one width, a space leaves room for a character; in other fonts all spaces stay."""
    assert "".join(letter.text for letter in drop_false_spaces(line(text, pitch))) == expected


def test_korean_has_narrow_spaces() -> None:
    """Syllables have one width, but the spaces between them are narrower, and stay."""
    letters = line("강물이 불어나서 마을", 1.0)
    assert drop_false_spaces(letters) == letters
