"""Bounds of a table: its box with all of its rows and columns, and without captions and prose.

The layout model's box of a table often misses an outer row or the column of labels, or includes the caption or a
paragraph. `fit_box` corrects it from the lines and rules of the page, and `extend_box` adds rows at both ends. The
module neither decides what is a table (`detection`) nor cuts cells. All functions are pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ocr_worker.engines.embedded.geometry import Box, bounds, covered, overlap
from ocr_worker.engines.embedded.layout.rules import Rules, grids, levels
from ocr_worker.engines.embedded.lines import Line, line_height
from ocr_worker.engines.embedded.tables.alignment import find_wide_rules
from ocr_worker.engines.embedded.tables.columns import Piece, find_gutters, find_rows, is_number, place, place_headings
from ocr_worker.engines.embedded.tables.thresholds import THRESHOLDS

Rows = list[list[Line]]
_YEAR = re.compile(r"(19|20)\d\d[*†]?")
_CAPTION = re.compile(r"(table|tab\.|figure|fig\.|tableau|tabelle|tabla|tabella|表|图)\s*\d", re.IGNORECASE)


def fit_box(box: Box, lines: Sequence[Line], rules: Rules) -> Box:
    """Return the table's box with the rows at its edges that it misses, and without captions and prose at its ends.

    lines and rules: those of the page.
    """
    inside = [line for line in lines if box.contains(line.box.center)]
    if not inside:
        return box
    height = line_height(inside)
    boxes = grids(rules, THRESHOLDS.grid_margin * height)
    for grid in boxes:
        if is_same_table(grid, box):
            return _complete_grid(grid, rules.within(box, 0.0), inside, height)
    box = _widen_to_rules(_trim(box, inside, rules, height), rules, height)
    box = _widen_to_labels(_widen_to_lines(box, lines), lines, height)
    return extend_box(box, lines, height)


def _complete_grid(grid: Box, rules: Rules, detected: Sequence[Line], height: float) -> Box:
    """Return the grid with what the detected table has above and below it: headings in a frame of their own, sums.

    rules: those in the detected table. detected: its lines.
    """
    above = [line for line in detected if line.box.center[1] < grid.y0]
    frame = [rule for rule in rules.across if abs(rule.x0 - grid.x0) + abs(rule.x1 - grid.x1) < height]
    top = min((rule.y0 for rule in frame), default=grid.y0)
    headings = find_rows([line for line in above if line.box.center[1] > top])
    if 0 < len(headings) <= THRESHOLDS.max_head_rows and not any(is_prose(line) for row in headings for line in row):
        grid = grid._replace(y0=min(grid.y0, top))
    return extend_box(grid, detected, height, is_framed=True)


def _widen_to_lines(box: Box, lines: Sequence[Line]) -> Box:
    """Return the box with the lines that its left or right edge cuts, if it cuts a line in most of its rows."""
    rows = [row for row in find_rows(lines) if box.y0 < (_top(row) + _bottom(row)) / 2 < box.y1]
    for x in (box.x0, box.x1):
        cut = [line.box for row in rows for line in row if line.box.x0 < x < line.box.x1]
        if len(rows) > 1 and len(cut) > THRESHOLDS.labeled_rows * len(rows):
            around = bounds(cut)
            box = box._replace(x0=min(box.x0, around.x0), x1=max(box.x1, around.x1))
    return box


def is_same_table(grid: Box, box: Box) -> bool:
    """Return whether a grid of rules and a detected table are mostly the same."""
    return min(covered(grid, box), covered(box, grid)) > THRESHOLDS.same_grid


def is_prose(line: Line) -> bool:
    """Return whether the line has as many words, beside numbers, as lines of sentences have, and cells seldom have."""
    return sum(not is_number(word) for word in line.text.split()) >= THRESHOLDS.sentence_words


def extend_box(box: Box, lines: Sequence[Line], height: float, *, is_framed: bool = False) -> Box:
    """Return the box with the next rows above and below, as far as they are close and fill several of its columns.

    height: of a line, in pixels. is_framed: rules close the box, so that below it only sums belong to it.
    """
    min_share = THRESHOLDS.beside_overlap
    beside = [line for line in lines if overlap(line.box.x0, line.box.x1, box.x0, box.x1) > min_share * line.box.width]
    rows = find_rows(beside)
    inside = [row for row in rows if box.y0 <= (_top(row) + _bottom(row)) / 2 <= box.y1]
    gutters = find_gutters(inside, height)
    if not gutters:
        return box
    slack = THRESHOLDS.next_row_overlap * height
    rows_above = [row for row in reversed(rows) if _bottom(row) <= _top(inside[0]) + slack]
    rows_below = [row for row in rows if _top(row) >= _bottom(inside[-1]) - slack]
    for outer_rows, direction in ((rows_above, -1), (rows_below, 1)):
        edge = start = box
        unnumbered = 0
        for row in outer_rows:
            row_box = bounds(line.box for line in row)
            gap = edge.y0 - row_box.y1 if direction < 0 else row_box.y0 - edge.y1
            placed = (place_headings if direction < 0 else place)(row, gutters, height)
            # One word over each column is no sentence, however many there are.
            is_full = len({piece.first for piece in placed if piece.first == piece.last}) == len(gutters) + 1
            parts = [*(piece.line for piece in placed), *(() if is_full else row)]
            is_foreign = any(is_prose(part) or _CAPTION.match(part.text) for part in parts)
            is_sum = direction > 0 and _are_numbers(placed)
            is_outside = is_framed and direction > 0 and not is_sum
            is_outside |= len(gutters) == 1 and not _is_of_pairs(row, gutters[0], is_below=direction > 0)
            if gap > (THRESHOLDS.sum_gap if is_sum else THRESHOLDS.row_gap) * height or is_foreign or is_outside:
                break
            edge = bounds((edge, row_box))
            unnumbered += not any(is_number(piece.line.text) for piece in placed if piece.first)
            if direction < 0 and unnumbered > THRESHOLDS.max_head_rows:
                box = start  # more than headings: another part of the page
                break
            if len({piece.first for piece in placed}) > 1 or (direction < 0 and _heads(row, inside, gutters, height)):
                box = edge  # a single text between such rows is the table's as well
    return box


def _is_of_pairs(row: Sequence[Line], gutter: float, *, is_below: bool) -> bool:
    """Return whether a row may be of a table of two columns: no text crosses the gutter; below, a number ends it.

    gutter: its x, in pixels.
    """
    if is_below:
        return len(row) > 1 and is_number(row[-1].text)
    return not any(line.box.x0 < gutter < line.box.x1 for line in row)


def _are_numbers(pieces: Sequence[Piece]) -> bool:
    """Return whether a row has a number in two columns or more, beside its label nothing else, and each in one."""
    values = [piece for piece in pieces if piece.first > 0]
    return len(values) > 1 and all(is_number(value.line.text) and value.first == value.last for value in values)


def _heads(row: Sequence[Line], inside: Rows, gutters: Sequence[float], height: float) -> bool:
    """Return whether the row is a year, or a single text centered over the columns beside the labels, not over all."""
    values = [line.box for other in inside for line in other if line.box.x0 > gutters[0]]
    if len(row) == 1 and row[0].box.x0 > gutters[0] and _YEAR.fullmatch(row[0].text):
        return True
    if len(row) > 1 or len(gutters) < 2 or not values or row[0].box.x0 < gutters[0]:
        return False
    middles = [area.center[0] for area in (bounds(values), bounds(line.box for other in inside for line in other))]
    to_values, to_table = (abs(row[0].box.center[0] - middle) for middle in middles)
    return to_values < THRESHOLDS.heading_center * height < to_table


def _widen_to_rules(box: Box, rules: Rules, height: float) -> Box:
    """Return the box as wide as the rules across it, where two or more begin and end alike."""
    min_share = THRESHOLDS.rule_overlap
    across = [
        rule
        for rule in rules.across
        if box.y0 - height < rule.center[1] < box.y1 + height
        and overlap(rule.x0, rule.x1, box.x0, box.x1) > min_share * min(rule.width, box.width)
    ]
    for rule in across:
        alike = [other for other in across if abs(other.x0 - rule.x0) + abs(other.x1 - rule.x1) < height]
        if len(levels([other.center[1] for other in alike], height)) > 1:
            box = Box(min(box.x0, rule.x0), box.y0, max(box.x1, rule.x1), box.y1)
    return box


def _widen_to_labels(box: Box, lines: Sequence[Line], height: float) -> Box:
    """Return the box with a column at its left or right in which most of its rows have text: often the labels."""
    rows = [row for row in find_rows(lines) if box.y0 < (_top(row) + _bottom(row)) / 2 < box.y1]
    for direction in (-1, 1):
        nearest = []
        for row in rows:
            beyond = [
                line
                for line in row
                if (line.box.x1 < box.x0 + height if direction < 0 else line.box.x0 > box.x1 - height)
            ]
            nearest += [max(beyond, key=lambda line: -direction * line.box.center[0])] if beyond else []
        gaps = [box.x0 - line.box.x1 if direction < 0 else line.box.x0 - box.x1 for line in nearest]
        max_gap = max(THRESHOLDS.column_gap * height, THRESHOLDS.column_gap_width * box.width)
        is_close = bool(gaps) and (min(gaps) < max_gap or (direction < 0 and _are_level(nearest, rows, box, height)))
        is_column = len(nearest) > THRESHOLDS.labeled_rows * len(rows) and len(rows) > 1
        if is_close and is_column and not any(map(is_prose, nearest)):
            box = bounds((box, *(line.box for line in nearest)))
    return box


def _are_level(labels: Sequence[Line], rows: Rows, box: Box, height: float) -> bool:
    """Return whether the labels begin alike, each level with a row of the box, and most of its rows have one."""
    filled = [row for row in rows if any(box.contains(line.box.center) for line in row)]
    starts = [label.box.x0 for label in labels]
    is_aligned = max(starts) - min(starts) < height
    return is_aligned and len(filled) == len(rows) and len(labels) >= THRESHOLDS.level_labels * len(filled)


def _trim(box: Box, inside: Sequence[Line], rules: Rules, height: float) -> Box:
    """Return the box without the captions and the prose at its upper and lower end."""
    rows = find_rows(inside)
    rule_ys = find_wide_rules(box, rules.within(box, height), height)
    foreign = [len(row) == 1 and _is_foreign(row[0], box) for row in rows]
    first = _count_foreign(foreign, rows, rule_ys)
    end = len(rows) - _count_foreign(foreign[::-1], rows[::-1], rule_ys)
    if end - first < 2:
        return box
    y0 = box.y0 if not first else (_bottom(rows[first - 1]) + _top(rows[first])) / 2
    y1 = box.y1 if end == len(rows) else (_bottom(rows[end - 1]) + _top(rows[end])) / 2
    return Box(box.x0, y0, box.x1, y1)


def _count_foreign(foreign: Sequence[bool], rows: Rows, rule_ys: Sequence[float]) -> int:
    """Count the rows from the first on that are not the table's; rows between its outermost rules are."""
    count = 0
    for i, row in enumerate(rows):
        middle = (_top(row) + _bottom(row)) / 2
        if len(row) > 1 or (len(rule_ys) > 1 and rule_ys[0] < middle < rule_ys[-1]):
            break
        if foreign[i]:
            count = i + 1
    return count


def _is_foreign(line: Line, box: Box) -> bool:
    is_paragraph = is_prose(line) and line.box.width > THRESHOLDS.prose_width * box.width
    return is_paragraph or _CAPTION.match(line.text) is not None


def _top(row: Sequence[Line]) -> float:
    return min(line.box.y0 for line in row)


def _bottom(row: Sequence[Line]) -> float:
    return max(line.box.y1 for line in row)
