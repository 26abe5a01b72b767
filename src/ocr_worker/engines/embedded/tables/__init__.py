"""Tables of the embedded engine: from a table's lines and rules to cells, HTML and Markdown.

`find_cells` takes the cells from the rules where these close most of the columns (`grid`), else from the alignment of
the words (`alignment`, `columns`). `to_html` and `to_markdown` write them. `detection` finds the tables of a page, and
`bounds` corrects their boxes; neither reads the pixels, which is the task of `layout`. `thresholds` has the numbers
that can be tuned. All functions are pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from ocr_worker.engines.embedded.escaping import Write, escape_text
from ocr_worker.engines.embedded.geometry import Box, x_overlap, y_overlap
from ocr_worker.engines.embedded.geometry import bounds as bounds_of
from ocr_worker.engines.embedded.layout.rules import Rules, levels, ruled_length
from ocr_worker.engines.embedded.lines import Line, line_height, rows
from ocr_worker.engines.embedded.tables.alignment import align_rows
from ocr_worker.engines.embedded.tables.columns import (
    Piece,
    find_gutters,
    find_rows,
    is_number,
    join_bullets,
    split_at_leaders,
    tighten,
)
from ocr_worker.engines.embedded.tables.grid import find_ruled_cells
from ocr_worker.engines.embedded.tables.leveling import make_level
from ocr_worker.engines.embedded.tables.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.text import row_ends, row_text
from ocr_worker.engines.text_layer.joins import joined

_UNIT = re.compile(r"\(.+\)|\[.+\]")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table; row and column count from 0, spans from 1."""

    row: int
    column: int
    text: str
    row_span: int = 1
    column_span: int = 1


def find_cells(box: Box, lines: Sequence[Line], rules: Rules) -> list[Cell]:
    """Return the table's cells, by row and column.

    box: the table's, in pixels of the page. lines: those of the table. rules: those of the whole page.
    """
    if not lines:
        return []
    lines = [join_bullets(line) for line in tighten(lines)]
    height = line_height(lines)
    slack = THRESHOLDS.same_level * height
    ruled = drop_strokes(rules.within(box, height), lines)
    lines, ruled = make_level(box, lines, ruled, height)
    lines = [part for line in lines for part in split_at_leaders(line)]
    xs = levels([rule.center[0] for rule in ruled.down], slack)
    ys = levels([rule.center[1] for rule in ruled.across], slack)
    columns = len(find_gutters(find_rows(lines), height)) + 1
    if xs and ys and _close_body(box, xs, ruled.down, slack):
        wide_xs = _enclose(xs, box.x0, box.x1, [line.box.center[0] for line in lines])
        wide_ys = _enclose(ys, box.y0, box.y1, [line.box.center[1] for line in lines])
        if min(len(wide_xs), len(wide_ys)) >= THRESHOLDS.min_grid_edges:
            ruled_cells = find_ruled_cells(wide_xs, wide_ys, lines, ruled)
            closed = max((column + right for _, column, _, right, _ in ruled_cells), default=0)
            if closed > THRESHOLDS.ruled_columns * columns:
                cells = [Cell(row, column, _cell_text(texts), *spans) for row, column, *spans, texts in ruled_cells]
                return _without_false(cells)
    # The rules close no more than a few of the columns. The alignment of the words shows the others.
    min_length = THRESHOLDS.column_rule * box.height
    long = [x for x in xs if ruled_length(ruled.down, 1, x, (box.y0, box.y1), slack) > min_length]
    inner = [x for x in long if box.x0 + height < x < box.x1 - height]
    return _cells(align_rows(box, lines, ruled, inner))


def _close_body(box: Box, xs: Sequence[float], down: Sequence[Box], slack: float) -> bool:
    """Return whether a rule down runs along more than the headings: else only these are in boxes."""
    lengths = [ruled_length(down, 1, x, (box.y0, box.y1), slack) for x in xs]
    return max(lengths) > THRESHOLDS.heading_rule * box.height


def _without_false(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells without rows and columns in which no text is alone, and which most of the texts cross.

    They come from a false or a double rule. An empty column between rules, with cells of its own, is a column.
    """
    by_row = _without_false_columns([_turned(cell) for cell in _without_false_columns(cells)])
    return sorted(map(_turned, by_row), key=lambda cell: (cell.row, cell.column))


def _turned(cell: Cell) -> Cell:
    return Cell(cell.column, cell.row, cell.text, cell.column_span, cell.row_span)


def _without_false_columns(cells: Sequence[Cell]) -> list[Cell]:
    kept = list(cells)
    for column in reversed(range(max((cell.column + cell.column_span for cell in cells), default=0))):
        covering = [cell for cell in kept if cell.column <= column < cell.column + cell.column_span]
        alone = [cell for cell in covering if cell.column_span == 1]
        crossing = sum(cell.row_span for cell in covering if cell.column_span > 1)
        is_strip = len(covering) == 1 and covering[0].row_span > 1  # between two rules that are one
        if any(cell.text for cell in alone) or (crossing <= sum(cell.row_span for cell in alone) and not is_strip):
            continue
        spans = [(cell, cell.column_span - (cell in covering)) for cell in kept]
        kept = [
            replace(cell, column=cell.column - (cell.column > column), column_span=span) for cell, span in spans if span
        ]
    return kept


def drop_strokes(rules: Rules, lines: Sequence[Line]) -> Rules:
    """Return the rules without those that run through text: strokes of letters, leaders (`.....`), strike-throughs."""
    words = [run for line in lines for run in _runs(line)]
    # Leaders are at the foot of the line. A rule at its top is the table's.
    text_boxes = [line.box._replace(y0=line.box.y0 + THRESHOLDS.above_text * line.box.height) for line in lines]

    def length_over_text(rule: Box) -> float:
        y = (rule.y0 + rule.y1) / 2
        return sum(max(0.0, x_overlap(rule, box)) for box in text_boxes if box.y0 < y < box.y1)

    def length_through_words(rule: Box) -> float:
        x = (rule.x0 + rule.x1) / 2
        return sum(max(0.0, y_overlap(rule, word)) for word in words if word.x0 < x < word.x1)

    across = (rule for rule in rules.across if length_over_text(rule) < THRESHOLDS.max_over_text * rule.width)
    down = (rule for rule in rules.down if length_through_words(rule) < THRESHOLDS.max_through_words * rule.height)
    return Rules(tuple(across), tuple(down))


def _runs(line: Line) -> list[Box]:
    """Return the boxes of the line's words, those no farther apart than words of a sentence together."""
    runs: list[Box] = []
    for word in line.words:
        if runs and word.box.x0 - runs[-1].x1 < THRESHOLDS.word_gap * line.box.height:
            runs[-1] = bounds_of((runs[-1], word.box))
        else:
            runs.append(word.box)
    return runs


def part_titles(cells: Sequence[Cell]) -> tuple[list[str], list[Cell]]:
    """Return the titles in the first rows, over several columns and without other cells, and the rest of the table.

    Below a title are headings: several texts without numbers. The text over the first rows of a group stays.
    """
    height = max((cell.row + cell.row_span for cell in cells), default=0)
    by_row = [[cell for cell in cells if cell.row == row and cell.text] for row in range(height)]
    count = next((row for row in range(height) if not _is_title(by_row[row])), height)
    headings = by_row[count] if count < height - 1 else []
    if len(headings) < 2 or any(is_number(cell.text) for cell in headings):
        return [], list(cells)
    titles = [cell.text for row in by_row[:count] for cell in row]
    return titles, [replace(cell, row=cell.row - count) for cell in cells if cell.row >= count]


def _is_title(row: Sequence[Cell]) -> bool:
    """Return whether a row has nothing but a text over several columns, and perhaps a unit or the like in brackets."""
    title = row[0] if row else None
    is_wide = title is not None and title.column == 0 and title.column_span > 1
    return is_wide and all(cell.row_span == 1 for cell in row) and all(_UNIT.fullmatch(cell.text) for cell in row[1:])


def to_html(cells: Sequence[Cell]) -> str:
    """Return the table as PaddleOCR-VL writes it: rows of `td`, with spans."""
    lines: dict[int, list[str]] = {cell.row: [] for cell in cells}
    for cell in cells:
        spans = f' rowspan="{cell.row_span}"' * (cell.row_span > 1) + f' colspan="{cell.column_span}"' * (
            cell.column_span > 1
        )
        lines[cell.row].append(f"<td{spans}>{escape(cell.text, quote=False)}</td>")
    height = max((cell.row + cell.row_span for cell in cells), default=0)
    return "<table>" + "".join(f"<tr>{''.join(lines.get(row, []))}</tr>" for row in range(height)) + "</table>"


def to_markdown(cells: Sequence[Cell], write: Write = escape_text) -> str:
    """Return the table with pipes, its first row as the head. write: of the cells' text.

    Pipes have no spans, so a table in which a text spans rows, or some of the columns, is written as HTML. A text over
    all columns is written once, in the first. Rows and columns without any text are left out.
    """
    height = max((cell.row + cell.row_span for cell in cells), default=0)
    width = max((cell.column + cell.column_span for cell in cells), default=0)
    if any(cell.text and (cell.row_span > 1 or 1 < cell.column_span < width) for cell in cells):
        return to_html(cells)
    grid = [[""] * width for _ in range(height)]
    for cell in cells:
        grid[cell.row][cell.column] = write(cell.text, "cell")
    full_rows = [row for row in grid if any(row)]
    columns = [j for j in range(width) if any(row[j] for row in full_rows)]
    lines = [f"| {' | '.join(row[j] for j in columns)} |" for row in full_rows]
    return "\n".join([*lines[:1], f"|{' --- |' * len(columns)}", *lines[1:]])


def _cells(piece_rows: Sequence[Sequence[Piece]]) -> list[Cell]:
    """Return cells from rows of pieces. Missing positions become empty cells."""
    width = max((piece.last + 1 for row in piece_rows for piece in row), default=0)
    cells = []
    for i, row in enumerate(piece_rows):
        column = 0
        while column < width:
            pieces = [piece for piece in row if piece.first <= column <= piece.last]
            last = max((piece.last for piece in pieces), default=column)
            pieces = [piece for piece in row if column <= piece.first <= last]
            last = max((piece.last for piece in pieces), default=column)
            cells.append(Cell(i, column, _cell_text([piece.line for piece in pieces]), 1, last - column + 1))
            column = last + 1
    return cells


def _enclose(edges: Sequence[float], start: float, end: float, centers: Sequence[float]) -> list[float]:
    """Return the edges, plus the table's own edge on each open side that has text.

    centers: of the lines, along the same axis.
    """
    before = [min(start, edges[0])] if any(center < edges[0] for center in centers) else []
    after = [max(end, edges[-1])] if any(center > edges[-1] for center in centers) else []
    return [*before, *edges, *after]


def _cell_text(lines: Sequence[Line]) -> str:
    if not lines:
        return ""
    stacked = rows(lines)
    text = row_text(stacked[0])
    for row, end_above in zip(stacked[1:], row_ends(stacked), strict=False):
        text = joined(text, row_text(row), end=end_above)
    return text
