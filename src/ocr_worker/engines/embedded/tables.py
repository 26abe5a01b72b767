"""Tables: cells from rules where there are rules, else from how the words are aligned. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ocr_worker.engines.embedded.geometry import Box, covered, y_overlap
from ocr_worker.engines.embedded.lines import Line, line_height, rows
from ocr_worker.engines.embedded.rules import Rules, levels
from ocr_worker.engines.embedded.table_alignment import aligned_rows
from ocr_worker.engines.embedded.table_columns import Piece, tightened
from ocr_worker.engines.embedded.table_grid import ruled_spans
from ocr_worker.engines.embedded.text import joined, row_text

MAX_STRUCK = 0.3  # of a rule may run through words; what does more is made of their letters
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
    xs = levels([rule.center[0] for rule in ruled.down], 0.4 * height)
    ys = levels([rule.center[1] for rule in ruled.across], 0.4 * height)
    if xs and ys:
        wide_xs, wide_ys = _enclosing(xs, box.x0, box.x1, height), _enclosing(ys, box.y0, box.y1, height)
        if len(wide_xs) > 2 and len(wide_ys) > 2:
            spans = ruled_spans(wide_xs, wide_ys, lines, ruled)
            return [Cell(row, column, _cell_text(own), down, right) for row, column, down, right, own in spans]
    inner = [x for x in xs if box.x0 + height < x < box.x1 - height]
    return _cells(aligned_rows(box, lines, ruled, inner))


def without_strokes(rules: Rules, lines: Sequence[Line]) -> Rules:
    """The rules without those that are strokes of large letters, or run through a line of small ones."""
    boxes = [line.box for line in lines]
    across = (r for r in rules.across if not any(covered(r, box.grown(-0.1 * box.height)) > 0.9 for box in boxes))
    words = [word.box for line in lines for word in line.words]
    down = (rule for rule in rules.down if _struck(rule, words) < MAX_STRUCK * rule.height)
    return Rules(tuple(across), tuple(down))


def _struck(rule: Box, words: Sequence[Box]) -> float:
    """Over how many pixels the rule down runs through the middle of words."""
    return sum(max(0.0, y_overlap(rule, word)) for word in words if word.x0 < rule.center[0] < word.x1)


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
    stands under and beside what it belongs to. A text over the whole width is written once: it parts the table.
    """
    height = max((cell.row + cell.row_span for cell in cells), default=0)
    width = max((cell.column + cell.column_span for cell in cells), default=0)
    grid = [[""] * width for _ in range(height)]
    for cell in cells:
        once = len(cell.text) > LONGEST_REPEATED or cell.column_span == width
        for row in range(cell.row, cell.row + (1 if once else cell.row_span)):
            for column in range(cell.column, cell.column + (1 if once else cell.column_span)):
                grid[row][column] = cell.text.replace("|", "\\|")
    lines = [f"| {' | '.join(row)} |" for row in grid]
    return "\n".join([*lines[:1], f"|{' --- |' * width}", *lines[1:]])


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


def _enclosing(edges: Sequence[float], start: float, end: float, height: float) -> list[float]:
    """The edges, and the table's own where it is open at a side."""
    before = [start] if edges[0] - start > height else []
    after = [end] if end - edges[-1] > height else []
    return [*before, *edges, *after]


def _cell_text(lines: Sequence[Line]) -> str:
    text = ""
    for row in rows(lines):
        text = joined(text, row_text(row)) if text else row_text(row)
    return text
