"""Cells of tables whose rules close them, with spans where no rule parts two. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.rules import Rules, ruled_length
from ocr_worker.engines.embedded.lines import Line, line_height, split_at
from ocr_worker.engines.embedded.tables.alignment import Row, is_one_row, logical_rows
from ocr_worker.engines.embedded.tables.columns import find_gutters, is_number, place, text_rows

APART = 1.0  # line heights of white between texts of two cells
Places = set[tuple[int, int]]  # row and column
Spans = list[tuple[int, int, int, int, list[Line]]]


def ruled_spans(xs: Sequence[float], ys: Sequence[float], lines: Sequence[Line], rules: Rules) -> Spans:
    """(row, column, rows, columns, lines) of each cell of the grid with these edges, by row and column.

    Cells with no rule between them are one, if that is a rectangle.
    """
    height = line_height(lines)
    xs, ys = _parting(xs, ys, rules.down, 1, height), _parting(ys, xs, rules.across, 0, height)
    xs, soft_xs = _with_columns(xs, lines, height)
    ys, soft_ys = _with_rows(xs, ys, lines, height)
    found = _by_place(xs, ys, lines)
    numbers = _held(found, is_number)
    apart = _apart(xs, ys, found, rules.down, height)
    owners = _merged(xs, ys, rules, height, soft_xs, soft_ys, (numbers, apart))
    _join_heads(owners, xs, soft_xs, _held(found, bool), numbers)
    members: dict[int, list[Line]] = {}
    for line in lines:
        for part in _parts(line, xs, ys, owners):
            row, column = _place(part.box, xs, ys)
            members.setdefault(int(owners[row, column]), []).append(part)
    cells = []
    for owner in np.unique(owners):
        at = np.argwhere(owners == owner)
        (row, column), (row_end, column_end) = at.min(axis=0), at.max(axis=0)
        rows, columns = int(row_end - row) + 1, int(column_end - column) + 1
        cells.append((int(row), int(column), rows, columns, members.get(int(owner), [])))
    return sorted(cells, key=lambda cell: cell[:2])


def _parting(
    edges: Sequence[float], others: Sequence[float], rules: Sequence[Box], axis: int, height: float
) -> list[float]:
    """The edges, without those in which no side of a cell is ruled. axis: as for `_ruled`."""
    sides = list(pairwise(others))
    inner = [at for at in edges[1:-1] if any(_ruled(rules, axis, at, side, height) for side in sides)]
    return [edges[0], *inner, edges[-1]]


def _with_columns(xs: Sequence[float], lines: Sequence[Line], height: float) -> tuple[list[float], set[float]]:
    """The edges, and those between columns of numbers that no rule parts; these again by themselves."""
    soft: set[float] = set()
    parts = [part for line in lines for part in split_at(line, xs[1:-1])]
    for left, right in pairwise(xs):
        inside = [line for line in parts if left < line.box.center[0] < right]
        rows = text_rows(inside)
        two = [row for row in rows if len(row) > 1 and is_number(row[-1].text)]
        if len(two) > 2 and len(two) > 0.6 * len(rows):
            soft.update(find_gutters(rows, height))
    return sorted({*xs, *soft}), soft


def _with_rows(
    xs: Sequence[float], ys: Sequence[float], lines: Sequence[Line], height: float
) -> tuple[list[float], set[float]]:
    """The edges, and those between rows that no rule parts but their numbers do; these again by themselves."""
    soft: set[float] = set()
    bands = list(pairwise(ys))
    for top, bottom in bands:
        inside = [line for line in lines if top < line.box.center[1] < bottom]
        rows = [place(row, xs[1:-1], height) for row in text_rows(inside)]
        few = len(bands) < 4 and len(rows) > 3
        if len(rows) > 1 and (few or not is_one_row(rows, len(xs) - 1)) and _lists_numbers(rows, few):
            found = logical_rows(rows, [0] * len(rows), len(xs) - 1, height)
            boxes = [bounds(piece.line.box for piece in row) for row in found]
            soft.update((a.y1 + b.y0) / 2 for a, b in pairwise(boxes))
    return sorted({*ys, *soft}), soft


def _lists_numbers(rows: Sequence[Row], few: bool) -> bool:
    """Whether the rows have numbers or, in a table with few rules, several cells, line after line."""
    told = [any(is_number(piece.line.text) for piece in row[1:]) or (few and len(row) > 1) for row in rows]
    return sum(told) > 1 and (few or sum(told) >= 0.7 * len(rows))


def _merged(
    xs: Sequence[float],
    ys: Sequence[float],
    rules: Rules,
    height: float,
    soft_xs: set[float],
    soft_ys: set[float],
    parted: tuple[Places, Places],
) -> np.ndarray:
    """For each place of the grid, int [rows, columns], the number of the cell that owns it.

    parted: places that hold a number, two of which above one another are never one cell, and places that are not one
    with what stands at their left.
    """
    numbers, apart = parted
    shape = (len(ys) - 1, len(xs) - 1)
    is_numbered = np.zeros(shape, bool)
    for at in numbers:
        is_numbered[at] = True
    owners = np.arange(shape[0] * shape[1]).reshape(shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            x, y = xs[column], ys[row]
            beside = column and x not in soft_xs and (row, column) not in apart
            if beside and not _ruled(rules.down, 1, x, (y, ys[row + 1]), height):
                _join(owners, (row, column - 1), (row, column))
            if row and y not in soft_ys and not _ruled(rules.across, 0, y, (x, xs[column + 1]), height):
                cells = (owners == owners[row - 1, column], owners == owners[row, column])
                if not all((cell & is_numbered).any() for cell in cells):
                    _join(owners, (row - 1, column), (row, column))
    return owners


def _join_heads(
    owners: np.ndarray,
    xs: Sequence[float],
    soft: set[float],
    texts: Places,
    numbers: Places,
) -> None:
    """Joins what stands alone above columns that only their numbers part: it is the heading of them all."""
    hard = [j for j, x in enumerate(xs) if x not in soft]
    first = min((row for row, _ in numbers), default=0)
    for row in range(first):
        for start, end in pairwise(hard):
            if sum((row, column) in texts for column in range(start, end)) == 1:
                for column in range(start + 1, end):
                    _join(owners, (row, column - 1), (row, column))


def _by_place(xs: Sequence[float], ys: Sequence[float], lines: Sequence[Line]) -> dict[tuple[int, int], list[Line]]:
    """What stands at each place, the lines cut at all edges."""
    found: dict[tuple[int, int], list[Line]] = {}
    for part in (part for line in lines for part in split_at(line, xs[1:-1])):
        found.setdefault(_place(part.box, xs, ys), []).append(part)
    return found


def _held(found: Mapping[tuple[int, int], Sequence[Line]], counts: Callable[[str], bool]) -> Places:
    """The places that hold a text which counts."""
    return {at for at, parts in found.items() if any(counts(part.text) for part in parts)}


def _apart(
    xs: Sequence[float],
    ys: Sequence[float],
    found: Mapping[tuple[int, int], Sequence[Line]],
    rules: Sequence[Box],
    height: float,
) -> Places:
    """The places whose text no rule parts from the one at its left, but white, or that both are numbers, does."""
    apart = set()
    for (row, column), own in found.items():
        before = next((j for j in reversed(range(column)) if (row, j) in found), None)
        if before is None:
            continue
        left, side = found[row, before], (ys[row], ys[row + 1])
        gap = min(part.box.x0 for part in own) - max(part.box.x1 for part in left)
        clear = gap > APART * height or all(is_number(part.text) for part in (*left, *own))
        if clear and not any(_ruled(rules, 1, x, side, height) for x in xs[before + 1 : column + 1]):
            apart.add((row, column))
    return apart


def _ruled(rules: Sequence[Box], axis: int, at: float, along: tuple[float, float], height: float) -> bool:
    """Whether rules along `axis` (0: across, 1: down) cover half of the edge."""
    return ruled_length(rules, axis, at, along, 0.45 * height) >= 0.5 * (along[1] - along[0])


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
    row, column = bisect_left(ys, y) - 1, bisect_left(xs, x) - 1
    return min(max(row, 0), len(ys) - 2), min(max(column, 0), len(xs) - 2)
