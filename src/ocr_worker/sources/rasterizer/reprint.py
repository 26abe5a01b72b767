"""The page printed again with other fonts in place of its own: which characters change?

Runs only in a rasterizer process. Each character is set once more by the code that the other font has for it, at the
same place and size and in the same color, while everything else on the page stays as it is. The other font is the same
file, read by its own table of characters. So PDFium draws the same pixels, unless the page's text layer is wrong about
the character, or something covers a part of it: then it is deviant.
"""

from __future__ import annotations

import ctypes
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray

from ocr_worker.sources.rasterizer.characters import Character
from ocr_worker.sources.rasterizer.mapping import BitmapMapping, render_pixels
from ocr_worker.sources.rasterizer.rendered import Rectangle
from ocr_worker.sources.rasterizer.visibility import changed_pixels, inactive, text_objects

_CONTRAST = 33  # of 255: a pixel that changes less is the same; those of the same shapes do not change at all
_BLACK = [0, 0, 0, 255]  # the color of a new text object
_LAST_OF_PLANE = 0xFFFF  # PDFium takes text in 16 bits
_LIGATURES = {
    unicodedata.normalize("NFKC", character): character for character in "\ufb00\ufb01\ufb02\ufb03\ufb04\ufb06"
}


def can_be_copied(characters: Sequence[Character]) -> list[Character]:
    """Return the characters that can be set once more, without the pieces of ligatures, several of which are one shape.

    characters: of one font, or of all fonts.
    """
    counts = Counter(character.ink for character in characters)
    return [
        character
        for character in characters
        if character.matrix
        and counts[character.ink] == 1
        and len(character.text) == 1
        and ord(character.text) <= _LAST_OF_PLANE
    ]


def ligatures(characters: Sequence[Character]) -> list[Character]:
    """Return a character for each Latin ligature, in place of its pieces, with the index of the first piece."""
    texts = ((group[0], _LIGATURES.get("".join(piece.text for piece in group))) for group in _shapes(characters))
    return [replace(first, text=text) for first, text in texts if text]


def shared_digits(characters: Sequence[Character]) -> list[Character]:
    """Return the characters of shapes that are several characters, one of them a digit. No ligature has digits."""
    shapes = (group for group in _shapes(characters) if len(group) > 1)
    return [each for group in shapes if any(piece.text.isdigit() for piece in group) for each in group]


def _shapes(characters: Sequence[Character]) -> Iterable[list[Character]]:
    """Return the characters in groups that are one shape; most groups are single characters."""
    pieces: dict[Any, list[Character]] = defaultdict(list)
    for character in characters:
        if character.ink and character.matrix:
            pieces[character.ink].append(character)
    return pieces.values()


def find_deviant(
    page: Any,
    pixels: NDArray[np.uint8],
    scale: float,
    visible: Sequence[Character],
    copied: Sequence[Character],
    fonts: Mapping[int, Any],
) -> set[int]:
    """Return the indices of the copied characters that the page does not show as these fonts draw them.

    pixels: the page image. scale: at which it was rendered, in pixels per point. visible: all visible characters.
    copied: those that are set once more. fonts: PDFium's handles, by the numbers of the fonts in whose place they are.
    """
    with inactive(list(text_objects(page).values())), _printed(page, copied, fonts):
        again = render_pixels(page, scale)
    if again.shape != pixels.shape:
        return {character.index for character in copied}
    changed = changed_pixels(again, pixels, _CONTRAST)
    if not changed.any():
        return set()
    mapping = BitmapMapping(page, pixels.shape[1], pixels.shape[0])
    inks = {character.ink for character in copied}
    missing = [character.ink for character in visible if character.ink and character.ink not in inks]
    for box in mapping.rectangles(missing):  # they are not on the page that was printed again
        changed[_area(box, margin=1)] = False
    placed = {character.index: character.ink for character in copied if character.ink}
    boxes = mapping.rectangles(list(placed.values()))
    return {index for index, box in zip(placed, boxes, strict=True) if changed[_area(box)].any()}


def _area(box: Rectangle, margin: int = 0) -> tuple[slice, slice]:
    """Return the rows and columns of the pixels that the box touches, and of as many around it."""
    x0, y0, x1, y1 = box
    left, top, right, bottom = int(x0) - margin, int(y0) - margin, int(x1) + margin, int(y1) + margin
    return slice(max(0, top), max(0, bottom + 1)), slice(max(0, left), max(0, right + 1))


@contextmanager
def _printed(page: Any, characters: Sequence[Character], fonts: Mapping[int, Any]) -> Iterator[None]:
    """Add a text object to the page for each character, and remove them at the end."""
    first = {each.text_object: each for each in reversed(characters)}
    styles = {address: _Style(page.pdf.raw, character, fonts[character.font]) for address, character in first.items()}
    copies = [styles[each.text_object].copy(each) for each in characters]
    for copy in copies:
        pdfium_c.FPDFPage_InsertObject(page.raw, copy)
    try:
        yield
    finally:
        for copy in copies:
            pdfium_c.FPDFPage_RemoveObject(page.raw, copy)
            pdfium_c.FPDFPageObj_Destroy(copy)


class _Style:
    """Size, colors and mode of the text object of this character, with another font."""

    def __init__(self, document: Any, character: Character, font: Any) -> None:
        handle = ctypes.cast(character.text_object, pdfium_c.FPDF_PAGEOBJECT)
        self._document = document
        self._font = font
        self._size = ctypes.c_float()
        pdfium_c.FPDFTextObj_GetFontSize(handle, self._size)
        self._fill = _color(pdfium_c.FPDFPageObj_GetFillColor, handle)
        self._mode = pdfium_c.FPDFTextObj_GetTextRenderMode(handle)
        self._stroke = _color(pdfium_c.FPDFPageObj_GetStrokeColor, handle)
        self._stroke_width = ctypes.c_float()
        pdfium_c.FPDFPageObj_GetStrokeWidth(handle, self._stroke_width)
        self._matrix = pdfium_c.FS_MATRIX(*character.matrix or ())
        self._texts: dict[str, Any] = {}  # as PDFium takes them

    def copy(self, character: Character) -> Any:
        """Return a new text object that sets the character, which has a matrix."""
        copy = pdfium_c.FPDFPageObj_CreateTextObj(self._document, self._font, self._size)
        text = self._texts.get(character.text)
        if text is None:
            text = self._texts[character.text] = (ctypes.c_ushort * 2)(ord(character.text), 0)
        pdfium_c.FPDFText_SetText(copy, text)
        self._matrix.e, self._matrix.f = character.matrix[4:] if character.matrix else (0.0, 0.0)
        pdfium_c.FPDFPageObj_SetMatrix(copy, self._matrix)
        if self._fill and self._fill != _BLACK:
            pdfium_c.FPDFPageObj_SetFillColor(copy, *self._fill)
        if self._mode != pdfium_c.FPDF_TEXTRENDERMODE_FILL:
            pdfium_c.FPDFTextObj_SetTextRenderMode(copy, self._mode)
            pdfium_c.FPDFPageObj_SetStrokeWidth(copy, self._stroke_width)
            if self._stroke:
                pdfium_c.FPDFPageObj_SetStrokeColor(copy, *self._stroke)
        return copy


def _color(read: Any, handle: Any) -> list[int] | None:
    """Return red, green, blue and alpha, 0 to 255; None if the object has no such color."""
    values = [ctypes.c_uint() for _ in range(4)]
    return [value.value for value in values] if read(handle, *values) else None
