"""The text layer of a PDF page: its lines and words, with boxes in pixels of the rendered page.

Runs only in a rasterizer process. Lines are built from single characters (see `characters`). PDFium's own text
rectangles do not serve: they overlap where fonts change, and then contain the same character twice.

Text at an angle to the page, such as a watermark, forms lines of its own along its baseline. Smaller characters off the
baseline continue a line, although PDFium often ends it there; `raised_text` writes them.
"""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ocr_worker.characters import is_wide, to_plain_text
from ocr_worker.sources.rasterizer.characters import Character, read_characters
from ocr_worker.sources.rasterizer.check_fields import CheckField
from ocr_worker.sources.rasterizer.circled import join_circled
from ocr_worker.sources.rasterizer.fixed_pitch import drop_false_spaces
from ocr_worker.sources.rasterizer.fonts import FontProver, PageFonts
from ocr_worker.sources.rasterizer.letters import Baseline, Letter
from ocr_worker.sources.rasterizer.mapping import BitmapMapping, page_band, render_pixels
from ocr_worker.sources.rasterizer.points import correct_points, restore_points
from ocr_worker.sources.rasterizer.radical_bars import drop_radical_bars
from ocr_worker.sources.rasterizer.raised_glyphs import write_raised_glyphs
from ocr_worker.sources.rasterizer.raised_text import LARGEST, is_denominator, is_raised_beside, write_raised_text
from ocr_worker.sources.rasterizer.rendered import Corners, LayerLine, LayerWord, Rectangle
from ocr_worker.sources.rasterizer.repeats import remove_repeats
from ocr_worker.sources.rasterizer.underscores import restore_underscores
from ocr_worker.sources.rasterizer.visibility import inactive, read_visible_text
from ocr_worker.sources.rasterizer.word_spaces import restore_spaces

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
_ACCENT_MARGIN = 0.1  # in sides of a letter's box
_COLUMN_GAP = 1.2  # in heights of the smaller character; a wider gap separates two columns
_SLIVER = 0.08  # in heights of a character's box; a space is at least twice as wide
_MAX_SKEW = 1.0  # degrees between the baseline of an upright letter and the page
_MAX_TURN = 20.0  # degrees between neighbors of a slanted line, which may be curved
_SLANTED_STEP = -0.5, 3.0  # ems from a slanted character to the next, whose letters may be spaced
_SLANTED_SHIFT = 0.5  # ems between their baselines
_SLANTED_END = 0.7  # ems from the start of the last character to the end of the line
_DESCENT, _ASCENT = 0.25, 0.85  # ems
_RAISED_STEP = -0.4, 0.6  # ems of white between raised text and the text beside it
_RAISED_SPACE = 0.15  # ems; as much white is a space
_UPRIGHT = 0.8  # ratio of width to height below which a character is an upright letter or figure
_EQUAL_LETTERS = 0.9  # share of the letters in one direction, from which it is that of the text
_TURNED_GAP = 1.0  # in widths of a turned character's box, which is its line's height; a word's gap is narrower
_TURNED_SPACE = 0.15  # in such widths; a wider gap is a space
_TURNED_LEVEL = 0.1  # in such widths: characters of one turned line begin and end no farther apart


@dataclass(slots=True)
class _TextLine:
    """A line in progress. letters: with boxes, except spaces. last: the last letter with a box; large: not raised."""

    letters: list[Letter]
    box: Rectangle
    last: Letter
    large: Letter
    is_open: bool = field(default=True)

    @classmethod
    def begin(cls, letter: Letter) -> _TextLine:
        """Return a line of one letter, which has a box."""
        return cls([letter], letter.box or _EMPTY, letter, letter)

    def can_continue(self, letter: Letter) -> bool:
        """Return whether the letter continues the line, which may run vertically on a turned page, or at an angle."""
        box, last = letter.box or _EMPTY, self.last.box or _EMPTY
        if _is_slanted(letter) or _is_slanted(self.last):
            return _continues_slanted(self.last.baseline, letter.baseline)
        if not self.is_open:
            is_beside = self._white_beside_raised(letter) is not None or is_denominator(self.letters, letter)
            return is_beside or _continues_turned(last, box)
        if _continues(self.box, last, box):
            return True
        if not self._may_be_vertical(last) or not all(map(_may_be_turned, (last, box))):
            return False
        return _continues(*(_transpose(each) for each in (self.box, last, box)))

    def _may_be_vertical(self, last: Rectangle) -> bool:
        """Return whether the line is about as narrow as its last character, so that it may run up or down."""
        return self.box[2] - self.box[0] <= 1.5 * (last[2] - last[0])

    def add(self, letter: Letter) -> None:
        """Append the letter and extend the line's box; a line that had ended has a space in a wide gap."""
        is_below = is_denominator(self.letters, letter)
        if not self.is_open and self.letters[-1].box and (is_below or self._is_space_before(letter)):
            self.letters.append(Letter(" ", None))
        self.letters.append(letter)
        self.box = _union(self.box, letter.box or self.box)
        if not is_below or (letter.box or _EMPTY)[2] > (self.last.box or _EMPTY)[2]:
            self.last = letter
        if not (self.large.baseline and letter.baseline and letter.baseline.em < LARGEST * self.large.baseline.em):
            self.large = letter
        self.is_open = True

    def _is_space_before(self, letter: Letter) -> bool:
        white = self._white_beside_raised(letter)
        if white is not None:
            return white > _RAISED_SPACE
        box, last = letter.box or _EMPTY, self.last.box or _EMPTY
        return _vertical_gap(last, box) > _TURNED_SPACE * (box[2] - box[0])

    def _white_beside_raised(self, letter: Letter) -> float | None:
        """Return the white before the letter in ems, if it or the last one is raised or lowered; else None."""
        beside = [other.baseline for other in (self.last, self.large) if other.baseline]
        if not letter.baseline or not any(is_raised_beside(other, letter.baseline) for other in beside):
            return None
        larger = max(*beside, letter.baseline, key=lambda baseline: baseline.em)
        x0, y0, x1, y1 = self.last.box or _EMPTY
        end = max(larger.position(x, y)[0] for x in (x0, x1) for y in (y0, y1))
        white = larger.position(letter.baseline.x, letter.baseline.y)[0] - end
        return white if _RAISED_STEP[0] < white < _RAISED_STEP[1] else None

    def finish(self) -> LayerLine | None:
        """Return the line; None if it consists of spaces."""
        self.letters = drop_radical_bars(self.letters)
        if not self.letters:
            return None
        self.letters = restore_spaces(drop_false_spaces(self.letters))
        self.drop_soft_hyphens()
        self.letters = write_raised_text(self.letters)
        text = self.text()
        return (text, self.box, self.words(), self.corners(), not self.letters[-1].box) if text else None

    def corners(self) -> Corners | None:
        """Return the corners of a slanted line; None for other lines."""
        first, last = self.letters[0].baseline, self.last.baseline
        if not first or not last or not first.is_slanted:
            return None
        end = first.position(*last.point(_SLANTED_END, 0))[0]
        start, end = min(0.0, end), max(0.0, end)
        corners = ((start, _ASCENT), (end, _ASCENT), (end, -_DESCENT), (start, -_DESCENT))
        return tuple(first.point(*corner) for corner in corners)

    def drop_soft_hyphens(self) -> None:
        """Remove the hyphens that only mark where a word may be broken.

        The one at the line's end stays. Beside a digit, a soft hyphen is a hyphen: no number is broken ("1-12").
        """
        last = max((i for i, letter in enumerate(self.letters) if letter.box), default=0)
        kept = []
        for i, letter in enumerate(self.letters):
            if letter.text == _SOFT_HYPHEN and any(each.text.isdigit() for each in self.letters[max(0, i - 1) : i + 2]):
                kept.append(letter._replace(text="-"))
            elif letter.text != _SOFT_HYPHEN or i == last:
                kept.append(letter)
        self.letters = kept

    def text(self) -> str:
        """Return the text; empty when the line consists of spaces."""
        return _join([letter.text for letter in self.letters])

    def words(self) -> list[LayerWord]:
        """Return the words. In scripts without spaces, each character is a word."""
        words: list[tuple[list[str], Rectangle, list[int]]] = []
        is_in_word = False
        for character, box, font, _ in self.letters:
            if box is None:
                is_in_word = False
                continue
            is_alone = any(map(is_wide, character))
            if is_in_word and not is_alone:
                letters, word_box, fonts = words[-1]
                words[-1] = [*letters, character], _union(word_box, box), [*fonts, font]
            else:
                words.append(([character], box, [font]))
                is_in_word = not is_alone
        return [(word, box, _by_frequency(fonts)) for letters, box, fonts in words if (word := _join(letters))]


class TextLayer(NamedTuple):
    """The visible text of a page.

    lines: in the order of the file. fonts: facts about their fonts. turn: quarter turns, counter-clockwise, that set
    nearly all letters upright on the page image; None if they are drawn in several directions. pixels: the page image
    without letters that are drawn as no other viewer does.
    """

    lines: list[LayerLine]
    fonts: PageFonts
    turn: int | None
    pixels: NDArray[np.uint8]


def read_text_layer(
    page: Any,
    pixels: NDArray[np.uint8],
    scale: float,
    check_fields: Sequence[CheckField] = (),
    prover: FontProver | None = None,
) -> TextLayer:
    """Return the text layer of the page.

    pixels: the page image, uint8 [height, width, 3], BGR; boxes are in its pixels. scale: at which it was rendered, in
    pixels per point. check_fields: each is a line of its own, in place of the characters that draw its state. prover:
    of the document's fonts. Raises PdfiumError when PDFium cannot read the text.
    """
    height, width = pixels.shape[:2]
    characters, squeezed = read_visible_text(page, width / page.get_width())
    if squeezed:
        with inactive(squeezed):
            pixels = render_pixels(page, scale)
    mapping = BitmapMapping(page, width, height)
    fonts = (prover or FontProver()).examine(page, pixels, scale, characters)
    # After the characters are renumbered.
    letters = _letters(write_raised_glyphs(join_circled(characters)), mapping)
    letters = restore_underscores(correct_points(restore_points(letters, pixels), pixels), pixels)
    return TextLayer(_build_lines(letters, mapping, check_fields), fonts, _turn(letters), pixels)


def read_edge_lines(page: Any, depth: float) -> tuple[list[LayerLine], list[str]]:
    """Return the lines at the page's upper and lower edge, with boxes in points, and the texts of the other lines.

    That takes a tenth of the time of `read_text_layer`; hidden lines are included. depth: of both edges, as a share of
    the page's height. Raises PdfiumError when PDFium cannot read the text.
    """
    width, height = page.get_size()
    text_page = page.get_textpage()
    try:
        bands = [page_band(page, 0, depth), page_band(page, 1 - depth, 1)]
        characters, _ = remove_repeats(read_characters(text_page, bands))
        inner = text_page.get_text_bounded(*page_band(page, depth, 1 - depth))
    finally:
        text_page.close()
    mapping = BitmapMapping(page, round(width), round(height))
    return _build_lines(_letters(characters, mapping), mapping), inner.splitlines()


def _letters(characters: Sequence[Character], mapping: BitmapMapping) -> list[Letter]:
    """Return the characters on the bitmap."""
    boxes = iter(mapping.rectangles([character.box for character in characters if character.box]))
    stretches = np.array([character.stretch for character in characters if character.stretch], np.float64)
    ends = mapping.points(stretches.reshape(-1, 2, 2)).reshape(-1, 4).tolist()
    baselines = (Baseline.between(*each) for each in ends)
    return [
        Letter(
            character.text,
            next(boxes) if character.box else None,
            character.font,
            _with_length(next(baselines)) if character.stretch else None,
        )
        for character in characters
    ]


def _with_length(baseline: Baseline) -> Baseline | None:
    """Return the baseline; None if it has no length on the bitmap."""
    return baseline if baseline.em else None


def _build_lines(
    letters: Iterable[Letter],
    mapping: BitmapMapping,
    check_fields: Sequence[CheckField] = (),
) -> list[LayerLine]:
    lines: list[_TextLine] = []
    signs = [sign for sign, _ in check_fields]
    fields = list(zip(signs, mapping.rectangles([box for _, box in check_fields]), strict=True))
    outside = (letter for letter in letters if not any(letter.box and _holds(box, letter.box) for _, box in fields))
    for letter in _marks_after_letters(_in_logical_order(_composed(outside))):
        line = lines[-1] if lines else None
        if letter.box is None:
            if line and not letter.text:
                line.is_open = False
            elif line and line.is_open:
                line.letters.append(Letter(" ", None))
        elif line and line.can_continue(letter):
            line.add(letter)
        else:
            lines.append(_TextLine.begin(letter))
    states: list[LayerLine] = [(sign, box, [(sign, box, 0)], None, False) for sign, box in fields]
    return [text_line for line in lines if (text_line := line.finish())] + states


def _turn(letters: Iterable[Letter]) -> int | None:
    """Return the quarter turns, counter-clockwise, that set nearly all letters upright; None if there are none.

    The baseline of an upright letter runs from left to right on the bitmap.
    """
    baselines = [letter.baseline for letter in letters if letter.box]
    turns = Counter(round(each.angle / 90) % 4 for each in baselines if each and _is_along_page(each))
    turn, count = max(turns.items(), key=itemgetter(1), default=(None, 0))
    return turn if count >= _EQUAL_LETTERS * len(baselines) else None


def _is_along_page(baseline: Baseline) -> bool:
    return abs((baseline.angle + 45) % 90 - 45) <= _MAX_SKEW


def _composed(letters: Iterable[Letter]) -> list[Letter]:
    """Return the letters; accents that are set over the letter before or after them are part of that letter.

    PDFium takes the step back to or from an accent for a space; such spaces are dropped.
    """
    result: list[Letter] = []
    accented: Letter | None = None  # the last letter that was composed
    for letter in letters:
        if accented and result[-2:-1] == [accented] and result[-1].text == " " and _touch(accented.box, letter.box):
            result.pop()
        at = len(result) - 2 if len(result) > 1 and result[-1].text == " " else len(result) - 1
        neighbor = result[at] if result else None
        composed = (_accented(neighbor, letter, is_after=True) or _accented(letter, neighbor)) if neighbor else None
        if composed:
            result[at:] = [accented := composed]
        else:
            result.append(letter)
    return result


def _accented(letter: Letter, accent: Letter, *, is_after: bool = False) -> Letter | None:
    """Return the letter with the accent over or under it as one character; None if they are not one.

    is_after: whether the accent comes after the letter in the file, where a combining one belongs to it.
    """
    text, box = letter.text, letter.box
    mark = _mark_of(accent.text)
    if not mark or not box or not accent.box or not text.isalpha():  # spaces and line ends have no box
        return None
    composed = unicodedata.normalize("NFC", text.translate(_DOTLESS) + mark)
    is_combining = is_after and accent.text == mark and _holds(_grown(box), accent.box)
    is_over = is_combining or _holds(box, accent.box) or _is_before_capital(letter, accent)
    return letter._replace(text=composed, box=_union(box, accent.box)) if is_over and len(composed) == 1 else None


@functools.cache
def _mark_of(text: str) -> str:
    """Return the marks that compose an accent with a letter; empty if the text is no accent."""
    if text in _ACCENTS or (text and unicodedata.combining(text[0])):
        return _ACCENTS.get(text, text)
    marks = unicodedata.normalize("NFKD", text)  # an accent of its own is a space with marks
    return marks[1:] if marks[:1] == " " and all(map(unicodedata.combining, marks[1:])) else ""


def _is_before_capital(letter: Letter, accent: Letter) -> bool:
    """Return whether the accent is right before a Greek capital, as Greek is written."""
    if not ("\u0386" <= letter.text <= "\u03ff" and letter.text.isupper()) or not letter.box or not accent.box:
        return False
    is_greek = unicodedata.name(_character_of(accent.text) or " ", "").startswith("GREEK")
    return is_greek and accent.box[0] < letter.box[0] and _touch(letter.box, accent.box)


def _grown(box: Rectangle) -> Rectangle:
    """Return the box with a margin, in which is the start of a combining accent that has no width."""
    margin = _ACCENT_MARGIN * max(box[2] - box[0], box[3] - box[1])
    return box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin


def _touch(a: Rectangle | None, b: Rectangle | None) -> bool:
    """Return whether no more than a sliver is between the boxes, which is too little for a space."""
    if not a or not b:
        return False
    gap = max(a[0] - b[2], b[0] - a[2], a[1] - b[3], b[1] - a[3])
    return gap < _SLIVER * max(a[3] - a[1], a[2] - a[0])


def _holds(box: Rectangle, other: Rectangle) -> bool:
    """Return whether the middle of the other box is within the box."""
    x, y = (other[0] + other[2]) / 2, (other[1] + other[3]) / 2
    return box[0] < x < box[2] and box[1] < y < box[3]


def _in_logical_order(letters: Iterable[Letter]) -> Iterator[Letter]:
    """Yield the letters in reading order: reverse words of right-to-left scripts that the file stores left to right.

    A mark is of the script of the letter before it. Those of Thai are not reversed.
    """
    for is_rtl, group in groupby(_directions(letters), key=itemgetter(0)):
        run = [letter for _, letter in group]
        if is_rtl and _is_before(run[0], run[-1]):
            run.reverse()
        for i in range(len(run) - 1 if is_rtl else 0):
            # The glyph for lam and alef is often stored in visual order, with the alef first.
            if run[i].text in _ALEFS and run[i + 1][:2] == (_LAM, run[i].box):
                run[i], run[i + 1] = run[i + 1], run[i]
        yield from run


def _marks_after_letters(letters: Iterable[Letter]) -> list[Letter]:
    """Return the letters; a mark over a letter of a right-to-left script comes after it.

    Files often have it before, and PDFium takes the step back from it for a space, which is dropped.
    """
    result: list[Letter] = []
    for letter in letters:
        mark = result[-1] if result else None
        if not mark or not letter.box or not _is_mark_over(mark, letter):
            result.append(letter)
            continue
        result.pop()
        if len(result) > 1 and result[-1].text == " " and _touch(result[-2].box, letter.box):
            result.pop()
        result += [letter, mark]
    return result


def _is_mark_over(mark: Letter, letter: Letter) -> bool:
    """Return whether the first is a mark within the box of the other, a letter of a right-to-left script."""
    is_mark = bool(mark.box) and unicodedata.bidirectional(_character_of(mark.text) or " ") == "NSM"
    is_letter = unicodedata.bidirectional(_character_of(letter.text) or " ") in ("R", "AL")
    return is_mark and is_letter and _holds(letter.box or _EMPTY, mark.box or _EMPTY)


def _is_before(letter: Letter, other: Letter) -> bool:
    """Return whether the letter is left of the other one, as seen when the letters are upright."""
    (x0, y0, *_), (x1, y1, *_) = letter.box or _EMPTY, other.box or _EMPTY
    dx, dy = (letter.baseline.dx, letter.baseline.dy) if letter.baseline else (1.0, 0.0)
    return (x1 - x0) * dx + (y1 - y0) * dy > 0


def _directions(letters: Iterable[Letter]) -> Iterator[tuple[bool, Letter]]:
    """Yield each letter with whether it is of a right-to-left script; marks are if the letter before them is not other.

    Files of such scripts also have marks before their letters, at the beginning of a word.
    """
    is_rtl = True
    for letter in letters:
        kind = unicodedata.bidirectional(_character_of(letter.text) or " ") if letter.box else ""
        is_rtl = is_rtl if kind == "NSM" else kind in ("R", "AL")
        yield is_rtl and letter.box is not None, letter
        if not letter.box:
            is_rtl = True


def _character_of(text: str) -> str:
    """Return the character without the marks of raised and lowered text around it; empty if there is none."""
    return text if len(text) == 1 else to_plain_text(text)[:1]


def _continues(line: Rectangle, last: Rectangle, box: Rectangle) -> bool:
    """Return whether a character overlaps a horizontal line vertically and is close to its last character."""
    height = min(last[3] - last[1], box[3] - box[1])
    overlap = min(line[3], box[3]) - max(line[1], box[1])
    gap = max(box[0] - last[2], last[0] - box[2])  # on either side: right-to-left lines run the other way
    return height <= 0 or (overlap > 0.3 * height and gap < _COLUMN_GAP * height)


def _continues_turned(last: Rectangle, box: Rectangle) -> bool:
    """Return whether a character in this box is turned like the last one and right above or below it.

    PDFium ends the line at most letters of text that runs up or down a page. The box of a turned letter is as wide as
    its line is high. Upright letters below one another are higher than wide.
    """
    width, last_width = box[2] - box[0], last[2] - last[0]
    is_turned = width > box[3] - box[1] and last_width > last[3] - last[1]
    is_level = abs(box[0] - last[0]) + abs(box[2] - last[2]) < _TURNED_LEVEL * width
    return is_turned and is_level and abs(_vertical_gap(last, box)) < _TURNED_GAP * width


def _may_be_turned(box: Rectangle) -> bool:
    """Return whether the character may be one of a line that runs up or down: turned, or as wide as Chinese."""
    return box[2] - box[0] >= _UPRIGHT * (box[3] - box[1])


def _vertical_gap(a: Rectangle, b: Rectangle) -> float:
    """Return the white between two boxes one above the other; negative: what they share."""
    return max(b[1] - a[3], a[1] - b[3])


def _is_slanted(letter: Letter) -> bool:
    return letter.baseline is not None and letter.baseline.is_slanted


def _continues_slanted(last: Baseline | None, following: Baseline | None) -> bool:
    """Return whether a slanted character continues a slanted line, which may be curved, along its baseline."""
    if not last or not following or not (last.is_slanted and following.is_slanted):
        return False
    turn = abs((following.angle - last.angle + 180) % 360 - 180)
    along, above = last.position(following.x, following.y)
    return turn < _MAX_TURN and _SLANTED_STEP[0] < along < _SLANTED_STEP[1] and abs(above) < _SLANTED_SHIFT


def _transpose(box: Rectangle) -> Rectangle:
    return box[1], box[0], box[3], box[2]


def _by_frequency(fonts: Sequence[int]) -> int | list[int]:
    """Return the font, or the fonts if there are several, with the most frequent first."""
    counts = Counter(fonts)
    return fonts[0] if len(counts) == 1 else [font for font, _ in counts.most_common()]


def _union(a: Rectangle, b: Rectangle) -> Rectangle:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _join(characters: list[str]) -> str:
    """Return the text. PDFium gives characters beyond the basic plane as two surrogates; a lone one is replaced."""
    return "".join(characters).encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
