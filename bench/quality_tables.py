"""Tables as cells with places and spans, out of Markdown or HTML, and which cells are whose neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell at its place, counted from 0; `is_head` where it is marked as a heading, or stands in a pipe table's."""

    text: str
    row: int
    column: int
    rows: int = 1
    columns: int = 1
    is_head: bool = False

    def covers(self, row: int, column: int) -> bool:
        """Whether this place of the grid is the cell's."""
        return self.row <= row < self.row + self.rows and self.column <= column < self.column + self.columns


@dataclass(frozen=True, slots=True)
class Given:
    """A cell as it is written down: its place follows from those before it."""

    text: str
    rows: int = 1
    columns: int = 1
    is_head: bool = False


def placed(rows: Iterable[Sequence[Given]]) -> list[Cell]:
    """The cells at their places, as a browser lays out a table."""
    cells: list[Cell] = []
    taken: set[tuple[int, int]] = set()
    for row, given in enumerate(rows):
        column = 0
        for cell in given:
            while (row, column) in taken:
                column += 1
            cells.append(Cell(cell.text, row, column, cell.rows, cell.columns, cell.is_head))
            taken |= {(row + i, column + j) for i in range(cell.rows) for j in range(cell.columns)}
    return cells


def neighbours(cell: Cell, table: Sequence[Cell], side: str) -> list[Cell]:
    """The cells that touch it "up", "down", "left" or "right"."""
    if side in ("up", "down"):
        row = cell.row - 1 if side == "up" else cell.row + cell.rows
        places = [(row, cell.column + i) for i in range(cell.columns)]
    else:
        column = cell.column - 1 if side == "left" else cell.column + cell.columns
        places = [(cell.row + i, column) for i in range(cell.rows)]
    return [other for other in table if any(other.covers(*place) for place in places)]


def headings(cell: Cell, table: Sequence[Cell], side: str) -> list[Cell]:
    """Of "top" or "side": the cells all the way up, or left, that are marked as headings, and the outermost with text.

    A cell that spans several columns heads each of them.
    """
    step = "up" if side == "top" else "left"
    beyond: list[Cell] = []
    found = neighbours(cell, table, step)
    while found:
        beyond += found
        found = [other for near in found for other in neighbours(near, table, step)]
        if side == "top":
            found = [other for other in found if _shares_columns(other, cell)]
        else:
            found = [other for other in found if _shares_rows(other, cell)]
    named = [other for other in beyond if other.text.strip()]
    return [other for other in named if other.is_head] + named[-1:]


def parse_tables(markdown: str) -> list[list[Cell]]:
    """The cells of every table in the text, be it written with pipes or as HTML."""
    reader = _HtmlTables()
    reader.feed(markdown)
    reader.close()
    return [placed(rows) for rows in (*reader.tables, *_pipe_tables(markdown)) if rows]


def _shares_columns(a: Cell, b: Cell) -> bool:
    return a.column < b.column + b.columns and b.column < a.column + a.columns


def _shares_rows(a: Cell, b: Cell) -> bool:
    return a.row < b.row + b.rows and b.row < a.row + a.rows


def _pipe_tables(markdown: str) -> list[list[list[Given]]]:
    tables: list[list[list[Given]]] = []
    open_rows: list[list[Given]] | None = None
    for line in markdown.splitlines():
        if not line.strip().startswith("|"):
            open_rows = None
            continue
        if open_rows is None:
            tables.append(open_rows := [])
        texts = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
        if all(re.fullmatch(r"\s*:?-+:?\s*", text) for text in texts):
            open_rows[:] = [[Given(cell.text, is_head=True) for cell in row] for row in open_rows]
        else:
            open_rows.append([Given(text.strip().replace("\\|", "|")) for text in texts])
    return tables


class _HtmlTables(HTMLParser):
    """Collects the rows of each table; a table in a table counts as one of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[Given]]] = []
        self._open: list[list[list[Given]]] = []
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
            rows, columns = (_count(attributes.get(name)) for name in ("rowspan", "colspan"))
            self._open[-1][-1].append(Given(" ".join(self._text.split()), rows, columns, tag == "th"))
        self._cell = None


def _count(value: str | None) -> int:
    return min(max(int(value), 1), 100) if value and value.isdigit() else 1
