"""Cells of a table that its rules close, with spans where no rule separates two positions of the grid.

`find_ruled_cells` starts from the edges that rules show. It drops edges without a ruled side, and adds edges between
columns or rows that only their numbers show. Positions without a rule between them are then merged to cells, as far as
these are rectangles and hold no two numbers above each other. Tables with few rules are the task of `alignment`. All
functions are pure.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.rules import Rules, ruled_length
from ocr_worker.engines.embedded.lines import Line, line_height, split_at
from ocr_worker.engines.embedded.tables.alignment import Row, is_one_row, merge_rows
from ocr_worker.engines.embedded.tables.columns import find_gutters, find_rows, is_number, place
from ocr_worker.engines.embedded.tables.thresholds import THRESHOLDS

Position = tuple[int, int]  # row and column
_MAX_TITLE_TEXTS = 2  # in the row of a title, such as its unit at the right
_ITEM_NUMBER = re.compile(r"\(?\w{1,3}[.)]|•")
RuledCell = tuple[int, int, int, int, list[Line]]  # row, column, rows, columns, lines


def find_ruled_cells(xs: Sequence[float], ys: Sequence[float], lines: Sequence[Line], rules: Rules) -> list[RuledCell]:
    """Return (row, column, rows, columns, lines) of each cell of the grid with these edges, by row and column.

    xs, ys: edges of columns and rows, ascending, in pixels. Positions with no rule between them are one cell, if that
    is a rectangle.
    """
    height = line_height(lines)
    xs, ys = _ruled_edges(xs, ys, rules.down, 1, height), _ruled_edges(ys, xs, rules.across, 0, height)
    xs = _without_strips(xs, ys, rules.down, 1, lines)
    ys = _without_strips(ys, xs, rules.across, 0, lines)
    xs, soft_xs = _with_columns(xs, lines, height)
    ys, soft_ys = _with_rows(xs, ys, lines, height)
    xs, soft_xs = _without_empty_columns(xs, soft_xs, lines)
    levels = _heading_levels(xs, ys, soft_xs, lines, height)
    ys, soft_ys = sorted({*ys, *levels}), soft_ys | levels.keys()
    texts = _lines_by_position(xs, ys, lines)
    numbers = _positions_with(texts, is_number)
    apart = _positions_apart(xs, ys, texts, rules.down, height)
    apart |= _span_starts(apart, xs, soft_xs, texts)
    stacked = _positions_stacked(xs, ys, texts, rules.across, height)
    owners = _merge_positions(xs, ys, rules, height, soft_xs, soft_ys, (numbers, apart, stacked))
    lowest = _lowest_headings(texts, numbers)
    for left, right in _positions_crossed(xs, ys, soft_xs, lines, height):
        if left[0] != lowest:  # these are closer to one another than words
            _join(owners, left, right)
    _join_levels(owners, ys, levels, texts)
    _join_headings(owners, xs, soft_xs, _positions_with(texts, bool), numbers)
    _join_centered(owners, ys, soft_ys, texts, height)
    members: dict[int, list[Line]] = {}
    for line in lines:
        for part in _split_at_cells(line, xs, ys, owners):
            row, column = _position(part.box, xs, ys)
            members.setdefault(int(owners[row, column]), []).append(part)
    cells = []
    for owner in np.unique(owners):
        positions = np.argwhere(owners == owner)
        (row, column), (row_end, column_end) = positions.min(axis=0), positions.max(axis=0)
        rows, columns = int(row_end - row) + 1, int(column_end - column) + 1
        cells.append((int(row), int(column), rows, columns, members.get(int(owner), [])))
    return sorted(cells, key=lambda cell: cell[:2])


def _ruled_edges(
    edges: Sequence[float], others: Sequence[float], rules: Sequence[Box], axis: int, height: float
) -> list[float]:
    """Return the edges, without those on which no side of a cell is ruled. axis: as for `_is_ruled`."""
    sides = list(pairwise(others))
    inner = [edge for edge in edges[1:-1] if any(_is_ruled(rules, axis, edge, side, height) for side in sides)]
    return [edges[0], *inner, edges[-1]]


def _without_strips(
    edges: Sequence[float], others: Sequence[float], rules: Sequence[Box], axis: int, lines: Sequence[Line]
) -> list[float]:
    """Return the edges, of two that are too close for text only that whose rules go along all of the other's.

    Such are a double rule, and the edge of a cell and the frame of a table within it. axis: as for `_is_ruled`.
    """
    height = line_height(lines)
    centers = [line.box.center[1 - axis] for line in lines]
    sides = list(pairwise(others))

    def ruled_sides(edge: float) -> set[int]:
        return {i for i, side in enumerate(sides) if _is_ruled(rules, axis, edge, side, height)}

    kept: list[float] = []
    for edge in edges:
        if kept and edge - kept[-1] < THRESHOLDS.min_strip * height:
            before, after = ruled_sides(kept[-1]), ruled_sides(edge)
            is_empty = not any(kept[-1] < center < edge for center in centers)
            if is_empty and (before >= after or before < after):
                kept[-1] = kept[-1] if before >= after else edge
                continue
        kept.append(edge)
    return kept


def _with_columns(xs: Sequence[float], lines: Sequence[Line], height: float) -> tuple[list[float], set[float]]:
    """Return the edges with those between columns of numbers that no rule separates, and the set of these."""
    soft: set[float] = set()
    parts = [part for line in lines for part in split_at(line, xs[1:-1])]
    for left, right in pairwise(xs):
        rows = find_rows([line for line in parts if left < line.box.center[0] < right])
        splits = sum(len(row) > 1 and is_number(row[-1].text) for row in rows)
        if splits >= THRESHOLDS.min_split_rows and splits > THRESHOLDS.split_rows * len(rows):
            soft.update(find_gutters(rows, height))
        else:
            gutters = _find_headed(rows, height)
            soft.update(gutters or (x for x in find_gutters(rows, height) if _parts_texts(x, rows, height)))
    return sorted({*xs, *soft}), soft


def _find_headed(rows: Sequence[Sequence[Line]], height: float) -> list[float]:
    """Return the gutters between the columns of numbers of a ruled column, where its headings show them.

    The last row of several texts above the first numbers has the headings. Every number below is under one of them,
    and no other row has a text over a gutter but titles, which are alone in their row.
    """
    first = next((i for i, row in enumerate(rows) if any(is_number(line.text) for line in row)), 0)
    headings = next((row for row in reversed(rows[:first]) if len(row) > 1), ())
    gaps = [(left.box.x1, right.box.x0) for left, right in pairwise(headings)]
    numbers = [line for row in rows[first:] for line in row if is_number(line.text)]
    edges: list[float] = []
    for start, end in gaps:
        beyond = [line.box.x1 for line in numbers if line.box.center[0] < (start + end) / 2]
        behind = [line.box.x0 for line in numbers if line.box.center[0] > (start + end) / 2]
        left, right = max([start, *beyond]), min([end, *behind])
        if not beyond or not behind or right - left < THRESHOLDS.word_gap * height:
            return []
        edges.append((left + right) / 2)
    below = [row for row in rows[first:] if len(row) > 1 or is_number(row[0].text)]
    is_crossed = any(line.box.x0 < x < line.box.x1 for row in below for line in row for x in edges)
    columns = {sum(x < line.box.center[0] for x in edges) for line in numbers}
    return [] if is_crossed or len(columns) <= len(edges) else edges


def _without_empty_columns(
    xs: Sequence[float], soft: set[float], lines: Sequence[Line]
) -> tuple[list[float], set[float]]:
    """Return the edges and the soft edges, without one of a column in whose middle is no text but titles and notes."""
    middles = [line.box.center[0] for row in find_rows(lines) if len(row) > _MAX_TITLE_TEXTS for line in row]
    kept = list(xs)
    for left, right in pairwise(xs):
        inner = [x for x in (left, right) if x in soft and x in kept]
        if inner and not any(left <= middle < right for middle in middles):
            kept.remove(inner[0])
    return kept, soft & set(kept)


def _positions_crossed(
    xs: Sequence[float], ys: Sequence[float], soft: set[float], lines: Sequence[Line], height: float
) -> list[tuple[Position, Position]]:
    """Return the positions at the left and the right of each soft edge that a line crosses without white there."""
    crossed = []
    for line in lines:
        row, _ = _position(line.box, xs, ys)
        for column, x in enumerate(xs):
            if x in soft and line.box.x0 < x < line.box.x1 and len(place([line], [x], height)) == 1:
                slack = THRESHOLDS.gutter_slack * height
                if line.box.x0 < x - slack and x + slack < line.box.x1:
                    crossed.append(((row, column - 1), (row, column)))
    return crossed


def _parts_texts(x: float, rows: Sequence[Sequence[Line]], height: float) -> bool:
    """Return whether nearly all rows of a ruled column have two texts around `x`, apart as cells are.

    A number of an item in front of its text is no column.
    """
    pairs = [
        (max(left, key=lambda line: line.box.x1), min(right, key=lambda line: line.box.x0))
        for row in rows
        if (left := [line for line in row if line.box.center[0] < x])
        and (right := [line for line in row if line.box.center[0] > x])
    ]
    apart = sum(
        b.box.x0 - a.box.x1 > THRESHOLDS.cell_gap * height and not _ITEM_NUMBER.fullmatch(a.text) for a, b in pairs
    )
    return apart >= max(THRESHOLDS.min_open_rows, THRESHOLDS.text_pairs * len(rows))


def _with_rows(
    xs: Sequence[float], ys: Sequence[float], lines: Sequence[Line], height: float
) -> tuple[list[float], set[float]]:
    """Return the edges with those between rows that only their numbers separate, and the set of these."""
    soft: set[float] = set()
    bands = list(pairwise(ys))
    columns = len(xs) - 1
    for top, bottom in bands:
        inside = [line for line in lines if top < line.box.center[1] < bottom]
        rows = [place(row, xs[1:-1], height) for row in find_rows(inside)]
        is_open = len(bands) < THRESHOLDS.min_bands and len(rows) >= THRESHOLDS.min_open_rows
        if len(rows) > 1 and (is_open or not is_one_row(rows, columns)):
            merged = merge_rows(rows, [0] * len(rows), columns, height)
            # Rows of several lines have their numbers in one of them.
            if not _has_listing(rows, is_open) and not _has_listing(_several(merged), is_open):
                continue
            boxes = [bounds(piece.line.box for piece in row) for row in merged]
            soft.update((a.y1 + b.y0) / 2 for a, b in pairwise(boxes))
    return sorted({*ys, *soft}), soft


def _several(rows: Sequence[Row]) -> Sequence[Row]:
    """Return the rows, or none where they are too few to be sure that each is a row of the table."""
    return rows if len(rows) >= THRESHOLDS.min_open_rows else ()


def _has_listing(rows: Sequence[Row], is_open: bool) -> bool:
    """Return whether the rows have numbers or, in a table with few rules, several cells, line after line."""
    listings = [any(is_number(piece.line.text) for piece in row[1:]) or (is_open and len(row) > 1) for row in rows]
    return sum(listings) > 1 and (is_open or sum(listings) >= THRESHOLDS.listing_rows * len(rows))


def _merge_positions(
    xs: Sequence[float],
    ys: Sequence[float],
    rules: Rules,
    height: float,
    soft_xs: set[float],
    soft_ys: set[float],
    separated: tuple[set[Position], set[Position], set[Position]],
) -> np.ndarray:
    """Return for each position of the grid the number of the cell that owns it, int [rows, columns].

    separated: three sets of positions. Of the first, with numbers, no two above each other are one cell. Those of the
    second are not one cell with the text at their left, those of the third not with the text above.
    """
    numbers, apart, stacked = separated
    shape = (len(ys) - 1, len(xs) - 1)
    is_numbered = np.zeros(shape, bool)
    for position in numbers:
        is_numbered[position] = True
    owners = np.arange(shape[0] * shape[1]).reshape(shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            x, y = xs[column], ys[row]
            is_open = column and x not in soft_xs and (row, column) not in apart
            if is_open and not _is_ruled(rules.down, 1, x, (y, ys[row + 1]), height):
                _join(owners, (row, column - 1), (row, column))
            is_continued = row and y not in soft_ys and (row, column) not in stacked
            if is_continued and not _is_ruled(rules.across, 0, y, (x, xs[column + 1]), height):
                cells = (owners == owners[row - 1, column], owners == owners[row, column])
                if not all((cell & is_numbered).any() for cell in cells):
                    _join(owners, (row - 1, column), (row, column))
    return owners


def _heading_levels(
    xs: Sequence[float], ys: Sequence[float], soft: set[float], lines: Sequence[Line], height: float
) -> dict[float, list[range]]:
    """Return the edges between two levels of headings without a rule between them, with the spans of the upper ones.

    The upper level has a text across columns that only their numbers separate, right over a heading for each of these.
    """
    levels: dict[float, list[range]] = {}
    slack = THRESHOLDS.gutter_slack * height
    for top, bottom in pairwise(ys):
        rows = find_rows([line for line in lines if top < line.box.center[1] < bottom])
        first = next((i for i, row in enumerate(rows) if any(is_number(line.text) for line in row)), len(rows))
        for above, below in pairwise(rows[:first]):
            for box in (line.box for line in above):
                crossed = [j for j, x in enumerate(xs) if x in soft and box.x0 + slack < x < box.x1 - slack]
                span = range(crossed[0] - 1, crossed[-1] + 1) if crossed else range(0)
                beneath = [sum(xs[j] < line.box.center[0] < xs[j + 1] for line in below) for j in span]
                if set(beneath) == {1}:
                    y = (bounds(line.box for line in above).y1 + bounds(line.box for line in below).y0) / 2
                    levels.setdefault(y, []).append(span)
        if first < len(rows):
            break
    return levels


def _join_levels(
    owners: np.ndarray, ys: Sequence[float], levels: Mapping[float, Sequence[range]], texts: Collection[Position]
) -> None:
    """Join the positions of each heading across columns, and the lines of the headings beside these, of both levels."""
    for y, spans in levels.items():
        row = ys.index(y)
        for span in spans:
            for left, right in pairwise(span):
                _join(owners, (row - 1, left), (row - 1, right))
        for column in range(owners.shape[1]):
            above, below = (row - 1, column), (row, column)
            if not any(column in span for span in spans) and (above in texts or below in texts):
                _join(owners, above, below)


def _lowest_headings(texts: Mapping[Position, Sequence[Line]], numbers: set[Position]) -> int:
    """Return the last row with several texts above the first numbers: it has a heading for each column."""
    first = min((row for row, _ in numbers), default=0)
    counts = [sum(position[0] == row for position in texts) for row in range(first)]
    full = [row for row, count in enumerate(counts) if count == max(counts)]
    return max(full, default=-1)


def _join_headings(
    owners: np.ndarray,
    xs: Sequence[float],
    soft: set[float],
    texts: set[Position],
    numbers: set[Position],
) -> None:
    """Join a text that is alone above columns that only their numbers separate: it is the heading of them all."""
    hard = [j for j, x in enumerate(xs) if x not in soft]
    first = min((row for row, _ in numbers), default=0)
    for row in range(first):
        for start, end in pairwise(hard):
            if len({int(owners[row, column]) for column in range(start, end) if (row, column) in texts}) == 1:
                for column in range(start + 1, end):
                    _join(owners, (row, column - 1), (row, column))


def _join_centered(
    owners: np.ndarray, ys: Sequence[float], soft: set[float], texts: Mapping[Position, Sequence[Line]], height: float
) -> None:
    """Join two positions above each other that only their numbers separate, if a text is half way between the rows."""
    middles = {position: bounds(part.box for part in parts).center[1] for position, parts in texts.items()}
    level = {row: median(y for position, y in middles.items() if position[0] == row) for row, _ in texts}
    for row in range(1, owners.shape[0]):
        if ys[row] not in soft or not level.keys() >= {row - 1, row}:
            continue
        half = (level[row - 1] + level[row]) / 2
        for column in range(owners.shape[1]):
            pair = ((row - 1, column), (row, column))
            filled = [middles[position] for position in pair if position in middles]
            is_half_way = len(filled) == 1 and abs(filled[0] - half) < THRESHOLDS.level_text * height
            if is_half_way and all(np.count_nonzero(owners == owners[position]) == 1 for position in pair):
                _join(owners, *pair)


def _lines_by_position(xs: Sequence[float], ys: Sequence[float], lines: Sequence[Line]) -> dict[Position, list[Line]]:
    """Return the parts of lines at each position, cut at all edges."""
    texts: dict[Position, list[Line]] = {}
    for part in (part for line in lines for part in split_at(line, xs[1:-1])):
        texts.setdefault(_position(part.box, xs, ys), []).append(part)
    return texts


def _positions_with(texts: Mapping[Position, Sequence[Line]], is_match: Callable[[str], bool]) -> set[Position]:
    """Return the positions with a text for which `is_match` is true."""
    return {position for position, parts in texts.items() if any(is_match(part.text) for part in parts)}


def _positions_apart(
    xs: Sequence[float],
    ys: Sequence[float],
    texts: Mapping[Position, Sequence[Line]],
    rules: Sequence[Box],
    height: float,
) -> set[Position]:
    """Return the positions whose text is apart from the one at its left without a rule: by white, or as numbers."""
    apart = set()
    for (row, column), parts in texts.items():
        previous = next((j for j in reversed(range(column)) if (row, j) in texts), None)
        if previous is None:
            continue
        left, side = texts[row, previous], (ys[row], ys[row + 1])
        gap = min(part.box.x0 for part in parts) - max(part.box.x1 for part in left)
        is_clear = gap > THRESHOLDS.apart * height or all(is_number(part.text) for part in (*left, *parts))
        if is_clear and not any(_is_ruled(rules, 1, x, side, height) for x in xs[previous + 1 : column + 1]):
            apart.add((row, column))
    return apart


def _span_starts(
    apart: set[Position], xs: Sequence[float], soft: set[float], texts: Mapping[Position, Sequence[Line]]
) -> set[Position]:
    """Return the first positions of the ruled columns in which these texts are the first, behind columns of numbers.

    A heading in the middle of such columns is apart from the one at its left as they are.
    """
    hard = [j for j, x in enumerate(xs) if x not in soft]
    starts = {(row, column): max(j for j in hard if j <= column) for row, column in apart}
    return {
        (row, start)
        for (row, column), start in starts.items()
        if not any((row, j) in texts for j in range(start, column))
    }


def _positions_stacked(
    xs: Sequence[float],
    ys: Sequence[float],
    texts: Mapping[Position, Sequence[Line]],
    rules: Sequence[Box],
    height: float,
) -> set[Position]:
    """Return the positions whose text is apart from the one above though the rule between them was not found.

    Row after row has a text there, each a single line level with a text of another column; two are enough for a
    heading in the first row and its number.
    """
    level = THRESHOLDS.level_text * height
    by_row: dict[int, dict[int, list[float]]] = {}
    for (row, column), parts in texts.items():
        by_row.setdefault(row, {})[column] = [part.box.center[1] for part in parts]
    single = {
        (row, column)
        for row, columns in by_row.items()
        for column, middles in columns.items()
        if max(middles) - min(middles) < level
        and any(abs(other[0] - middles[0]) < level for j, other in columns.items() if j != column)
    }
    stacked: set[Position] = set()
    for column, side in enumerate(pairwise(xs)):
        run: list[Position] = []
        for row in range(len(ys) - 1):
            is_open = row > 0 and not _is_ruled(rules, 0, ys[row], side, height)
            goes_on = (row, column) in single and not texts[row, column][0].text[:1].islower()
            run = [*(run if is_open else []), (row, column)] if goes_on else []
            is_first = bool(run) and run[0][0] == 0
            is_heading = is_first and [is_number(texts[position][0].text) for position in run] == [False, True]
            if len(run) >= THRESHOLDS.min_stacked or is_heading:
                stacked.update(run[1:])
    return stacked


def _is_ruled(rules: Sequence[Box], axis: int, edge: float, side: tuple[float, float], height: float) -> bool:
    """Return whether rules along `axis` (0: across, 1: down) cover half of a side of a cell.

    edge: position of the side across the axis. side: its start and end along the axis.
    """
    length = ruled_length(rules, axis, edge, side, THRESHOLDS.edge_slack * height)
    return length >= THRESHOLDS.ruled_edge * (side[1] - side[0])


def _join(owners: np.ndarray, a: Position, b: Position) -> None:
    """Join the cells of two positions, if together they fill a rectangle."""
    both = (owners == owners[a]) | (owners == owners[b])
    positions = np.argwhere(both)
    (r0, c0), (r1, c1) = positions.min(axis=0), positions.max(axis=0)
    if both[r0 : r1 + 1, c0 : c1 + 1].all():
        owners[both] = min(owners[a], owners[b])


def _split_at_cells(line: Line, xs: Sequence[float], ys: Sequence[float], owners: np.ndarray) -> list[Line]:
    """Return the line's parts, cut at the edges between cells of its row that it crosses."""
    row, _ = _position(line.box, xs, ys)
    edges = [xs[j] for j in range(1, len(xs) - 1) if owners[row, j - 1] != owners[row, j]]
    slack = THRESHOLDS.cut_slack * line.box.height
    return split_at(line, [x for x in edges if line.box.x0 + slack < x < line.box.x1 - slack])


def _position(box: Box, xs: Sequence[float], ys: Sequence[float]) -> Position:
    x, y = box.center
    row, column = bisect_left(ys, y) - 1, bisect_left(xs, x) - 1
    return min(max(row, 0), len(ys) - 2), min(max(column, 0), len(xs) - 2)
