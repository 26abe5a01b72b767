"""The characters of a PDF page's own text with boxes to rely on, in points upwards; in a child process only.

A box is as high as the font says that its letters are. Some fonts, Cambria Math for one, say several lines: then the
ink of the letters tells.
"""

from __future__ import annotations

import ctypes
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import pypdfium2.raw as pdfium_c

_LINE_ENDS = {0, 10, 13}
_HYPHENS = {2, 0xFFFE}  # PDFium's own signs for a hyphen at a line's end
_SAMPLE = 20  # letters of one height whose ink is measured
_LIKELY = (1.1, 3.5)  # a letter's height by its font, in heights of its ink
_BELOW, _ABOVE = 0.4, 1.6  # what lies below and above the base line, in heights of the ink


@dataclass(slots=True)
class Character:
    """box: left, bottom, right, top; None for a space, and for the end of a line, whose text is empty."""

    text: str
    index: int
    box: tuple[float, float, float, float] | None = None


def characters(text_page: Any) -> list[Character]:
    """The page's characters that are drawn, in the order of the file."""
    found = list(_read(text_page.raw))
    heights: dict[float, list[Character]] = defaultdict(list)
    for character in found:
        if character.box:
            heights[round(character.box[3] - character.box[1], 1)].append(character)
    for height, alike in heights.items():
        ink = _ink(text_page.raw, alike)
        if ink and not _LIKELY[0] * ink <= height <= _LIKELY[1] * ink:
            _set_heights(text_page.raw, alike, ink)
    return found


def _read(page: Any) -> Iterator[Character]:
    rect = pdfium_c.FS_RECTF()
    for index in range(pdfium_c.FPDFText_CountChars(page)):
        code = pdfium_c.FPDFText_GetUnicode(page, index)
        text = "-" if code in _HYPHENS else chr(code)
        if code in _LINE_ENDS:
            yield Character("", index)
        elif _is_invisible(page, index):
            continue
        elif text.isspace() or not pdfium_c.FPDFText_GetLooseCharBox(page, index, rect):
            yield Character(" ", index)
        else:
            yield Character(text, index, (rect.left, rect.bottom, rect.right, rect.top))


def _is_invisible(page: Any, index: int) -> bool:
    """Whether the character is not drawn: old scanners hid what they had read, right or wrong, behind the picture."""
    text_object = pdfium_c.FPDFText_GetTextObject(page, index)
    return (
        bool(text_object)
        and pdfium_c.FPDFTextObj_GetTextRenderMode(text_object) == pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE
    )


def _ink(page: Any, alike: Sequence[Character]) -> float:
    """The usual height of these letters' ink, in points; 0 where there are none, or they do not stand upright."""
    edges = [ctypes.c_double() for _ in range(4)]
    letters = [character.index for character in alike if character.text.isalnum()][:_SAMPLE]
    if any(abs(pdfium_c.FPDFText_GetCharAngle(page, index)) > 0.1 for index in letters[:1]):
        return 0.0
    found = []
    for index in letters:
        if pdfium_c.FPDFText_GetCharBox(page, index, *edges):
            found.append(edges[3].value - edges[2].value)
    return median(found) if found else 0.0


def _set_heights(page: Any, alike: Sequence[Character], ink: float) -> None:
    x, y = ctypes.c_double(), ctypes.c_double()
    for character in alike:
        if character.box and pdfium_c.FPDFText_GetCharOrigin(page, character.index, x, y):
            left, _, right, _ = character.box
            character.box = left, y.value - _BELOW * ink, right, y.value + _ABOVE * ink
