"""Raised and lowered figures that are separate glyphs of the font, at full size and on the baseline.

Typesetters take such glyphs from a font that has them, and the text layer then says "109" where 10⁹ is printed. Only
the ink shows it: no Latin letter or figure floats above the baseline, and none sinks below it without rising as high
as a small letter. `write_raised_glyphs` writes such runs as `raised_text` writes smaller text off the baseline.
Runs only in a rasterizer process; lengths are in points, upwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Literal

from ocr_worker.characters import write_raised
from ocr_worker.sources.rasterizer.characters import Character

_RAISED_BOTTOM = 0.18  # ems above the baseline at which the ink begins, at least
_RAISED_SIGN = 0.38  # the same of a sign: a minus is above the baseline anyway
_LOWERED_BOTTOM, _LOWERED_TOP = -0.05, 0.42  # ems at which the ink of lowered text begins, at most, and ends
_HEIGHTS = 0.15, 0.62  # ems of a raised character's ink
_MAX_LOWERED = 0.48  # the same of a lowered character: a figure of the old style that sinks is higher
_SIGNS = frozenset("+-−–=()")
_MAX_LENGTH = 8  # characters
_SLASHES = frozenset("/\u2044")  # beside a numerator or a denominator

_Kind = Literal["raised", "lowered", "sign"] | None


def write_raised_glyphs(characters: Sequence[Character]) -> list[Character]:
    """Return the characters, the runs of raised and lowered glyphs in such a form."""
    written = list(characters)
    kinds = _with_signs([_kind(character) for character in characters])
    for kind, run in groupby(range(len(kinds)), kinds.__getitem__):
        places = list(run)
        if kind not in ("raised", "lowered") or len(places) > _MAX_LENGTH:
            continue
        if _is_in_fraction(characters, places[0], places[-1]):
            continue
        forms = write_raised([characters[i].text for i in places], is_lowered=kind == "lowered")
        for i, form in zip(places, forms, strict=True):
            written[i] = replace(characters[i], text=form)
    return written


def _is_in_fraction(characters: Sequence[Character], first: int, last: int) -> bool:
    """Return whether a slash is beside the run, which is no power of a letter such as that of m³/s."""
    before, after = (characters[i].text if 0 <= i < len(characters) else "" for i in (first - 1, last + 1))
    return before in _SLASHES or (after in _SLASHES and not before.isalpha())


def _kind(character: Character) -> _Kind:
    """Return how the ink of the character is above its baseline; a sign may be raised as those beside it are."""
    if not character.ink or not character.stretch or (not character.text.isascii() and character.text not in _SIGNS):
        return None
    x0, y0, x1, y1 = character.stretch
    em = x1 - x0
    if em <= 0 or abs(y1 - y0) > em / 100:
        return None
    bottom, top = (character.ink[1] - y0) / em, (character.ink[3] - y0) / em
    if character.text in _SIGNS:
        return "sign" if (bottom + top) / 2 > _RAISED_SIGN or top < _LOWERED_TOP / 2 else None
    if not character.text.isalnum():
        return None
    low, high = _HEIGHTS
    if bottom > _RAISED_BOTTOM and low < top - bottom < high:
        return "raised"
    is_low = bottom < _LOWERED_BOTTOM and top < _LOWERED_TOP
    return "lowered" if is_low and low < top - bottom < _MAX_LOWERED else None


def _with_signs(kinds: list[_Kind]) -> list[_Kind]:
    """Return the kinds, each sign of the kind of the character behind it, or else before it."""
    for i in reversed(range(len(kinds))):
        if kinds[i] == "sign":
            beside = [kinds[j] for j in (i + 1, i - 1) if 0 <= j < len(kinds)]
            kinds[i] = next((kind for kind in beside if kind in ("raised", "lowered")), None)
    return kinds
