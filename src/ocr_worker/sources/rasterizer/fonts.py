"""The fonts of a page's text layer: which are proven to set what the layer says, and which set symbols.

Runs only in a rasterizer process. A PDF says in one place which shape a code draws, and in another which character it
is. The second place may be wrong: for all letters, for two that are swapped, or for one code of two that claim to be
the same letter. But most embedded fonts have a table of their own from characters to shapes. So the page is printed
again (see `reprint`), each character by the table of its font, and must look the same.

The font is proven if most of its characters do; the others, such as small capitals, get a font number of their own,
which is not proven. A font without a table is not proven, and neither is one whose table differs: some programs
write tables of another kind.
"""

from __future__ import annotations

import ctypes
import io
import re
from collections import defaultdict
from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import numpy as np
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray
from PIL import ImageFont

from ocr_worker.sources.rasterizer.characters import Character
from ocr_worker.sources.rasterizer.reprint import can_be_copied, find_deviant, ligatures, shared_digits

_SIZE = 32  # pixels of an em in which shapes are drawn
_NO_CHARACTER = "\U0010ffff"
_SYMBOLS = re.compile(
    r"(?:^|\+)(?:CM(?:MI|SY|EX|BSY|MIB)|MS[AB]M|EU[FSRX][MB]|RSFS|WASY|MT(?:MI|SY|EX)|(?:TX|PX|NTX|NPX|LM|R?TX)(?:SY|MI|EX))"
    r"|MATH|SYMBOL|WINGDING|WEBDING|DINGBAT|MTEXTRA|MT-EXTRA",
    re.IGNORECASE,
)


class PageFonts(NamedTuple):
    """Numbers of the fonts of a page that are proven, and of those that set symbols and formulas."""

    proven: list[int]
    symbols: list[int]


class FontProver:
    """The proofs of one document's fonts. Close it before the document."""

    def __init__(self) -> None:
        self._tables: dict[bytes, _Table | None] = {}  # by fonts' files; None: no table of characters

    def examine(self, page: Any, pixels: NDArray[np.uint8], scale: float, characters: Sequence[Character]) -> PageFonts:
        """Return the facts about the fonts of the page's visible characters; renumber those that are not proven.

        pixels: the page image. scale: at which it was rendered, in pixels per point.
        """
        by_font: dict[int, list[Character]] = defaultdict(list)
        for character in characters:
            if character.box and character.font:
                by_font[character.font].append(character)
        handles = {number: _font_of(group[0]) for number, group in by_font.items()}
        symbols = [number for number, handle in handles.items() if _SYMBOLS.search(_name(handle))]
        files = {number: self._load(page.pdf.raw, handle) for number, handle in handles.items()}
        tables = {number: table for number, data in files.items() if (table := self._tables[data])}
        copied = {
            number: can_be_copied(by_font[number]) + _ligatures(by_font[number], tables[number]) for number in tables
        }
        all_copied = [character for group in copied.values() for character in group]
        if not all_copied:
            return PageFonts([], symbols)
        fonts = {number: table.font for number, table in tables.items()}
        deviant = find_deviant(page, pixels, scale, characters, all_copied, fonts)
        unproven = {each.index for each in all_copied if each.index in deviant or not tables[each.font].has(each.text)}
        numbers = [number for number, group in copied.items() if 2 * _count(group, unproven) < len(group)]
        unproven |= {each.index for number in numbers for each in shared_digits(by_font[number])}
        _renumber([character for number in numbers for character in by_font[number]], unproven, max(by_font))
        for number in tables.keys() - set(numbers):
            self._drop(files[number])  # a table of another kind: it is not tried on further pages
        return PageFonts(numbers, symbols)

    def close(self) -> None:
        """Free the fonts."""
        for data in self._tables:
            self._drop(data)

    def _load(self, document: Any, handle: Any) -> bytes:
        """Load the table of a font of the document. Return the font's file."""
        data = _data(handle)
        if data not in self._tables:
            self._tables[data] = _load_table(document, data)
        return data

    def _drop(self, data: bytes) -> None:
        if table := self._tables[data]:
            pdfium_c.FPDFFont_Close(table.font)
        self._tables[data] = None


class _Table:
    """A font's own table of characters. font: a copy of the font in PDFium, which knows only this table."""

    def __init__(self, font: Any, data: bytes) -> None:
        self.font = font
        self._face = ImageFont.truetype(io.BytesIO(data), _SIZE, layout_engine=ImageFont.Layout.BASIC)
        self._missing = self._draw(_NO_CHARACTER)
        self._has: dict[str, bool] = {}

    def has(self, text: str) -> bool:
        """Return whether the table has the character."""
        if text not in self._has:
            self._has[text] = self._draw(text) != self._missing
        return self._has[text]

    def _draw(self, text: str) -> bytes:
        return bytes(self._face.getmask(text))


def _load_table(document: Any, data: bytes) -> _Table | None:
    """Return the table of a font with this file; None if it has none that PDFium and FreeType read."""
    buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
    font = data and pdfium_c.FPDFText_LoadFont(document, buffer, len(data), pdfium_c.FPDF_FONT_TRUETYPE, 1)
    if not font:
        return None
    try:
        return _Table(font, data)
    except (OSError, ValueError, OverflowError, MemoryError):  # FreeType does not read every font
        pdfium_c.FPDFFont_Close(font)
        return None


def _ligatures(group: Sequence[Character], table: _Table) -> list[Character]:
    """Return the ligatures that the table has. It cannot say anything about others."""
    return [ligature for ligature in ligatures(group) if table.has(ligature.text)]


def _count(group: Sequence[Character], indices: Container[int]) -> int:
    return sum(character.index in indices for character in group)


def _renumber(characters: Sequence[Character], unproven: Container[int], last_number: int) -> None:
    """Give the unproven characters of each font a number of their own, after the last number of a font."""
    numbers: dict[int, int] = {}
    for character in characters:
        if character.index in unproven:
            character.font = numbers.setdefault(character.font, last_number + 1 + len(numbers))


def _font_of(character: Character) -> Any:
    text_object = ctypes.cast(character.text_object, pdfium_c.FPDF_PAGEOBJECT)
    return pdfium_c.FPDFTextObj_GetFont(text_object)


def _name(handle: Any) -> str:
    size = pdfium_c.FPDFFont_GetBaseFontName(handle, None, 0)
    buffer = ctypes.create_string_buffer(size or 1)
    pdfium_c.FPDFFont_GetBaseFontName(handle, buffer, size)
    return buffer.value.decode("utf-8", "replace")


def _data(handle: Any) -> bytes:
    """Return the font's file, or that of the font that PDFium puts in its place."""
    size = ctypes.c_size_t()
    if not pdfium_c.FPDFFont_GetFontData(handle, None, 0, size) or not size.value:
        return b""
    buffer = (ctypes.c_uint8 * size.value)()
    return bytes(buffer) if pdfium_c.FPDFFont_GetFontData(handle, buffer, size.value, size) else b""
