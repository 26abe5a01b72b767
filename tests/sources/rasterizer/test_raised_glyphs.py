"""Raised and lowered figures that are glyphs of the font, seen by their ink."""

from __future__ import annotations

import pytest

from ocr_worker.sources.rasterizer.characters import Character
from ocr_worker.sources.rasterizer.raised_glyphs import write_raised_glyphs

# Where the ink of a character begins and ends above the baseline, in ems.
PLAIN, RAISED, LOWERED, OLD_STYLE = (0.0, 0.66), (0.3, 0.7), (-0.15, 0.25), (-0.22, 0.41)
MINUS, RAISED_MINUS = (0.3, 0.35), (0.48, 0.53)


def characters(*parts: tuple[str, tuple[float, float]], em: float = 12) -> list[Character]:
    """Return characters on one baseline, a space for each space."""
    drawn: list[Character] = []
    for text, (bottom, top) in parts:
        for letter in text:
            x = 6.0 * len(drawn)
            ink = (x, 200 + bottom * em, x + 5, 200 + top * em)
            stretch = (x, 200.0, x + em, 200.0)
            is_space = letter == " "
            box = None if is_space else ink
            drawn.append(Character(letter, len(drawn), box, box, stretch=None if is_space else stretch))
    return drawn


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([("10", PLAIN), ("9", RAISED), (" m", PLAIN), ("3", RAISED), ("/s", PLAIN)], "10⁹ m³/s"),
        ([("H", PLAIN), ("2", LOWERED), ("SO", PLAIN), ("4", LOWERED), ("2", RAISED), ("−", RAISED_MINUS)], "H₂SO₄²⁻"),
        ([("s", PLAIN), ("−", RAISED_MINUS), ("1", RAISED)], "s⁻¹"),
        ([("the 1", PLAIN), ("st", RAISED)], "the 1ˢᵗ"),
        ([("in 19", PLAIN), ("47", OLD_STYLE)], "in 1947"),
        ([("5 ", PLAIN), ("−", MINUS), (" 3", PLAIN)], "5 − 3"),
        ([("2 ", PLAIN), ("1", RAISED), ("/", PLAIN), ("2", PLAIN)], "2 1/2"),
        ([("'", RAISED), ("quoted", PLAIN), ("'", RAISED)], "'quoted'"),
    ],
)
def test_the_ink_shows_what_is_raised(parts: list[tuple[str, tuple[float, float]]], text: str) -> None:
    """A figure or letter that floats over the baseline is raised; signs follow their neighbors."""
    assert "".join(character.text for character in write_raised_glyphs(characters(*parts))) == text
