"""The right bounds of a table that was seen: with its outer rows and columns, without captions and prose. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ocr_worker.engines.embedded.geometry import Box, bounds, covered, overlap
from ocr_worker.engines.embedded.layout.rules import Rules, grids, levels
from ocr_worker.engines.embedded.lines import Line, line_height
from ocr_worker.engines.embedded.tables.alignment import wide_rules
from ocr_worker.engines.embedded.tables.columns import find_gutters, place, text_rows

Rows = list[list[Line]]
SENTENCE = 8  # words that stand together in a sentence, seldom in a cell's line
# Line heights of white, at most: to a row that belongs to the table, to a column that does.
NEXT, BESIDE = 1.2, 4.0
_CAPTION = re.compile(r"(table|tab\.|figure|fig\.|tableau|tabelle|tabla|tabella|表|图)\s*\d", re.IGNORECASE)


def fitted(box: Box, lines: Sequence[Line], rules: Rules) -> Box:
    """The table's box with the rows at its edges that it misses, without captions and prose that it swallowed."""
    inside = [line for line in lines if box.contains(line.box.center)]
    if not inside:
        return box
    height = line_height(inside)
    whole = next(
        (grid for grid in grids(rules, 0.3 * height) if min(covered(grid, box), covered(box, grid)) > 0.5), None
    )
    if whole:
        return whole
    box = _as_wide_as_rules(_trimmed(box, inside, rules, height), rules, height)
    return extended(_widened(box, lines, height), lines, height)


def is_prose(line: Line) -> bool:
    """Whether it has as many words as lines of sentences have, and cells seldom do."""
    return len(line.text.split()) >= SENTENCE


def extended(box: Box, lines: Sequence[Line], height: float) -> Box:
    """The box with the next rows above and below while they stand close and fill several of its columns."""
    level = [line for line in lines if overlap(line.box.x0, line.box.x1, box.x0, box.x1) > 0.5 * line.box.width]
    found = text_rows(level)
    inside = [row for row in found if box.y0 <= (_top(row) + _bottom(row)) / 2 <= box.y1]
    gutters = find_gutters(inside, height)
    if not gutters:
        return box
    above = [row for row in reversed(found) if _bottom(row) <= _top(inside[0]) + 0.5 * height]
    below = [row for row in found if _top(row) >= _bottom(inside[-1]) - 0.5 * height]
    for rows, way in ((above, -1), (below, 1)):
        edge = box
        for row in rows:
            own = bounds(line.box for line in row)
            gap = edge.y0 - own.y1 if way < 0 else own.y0 - edge.y1
            placed = place(row, gutters, height)
            foreign = any(is_prose(piece.line) or _CAPTION.match(piece.line.text) for piece in placed)
            if gap > NEXT * height or foreign:
                break
            edge = bounds((edge, own))
            if len({piece.first for piece in placed}) > 1:
                box = edge  # a single text between such rows is the table's as well
    return box


def _as_wide_as_rules(box: Box, rules: Rules, height: float) -> Box:
    """The box made as wide as the rules across it, where two or more begin and end alike."""
    across = [rule for rule in rules.across if box.y0 - height < rule.center[1] < box.y1 + height]
    across = [rule for rule in across if overlap(rule.x0, rule.x1, box.x0, box.x1) > 0.5 * min(rule.width, box.width)]
    for rule in across:
        alike = [other for other in across if abs(other.x0 - rule.x0) + abs(other.x1 - rule.x1) < height]
        if len(levels([other.center[1] for other in alike], height)) > 1:
            box = Box(min(box.x0, rule.x0), box.y0, max(box.x1, rule.x1), box.y1)
    return box


def _widened(box: Box, lines: Sequence[Line], height: float) -> Box:
    """The box with a column to its left or right that most of its rows go on in: often the one with the labels."""
    rows = [row for row in text_rows(lines) if box.y0 < (_top(row) + _bottom(row)) / 2 < box.y1]
    for way in (-1, 1):
        near = []
        for row in rows:
            beyond = [
                line for line in row if (line.box.x1 < box.x0 + height if way < 0 else line.box.x0 > box.x1 - height)
            ]
            near += [max(beyond, key=lambda line: -way * line.box.center[0])] if beyond else []
        edges = [box.x0 - line.box.x1 if way < 0 else line.box.x0 - box.x1 for line in near]
        close = bool(edges) and min(edges) < max(BESIDE * height, 0.5 * box.width)
        if close and len(near) > 0.5 * len(rows) and len(rows) > 1 and not any(map(is_prose, near)):
            box = bounds((box, *(line.box for line in near)))
    return box


def _trimmed(box: Box, inside: Sequence[Line], rules: Rules, height: float) -> Box:
    found = text_rows(inside)
    wide = wide_rules(box, rules.within(box, height), height)
    outer = [len(row) == 1 and _is_foreign(row[0], box) for row in found]
    first = _foreign_ends(outer, found, wide)
    last = len(found) - _foreign_ends(outer[::-1], found[::-1], wide)
    if last - first < 2:
        return box
    top = box.y0 if not first else (_bottom(found[first - 1]) + _top(found[first])) / 2
    end = box.y1 if last == len(found) else (_bottom(found[last - 1]) + _top(found[last])) / 2
    return Box(box.x0, top, box.x1, end)


def _foreign_ends(foreign: Sequence[bool], found: Rows, wide: Sequence[float]) -> int:
    """How many rows from this end on do not belong to the table; rows between its outermost rules do."""
    count = 0
    for i, row in enumerate(found):
        middle = (_top(row) + _bottom(row)) / 2
        if len(row) > 1 or (len(wide) > 1 and wide[0] < middle < wide[-1]):
            break
        if foreign[i]:
            count = i + 1
    return count


def _is_foreign(line: Line, box: Box) -> bool:
    long = is_prose(line) and line.box.width > 0.6 * box.width
    return long or _CAPTION.match(line.text) is not None


def _top(row: Sequence[Line]) -> float:
    return min(line.box.y0 for line in row)


def _bottom(row: Sequence[Line]) -> float:
    return max(line.box.y1 for line in row)
