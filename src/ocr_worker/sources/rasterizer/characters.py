"""The characters of a PDF page's text layer, with reliable boxes in points, upwards.

Runs only in a rasterizer process. PDFium gives a box the height that the font states for its letters. Some fonts, for
example Cambria Math, state the height of several lines. Then the height is estimated from the ink of the letters.
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
_HYPHENS = {2, 0xFFFE}  # PDFium's own codes for a hyphen at a line's end
_SAMPLE = 20  # number of letters of one height whose ink is measured
_PLAUSIBLE = (1.1, 3.5)  # range of a letter's height as its font states it, in heights of its ink
_BELOW, _ABOVE = 0.4, 1.6  # extent of a box below and above the baseline, in heights of the ink


@dataclass(slots=True)
class Character:
    """A character.

    box: left, bottom, right, top; None for a space and for the end of a line, whose text is empty. font: number of its
    font on this page, from 1; 0 where PDFium knows none.
    """

    text: str
    index: int
    box: tuple[float, float, float, float] | None = None
    font: int = 0


def read_characters(text_page: Any) -> list[Character]:
    """Return the visible characters of the page, in the order of the file."""
    characters = list(_read(text_page.raw))
    by_height: dict[float, list[Character]] = defaultdict(list)
    for character in characters:
        if character.box:
            by_height[round(character.box[3] - character.box[1], 1)].append(character)
    for height, group in by_height.items():
        ink = _ink_height(text_page.raw, group)
        if ink and not _PLAUSIBLE[0] * ink <= height <= _PLAUSIBLE[1] * ink:
            _set_heights(text_page.raw, group, ink)
    return characters


def _read(page: Any) -> Iterator[Character]:
    rect = pdfium_c.FS_RECTF()
    fonts: dict[int, int] = {}
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
            font = _font_address(page, index)
            number = fonts.setdefault(font, len(fonts) + 1) if font else 0
            yield Character(text, index, (rect.left, rect.bottom, rect.right, rect.top), number)


def _font_address(page: Any, index: int) -> int:
    """Return the address of the character's font, which tells apart fonts of the same name; 0 where none is known."""
    text_object = pdfium_c.FPDFText_GetTextObject(page, index)
    font = pdfium_c.FPDFTextObj_GetFont(text_object) if text_object else None
    return ctypes.cast(font, ctypes.c_void_p).value or 0 if font else 0


def _is_invisible(page: Any, index: int) -> bool:
    """Return whether the character is not drawn. Old scanners hid their recognized text, right or wrong, like that."""
    text_object = pdfium_c.FPDFText_GetTextObject(page, index)
    return (
        bool(text_object)
        and pdfium_c.FPDFTextObj_GetTextRenderMode(text_object) == pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE
    )


def _ink_height(page: Any, characters: Sequence[Character]) -> float:
    """Return the median height of the letters' ink in points; 0 when there are no letters or they are not upright."""
    edges = [ctypes.c_double() for _ in range(4)]
    letters = [character.index for character in characters if character.text.isalnum()][:_SAMPLE]
    if any(abs(pdfium_c.FPDFText_GetCharAngle(page, index)) > 0.1 for index in letters[:1]):
        return 0.0
    heights = []
    for index in letters:
        if pdfium_c.FPDFText_GetCharBox(page, index, *edges):
            heights.append(edges[3].value - edges[2].value)
    return median(heights) if heights else 0.0


def _set_heights(page: Any, characters: Sequence[Character], ink: float) -> None:
    x, y = ctypes.c_double(), ctypes.c_double()
    for character in characters:
        if character.box and pdfium_c.FPDFText_GetCharOrigin(page, character.index, x, y):
            left, _, right, _ = character.box
            character.box = left, y.value - _BELOW * ink, right, y.value + _ABOVE * ink
