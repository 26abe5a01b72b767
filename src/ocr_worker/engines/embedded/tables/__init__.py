"""Tables: cells from rules where there are rules, else from how the words are aligned. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ocr_worker.engines.embedded.geometry import Box, x_overlap, y_overlap
from ocr_worker.engines.embedded.layout.rules import Rules, levels, ruled_length
from ocr_worker.engines.embedded.lines import Line, line_height, rows
from ocr_worker.engines.embedded.tables.alignment import aligned_rows
from ocr_worker.engines.embedded.tables.columns import Piece, find_gutters, text_rows, tightened, without_leaders
from ocr_worker.engines.embedded.tables.grid import ruled_spans
from ocr_worker.engines.embedded.text import joined, row_text

# Shares of a rule that may run along lines of text, and down through words.
MAX_OVER_TEXT, MAX_THROUGH_WORDS = 0.7, 0.3
LONGEST_REPEATED = 60  # characters; longer texts are no headings


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell; row and column count from 0, spans from 1."""

    row: int
    column: int
    text: str
    row_span: int = 1
    column_span: int = 1


def table_cells(box: Box, lines: Sequence[Line], rules: Rules) -> list[Cell]:
    """The table's cells, by row and column. rules: of the page."""
    if not lines:
        return []
    lines = tightened(lines)
    height = line_height(lines)
    ruled = without_strokes(rules.within(box, height), lines)
    lines = [part for line in lines for part in without_leaders(line)]
    xs = levels([rule.center[0] for rule in ruled.down], 0.4 * height)
    ys = levels([rule.center[1] for rule in ruled.across], 0.4 * height)
    columns = len(find_gutters(text_rows(lines), height)) + 1
    if xs and ys:
        wide_xs = _enclosing(xs, box.x0, box.x1, [line.box.center[0] for line in lines])
        wide_ys = _enclosing(ys, box.y0, box.y1, [line.box.center[1] for line in lines])
        if len(wide_xs) > 2 and len(wide_ys) > 2:
            spans = ruled_spans(wide_xs, wide_ys, lines, ruled)
            closed = max((column + right for _, column, _, right, _ in spans), default=0)
            if 2 * closed > columns:
                return [Cell(row, column, _cell_text(own), down, right) for row, column, down, right, own in spans]
    # Rules that close no more than a few of the columns: the others are told by how the words stand.
    long = [x for x in xs if ruled_length(ruled.down, 1, x, (box.y0, box.y1), 0.4 * height) > 0.5 * box.height]
    inner = [x for x in long if box.x0 + height < x < box.x1 - height]
    return _cells(aligned_rows(box, lines, ruled, inner))


def without_strokes(rules: Rules, lines: Sequence[Line]) -> Rules:
    """The rules without those that run through text: strokes of its letters, leaders (`.....`), what is crossed out."""
    words = [word.box for line in lines for word in line.words]
    # Leaders stand on the line's foot, a rule right above it is the table's.
    levels_of_text = [line.box._replace(y0=line.box.y0 + 0.1 * line.box.height) for line in lines]

    def over(rule: Box) -> float:
        y = (rule.y0 + rule.y1) / 2
        return sum(max(0.0, x_overlap(rule, box)) for box in levels_of_text if box.y0 < y < box.y1)

    def through(rule: Box) -> float:
        x = (rule.x0 + rule.x1) / 2
        return sum(max(0.0, y_overlap(rule, word)) for word in words if word.x0 < x < word.x1)

    across = (rule for rule in rules.across if over(rule) < MAX_OVER_TEXT * rule.width)
    down = (rule for rule in rules.down if through(rule) < MAX_THROUGH_WORDS * rule.height)
    return Rules(tuple(across), tuple(down))


def to_html(cells: Sequence[Cell]) -> str:
    """The table as PaddleOCR-VL writes it: rows of `td`, with spans."""
    lines: dict[int, list[str]] = {cell.row: [] for cell in cells}
    for cell in cells:
        spans = f' rowspan="{cell.row_span}"' * (cell.row_span > 1) + f' colspan="{cell.column_span}"' * (
            cell.column_span > 1
        )
        lines[cell.row].append(f"<td{spans}>{escape(cell.text, quote=False)}</td>")
    last = max((cell.row + cell.row_span for cell in cells), default=0)
    return "<table>" + "".join(f"<tr>{''.join(lines.get(row, []))}</tr>" for row in range(last)) + "</table>"


def to_markdown(cells: Sequence[Cell]) -> str:
    """The table with pipes, its first row as the head.

    Markdown has no spans: a heading over several columns or rows is written in each of them, so that each cell still
    stands under and beside what it belongs to. A text over the whole width is written once: it parts the table. Rows
    and columns without any text are left out.
    """
    height = max((cell.row + cell.row_span for cell in cells), default=0)
    width = max((cell.column + cell.column_span for cell in cells), default=0)
    grid = [[""] * width for _ in range(height)]
    for cell in cells:
        once = len(cell.text) > LONGEST_REPEATED or cell.column_span == width
        for row in range(cell.row, cell.row + (1 if once else cell.row_span)):
            for column in range(cell.column, cell.column + (1 if once else cell.column_span)):
                grid[row][column] = cell.text.replace("|", "\\|")
    full = [row for row in grid if any(row)]
    columns = [j for j in range(width) if any(row[j] for row in full)]
    lines = [f"| {' | '.join(row[j] for j in columns)} |" for row in full]
    return "\n".join([*lines[:1], f"|{' --- |' * len(columns)}", *lines[1:]])


def _cells(found: Sequence[Sequence[Piece]]) -> list[Cell]:
    """Cells from rows of pieces; a place where none is, is an empty cell."""
    width = max((piece.last + 1 for row in found for piece in row), default=0)
    cells = []
    for i, row in enumerate(found):
        column = 0
        while column < width:
            own = [piece for piece in row if piece.first <= column <= piece.last]
            last = max((piece.last for piece in own), default=column)
            own = [piece for piece in row if column <= piece.first <= last]
            last = max((piece.last for piece in own), default=column)
            cells.append(Cell(i, column, _cell_text([piece.line for piece in own]), 1, last - column + 1))
            column = last + 1
    return cells


def _enclosing(edges: Sequence[float], start: float, end: float, texts: Sequence[float]) -> list[float]:
    """The edges, and the table's own where it is open at a side and text stands there."""
    before = [min(start, edges[0])] if any(text < edges[0] for text in texts) else []
    after = [max(end, edges[-1])] if any(text > edges[-1] for text in texts) else []
    return [*before, *edges, *after]


def _cell_text(lines: Sequence[Line]) -> str:
    text = ""
    for row in rows(lines):
        text = joined(text, row_text(row)) if text else row_text(row)
    return text
