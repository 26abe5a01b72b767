"""Letters in a circle that are two characters of the text layer: © ® ℗.

TeX prints a small c within a circle of a symbol font. Most of its files do not say what that circle is: PDFium gives it
a control code, which is a character without a mapping. Others call it a combining circle, or a white one. A reader sees
one sign.
Runs only in a rasterizer process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ocr_worker.characters import UNKNOWN
from ocr_worker.sources.rasterizer.characters import Character
from ocr_worker.sources.rasterizer.rendered import Rectangle

_CIRCLES = frozenset(["\u20dd", "○", "◯", UNKNOWN])
_SIGNS = {"c": "©", "r": "®", "p": "℗"}


def join_circled(characters: Sequence[Character]) -> list[Character]:
    """Return the characters; a letter and the circle around it, in either order, are one sign."""
    joined: list[Character] = []
    for character in characters:
        last = joined[-1] if joined else None
        sign = last and (_sign(last, character) or _sign(character, last))
        if sign:
            joined[-1] = sign
        else:
            joined.append(character)
    return joined


def _sign(circle: Character, letter: Character) -> Character | None:
    """Return the sign that the circle and the letter are; None if they are none, or the letter is not inside."""
    text = _SIGNS.get(letter.text.lower())
    is_circle = circle.text in _CIRCLES or not circle.text  # the ink of a line's end is that of a glyph
    if not text or not is_circle or not circle.ink or not letter.ink or not _encloses(circle.ink, letter.ink):
        return None
    return replace(letter, text=text, ink=circle.ink)


def _encloses(outer: Rectangle, inner: Rectangle) -> bool:
    return outer[0] < inner[0] and outer[1] < inner[1] and inner[2] < outer[2] and inner[3] < outer[3]
