"""Tables of Markdown as cells with positions and spans, and the neighbors and headings of a cell.

`parse_tables` reads tables with pipes and tables in HTML. The module judges nothing: `quality_metrics.py` compares the
cells with the expected ones. `quality_pages/` uses `SourceCell` and `place_cells` to draw tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell at its position, counted from 0; `is_head` if it is marked as a heading or in the head of a pipe table."""

    text: str
    row: int
    column: int
    rows: int = 1
    columns: int = 1
    is_head: bool = False

    def covers(self, row: int, column: int) -> bool:
        """Return whether this position of the grid is the cell's."""
        return self.row <= row < self.row + self.rows and self.column <= column < self.column + self.columns


@dataclass(frozen=True, slots=True)
class SourceCell:
    """A cell as it is written in HTML or Markdown: its position follows from the cells before it."""

    text: str
    rows: int = 1
    columns: int = 1
    is_head: bool = False


def place_cells(rows: Iterable[Sequence[SourceCell]]) -> list[Cell]:
    """Return the cells at their positions, as a browser lays out a table."""
    cells: list[Cell] = []
    occupied: set[tuple[int, int]] = set()
    for row, source_cells in enumerate(rows):
        column = 0
        for cell in source_cells:
            while (row, column) in occupied:
                column += 1
            cells.append(Cell(cell.text, row, column, cell.rows, cell.columns, cell.is_head))
            occupied |= {(row + i, column + j) for i in range(cell.rows) for j in range(cell.columns)}
    return cells


def find_neighbors(cell: Cell, table: Sequence[Cell], side: str) -> list[Cell]:
    """Return the cells that touch the cell at a side: "up", "down", "left" or "right"."""
    if side in ("up", "down"):
        row = cell.row - 1 if side == "up" else cell.row + cell.rows
        positions = [(row, cell.column + i) for i in range(cell.columns)]
    else:
        column = cell.column - 1 if side == "left" else cell.column + cell.columns
        positions = [(cell.row + i, column) for i in range(cell.rows)]
    return [other for other in table if any(other.covers(*position) for position in positions)]


def find_headings(cell: Cell, table: Sequence[Cell], side: str) -> list[Cell]:
    """Return the headings of a cell at the "top" or at the "side".

    These are the cells all the way up, or left, that are marked as headings, and the outermost cell with text. A cell
    that spans several columns is a heading of each of them.
    """
    step = "up" if side == "top" else "left"
    beyond: list[Cell] = []
    nearest = find_neighbors(cell, table, step)
    while nearest:
        beyond += nearest
        nearest = [other for near in nearest for other in find_neighbors(near, table, step)]
        if side == "top":
            nearest = [other for other in nearest if _shares_columns(other, cell)]
        else:
            nearest = [other for other in nearest if _shares_rows(other, cell)]
    texts = [other for other in beyond if other.text.strip()]
    return [other for other in texts if other.is_head] + texts[-1:]


def parse_tables(markdown: str) -> list[list[Cell]]:
    """Return the cells of every table in the text, whether it is written with pipes or as HTML."""
    reader = _HtmlTables()
    reader.feed(markdown)
    reader.close()
    return [place_cells(rows) for rows in (*reader.tables, *_pipe_tables(markdown)) if rows]


def _shares_columns(a: Cell, b: Cell) -> bool:
    return a.column < b.column + b.columns and b.column < a.column + a.columns


def _shares_rows(a: Cell, b: Cell) -> bool:
    return a.row < b.row + b.rows and b.row < a.row + a.rows


def _pipe_tables(markdown: str) -> list[list[list[SourceCell]]]:
    tables: list[list[list[SourceCell]]] = []
    open_rows: list[list[SourceCell]] | None = None
    for line in markdown.splitlines():
        if not line.strip().startswith("|"):
            open_rows = None
            continue
        if open_rows is None:
            tables.append(open_rows := [])
        texts = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
        if all(re.fullmatch(r"\s*:?-+:?\s*", text) for text in texts):
            open_rows[:] = [[SourceCell(cell.text, is_head=True) for cell in row] for row in open_rows]
        else:
            open_rows.append([SourceCell(text.strip().replace("\\|", "|")) for text in texts])
    return tables


class _HtmlTables(HTMLParser):
    """A parser that collects the rows of each table; a table inside a table is a table of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[SourceCell]]] = []
        self._open: list[list[list[SourceCell]]] = []
        self._cell: tuple[str, dict[str, str | None]] | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._open.append([])
            self.tables.append(self._open[-1])
        elif tag == "tr" and self._open:
            self._end_cell()
            self._open[-1].append([])
        elif tag in ("td", "th") and self._open and self._open[-1]:
            self._end_cell()
            self._cell, self._text = (tag, dict(attrs)), ""
        elif tag == "br":
            self._text += " "

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._end_cell()
        if tag == "table" and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self._text += data

    def _end_cell(self) -> None:
        if self._cell and self._open and self._open[-1]:
            tag, attributes = self._cell
            rows, columns = (_parse_span(attributes.get(name)) for name in ("rowspan", "colspan"))
            self._open[-1][-1].append(SourceCell(" ".join(self._text.split()), rows, columns, tag == "th"))
        self._cell = None


def _parse_span(value: str | None) -> int:
    return min(max(int(value), 1), 100) if value and value.isdigit() else 1
