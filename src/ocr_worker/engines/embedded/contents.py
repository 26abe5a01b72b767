"""Tables of contents without leaders: titles at the left, and the numbers of their pages far at the right.

The white between them looks like the gutter of two columns. `separate_contents` makes a line of each title and its
number. Numbers that do not fall from row to row, at one right edge, with one title each, are those of pages. All
functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ocr_worker.engines.embedded.geometry import Box, bounds, y_overlap
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.thresholds import THRESHOLDS

_PAGE = re.compile(r"\d{1,4}")


def separate_contents(lines: Sequence[Line], tables: Sequence[Box]) -> tuple[list[Line], list[Line]]:
    """Return the other lines, and the titles that have the number of a page. tables: boxes whose lines stay."""
    outside = [line for line in lines if not any(table.contains(line.box.center) for table in tables)]
    numbers = [line for line in outside if _PAGE.fullmatch(line.text)]
    rest, entries = list(lines), []
    for column in _columns(numbers):
        pairs = [(title, number) for number in column if (title := _title(number, outside))]
        if len(pairs) < max(THRESHOLDS.min_contents, len(column)) or not _do_not_fall(column):
            continue
        taken = {id(line) for pair in pairs for line in pair}
        rest = [line for line in rest if id(line) not in taken]
        entries += [_join(*pair) for pair in pairs]
    return rest, entries


def _columns(numbers: Sequence[Line]) -> list[list[Line]]:
    """Return the numbers that end at one right edge, from top to bottom."""
    columns: list[list[Line]] = []
    for number in sorted(numbers, key=lambda line: line.box.y0):
        edge = number.box.x1
        near = (each for each in columns if abs(each[-1].box.x1 - edge) < THRESHOLDS.contents_edge * number.box.height)
        if column := next(near, None):
            column.append(number)
        else:
            columns.append([number])
    return columns


def _title(number: Line, lines: Sequence[Line]) -> Line | None:
    """Return the only other line that is level with the number, far at its left; None if there are others."""
    level = [
        line
        for line in lines
        if line is not number
        and y_overlap(line.box, number.box) > THRESHOLDS.row_overlap * min(line.box.height, number.box.height)
    ]
    if len(level) != 1 or level[0].box.x1 > number.box.x0:
        return None
    return level[0] if any(map(str.isalpha, level[0].text)) else None


def _do_not_fall(column: Sequence[Line]) -> bool:
    pages = [int(number.text) for number in column]
    return all(above <= below for above, below in pairwise(pages)) and pages[0] < pages[-1]


def _join(title: Line, number: Line) -> Line:
    words = (title.words or (Word(title.text, title.box),)) + (number.words or (Word(number.text, number.box),))
    return replace(
        title,
        text=f"{title.text} {number.text}",
        box=bounds((title.box, number.box)),
        words=words,
        score=min(title.score, number.score),
        is_from_text_layer=title.is_from_text_layer and number.is_from_text_layer,
    )
