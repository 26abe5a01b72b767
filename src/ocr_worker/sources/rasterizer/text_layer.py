"""A PDF page's own text, line by line, where it lies on the rendered page; in a child process only.

From characters, since PDFium's own rectangles overlap where fonts change and then give the same character twice.
"""

from __future__ import annotations

import ctypes
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pypdfium2.raw as pdfium_c

from ocr_worker.characters import is_wide
from ocr_worker.sources.rasterizer.characters import characters
from ocr_worker.sources.rasterizer.rendered import Box, LayerLine

_ALEFS, _LAM = "اأإآ", "ل"
_NOWHERE: Box = (0.0, 0.0, 0.0, 0.0)
_FAR = 1.2  # heights of the smaller character: a wider gap parts two columns
_SUBUNITS = 16  # PDFium maps points to whole pixels, so the page is mapped onto a larger bitmap


@dataclass(slots=True)
class _Line:
    """characters: spaces have no box."""

    characters: list[tuple[str, Box | None]]
    box: Box
    last: Box
    open: bool = field(default=True)

    def takes(self, box: Box) -> bool:
        """Whether a character there goes on with this line, across the page or, where the page is turned, along it."""
        across = _goes_on(self.box, self.last, box)
        return across or (self._runs_along() and _goes_on(*(_swapped(one) for one in (self.box, self.last, box))))

    def _runs_along(self) -> bool:
        """Whether the line is no wider than its last character: it may then be one that runs up or down."""
        return self.box[2] - self.box[0] <= 1.5 * (self.last[2] - self.last[0])

    def add(self, character: str, box: Box) -> None:
        """Appends the character and widens the box."""
        self.characters.append((character, box))
        self.box = _around(self.box, box)
        self.last = box

    def text(self) -> str:
        """Empty when there is nothing but spaces."""
        return _joined([character for character, _ in self.characters])

    def words(self) -> list[tuple[str, Box]]:
        """The words with their boxes; each character by itself in scripts without spaces."""
        found: list[tuple[list[str], Box]] = []
        inside = False
        for character, box in self.characters:
            if box is None:
                inside = False
            elif inside and not is_wide(character):
                parts, around = found[-1]
                found[-1] = [*parts, character], _around(around, box)
            else:
                found.append(([character], box))
                inside = not is_wide(character)
        return [(word, box) for parts, box in found if (word := _joined(parts))]


def text_lines(page: Any, width: int, height: int) -> list[LayerLine]:
    """The lines and their words, in the order of the file; boxes in pixels of a bitmap of `width` x `height`."""
    text_page = page.get_textpage()
    lines: list[_Line] = []
    on_bitmap = _mapping(page, width, height)
    placed = ((one.text, on_bitmap(one.box) if one.box else None) for one in characters(text_page))
    for character, box in _logical(placed):
        line = lines[-1] if lines and lines[-1].open else None
        if box is None:
            if line and character:
                line.characters.append((" ", None))
            elif line:
                line.open = False
        elif line and line.takes(box):
            line.add(character, box)
        else:
            lines.append(_Line([(character, box)], box, box))
    text_page.close()
    return [(text, line.box, line.words()) for line in lines if (text := line.text())]


def _logical(placed: Iterable[tuple[str, Box | None]]) -> Iterator[tuple[str, Box | None]]:
    """The same, but words of right-to-left scripts whose letters stand in the file from left to right turned round."""
    for is_rtl, run in groupby(placed, key=lambda one: one[1] is not None and _is_right_to_left(one[0])):
        letters = list(run)
        if is_rtl and (letters[0][1] or _NOWHERE)[0] < (letters[-1][1] or _NOWHERE)[0]:
            letters.reverse()
        for i in range(len(letters) - 1 if is_rtl else 0):
            # One glyph for lam and alef is often written down as it looks, with the alef first.
            if letters[i][0] in _ALEFS and letters[i + 1] == (_LAM, letters[i][1]):
                letters[i], letters[i + 1] = letters[i + 1], letters[i]
        yield from letters


def _is_right_to_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("R", "AL", "NSM")


def _mapping(page: Any, width: int, height: int) -> Callable[[Box], Box]:
    """From PDF coordinates (points, upwards) to the bitmap's, with the page's rotation and crop box: an affine map."""
    x, y = ctypes.c_int(), ctypes.c_int()

    def at(px: float, py: float) -> tuple[float, float]:
        pdfium_c.FPDF_PageToDevice(page.raw, 0, 0, width * _SUBUNITS, height * _SUBUNITS, 0, px, py, x, y)
        return x.value / _SUBUNITS, y.value / _SUBUNITS

    far = 1000.0  # points; so long that rounding at its ends does not show on the page
    (x0, y0), (x1, y1), (x2, y2) = at(0, 0), at(far, 0), at(0, far)
    right, up = ((x1 - x0) / far, (y1 - y0) / far), ((x2 - x0) / far, (y2 - y0) / far)

    def on_bitmap(rect: Box) -> Box:
        ends = (rect[:2], rect[2:])
        xs = [x0 + px * right[0] + py * up[0] for px, py in ends]
        ys = [y0 + px * right[1] + py * up[1] for px, py in ends]
        return min(xs), min(ys), max(xs), max(ys)

    return on_bitmap


def _goes_on(line: Box, last: Box, box: Box) -> bool:
    """Whether a character stands on the height of a horizontal line, close to its last one on either side."""
    low = min(last[3] - last[1], box[3] - box[1])
    overlap = min(line[3], box[3]) - max(line[1], box[1])
    gap = max(box[0] - last[2], last[0] - box[2])  # right-to-left lines run the other way
    return low <= 0 or (overlap > 0.3 * low and gap < _FAR * low)


def _swapped(box: Box) -> Box:
    return box[1], box[0], box[3], box[2]


def _around(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _joined(characters: list[str]) -> str:
    """The text; PDFium hands out characters beyond the basic plane as two halves, and a half alone is no text."""
    return "".join(characters).encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
