"""Beginnings of paragraphs: by white, by an indent, below a row that ends early, and by a mark.

A writer of paragraphs fills each row, and sets in either the first row of each paragraph or all rows but the first.
`find_beginnings` looks at all rows of a text to see which of the two it is, and whether rows are filled at all: in an
address or a poem they are not, and each is a line of its own. Marks at the beginnings of rows are found in `marks`. All
functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from ocr_worker.characters import is_wide
from ocr_worker.engines.embedded.amounts import has_amount_apart
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.lines import Line, line_height
from ocr_worker.engines.embedded.marks import find_marked
from ocr_worker.engines.embedded.thresholds import THRESHOLDS

_SENTENCE_END = (".", "!", "?", ":", ";", "。", "！", "？", "：", "”", '"', ")")
# A row of an address or a form begins with a capital, a number or a box to tick, and contains no end of a sentence and
# no broken word.
_CAPITAL = re.compile(r"(?=[☐☑☒◉○A-ZÀ-ÞΑ-ΩА-Я0-9])(?:(?![.!?]\s).)*(?<!-)$")
_WORD_IN_SENTENCE = re.compile(r"[a-zß-öø-ÿα-ωа-я][^\W\d_]")  # a single letter may be the mark of a note
_ABBREVIATION = re.compile(r"\b([A-ZÀ-Þ][a-zß-ÿ]{0,4})\.(?=\s)")  # "Mr. Fennimore", "Prof. Marrable": no end
_VERSE = re.compile(r"\W*[A-ZÀ-ÞΑ-ΩА-Я0-9]")  # the beginning of most rows of a poem
# Which rows of a paragraph are set in: its first row, or all its rows but the first.
_IndentStyle = Literal["first", "hanging", "none"]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a text and how it compares with the row above it, if any.

    room: pixels that the row above leaves free at its right, or 0. first_width: of the row's first word. has_amount:
    the row ends with an amount that is apart from its text. is_at_right: it is set far right, between others that are
    not.
    """

    box: Box
    text: str
    is_marked: bool
    is_indented: bool
    gap: float
    room: float
    first_width: float
    is_after_sentence: bool
    has_amount: bool
    is_at_right: bool = False

    def is_after_room(self, height: float) -> bool:
        """Return whether the row's first word would have fitted into the row above. height: of a line."""
        return self.room > self.first_width + THRESHOLDS.line_room * height


def find_beginnings(stacked: Sequence[Sequence[Line]]) -> list[bool]:
    """Return for each row of a text whether a paragraph, or a line of its own, begins with it.

    stacked: the rows from top to bottom, as from `rows`, with their left margin at the left.
    """
    height = line_height([line for row in stacked for line in row])
    text_box = bounds(line.box for row in stacked for line in row)
    described = _describe(stacked, text_box, height)
    style = _indent_style(described, height)
    are_lines = _are_lines(described, text_box, height)
    amount_count = sum(row.has_amount for row in described)
    has_amounts = amount_count >= THRESHOLDS.min_amount_rows
    is_receipt = has_amounts and amount_count >= THRESHOLDS.amounts_of_receipt * len(described)
    are_verses = _are_verses(described, text_box, height)
    usual_gap = _usual_gap(described)
    paragraph_gap = THRESHOLDS.paragraph_gap * height
    if _is_double_spaced(described, usual_gap, height):
        paragraph_gap += usual_gap
    flags = [True]
    for above, row in pairwise(described):
        flags.append(
            row.is_marked
            or row.is_at_right
            or (above.is_at_right and not row.text[:1].islower())
            or row.gap > paragraph_gap
            or _begins_below_white(row, usual_gap, height)
            or is_receipt
            or (has_amounts and (row.has_amount or above.has_amount))
            or (are_lines and (row.is_after_room(height) or _is_capital(row)))
            or (are_verses and not row.is_indented)
            or (
                not _continues_sentence(above, row, height)
                and (
                    _begins_by_indent(above, row, style, text_box, height) or _begins_after_room(row, text_box, height)
                )
            )
        )
    return flags


def _continues_sentence(above: _Row, row: _Row, height: float) -> bool:
    """Return whether the row above ends within a sentence, and this one begins below its beginning in lower case.

    height: of a line.
    """
    is_below = abs(row.box.x0 - above.box.x0) < THRESHOLDS.at_margin * height
    return is_below and above.text[-1:].isalpha() and row.text[:1].islower()


def _describe(stacked: Sequence[Sequence[Line]], text_box: Box, height: float) -> list[_Row]:
    boxes = [bounds(line.box for line in row) for row in stacked]
    texts = [" ".join(line.text for line in row) for row in stacked]
    marks = find_marked(texts)
    margin = _margin(boxes, height)
    is_centered = _is_centered(boxes, text_box, height)
    described = []
    for i, (row, box) in enumerate(zip(stacked, boxes, strict=True)):
        above = boxes[i - 1] if i else box
        is_set_in = THRESHOLDS.indent * height < box.x0 - margin < THRESHOLDS.max_indent * height
        # In lower case, a sentence continues after an abbreviation.
        is_in_sentence = _WORD_IN_SENTENCE.match(texts[i]) is not None
        is_after_sentence = i > 0 and stacked[i - 1][-1].text.endswith(_SENTENCE_END) and not is_in_sentence
        room = text_box.x1 - above.x1 if i else 0.0
        described.append(
            _Row(
                box,
                texts[i],
                is_marked=marks[i],
                is_indented=is_set_in and not is_centered,
                gap=box.y0 - above.y1,
                room=room,
                first_width=first_word_width(row[0]),
                is_after_sentence=is_after_sentence,
                has_amount=has_amount_apart(row),
                is_at_right=not (is_centered or texts[i][:1].islower()) and _is_at_right(i, boxes, margin, height),
            )
        )
    return described


def _is_at_right(i: int, boxes: Sequence[Box], margin: float, height: float) -> bool:
    """Return whether row `i` is set far right between rows at the margin, as a date or a signature is.

    The rows beside a picture begin at one place. height: of a line.
    """
    is_far = boxes[i].x0 - margin > THRESHOLDS.max_indent * height
    beside = [box for box in boxes[max(0, i - 1) : i + 2] if box is not boxes[i]]
    return is_far and all(abs(box.x0 - margin) < THRESHOLDS.max_indent * height for box in beside)


def _is_centered(boxes: Sequence[Box], text_box: Box, height: float) -> bool:
    """Return whether all rows have about as much white at their left as at their right, and some have it.

    height: of a line.
    """
    whites = [(box.x0 - text_box.x0, text_box.x1 - box.x1) for box in boxes]
    has_white = any(min(white) > THRESHOLDS.indent * height for white in whites)
    return has_white and all(abs(left - right) < height for left, right in whites)


def first_word_width(line: Line) -> float:
    """Return the width of the line's first word, or of its first character in a script without spaces."""
    if not line.text.strip():
        return line.box.width
    if is_wide(line.text[0]):
        return line.box.width / len(line.text)
    if line.words:
        return line.words[0].box.width
    return line.box.width * len(line.text.split()[0]) / len(line.text)


def _margin(boxes: Sequence[Box], height: float) -> float:
    """Return the leftmost place where several rows begin, or where the leftmost row begins."""
    reach = THRESHOLDS.at_margin * height
    starts = sorted(box.x0 for box in boxes)
    return next(
        (x for x in starts if sum(abs(other - x) < reach for other in starts) >= THRESHOLDS.min_margin_rows), starts[0]
    )


def _indent_style(described: Sequence[_Row], height: float) -> _IndentStyle:
    """Return which rows are set in, by the rows above and below each indent."""
    first = hanging = 0
    for i, (above, row) in enumerate(pairwise(described)):
        may_end = row.is_after_room(height) or row.is_after_sentence
        if row.is_indented and not above.is_indented:
            is_after_first = above.is_marked or i == 0 or described[i - 1].is_indented
            hanging += is_after_first and not may_end
            first += may_end or not is_after_first
        elif above.is_indented and not row.is_indented:
            first += not may_end
            hanging += may_end
    return "first" if first > hanging else "hanging" if hanging > first else "none"


def _begins_by_indent(above: _Row, row: _Row, style: _IndentStyle, text_box: Box, height: float) -> bool:
    """Return whether a paragraph begins with the row as the text's indents say. height: of a line."""
    may_end = row.is_after_room(height) or row.is_after_sentence
    match style:
        case "first":
            return row.is_indented and (may_end or not above.is_indented)
        case "hanging":
            return above.is_indented and not row.is_indented and not row.is_marked
        case "none":
            is_full = text_box.x1 - row.box.x1 < THRESHOLDS.max_indented_end * text_box.width
            return row.is_indented and not above.is_indented and not above.is_marked and is_full


def _begins_after_room(row: _Row, text_box: Box, height: float) -> bool:
    """Return whether the row begins at the margin, below a row with much room. height: of a line."""
    share = THRESHOLDS.room_after_sentence if row.is_after_sentence else THRESHOLDS.room_in_sentence
    room = max(THRESHOLDS.words_of_room * row.first_width, share * text_box.width)
    return row.room > room and row.box.x0 - text_box.x0 < THRESHOLDS.at_margin * height


def _usual_gap(described: Sequence[_Row]) -> float:
    """Return the white between rows of one paragraph, in pixels: that of the closer rows; infinite if none compares."""
    gaps = sorted(row.gap for row in described[1:])
    return gaps[len(gaps) // THRESHOLDS.closer_rows] if len(gaps) > 1 else float("inf")


def _is_double_spaced(described: Sequence[_Row], usual_gap: float, height: float) -> bool:
    """Return whether the rows are as far apart as paragraphs are elsewhere, but run on: most are filled.

    usual_gap: see `_usual_gap`. height: of a line.
    """
    following = described[1:]
    is_apart = THRESHOLDS.paragraph_gap * height < usual_gap < float("inf")
    running = sum(not row.is_after_room(height) or row.text[:1].islower() for row in following)
    return is_apart and running >= THRESHOLDS.running_rows * len(following)


def _begins_below_white(row: _Row, usual_gap: float, height: float) -> bool:
    """Return whether the row begins a sentence, and clearly more white is above it than between the text's other rows.

    Rows with raised or lowered text are higher, with less white around them. usual_gap: see `_usual_gap`. height: of a
    line.
    """
    is_begun = row.is_after_sentence and not row.text[:1].islower()
    return is_begun and row.gap - usual_gap > THRESHOLDS.paragraph_white * height


def _are_lines(described: Sequence[_Row], text_box: Box, height: float) -> bool:
    """Return whether each row is a line of its own, as in an address or a poem. height: of a line.

    Either most rows leave room for the first word of the next, or all are short and begin as no row within a sentence
    does.
    """
    following = described[1:]
    if len(following) < THRESHOLDS.min_own_lines:
        return False
    with_room = sum(row.is_after_room(height) for row in following)
    is_unfilled = with_room >= THRESHOLDS.unfilled_rows * len(following)
    is_short = text_box.width < THRESHOLDS.max_short_width * height
    are_capital = is_short and all(map(_is_capital, described))
    return are_capital or (is_unfilled and text_box.width < THRESHOLDS.max_unfilled_width * height)


def _is_capital(row: _Row) -> bool:
    """Return whether the row begins and ends as rows of addresses do."""
    return _CAPITAL.match(_ABBREVIATION.sub(r"\1", row.text)) is not None


def _are_verses(described: Sequence[_Row], text_box: Box, height: float) -> bool:
    """Return whether the rows are verses: many leave room, and most within a sentence begin with a capital.

    height: of a line.
    """
    following = described[1:]
    if text_box.width > THRESHOLDS.max_verse_width * height:
        return False
    within = [row for row in following if not row.is_after_sentence]
    if len(within) < max(THRESHOLDS.min_verses, THRESHOLDS.verses_within * len(following)):
        return False
    capitals = sum(_VERSE.match(row.text) is not None for row in within)
    with_room = sum(row.is_after_room(height) for row in following)
    are_capital = capitals >= THRESHOLDS.capital_verses * len(within)
    return are_capital and with_room >= THRESHOLDS.verses_with_room * len(following)
