"""Where tables are: those the layout model saw, set right by lines and rules, and those that it did not see. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import mean, median

from ocr_worker.engines.embedded.geometry import Box, bounds, covered
from ocr_worker.engines.embedded.layout.regions import PROSE, Detection
from ocr_worker.engines.embedded.layout.rules import Rules, grids, levels
from ocr_worker.engines.embedded.lines import Line, line_height
from ocr_worker.engines.embedded.tables import table_cells, without_strokes
from ocr_worker.engines.embedded.tables.alignment import wide_rules
from ocr_worker.engines.embedded.tables.bounds import Rows, extended, fitted, is_prose
from ocr_worker.engines.embedded.tables.columns import find_gutters, is_number, place, text_rows, tightened

MIN_ROWS, MIN_TEXT_ROWS = 3, 4
FAR_DOWN = 2.5  # line heights of white between rows of a table, at most
TALL, NARROW, FULL = 0.5, 0.6, 0.7  # shares of the text's height and width, and of a column's width
MIN_CELLS = 0.4  # of a grid's cells hold text, or it is a chart's
MIN_FILLED, MIN_NUMBERS = 0.5, 0.3  # shares of a table's places, and of the texts beside its first column
MOST, MAIN_PART = 0.8, 0.5  # of a detection's or a page's lines, of a detection's area
SEEN = 0.8  # the layout model's certainty from which on a rule less tells
LONG_TEXT, LONG_LINE = 300, 25  # characters of a cell, and of a line in it
_INDEX_ENTRY = re.compile(r".*[^\W\d].*,\s*\d+([-–,\s]+\d+)*")


def with_tables(detections: Sequence[Detection], rules: Rules, lines: Sequence[Line]) -> list[Detection]:
    """The detections, their tables set right, and tables that the layout model did not see as such."""
    lines = tightened(lines)
    rules = without_strokes(rules, lines)
    others = [seen for seen in detections if seen.label != "table"]
    ruled = grids(rules, 0.3 * line_height(lines))
    columns = _columns(others, lines)
    known = [seen for seen in detections if seen.label == "table" and not _holds_tables(seen.box, ruled, lines)]
    tables: list[Detection] = []
    for seen in sorted(known, key=lambda seen: -seen.score):
        table = _settled(seen, rules, [line for line in lines if _is_in(line, [seen.box]) or not _is_in(line, columns)])
        if not _grew_over(seen.box, table.box, tables) and not _is_layout(table.box, lines, rules):
            tables.append(table)
    sure = [seen.box for seen in tables if seen.score == 1.0]
    for box in _unseen(others, ruled, [*sure, *columns], lines, rules):
        if not any(covered(box, other) > 0.5 for other in sure) and not _is_layout(box, lines, rules):
            unsure = [seen for seen in tables if seen.score < 1.0 and covered(box, seen.box) >= 0.5]
            whole = [seen.box for seen in unsure if box.area > MAIN_PART * seen.box.area]
            sure.append(bounds([box, *whole]))
            tables = [*(seen for seen in tables if seen not in unsure), Detection("table", sure[-1], 1.0)]
    return [*(seen for seen in others if not any(covered(seen.box, box) > 0.7 for box in sure)), *tables]


def _unseen(
    others: Sequence[Detection], ruled: Sequence[Box], taken: Sequence[Box], lines: Sequence[Line], rules: Rules
) -> list[Box]:
    """Tables that the layout model did not see: grids with text in them, and lines that stand as in a table.

    others: what it saw; taken: where the lines are not free. What is clearly a picture is searched by itself.
    """
    height = line_height(lines)
    pictures = [seen for seen in others if seen.label == "image" and not _is_text(seen, lines)]
    clear = [seen.box for seen in pictures if seen.score > SEEN]
    parts = [[line for line in lines if not _is_in(line, [*taken, *clear])]]
    parts += [[line for line in lines if _is_in(line, [box])] for box in clear]
    found = [box for box in ruled if _holds_text(box, lines, rules, height)]
    found += [box for part in parts for box in find_tables(part)]
    return [box for box in found if not any(_is_detail(box, seen.box) for seen in pictures)]


def _is_in(line: Line, boxes: Sequence[Box]) -> bool:
    return any(box.contains(line.box.center) for box in boxes)


def _columns(seen: Sequence[Detection], lines: Sequence[Line]) -> list[Box]:
    """Columns of the page: text clearly seen as such, tall, its lines as wide as it is, and the page wider."""
    texts = [other.box for other in seen if other.label in PROSE and other.score > SEEN]
    whole = bounds(line.box for line in lines) if lines else Box(0, 0, 0, 0)
    tall = [box for box in texts if box.height > TALL * whole.height and box.width < NARROW * whole.width]
    widths = [[line.box.width for line in lines if box.contains(line.box.center)] for box in tall]
    return [box for box, own in zip(tall, widths, strict=True) if own and median(own) > FULL * box.width]


def _grew_over(before: Box, after: Box, others: Sequence[Detection]) -> bool:
    """Whether a table that was made larger covers one seen more clearly: it was a caption or a part of that."""
    return any(covered(other.box, after) > 0.5 > covered(other.box, before) for other in others)


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
    """Whether it is boxes on a page: a long text in one of them, and most words in cells that span others."""
    inside = [line for line in lines if _is_in(line, [box])]
    if sum(len(line.text) for line in inside if len(line.text) > LONG_LINE) < LONG_TEXT:
        return False
    cells = table_cells(box, inside, rules)
    spanning = sum(len(cell.text) for cell in cells if cell.column_span > 1)
    longest = max((len(cell.text) for cell in cells), default=0)
    return longest > LONG_TEXT and 2 * spanning > sum(len(cell.text) for cell in cells)


def _settled(seen: Detection, rules: Rules, lines: Sequence[Line]) -> Detection:
    """The table in its right bounds; what stands in columns like a table's is certain to be one."""
    box = fitted(seen.box, lines, rules)
    inside = [line for line in lines if box.contains(line.box.center)]
    height = line_height(inside)
    if not find_gutters(text_rows(inside), height) and not rules.within(box.grown(-height), 0.0).down:
        return replace(seen, label="text")  # one column: a listing in a frame, a box of text
    wide = wide_rules(box, rules.within(box, height), height)
    certain = len(wide) > (1 if seen.score > SEEN else 2) or _is_table(text_rows(inside), height)
    return Detection("table", box, 1.0 if certain else seen.score)


def _is_text(seen: Detection, lines: Sequence[Line]) -> bool:
    """Whether a picture is none: sentences stand there or, where it is not clearly seen, most of the page."""
    inside = [line for line in lines if _is_in(line, [seen.box])]
    return sum(map(is_prose, inside)) > 1 or (seen.score <= SEEN and len(inside) > MOST * len(lines))


def _is_detail(box: Box, picture: Box) -> bool:
    """Whether it is only a part of a picture, as the figures along a chart's axis are."""
    return covered(box, picture) > 0.5 and box.area < 0.5 * picture.area


def find_tables(lines: Sequence[Line]) -> list[Box]:
    """Blocks of lines that stand in columns like a table's, whether ruled or not.

    Three rows and three columns at least, or two columns of which the second has numbers; no prose, no index, no
    table of contents.
    """
    height = line_height(lines)
    return [
        extended(bounds(line.box for row in block for line in row), lines, height)
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
        cells = [line for line in row if not is_prose(line)]
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
    # Two addresses side by side are those of a paper's authors.
    if not gutters or any(sum("@" in line.text for line in row) > 1 for row in rows):
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
