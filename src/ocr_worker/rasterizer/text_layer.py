"""A PDF page's own text, line by line, where it lies on the rendered page; in a child process only.

From characters, since PDFium's own rectangles overlap where fonts change and then give the same character twice.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pypdfium2.raw as pdfium_c

Box = tuple[float, float, float, float]

_LINE_ENDS = {0, 10, 13}
_HYPHENS = {2, 0xFFFE}  # PDFium's own signs for a hyphen at a line's end
_FAR = 1.2  # heights of a character: a wider gap parts two columns
_SUBUNITS = 16  # PDFium maps points to whole pixels, so the page is mapped onto a larger bitmap


@dataclass(slots=True)
class _Line:
    characters: list[str]
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
        self.characters.append(character)
        x0, y0, x1, y1 = self.box
        self.box = min(x0, box[0]), min(y0, box[1]), max(x1, box[2]), max(y1, box[3])
        self.last = box


def _goes_on(line: Box, last: Box, box: Box) -> bool:
    """Whether a character stands on the height of a horizontal line, close to its last one on either side."""
    low, high = sorted((last[3] - last[1], box[3] - box[1]))
    overlap = min(line[3], box[3]) - max(line[1], box[1])
    gap = max(box[0] - last[2], last[0] - box[2])  # right-to-left lines run the other way
    return low <= 0 or (overlap > 0.3 * low and gap < _FAR * high)


def _swapped(box: Box) -> Box:
    return box[1], box[0], box[3], box[2]


def text_lines(page: Any, width: int, height: int) -> list[tuple[str, Box]]:
    """`(text, box)` for each line, in the order of the file; boxes in pixels of a bitmap of `width` x `height`."""
    text_page = page.get_textpage()
    lines: list[_Line] = []
    for character, box in _characters(page, text_page, width, height):
        line = lines[-1] if lines and lines[-1].open else None
        if box is None:
            if line and character:
                line.characters.append(" ")
            elif line:
                line.open = False
        elif line and line.takes(box):
            line.add(character, box)
        else:
            lines.append(_Line([character], box, box))
    text_page.close()
    return [(text, line.box) for line in lines if (text := _joined(line.characters))]


def _characters(page: Any, text_page: Any, width: int, height: int) -> Iterator[tuple[str, Box | None]]:
    """Each character with its box; a space has none, and neither has the end of a line, which is empty."""
    rect = pdfium_c.FS_RECTF()
    for index in range(pdfium_c.FPDFText_CountChars(text_page.raw)):
        code = pdfium_c.FPDFText_GetUnicode(text_page.raw, index)
        character = "-" if code in _HYPHENS else chr(code)
        if code in _LINE_ENDS:
            yield "", None
        elif _is_invisible(text_page, index):
            continue
        elif character.isspace() or not pdfium_c.FPDFText_GetLooseCharBox(text_page.raw, index, rect):
            yield " ", None
        else:
            yield character, _on_bitmap(page, rect, width, height)


def _is_invisible(text_page: Any, index: int) -> bool:
    """Whether the character is not drawn: old scanners hid what they had read, right or wrong, behind the picture."""
    text_object = pdfium_c.FPDFText_GetTextObject(text_page.raw, index)
    return (
        bool(text_object)
        and pdfium_c.FPDFTextObj_GetTextRenderMode(text_object) == pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE
    )


def _on_bitmap(page: Any, rect: Any, width: int, height: int) -> Box:
    """PDF coordinates (points, upwards) to the bitmap's, with the page's rotation and crop box."""
    x, y = ctypes.c_int(), ctypes.c_int()
    corners = []
    for px, py in ((rect.left, rect.bottom), (rect.right, rect.top)):
        pdfium_c.FPDF_PageToDevice(page.raw, 0, 0, width * _SUBUNITS, height * _SUBUNITS, 0, px, py, x, y)
        corners.append((x.value / _SUBUNITS, y.value / _SUBUNITS))
    (x0, y0), (x1, y1) = corners
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _joined(characters: list[str]) -> str:
    """The text; PDFium hands out characters beyond the basic plane as two halves, and a half alone is no text."""
    return "".join(characters).encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
