"""Spaces that a text layer leaves out where the page shows them.

Many files contain no spaces: each word is placed by itself, and PDFium takes white between two characters for a space.
It misses those before and after single letters, and at punctuation. In a line, all spaces are about as wide, and within
its words there is no white. So white as wide as the line's other spaces is a space. `restore_spaces` is pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ocr_worker.characters import is_wide
from ocr_worker.sources.rasterizer.letters import Letter

_MIN_SPACES = 3  # spaces of a line whose width is known
_SMALLEST_SPACE = 0.12  # ems
_NARROWER = 0.8  # share of the line's usual space that a space has at least
_KERNING = 0.35  # share of a space that is white between characters of one word, at most
_SPACED = 0.1  # share of the pairs within words that may have more: then its letters are not spaced
_CLOSING, _OPENING = frozenset(".,;:!?)]}’”»%"), frozenset("([{‘“«")


def restore_spaces(letters: Sequence[Letter]) -> list[Letter]:
    """Return the letters of a line with spaces where the white is as wide as the line's spaces."""
    spaces = [
        white
        for before, space, after in zip(letters, letters[1:], letters[2:], strict=False)
        if not space.box and space.text and (white := _white(before, after)) is not None
    ]
    if len(spaces) < _MIN_SPACES or (usual := median(spaces)) < _SMALLEST_SPACE:
        return list(letters)
    whites = [_white(letter, following) for letter, following in pairwise(letters)]
    within = [white for white in whites if white is not None]
    wide = sum(white > _KERNING * usual for white in within)
    if wide > _SPACED * len(within):
        return list(letters)
    restored = list(letters[:1])
    for white, (letter, following) in zip(whites, pairwise(letters), strict=True):
        if white is not None and white >= _NARROWER * usual and _may_be_apart(letter.text, following.text):
            restored.append(Letter(" ", None))
        restored.append(following)
    return restored


def _white(letter: Letter, following: Letter) -> float | None:
    """Return the white between two characters along their baseline in ems; None where their sizes or lines differ."""
    if not (letter.box and following.box and letter.baseline and following.baseline):
        return None
    is_same = abs(letter.baseline.em - following.baseline.em) < letter.baseline.em / 50
    is_along = abs(letter.baseline.dy) < letter.baseline.em / 50 and letter.baseline.dx > 0
    if not is_same or not is_along or abs(letter.baseline.y - following.baseline.y) > letter.baseline.em / 50:
        return None
    return (following.box[0] - letter.box[2]) / letter.baseline.em


def _may_be_apart(text: str, following: str) -> bool:
    """Return whether a space may be between the two: in a script with spaces, after a word or a closing sign."""
    if any(map(is_wide, text + following)):
        return False
    return (text.isalnum() or text in _CLOSING) and (following.isalnum() or following in _OPENING)
