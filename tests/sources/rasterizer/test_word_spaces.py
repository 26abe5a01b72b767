"""Spaces that a text layer leaves out."""

from __future__ import annotations

import pytest

from ocr_worker.sources.rasterizer.letters import Baseline, Letter
from ocr_worker.sources.rasterizer.word_spaces import restore_spaces

SIZE = 20.0


def typeset(text: str, space: float = 0.25, tracking: float = 0.0, size: float = SIZE) -> list[Letter]:
    """Return the characters of a line. `_` is white as wide as a space, for which the layer has no character.

    space: width of a space in ems. tracking: white between all characters, in ems.
    """
    letters, x = [], 0.0
    for character in text:
        if character == " ":
            letters.append(Letter(" ", None))
        if character in " _":
            x += space * size
            continue
        width = size * (0.3 if character in "fijlrtI.,:;" else 0.55)
        letters.append(Letter(character, (x, 0, x + width, size), 0, Baseline.between(x, size, x + size, size)))
        x += width + tracking * size
    return letters


@pytest.mark.parametrize("space", [0.2, 0.3, 0.6])
@pytest.mark.parametrize(
    "text",
    [
        "The form of a_bell is found by trial and error",
        "Received_17_September in the year of the flood",
        "It is cast once more._The bell is rung in a_slow_way",
        "as seen by others (see below)_and by all of us",
    ],
)
def test_white_as_wide_as_a_space_is_a_space(text: str, space: float) -> None:
    """In a line with known spaces, a word is parted from a single letter, a number or a sign before it."""
    restored = "".join(letter.text for letter in restore_spaces(typeset(text, space)))
    assert restored == text.replace("_", " ")


@pytest.mark.parametrize(
    ("text", "space", "tracking"),
    [
        pytest.param("a_bell is", 0.25, 0.0, id="too few spaces"),
        pytest.param("the s_p_a_c_e_d letters of a title in a row", 0.25, 0.0, id="spaced letters"),
        pytest.param("all of this is set with wide a_tracking", 0.25, 0.2, id="tracking"),
        pytest.param("f_(x) = 1_+_2 or so it is written here", 0.25, 0.0, id="signs of a formula"),
        pytest.param("東_京 の 人 は 皆 川 を 見 る", 0.25, 0.0, id="script without spaces"),
    ],
)
def test_other_white_is_no_space(text: str, space: float, tracking: float) -> None:
    """The layer is believed where its spaces prove nothing."""
    letters = typeset(text, space, tracking)
    assert restore_spaces(letters) == letters


def test_smaller_letters_beside_a_word_are_no_word() -> None:
    """A raised mark is set apart from its word, and has another size."""
    letters = typeset("the bell was cast in the year of the flood")
    mark = typeset("_____________________________________________________________1", 0.4, size=SIZE / 2)
    assert restore_spaces([*letters, *mark]) == [*letters, *mark]
