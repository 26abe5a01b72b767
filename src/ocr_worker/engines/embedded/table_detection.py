"""Where tables are: those the layout model saw, set right by lines and rules, and those that it did not see. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import mean, median

from ocr_worker.engines.embedded.geometry import Box, bounds, covered, overlap
from ocr_worker.engines.embedded.lines import Line, line_height
from ocr_worker.engines.embedded.regions import PROSE, Detection
from ocr_worker.engines.embedded.rules import Rules, grids, levels
from ocr_worker.engines.embedded.table_alignment import wide_rules
from ocr_worker.engines.embedded.table_columns import find_gutters, is_number, place, text_rows, tightened
from ocr_worker.engines.embedded.tables import table_cells, without_strokes

Rows = list[list[Line]]
MIN_ROWS, MIN_TEXT_ROWS = 3, 4
SENTENCE = 8  # words that stand together in a sentence, seldom in a cell's line
# Line heights of white, at most: between rows of a table, to a row that belongs to it, to a column that does.
FAR_DOWN, NEXT, BESIDE = 2.5, 1.2, 4.0
TALL, NARROW, FULL = 0.5, 0.6, 0.7  # shares of the text's height and width, and of a column's width
MIN_CELLS = 0.4  # of a grid's cells hold text, or it is a chart's
MIN_FILLED, MIN_NUMBERS = 0.5, 0.3  # shares of a table's places, and of the texts beside its first column
MOST, MAIN_PART = 0.8, 0.5  # of a detection's lines, of its area
SEEN = 0.8  # the layout model's certainty from which on a rule less tells
LONG_TEXT = 300  # characters of a cell
_CAPTION = re.compile(r"(table|tab\.|figure|fig\.|tableau|tabelle|tabla|tabella|表|图)\s*\d", re.IGNORECASE)
_INDEX_ENTRY = re.compile(r".*[^\W\d].*,\s*\d+([-–,\s]+\d+)*")


def with_tables(detections: Sequence[Detection], rules: Rules, lines: Sequence[Line]) -> list[Detection]:
    """The detections, their tables set right, and tables that the layout model did not see as such."""
    lines = tightened(lines)
    rules = without_strokes(rules, lines)
    known = [seen for seen in detections if seen.label == "table"]
    others = [seen for seen in detections if seen.label != "table"]
    columns = _columns(others, lines)
    height = line_height(lines)
    ruled = grids(rules, 0.3 * height)
    known = [seen for seen in known if not _holds_tables(seen.box, ruled, lines)]
    settled = [_settled(seen, rules, _outside(lines, columns, seen.box)) for seen in known]
    fitted = [seen for seen in settled if not _is_layout(seen.box, lines, rules)]
    sure = [seen.box for seen in fitted if seen.score == 1.0]
    pictures = [seen.box for seen in others if seen.label == "image" and not _has_prose(seen.box, lines)]
    clear = [seen.box for seen in others if seen.box in pictures and seen.score > SEEN]
    free = _outside(lines, [*sure, *clear, *columns])
    parts = [free, *([line for line in lines if box.contains(line.box.center)] for box in clear)]
    ruled = [box for box in ruled if _holds_text(box, lines, rules, height) and not _is_layout(box, lines, rules)]
    found = [box for box in [*ruled, *(b for part in parts for b in find_tables(part, rules))] if not any(_is_detail(box, o) for o in pictures)]
    for box in found:
        if not any(covered(box, other) > 0.5 for other in sure):
            sure.append(box)
            whole = [seen.box for seen in fitted if covered(box, seen.box) > 0.5 and box.area > MAIN_PART * seen.box.area]
            fitted = [seen for seen in fitted if seen.score == 1.0 or covered(box, seen.box) < 0.5]
            fitted.append(Detection("table", bounds([box, *whole]), 1.0))
    return [*(seen for seen in others if not any(covered(seen.box, box) > 0.7 for box in sure)), *fitted]


def _outside(lines: Sequence[Line], boxes: Sequence[Box], own: Box | None = None) -> list[Line]:
    """The lines outside these boxes, or in the own one."""
    at = [line.box.center for line in lines]
    return [
        line
        for line, center in zip(lines, at, strict=True)
        if (own and own.contains(center)) or not any(box.contains(center) for box in boxes)
    ]


def _columns(seen: Sequence[Detection], lines: Sequence[Line]) -> list[Box]:
    """Columns of the page: text clearly seen as such, tall, its lines as wide as it is, and the page wider."""
    texts = [other.box for other in seen if other.label in PROSE and other.score > SEEN]
    whole = bounds(line.box for line in lines) if lines else Box(0, 0, 0, 0)
    tall = [box for box in texts if box.height > TALL * whole.height and box.width < NARROW * whole.width]
    widths = [[line.box.width for line in lines if box.contains(line.box.center)] for box in tall]
    return [box for box, own in zip(tall, widths, strict=True) if own and median(own) > FULL * box.width]


def _holds_tables(box: Box, ruled: Sequence[Box], lines: Sequence[Line]) -> bool:
    """Whether it is several grids, with hardly any text beside them but some between: each is a table by itself."""
    parts = [grid for grid in ruled if covered(grid, box) > 0.9]
    inside = [line.box for line in lines if box.contains(line.box.center)]
    others = [line for line in inside if not any(grid.contains(line.center) for grid in parts)]
    between = any(
        any(grid.y1 < line.center[1] for grid in parts) and any(line.center[1] < grid.y0 for grid in parts)
        for line in others
    )
    return between and len(others) < (1 - MOST) * len(inside)


def _is_layout(box: Box, lines: Sequence[Line], rules: Rules) -> bool:
    """Whether it is boxes on a page, no table: a text of its own in a cell, and most words in cells that span others."""
    cells = table_cells(box, [line for line in lines if box.contains(line.box.center)], rules)
    spanning = sum(len(cell.text) for cell in cells if cell.column_span > 1)
    longest = max((len(cell.text) for cell in cells), default=0)
    return longest > LONG_TEXT and 2 * spanning > sum(len(cell.text) for cell in cells)


def _settled(seen: Detection, rules: Rules, lines: Sequence[Line]) -> Detection:
    """The table in its right bounds; what stands in columns like a table's is certain to be one."""
    box = _fitted(seen.box, lines, rules)
    inside = [line for line in lines if box.contains(line.box.center)]
    height = line_height(inside)
    if not find_gutters(text_rows(inside), height) and not rules.within(box.grown(-height), 0.0).down:
        return replace(seen, label="text")  # one column: a listing in a frame, a box of text
    wide = wide_rules(box, rules.within(box, height), height)
    certain = len(wide) > (1 if seen.score > SEEN else 2) or _is_table(text_rows(inside), height)
    return Detection("table", box, 1.0 if certain else seen.score)


def _has_prose(box: Box, lines: Sequence[Line]) -> bool:
    return sum(_is_prose(line) for line in lines if box.contains(line.box.center)) > 1


def _is_detail(box: Box, picture: Box) -> bool:
    """Whether it is only a part of a picture, as the figures along a chart's axis are."""
    return covered(box, picture) > 0.5 and box.area < 0.5 * picture.area


def find_tables(lines: Sequence[Line], rules: Rules) -> list[Box]:
    """Blocks of lines that stand in columns like a table's, whether ruled or not.

    Three rows and three columns at least, or two columns of which the second has numbers; no prose, no index, no
    table of contents.
    """
    height = line_height(lines)
    return [
        _extended(bounds(line.box for row in block for line in row), lines, rules, height)
        for block in _blocks(text_rows(lines), height)
        if _is_table(block, height)
    ]


def _holds_text(box: Box, lines: Sequence[Line], rules: Rules, height: float) -> bool:
    """Whether text stands in many of the grid's cells, and none reaches out as it does where rules are a drawing's."""
    inside = [line.box for line in lines if box.contains(line.box.center)]
    own = rules.within(box, 0.3 * height)
    across, down = levels([r.center[1] for r in own.across], height), levels([r.center[0] for r in own.down], height)
    filled = {(sum(y < b.center[1] for y in across), sum(x < b.center[0] for x in down)) for b in inside}
    enough = max(3.0, MIN_CELLS * (len(across) - 1) * (len(down) - 1))
    return len(filled) >= enough and not any(line.x0 < box.x0 - height or line.x1 > box.x1 + height for line in inside)


def _blocks(found: Rows, height: float) -> list[Rows]:
    """Rows that may be a table's and stand under one another; among them single lines, as a section's heading is."""
    blocks: list[Rows] = []
    open_block: Rows = []
    for row in found:
        cells = [line for line in row if not _is_prose(line)]
        if open_block and (not cells or _gap(open_block[-1], cells) > FAR_DOWN * height):
            blocks.append(open_block)
            open_block = []
        if _may_be_row(cells) or (open_block and len(cells) == len(row) == 1):
            open_block.append(cells)
        elif open_block:
            blocks.append(open_block)
            open_block = []
    blocks.append(open_block)
    return [block for block in map(_without_single_ends, blocks) if len(block) >= MIN_ROWS]


def _is_prose(line: Line) -> bool:
    return len(line.text.split()) >= SENTENCE


def _may_be_row(row: Sequence[Line]) -> bool:
    return len(row) > 2 or (len(row) == 2 and is_number(row[1].text))


def _gap(above: Sequence[Line], below: Sequence[Line]) -> float:
    return min(line.box.y0 for line in below) - max(line.box.y1 for line in above)


def _without_single_ends(block: Rows) -> Rows:
    several = [i for i, row in enumerate(block) if len(row) > 1]
    return block[several[0] : several[-1] + 1] if several else []


def _is_table(block: Rows, height: float) -> bool:
    rows = [row for row in block if _may_be_row(row)]
    if len(rows) < MIN_ROWS or len(rows) < 0.5 * len(block):
        return False
    gutters = find_gutters(rows, height)
    if not gutters:
        return False
    placed = [place(row, gutters, height) for row in rows]
    filled = mean(len({piece.first for piece in row}) for row in placed) / (len(gutters) + 1)
    beside = [piece.line.text for row in placed for piece in row if piece.first]
    numbers = sum(map(is_number, beside)) / max(1, len(beside))
    texts = [line.text for row in rows for line in row]
    if sum(bool(_INDEX_ENTRY.fullmatch(text)) for text in texts) > 0.25 * len(texts) or filled < MIN_FILLED:
        return False
    last = [piece.line.text for row in placed for piece in row if piece.first == len(gutters)]
    if len(gutters) < 3 and _counts_up(last):
        return False
    if len(gutters) == 1:
        return numbers > 0.8
    short = mean(len(text.split()) for text in texts) < 3 and filled > 0.75 and len(rows) >= MIN_TEXT_ROWS
    return numbers >= MIN_NUMBERS or short


def _counts_up(texts: Sequence[str]) -> bool:
    """Whether these are the page numbers of a table of contents: hardly any two in the wrong order."""
    numbers = [int(text) for text in texts if text.strip().isdecimal()]
    falls = sum(a > b for a, b in pairwise(numbers))
    return len(numbers) > max(4, 0.7 * len(texts)) and falls < 0.1 * len(numbers)


def _fitted(box: Box, lines: Sequence[Line], rules: Rules) -> Box:
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
    return _extended(_widened(box, lines, height), lines, rules, height)


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
        if close and len(near) > 0.5 * len(rows) and len(rows) > 1 and not any(map(_is_prose, near)):
            box = bounds((box, *(line.box for line in near)))
    return box


def _trimmed(box: Box, inside: Sequence[Line], rules: Rules, height: float) -> Box:
    found = text_rows(inside)
    wide = wide_rules(box, rules.within(box, height), height)
    outer = [len(row) == 1 and _is_foreign(row[0], box) for row in found]
    first = _foreign_ends(outer, found, wide, 1)
    last = len(found) - _foreign_ends(outer[::-1], found[::-1], wide, -1)
    if last - first < 2:
        return box
    top = box.y0 if not first else (_bottom(found[first - 1]) + _top(found[first])) / 2
    end = box.y1 if last == len(found) else (_bottom(found[last - 1]) + _top(found[last])) / 2
    return Box(box.x0, top, box.x1, end)


def _foreign_ends(foreign: Sequence[bool], found: Rows, wide: Sequence[float], way: int) -> int:
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
    long = len(line.text.split()) >= SENTENCE and line.box.width > 0.6 * box.width
    return long or _CAPTION.match(line.text) is not None


def _extended(box: Box, lines: Sequence[Line], rules: Rules, height: float) -> Box:
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
            foreign = any(_is_prose(piece.line) or _CAPTION.match(piece.line.text) for piece in placed)
            if gap > NEXT * height or foreign:
                break
            edge = bounds((edge, own))
            if len({piece.first for piece in placed}) > 1:
                box = edge  # a single text between such rows is the table's as well
    return box


def _top(row: Sequence[Line]) -> float:
    return min(line.box.y0 for line in row)


def _bottom(row: Sequence[Line]) -> float:
    return max(line.box.y1 for line in row)
