"""The fonts of a page's text layer: which are proven to set what the layer says, and which set symbols.

Runs only in a rasterizer process. A PDF says in one place which shape a code draws, and in another which character it
is. The second place may be wrong, but most embedded fonts have a table of their own from characters to shapes. So for
each letter and figure, the shape that PDFium draws is compared with the shape that FreeType finds in the font's own
table. The font is proven if all are the same, and if each is drawn in its own size wherever it occurs on the page. A
font without such a table is not proven, and neither is one whose table differs: some programs write tables of another
kind. Figures are right or wrong, and so have a second proof (see `figures`).
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.sources.rasterizer.characters import Character
from ocr_worker.sources.rasterizer.figures import FigureProver, Picture
from ocr_worker.sources.rasterizer.rendered import Rectangle

_SIZE = 96  # pixels of an em in which shapes are compared
_LARGE = 3  # factor of the size in which shapes are drawn once more that differ in it
_MARGIN = 24  # pixels around it
_SPECK = 3  # pixels: differences that are thinner come from hinting
_STEPS = 6  # straight lines for a curve
_SAME_BOX = 0.06  # ems by which the sides of a letter's ink differ from those of its shape, at most
_SLANT = 0.02  # ems that the baseline of level text rises in one em, at most
_MAX_SHAPES = 50_000  # results that are kept
_SYMBOLS = re.compile(
    r"(?:^|\+)(?:CM(?:MI|SY|EX|BSY|MIB)|MS[AB]M|EU[FSRX][MB]|RSFS|WASY|MT(?:MI|SY|EX)|(?:TX|PX|NTX|NPX|LM|R?TX)(?:SY|MI|EX))"
    r"|MATH|SYMBOL|WINGDING|WEBDING|DINGBAT|MTEXTRA|MT-EXTRA",
    re.IGNORECASE,
)

_NO_CHARACTER = "\U0010ffff"

Mask = NDArray[np.bool_]


class PageFonts(NamedTuple):
    """Numbers of the fonts of a page.

    proven: their own tables have the shapes that are drawn. proven_figures: the same is true of every figure. symbols:
    fonts of symbols and formulas.
    """

    proven: list[int]
    proven_figures: list[int]
    symbols: list[int]


class _Table(NamedTuple):
    """A font's own table.

    font, large_font: as FreeType reads it, in two sizes. missing: what it draws for a character that it does not have.
    """

    font: Any
    large_font: Any
    digest: str
    missing: Mask


class FontProver:
    """The proofs of one document's fonts. Shapes that were compared on one page are not compared again."""

    def __init__(self) -> None:
        self._is_same: dict[tuple[str, str, bytes], bool] = {}
        self._figures = FigureProver()

    def examine(self, characters: Sequence[Character], picture: Picture) -> PageFonts:
        """Return the facts about the fonts of these characters, whose page must be open. picture: of this page."""
        by_font: dict[int, list[Character]] = defaultdict(list)
        for character in characters:
            if character.box and character.font:
                by_font[character.font].append(character)
        handles = {number: _font_of(group[0]) for number, group in by_font.items()}
        proven, proven_figures = [], []
        for number, group in by_font.items():
            # FreeType does not read every font.
            with suppress(OSError, ValueError, OverflowError, MemoryError):
                table = self._proving_table(handles[number], group)
                if table:
                    proven.append(number)
                    if self._are_figures_proven(table, group, picture):
                        proven_figures.append(number)
        return PageFonts(proven, proven_figures, [n for n, handle in handles.items() if _SYMBOLS.search(_name(handle))])

    def _proving_table(self, handle: Any, group: Sequence[Character]) -> _Table | None:
        """Return the font's own table if it proves the font; else None. May raise what FreeType raises."""
        occurrences: dict[str, list[Character]] = defaultdict(list)
        for character in _without_pieces(group):
            if unicodedata.category(character.text)[0] in "LNM":
                occurrences[character.text].append(character)
        data = _data(handle)
        if not occurrences or not data:
            return None
        font, large_font = (
            ImageFont.truetype(io.BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC)
            for size in (_SIZE, _LARGE * _SIZE)
        )
        table = _Table(font, large_font, hashlib.sha256(data).hexdigest(), _draw(font, _NO_CHARACTER))
        is_proven = all(self._is_honest(handle, table, text, each) for text, each in occurrences.items())
        return table if is_proven else None

    def _are_figures_proven(self, table: _Table, group: Sequence[Character], picture: Picture) -> bool:
        """Return whether each figure is drawn in the shape of the table, and none shares its shape with another one."""
        figures = [character for character in group if any(map(str.isdigit, character.text))]
        single = {character.index for character in _without_pieces(group)}
        are_single = all(figure.index in single for figure in figures)
        return are_single and self._figures.are_drawn(table.font, table.digest, figures, picture)

    def _is_honest(self, handle: Any, table: _Table, text: str, occurrences: Iterable[Character]) -> bool:
        contours = _contours(handle, text)
        if not contours:
            return False
        key = (table.digest, text, b"".join(contour.tobytes() for contour in contours))
        if key not in self._is_same:
            if len(self._is_same) >= _MAX_SHAPES:
                self._is_same.clear()
            self._is_same[key] = _has_shape(table, text, contours)
        return self._is_same[key] and _have_size(contours, occurrences)


def _without_pieces(group: Sequence[Character]) -> list[Character]:
    """Return the characters without those of ligatures, several of which are one shape."""
    counts: dict[Rectangle | None, int] = defaultdict(int)
    for character in group:
        counts[character.ink] += 1
    return [character for character in group if counts[character.ink] == 1 and len(character.text) == 1]


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


def _contours(handle: Any, text: str) -> list[NDArray[np.float32]]:
    """Return the outlines that PDFium draws for a character, [n, 2] each, in ems, y upwards; none if it has none."""
    path = pdfium_c.FPDFFont_GetGlyphPath(handle, ord(text), 1.0)
    contours: list[list[tuple[float, float]]] = []
    curve: list[tuple[float, float]] = []
    x, y = ctypes.c_float(), ctypes.c_float()
    for index in range(max(0, pdfium_c.FPDFGlyphPath_CountGlyphSegments(path)) if path else 0):
        segment = pdfium_c.FPDFGlyphPath_GetGlyphPathSegment(path, index)
        kind = pdfium_c.FPDFPathSegment_GetType(segment)
        pdfium_c.FPDFPathSegment_GetPoint(segment, x, y)
        point = (x.value, y.value)
        if kind == pdfium_c.FPDF_SEGMENT_MOVETO:
            contours.append([point])
        elif not contours:
            return []
        elif kind == pdfium_c.FPDF_SEGMENT_LINETO:
            contours[-1].append(point)
        else:
            curve.append(point)
            if len(curve) == 3:
                contours[-1] += _curve_points(contours[-1][-1], *curve)
                curve = []
    return [np.array(contour, np.float32) for contour in contours if len(contour) > 2]


def _curve_points(*controls: tuple[float, float]) -> list[tuple[float, float]]:
    """Return points of the cubic curve after its first one."""
    points = []
    for step in range(1, _STEPS + 1):
        t = step / _STEPS
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        x, y = (sum(w * c[axis] for w, c in zip(weights, controls, strict=True)) for axis in (0, 1))
        points.append((x, y))
    return points


def _has_shape(table: _Table, text: str, contours: Sequence[NDArray[np.float32]]) -> bool:
    """Return whether the font's own table has this shape for the character."""
    shape = _draw(table.font, text)
    if not shape.any() or np.array_equal(shape, table.missing):
        return False
    filled = _fill(contours)
    # Some fonts move lines by several pixels to fit them to the pixels. In a larger drawing, these are fewer.
    return not _differ(filled, shape) or not _differ(filled, _draw(table.large_font, text))


def _fill(contours: Iterable[NDArray[np.float32]]) -> Mask:
    """Return the mask of a shape; a contour within another one is a hole."""
    side = _SIZE + 2 * _MARGIN
    mask = np.zeros((side, side), np.bool_)
    for contour in contours:
        image = Image.new("1", (side, side))
        points = [(_MARGIN + _SIZE * x, _SIZE - _SIZE * y) for x, y in contour.tolist()]
        ImageDraw.Draw(image).polygon(points, fill=1)
        mask ^= np.asarray(image)
    return mask


def _draw(font: Any, text: str) -> Mask:
    """Return the mask of a character as FreeType draws it, where `_fill` does. A larger drawing is reduced."""
    factor = int(font.size) // _SIZE
    side = factor * (_SIZE + 2 * _MARGIN)
    image = Image.new("L", (side, side))
    ImageDraw.Draw(image).text((factor * _MARGIN, factor * _SIZE), text, fill=255, font=font, anchor="ls")
    return np.asarray(image.reduce(factor)) >= 128


def _differ(mask: Mask, other: Mask) -> bool:
    """Return whether two shapes differ by more than thin lines."""
    difference = mask ^ other
    for axis in (0, 1):
        thin = difference
        for offset in range(1, _SPECK):
            thin = thin & np.roll(difference, offset, axis)
        difference = thin
    return bool(difference.any())


def _have_size(contours: Sequence[NDArray[np.float32]], occurrences: Iterable[Character]) -> bool:
    """Return whether the ink of each occurrence is as large as the shape: a second code may draw another one."""
    points = np.concatenate(contours)
    width, height = (float(side) for side in points.max(axis=0) - points.min(axis=0))
    for character in occurrences:
        if not character.stretch or not character.ink:
            return False
        x0, y0, x1, y1 = character.stretch
        em = math.hypot(x1 - x0, y1 - y0)
        if min(abs(x1 - x0), abs(y1 - y0)) > _SLANT * em:  # the box of its ink is not that of its shape
            continue
        left, bottom, right, top = character.ink
        sides = ((right - left) / em, (top - bottom) / em)
        if abs(x1 - x0) < abs(y1 - y0):  # the text runs up or down
            sides = sides[::-1]
        if max(abs(sides[0] - width), abs(sides[1] - height)) > _SAME_BOX:
            return False
    return True
