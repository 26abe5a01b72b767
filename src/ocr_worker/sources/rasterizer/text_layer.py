"""The text layer of a PDF page: its lines and words, with boxes in pixels of the rendered page.

Runs only in a rasterizer process. Lines are built from single characters (see `characters`). PDFium's own text
rectangles do not serve: they overlap where fonts change, and then contain the same character twice.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from statistics import mode
from typing import Any

from ocr_worker.characters import is_wide
from ocr_worker.sources.rasterizer.mapping import bitmap_mapping
from ocr_worker.sources.rasterizer.rendered import LayerLine, LayerWord, Rectangle
from ocr_worker.sources.rasterizer.visibility import read_visible_characters

# A character on the bitmap, and its font's number; without a box: a space, or a line's end, which is "".
Letter = tuple[str, Rectangle | None, int]

_ALEFS, _LAM = "اأإآ", "ل"
_SOFT_HYPHEN = "\u00ad"
# Accents that are characters of their own, as TeX sets them, and the marks that compose them with a letter.
_ACCENTS = dict(
    zip(
        "`´^ˆ~˜¯ˉ˘˙¨˚˝ˇ¸˛",
        "\u0300\u0301\u0302\u0302\u0303\u0303\u0304\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328",
        strict=True,
    )
)
_DOTLESS = str.maketrans("ıȷ", "ij")
_EMPTY: Rectangle = (0.0, 0.0, 0.0, 0.0)
_COLUMN_GAP = 1.2  # in heights of the smaller character; a wider gap separates two columns
_SLIVER = 0.08  # in heights of a character's box; a space is at least twice as wide
_UPRIGHT = 0.8  # ratio of width to height below which a character is an upright letter or figure
_TURNED_GAP = 1.0  # in widths of a turned character's box, which is its line's height; a word's gap is narrower
_TURNED_SPACE = 0.15  # in such widths; a wider gap is a space
_TURNED_LEVEL = 0.1  # in such widths: characters of one turned line begin and end no farther apart


@dataclass(slots=True)
class _TextLine:
    """A line in progress. characters: with boxes, except spaces. last: the box of the last character."""

    characters: list[Letter]
    box: Rectangle
    last: Rectangle
    is_open: bool = field(default=True)

    def can_continue(self, box: Rectangle) -> bool:
        """Return whether a character in this box continues the line, which may run vertically on a turned page."""
        if _continues(self.box, self.last, box):
            return True
        if not self._may_be_vertical() or not all(map(_may_be_turned, (self.last, box))):
            return False
        return _continues(*(_transpose(each) for each in (self.box, self.last, box)))

    def has_turned(self, box: Rectangle) -> bool:
        """Return whether a character in this box is turned like the last one and right above or below it.

        PDFium ends the line at most letters of text that runs up or down a page. The box of a turned letter is as wide
        as its line is high. Upright letters below one another are higher than wide.
        """
        width, last_width = box[2] - box[0], self.last[2] - self.last[0]
        is_turned = width > box[3] - box[1] and last_width > self.last[3] - self.last[1]
        is_level = abs(box[0] - self.last[0]) + abs(box[2] - self.last[2]) < _TURNED_LEVEL * width
        return is_turned and is_level and abs(_vertical_gap(self.last, box)) < _TURNED_GAP * width

    def _may_be_vertical(self) -> bool:
        """Return whether the line is about as narrow as its last character, so that it may run up or down."""
        return self.box[2] - self.box[0] <= 1.5 * (self.last[2] - self.last[0])

    def add(self, character: str, box: Rectangle, font: int) -> None:
        """Append the character and extend the line's box; a line that had ended has a space in a wide gap."""
        if not self.is_open and _vertical_gap(self.last, box) > _TURNED_SPACE * (box[2] - box[0]):
            self.characters.append((" ", None, font))
        self.characters.append((character, box, font))
        self.box = _union(self.box, box)
        self.last = box
        self.is_open = True

    def drop_soft_hyphens(self) -> None:
        """Remove the hyphens that only mark where a word may be broken; one at the line's end stays."""
        last = max((i for i, letter in enumerate(self.characters) if letter[1]), default=0)
        self.characters = [letter for i, letter in enumerate(self.characters) if letter[0] != _SOFT_HYPHEN or i == last]

    def text(self) -> str:
        """Return the text; empty when the line consists of spaces."""
        return _join([character for character, _, _ in self.characters])

    def words(self) -> list[LayerWord]:
        """Return the words. In scripts without spaces, each character is a word."""
        words: list[tuple[list[str], Rectangle, list[int]]] = []
        is_in_word = False
        for character, box, font in self.characters:
            if box is None:
                is_in_word = False
            elif is_in_word and not is_wide(character):
                letters, word_box, fonts = words[-1]
                words[-1] = [*letters, character], _union(word_box, box), [*fonts, font]
            else:
                words.append(([character], box, [font]))
                is_in_word = not is_wide(character)
        return [(word, box, mode(fonts)) for letters, box, fonts in words if (word := _join(letters))]


def read_text_lines(page: Any, width: int, height: int) -> list[LayerLine]:
    """Return the lines and their words in the order of the file. Boxes: pixels of a bitmap of `width` x `height`."""
    lines: list[_TextLine] = []
    to_bitmap = bitmap_mapping(page, width, height)
    letters = (
        (character.text, to_bitmap(character.box) if character.box else None, character.font)
        for character in read_visible_characters(page, width / page.get_width())
    )
    for character, box, font in _in_logical_order(_composed(letters)):
        line = lines[-1] if lines and (lines[-1].is_open or (box and lines[-1].has_turned(box))) else None
        if box is None:
            if line and character:
                line.characters.append((" ", None, font))
            elif line:
                line.is_open = False
        elif line and line.can_continue(box):
            line.add(character, box, font)
        else:
            lines.append(_TextLine([(character, box, font)], box, box))
    for line in lines:
        line.drop_soft_hyphens()
    return [(text, line.box, line.words()) for line in lines if (text := line.text())]


def _composed(letters: Iterable[Letter]) -> list[Letter]:
    """Return the letters; accents that are set over the letter before or after them are part of that letter.

    PDFium takes the step back to or from an accent for a space; such spaces are dropped.
    """
    result: list[Letter] = []
    accented: Letter | None = None  # the last letter that was composed
    for letter in letters:
        if accented and result[-2:-1] == [accented] and result[-1][0] == " " and _touch(accented[1], letter[1]):
            result.pop()
        at = len(result) - 2 if len(result) > 1 and result[-1][0] == " " else len(result) - 1
        neighbor = result[at] if result else None
        composed = (_accented(neighbor, letter) or _accented(letter, neighbor)) if neighbor else None
        if composed:
            result[at:] = [accented := composed]
        else:
            result.append(letter)
    return result


def _accented(letter: Letter, accent: Letter) -> Letter | None:
    """Return the letter with the accent over or under it as one character; None if they are not one."""
    text, box, font = letter
    mark = _ACCENTS.get(accent[0], accent[0] if accent[0] and unicodedata.combining(accent[0][0]) else "")
    if not mark or not box or not accent[1] or not text.isalpha():  # spaces and line ends have no box
        return None
    composed = unicodedata.normalize("NFC", text.translate(_DOTLESS) + mark)
    is_over = accent[0] == mark or _holds(box, accent[1])
    return (composed, _union(box, accent[1]), font) if is_over and len(composed) == 1 else None


def _touch(a: Rectangle | None, b: Rectangle | None) -> bool:
    """Return whether no more than a sliver is between the boxes, which is too little for a space."""
    if not a or not b:
        return False
    gap = max(a[0] - b[2], b[0] - a[2], a[1] - b[3], b[1] - a[3])
    return gap < _SLIVER * max(a[3] - a[1], a[2] - a[0])


def _holds(box: Rectangle, accent: Rectangle) -> bool:
    """Return whether the middle of the accent's box is within the letter's box."""
    x, y = (accent[0] + accent[2]) / 2, (accent[1] + accent[3]) / 2
    return box[0] < x < box[2] and box[1] < y < box[3]


def _in_logical_order(letters: Iterable[Letter]) -> Iterator[Letter]:
    """Yield the letters in reading order: reverse words of right-to-left scripts that the file stores left to right."""
    for is_rtl, group in groupby(letters, key=lambda letter: letter[1] is not None and _is_right_to_left(letter[0])):
        run = list(group)
        if is_rtl and (run[0][1] or _EMPTY)[0] < (run[-1][1] or _EMPTY)[0]:
            run.reverse()
        for i in range(len(run) - 1 if is_rtl else 0):
            # The glyph for lam and alef is often stored in visual order, with the alef first.
            if run[i][0] in _ALEFS and run[i + 1][:2] == (_LAM, run[i][1]):
                run[i], run[i + 1] = run[i + 1], run[i]
        yield from run


def _is_right_to_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("R", "AL", "NSM")


def _continues(line: Rectangle, last: Rectangle, box: Rectangle) -> bool:
    """Return whether a character overlaps a horizontal line vertically and is close to its last character."""
    height = min(last[3] - last[1], box[3] - box[1])
    overlap = min(line[3], box[3]) - max(line[1], box[1])
    gap = max(box[0] - last[2], last[0] - box[2])  # on either side: right-to-left lines run the other way
    return height <= 0 or (overlap > 0.3 * height and gap < _COLUMN_GAP * height)


def _may_be_turned(box: Rectangle) -> bool:
    """Return whether the character may be one of a line that runs up or down: turned, or as wide as Chinese."""
    return box[2] - box[0] >= _UPRIGHT * (box[3] - box[1])


def _vertical_gap(a: Rectangle, b: Rectangle) -> float:
    """Return the white between two boxes one above the other; negative: what they share."""
    return max(b[1] - a[3], a[1] - b[3])


def _transpose(box: Rectangle) -> Rectangle:
    return box[1], box[0], box[3], box[2]


def _union(a: Rectangle, b: Rectangle) -> Rectangle:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _join(characters: list[str]) -> str:
    """Return the text. PDFium gives characters beyond the basic plane as two surrogates; a lone one is replaced."""
    return "".join(characters).encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
