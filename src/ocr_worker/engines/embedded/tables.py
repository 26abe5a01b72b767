"""Tables: cells from rules where there are rules, else from how the words are aligned. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from ocr_worker.engines.embedded.geometry import Box, bounds, overlap
from ocr_worker.engines.embedded.lines import Line, line_height, rows, split_at
from ocr_worker.engines.embedded.rules import Rules, levels
from ocr_worker.engines.embedded.text import joined, row_text


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
    height = line_height(lines)
    ruled = rules.within(box, height)
    xs = levels([rule.center[0] for rule in ruled.down], 0.4 * height)
    ys = levels([rule.center[1] for rule in ruled.across], 0.4 * height)
    if len(xs) > 2 and len(ys) > 2:
        xs, ys = _enclosing(xs, box.x0, box.x1, height), _enclosing(ys, box.y0, box.y1, height)
        return ruled_cells(xs, ys, lines, ruled)
    return aligned_cells(lines)


def ruled_cells(xs: Sequence[float], ys: Sequence[float], lines: Sequence[Line], rules: Rules) -> list[Cell]:
    """Cells of a grid with these edges; those with no rule between them are one cell, if that is a rectangle."""
    shape = (len(ys) - 1, len(xs) - 1)
    owners = _merged(shape, xs, ys, rules)
    texts: dict[int, list[Line]] = {}
    for line in lines:
        for part in _parts(line, xs, ys, owners):
            row, column = _place(part.box, xs, ys)
            texts.setdefault(int(owners[row, column]), []).append(part)
    cells = []
    for owner in np.unique(owners):
        at = np.argwhere(owners == owner)
        (row, column), (row_end, column_end) = at.min(axis=0), at.max(axis=0)
        text = _cell_text(texts.get(int(owner), []))
        cells.append(Cell(int(row), int(column), text, int(row_end - row) + 1, int(column_end - column) + 1))
    return sorted(cells, key=lambda cell: (cell.row, cell.column))


def aligned_cells(lines: Sequence[Line]) -> list[Cell]:
    """Cells of a table without rules: columns lie between gutters that (nearly) no row crosses."""
    found = rows(lines)
    parts = [[part for line in row for part in _fragments(line)] for row in found]
    gutters = _gutters(parts, line_height(lines))
    grid: list[list[list[Line]]] = []
    for row in parts:
        cells: list[list[Line]] = [[] for _ in range(len(gutters) + 1)]
        for part in row:
            cells[sum(part.box.x0 >= gutter for gutter in gutters)].append(part)
        if grid and _goes_on(grid[-1], cells, line_height(lines)):
            grid[-1] = [above + below for above, below in zip(grid[-1], cells, strict=True)]
        else:
            grid.append(cells)
    return [Cell(i, j, _cell_text(cell)) for i, row_cells in enumerate(grid) for j, cell in enumerate(row_cells)]


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
    """The table with pipes, its first row as the head; a cell that spans others leaves them empty."""
    height = max((cell.row + cell.row_span for cell in cells), default=0)
    width = max((cell.column + cell.column_span for cell in cells), default=0)
    grid = [[""] * width for _ in range(height)]
    for cell in cells:
        grid[cell.row][cell.column] = cell.text.replace("|", "\\|")
    lines = [f"| {' | '.join(row)} |" for row in grid]
    return "\n".join([*lines[:1], f"|{' --- |' * width}", *lines[1:]])


def _enclosing(edges: Sequence[float], start: float, end: float, height: float) -> list[float]:
    """The edges, and the table's own where it is open at a side."""
    before = [start] if edges[0] - start > height else []
    after = [end] if end - edges[-1] > height else []
    return [*before, *edges, *after]


def _merged(shape: tuple[int, int], xs: Sequence[float], ys: Sequence[float], rules: Rules) -> np.ndarray:
    """For each place of the grid, int [rows, columns], the number of the cell that owns it."""
    owners = np.arange(shape[0] * shape[1]).reshape(shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            if column and not _ruled(rules.down, 1, xs[column], (ys[row], ys[row + 1])):
                _join(owners, (row, column - 1), (row, column))
            if row and not _ruled(rules.across, 0, ys[row], (xs[column], xs[column + 1])):
                _join(owners, (row - 1, column), (row, column))
    return owners


def _ruled(rules: Sequence[Box], axis: int, at: float, along: tuple[float, float]) -> bool:
    """Whether rules along `axis` (0: across, 1: down) cover half of the edge."""
    length = along[1] - along[0]
    near = [rule for rule in rules if abs(rule.center[1 - axis] - at) < max(6.0, 0.15 * length)]
    shared = sum(max(0.0, overlap(rule[axis], rule[axis + 2], *along)) for rule in near)
    return shared >= 0.5 * length


def _join(owners: np.ndarray, a: tuple[int, int], b: tuple[int, int]) -> None:
    """Makes the two places' cells one, when together they fill a rectangle."""
    both = (owners == owners[a]) | (owners == owners[b])
    at = np.argwhere(both)
    (r0, c0), (r1, c1) = at.min(axis=0), at.max(axis=0)
    if both[r0 : r1 + 1, c0 : c1 + 1].all():
        owners[both] = min(owners[a], owners[b])


def _parts(line: Line, xs: Sequence[float], ys: Sequence[float], owners: np.ndarray) -> list[Line]:
    """The line, cut at the rules between cells of its row that it crosses."""
    row, _ = _place(line.box, xs, ys)
    edges = [xs[j] for j in range(1, len(xs) - 1) if owners[row, j - 1] != owners[row, j]]
    slack = 0.3 * line.box.height
    return split_at(line, [x for x in edges if line.box.x0 + slack < x < line.box.x1 - slack])


def _place(box: Box, xs: Sequence[float], ys: Sequence[float]) -> tuple[int, int]:
    x, y = box.center
    row, column = int(np.searchsorted(ys, y)) - 1, int(np.searchsorted(xs, x)) - 1
    return min(max(row, 0), len(ys) - 2), min(max(column, 0), len(xs) - 2)


def _cell_text(lines: Sequence[Line]) -> str:
    text = ""
    for row in rows(lines):
        text = joined(text, row_text(row)) if text else row_text(row)
    return text


def _fragments(line: Line) -> list[Line]:
    """The line, cut where the gap between two words is as wide as the line is high."""
    gaps = [
        (left.box.x1 + right.box.x0) / 2
        for left, right in zip(line.words, line.words[1:], strict=False)
        if right.box.x0 - left.box.x1 > line.box.height
    ]
    return split_at(line, gaps)


def _gutters(parts: Sequence[Sequence[Line]], height: float) -> list[float]:
    """Middles of the white stretches between columns; a few rows may cross them, as a heading over columns does."""
    boxes = [part.box for row in parts for part in row]
    if not boxes:
        return []
    whole = bounds(boxes)
    crossed = np.zeros(int(whole.width) + 2, int)
    for box in boxes:
        crossed[int(box.x0 - whole.x0) : int(box.x1 - whole.x0) + 1] += 1
    white = np.flatnonzero(crossed <= int(0.12 * len(parts)))
    runs = np.split(white, np.flatnonzero(np.diff(white) > 1) + 1)
    return [whole.x0 + float(run.mean()) for run in runs if len(run) > 0.4 * height and run[0] > 0]


def _goes_on(above: Sequence[Sequence[Line]], below: Sequence[Sequence[Line]], height: float) -> bool:
    """Whether a row only carries on cells of the one above: its first cell is empty, and it stands close."""
    if below[0] or len(below) < 2 or sum(map(bool, below)) > max(1, len(below) // 2):
        return False
    upper = bounds(line.box for cell in above for line in cell)
    lower = bounds(line.box for cell in below for line in cell)
    filled = all(above[i] for i, cell in enumerate(below) if cell)
    return filled and lower.y0 - upper.y1 < 0.35 * height
