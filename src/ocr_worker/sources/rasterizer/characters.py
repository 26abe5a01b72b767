"""The characters of a PDF page's text layer, with reliable boxes in points, upwards.

Runs only in a rasterizer process. PDFium gives a box the height that the font states for its letters. Some fonts, for
example Cambria Math, state the height of several lines. Then the height is estimated from the ink of the letters.
"""

from __future__ import annotations

import ctypes
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium_c

from ocr_worker.characters import UNKNOWN, is_noncharacter
from ocr_worker.sources.rasterizer.rendered import Rectangle

_LINE_ENDS = {0, 10, 13}
_LAST_CODE = 0x10FFFF  # damaged fonts map to codes beyond it
_HYPHENS = {2, 0xFFFE}  # PDFium's own codes for a hyphen at a line's end
_FIRST_PRINTED = 0x20  # lower codes are control characters
_FLATTEST = 0.01  # ratio of height to width: PDFium gives spaces a box without height, or nearly so
_SAMPLE = 20  # number of letters of one height whose ink is measured
_PLAUSIBLE = (1.1, 3.5)  # range of a letter's height as its font states it, in heights of its ink
_BELOW, _ABOVE = 0.4, 1.6  # extent of a box below and above the baseline, in heights of the ink

# Where a character begins on its baseline, and the point one em farther in the direction of the text: x0, y0, x1, y1.
Stretch = tuple[float, float, float, float]
Matrix = tuple[float, float, float, float, float, float]  # a, b, c, d, e, f, as PDFs write it


@dataclass(slots=True)
class Character:
    """A character. box: left, bottom, right, top; None for a space and for the end of a line, whose text is empty.

    ink: the box of its ink, if it has a box; also of a line's end that is a glyph, see `circled`. text_object: address
    of the page object that draws it; 0 if there is none. font: number of its font on this page, from 1; 0 where PDFium
    knows none. matrix: from its text space to the page; None if it has no box or PDFium does not know it. stretch: on
    its baseline, where there is a matrix.
    """

    text: str
    index: int
    box: Rectangle | None = None
    ink: Rectangle | None = None
    text_object: int = 0
    font: int = 0
    matrix: Matrix | None = None
    stretch: Stretch | None = None


def read_characters(text_page: Any, bands: Sequence[Rectangle] = ()) -> list[Character]:
    """Return the characters of the page, without inactive page objects, in the order of the file.

    bands: parts of the page, in points; if there are any, the end of a line replaces each character outside of them.
    """
    characters = list(_read(text_page.raw, bands))
    by_height: dict[float, list[Character]] = defaultdict(list)
    for character in characters:
        if character.box:
            by_height[round(character.box[3] - character.box[1], 1)].append(character)
    for height, group in by_height.items():
        ink = _ink_height(text_page.raw, group)
        if ink and not _PLAUSIBLE[0] * ink <= height <= _PLAUSIBLE[1] * ink:
            _set_heights(text_page.raw, group, ink)
    return characters


def _read(page: Any, bands: Sequence[Rectangle]) -> Iterator[Character]:
    rect, edges = pdfium_c.FS_RECTF(), [ctypes.c_double() for _ in range(4)]
    texts: dict[int, str] = {}  # by codes
    fonts: dict[int, int] = {}
    styles: dict[int, _Style] = {}  # by addresses of text objects
    for index in range(pdfium_c.FPDFText_CountChars(page)):
        code = pdfium_c.FPDFText_GetUnicode(page, index)
        text = texts.get(code)
        if text is None:
            text = texts[code] = _text_of(code)
        if 0 < code < _FIRST_PRINTED and code not in _HYPHENS and _is_drawn(page, index, edges):
            text = UNKNOWN
        if not text:
            yield Character("", index, ink=None if bands else _ink_of_glyph(page, index, edges))
        elif text == " " or not pdfium_c.FPDFText_GetLooseCharBox(page, index, rect):
            yield Character(" ", index)
        else:
            box = (rect.left, rect.bottom, rect.right, rect.top)
            if bands and not any(_is_inside(box, band) for band in bands):
                yield Character("", index)
                continue
            text_object = pdfium_c.FPDFText_GetTextObject(page, index)
            address = object_address(text_object)
            style = styles.get(address)
            if not address or not style:
                style = styles[address] = _Style.of(page, index, text_object, fonts)
            ink = _ink_box(page, index, edges) or box
            matrix, stretch = style.place(page, index, edges)
            yield Character(text, index, box, ink, address, style.font, matrix, stretch)


def _is_drawn(page: Any, index: int, edges: Sequence[ctypes.c_double]) -> bool:
    """Return whether the character has ink, so that its control code is no space: its font maps it to nothing.

    In many files, these are ligatures. PDFium adds ends of lines itself, which have no ink. edges: memory for numbers.
    """
    ink = _ink_of_glyph(page, index, edges)
    return ink is not None and ink[3] - ink[1] > _FLATTEST * (ink[2] - ink[0])


def _text_of(code: int) -> str:
    """Return the character that PDFium gives this code; a space for each kind of space, empty for the end of a line."""
    if code in _LINE_ENDS:
        return ""
    text = "-" if code in _HYPHENS else UNKNOWN if code > _LAST_CODE or is_noncharacter(code) else chr(code)
    return " " if text.isspace() else text


class _Style(NamedTuple):
    """Properties that all characters of a text object share.

    font: number of the font on this page; 0 where PDFium knows none. directions: a, b, c, d of the matrix; None where
    PDFium has none. em: vector of one em in the direction of the text; None if it has no length.
    """

    font: int
    directions: tuple[float, float, float, float] | None
    em: tuple[float, float] | None

    @classmethod
    def of(cls, page: Any, index: int, text_object: Any, fonts: dict[int, int]) -> _Style:
        """Return the style of this character's text object. fonts: numbers by address, which grow."""
        font = _font_address(text_object)
        number = fonts.setdefault(font, len(fonts) + 1) if font else 0
        matrix = pdfium_c.FS_MATRIX()
        if not pdfium_c.FPDFText_GetMatrix(page, index, matrix):
            return cls(number, None, None)
        a, b, c, d = matrix.a, matrix.b, matrix.c, matrix.d
        length = math.hypot(a, b)
        em = abs(pdfium_c.FPDFText_GetFontSize(page, index)) * math.hypot(c, d)
        has_length = 0 < length < math.inf and 0 < em < math.inf
        return cls(number, (a, b, c, d), (em * a / length, em * b / length) if has_length else None)

    def place(self, page: Any, index: int, numbers: Sequence[ctypes.c_double]) -> tuple[Matrix | None, Stretch | None]:
        """Return the matrix and the stretch of a character in this style. numbers: memory for the values."""
        if not self.directions or not pdfium_c.FPDFText_GetCharOrigin(page, index, numbers[0], numbers[1]):
            return None, None
        x, y = numbers[0].value, numbers[1].value
        return (*self.directions, x, y), (x, y, x + self.em[0], y + self.em[1]) if self.em else None


def _is_inside(box: Rectangle, band: Rectangle) -> bool:
    """Return whether the middle of the box is inside the band."""
    x, y = box[0] + box[2], box[1] + box[3]
    return 2 * band[0] <= x <= 2 * band[2] and 2 * band[1] <= y <= 2 * band[3]


def _font_address(text_object: Any) -> int:
    """Return the address of a text object's font, which tells apart fonts of the same name; 0 where none is known."""
    return object_address(pdfium_c.FPDFTextObj_GetFont(text_object)) if text_object else 0


def object_address(page_object: Any) -> int:
    """Return a page object's address, which identifies it; 0 if there is none."""
    return ctypes.c_void_p.from_buffer(page_object).value or 0  # a third of the time of `cast`


def _ink_box(page: Any, index: int, edges: Sequence[ctypes.c_double]) -> Rectangle | None:
    """Return the box of the character's ink; None when PDFium has none. edges: memory for four numbers."""
    if not pdfium_c.FPDFText_GetCharBox(page, index, *edges):
        return None
    left, right, bottom, top = (edge.value for edge in edges)
    return (left, bottom, right, top) if left < right and bottom < top else None


def _ink_of_glyph(page: Any, index: int, edges: Sequence[ctypes.c_double]) -> Rectangle | None:
    """Return the box of the ink of a character of the file; None for one that PDFium adds, such as a line's end."""
    is_glyph = pdfium_c.FPDFText_IsGenerated(page, index) == 0
    return _ink_box(page, index, edges) if is_glyph else None


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
