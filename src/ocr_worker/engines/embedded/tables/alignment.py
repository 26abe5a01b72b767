"""Cells of tables that rules do not close: rows and headings from rules, spacing and alignment. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ocr_worker.engines.embedded.geometry import Box, bounds, overlap
from ocr_worker.engines.embedded.layout.rules import Rules, levels, ruled_length
from ocr_worker.engines.embedded.lines import Line, line_height
from ocr_worker.engines.embedded.tables.columns import (
    Piece,
    find_gutters,
    is_number,
    is_sign,
    place,
    place_heads,
    text_rows,
)

MAX_HEAD = 5  # lines of text
WIDE = 0.75  # of the table's width: such a rule parts rows; a shorter one underlines a heading
LEADING = 0.85  # of the line height: lines of one cell do not stand closer
STEP = 1.08  # ratio of the distance of rows to that of lines in a cell, at least, to tell them apart
Row = list[Piece]
_YEAR = re.compile(r"(19|20)\d\d[*†]?")


def aligned_rows(box: Box, lines: Sequence[Line], rules: Rules, edges: Sequence[float] = ()) -> list[Row]:
    """The table's rows, their pieces by column; edges: of columns, known from rules down the table."""
    height = line_height(lines)
    found = text_rows(lines)
    wide = wide_rules(box, rules, height)
    bands = [sum(y < bounds(line.box for line in row).center[1] for y in wide) for row in found]
    head = _head_rows(found, bands)
    gutters = find_gutters(found[head:] if len(found) - head > 2 else found, height)
    gutters = _with_edges(gutters, edges, height)
    placed = [(place_heads if i == head - 1 else place)(row, gutters, height) for i, row in enumerate(found)]
    below = [piece.line.box for row in placed[head:] for piece in row if piece.first == piece.last]
    columns = _column_boxes(below or [line.box for row in found for line in row], gutters)
    short = [rule for rule in rules.across if rule.width < WIDE * box.width]
    spread = [_spread(row, columns, short, height) for row in placed[:head]]
    body = [[Piece(piece.line, piece.first, piece.first) for piece in row] for row in placed[head:]]
    head_groups = _joined_heads(spread, bands[:head], height)
    return head_groups + logical_rows(body, bands[head:], len(gutters) + 1, height)


def wide_rules(box: Box, rules: Rules, height: float) -> list[float]:
    """The levels at which rules cross (nearly) the whole table, from top to bottom."""
    slack = 0.4 * height
    ys = levels([rule.center[1] for rule in rules.across], slack)
    return [y for y in ys if ruled_length(rules.across, 0, y, (box.x0, box.x1), 2 * slack) >= WIDE * box.width]


def logical_rows(rows: Sequence[Row], bands: Sequence[int], columns: int, height: float) -> list[Row]:
    """Rows of lines to rows of the table: what only carries on the cells above is put to them.

    bands: for each row the number of rules above it.
    """
    limit = _wrap_limit(rows, bands, columns, height)
    ruled = _one_row_bands(rows, bands, columns)
    found: list[list[Row]] = []
    for i, row in enumerate(rows):
        same = i > 0 and bands[i - 1] == bands[i]
        if same and (bands[i] in ruled or _goes_on(found[-1], row, limit, columns, height)):
            found[-1].append(row)
        else:
            found.append([row])
    return [[piece for row in group for piece in row] for group in found]


def _head_rows(found: Sequence[Sequence[Line]], bands: Sequence[int]) -> int:
    """How many lines at the top are headings: those above the first rule, else above the first numbers."""
    if not found:
        return 0
    ruled = sum(band == bands[0] for band in bands)
    figures = next((i for i, row in enumerate(found) if _has_figures(row)), len(found))
    if ruled <= MAX_HEAD and ruled < len(found) and (ruled <= max(1, figures)):
        return ruled
    if figures <= MAX_HEAD and figures < len(found):
        # A section's heading right above the numbers stands at the left, alone.
        section = figures > 1 and len(found[figures - 1]) == 1 < len(found[figures - 2])
        return figures - int(section and not found[figures - 1][0].text[:1].islower())
    return 1 if len(found) > 3 and len(found[0]) == max(map(len, found)) else 0


def _has_figures(row: Sequence[Line]) -> bool:
    """Whether half of what stands beside the first text is numbers; years are headings."""
    texts = [line.text for line in row if not is_sign(line.text)]
    numbers = sum(is_number(text) and not _YEAR.fullmatch(text) for text in texts)
    return numbers > 0 and 2 * numbers >= len(texts) - 1


def _with_edges(gutters: Sequence[float], edges: Sequence[float], height: float) -> list[float]:
    """Both, a gutter next to a rule being that rule."""
    near = [gutter for gutter in gutters if all(abs(gutter - edge) > 1.5 * height for edge in edges)]
    return sorted([*near, *edges])


def _column_boxes(boxes: Sequence[Box], gutters: Sequence[float]) -> list[Box]:
    """For each column the bounds of what stands in it; where nothing does, a stretch between its gutters."""
    whole = bounds(boxes)
    edges = [whole.x0, *gutters, whole.x1]
    found = []
    for left, right in pairwise(edges):
        own = [box for box in boxes if left <= box.center[0] <= right]
        found.append(bounds(own) if own else Box(left, whole.y0, max(left, right), whole.y1))
    return found


def _spread(row: Row, columns: Sequence[Box], rules: Sequence[Box], height: float) -> Row:
    """The headings, those centred above several columns, or with a rule below that spans them, over all of these."""
    found = []
    for i, piece in enumerate(row):
        lowest = row[i - 1].last + 1 if i else 0
        highest = row[i + 1].first - 1 if i + 1 < len(row) else len(columns) - 1
        found.append(_spread_piece(piece, (lowest, highest), columns, rules, height))
    for i in range(1, len(found)):  # two that claim the same columns keep what they had
        if found[i].first <= found[i - 1].last:
            found[i - 1], found[i] = row[i - 1], row[i]
    return found


def _spread_piece(
    piece: Piece, free: tuple[int, int], columns: Sequence[Box], rules: Sequence[Box], height: float
) -> Piece:
    box = piece.line.box
    for rule in rules:
        below = -0.3 * height < rule.center[1] - box.y1 < 1.2 * height
        if below and rule.x0 - height <= box.x0 and box.x1 <= rule.x1 + height:
            under = [j for j, column in enumerate(columns) if rule.x0 - height <= column.center[0] <= rule.x1 + height]
            return Piece(piece.line, min(under), max(under)) if under else piece
    best = (piece.first, piece.last)
    off = _off_centre(box, columns, best)
    for first in range(free[0], piece.first + 1):
        for last in range(piece.last, free[1] + 1):
            if last - first < 1 or (first, last) == (piece.first, piece.last):
                continue
            there = _off_centre(box, columns, (first, last))
            if there < 0.6 * height and there + 0.8 * height < off:
                best, off = (first, last), there
    return Piece(piece.line, *best)


def _off_centre(box: Box, columns: Sequence[Box], span: tuple[int, int]) -> float:
    """How far the box is from standing centred over the columns, or flush with the edge of a single one."""
    first, last = columns[span[0]], columns[span[1]]
    off = abs(box.center[0] - (first.x0 + last.x1) / 2)
    return off if span[0] != span[1] else min(off, abs(box.x0 - first.x0), abs(box.x1 - last.x1))


def _joined_heads(rows: Sequence[Row], bands: Sequence[int], height: float) -> list[Row]:
    """Headings of several lines as one row each; a heading over several columns has a row of its own."""
    found: list[Row] = []
    above: Row = []
    for i, row in enumerate(rows):
        spanning = any(piece.first != piece.last for piece in (*row, *above))
        same = i > 0 and bands[i] == bands[i - 1]
        if i and (_pitch(above, row) < (1.7 if same else 0.75) * height and not spanning):
            found[-1] = [*found[-1], *row]
        else:
            found.append(list(row))
        above = row
    return found


def _pitch(above: Row, below: Row) -> float:
    """From the middle of a row to the middle of the next."""
    upper, lower = (median(piece.line.box.center[1] for piece in row) for row in (above, below))
    return lower - upper


def _wrap_limit(rows: Sequence[Row], bands: Sequence[int], columns: int, height: float) -> float:
    """The distance below which a row carries on the one above, in pixels; 0 where the spacing does not tell."""
    pairs = [
        (_pitch(above, below), _is_sparse(above, below, columns))
        for above, below, a, b in zip(rows, rows[1:], bands, bands[1:], strict=False)
        if a == b
    ]
    pairs = sorted(pair for pair in pairs if pair[0] > LEADING * height)
    steps = [(upper[0] / lower[0], i) for i, (lower, upper) in enumerate(pairwise(pairs))]
    for ratio, i in sorted(steps, reverse=True)[:3]:
        tight = pairs[: i + 1]
        clear = pairs[i][0] - pairs[0][0] < 0.7 * (pairs[i + 1][0] - pairs[i][0])
        limit = (pairs[i][0] + pairs[i + 1][0]) / 2
        wraps = sum(sparse for _, sparse in tight) >= 0.8 * len(tight)
        if ratio > STEP and clear and wraps and not _joins_numbers(rows, bands, limit):
            return limit
    return 0.0


def _joins_numbers(rows: Sequence[Row], bands: Sequence[int], limit: float) -> bool:
    """Whether rows joined below this distance would have two numbers in one cell."""
    seen: set[int] = set()
    for i, row in enumerate(rows):
        if i and (bands[i] != bands[i - 1] or _pitch(rows[i - 1], row) >= limit):
            seen = set()
        numbers = {piece.first for piece in row if is_number(piece.line.text)}
        if numbers & seen:
            return True
        seen |= numbers
    return False


def _is_sparse(above: Row, below: Row, columns: int) -> bool:
    """Whether one of the two rows does not look like a row by itself."""
    return min(len(above), len(below)) <= max(1, 0.6 * columns) or all(piece.first for piece in below)


def _one_row_bands(rows: Sequence[Row], bands: Sequence[int], columns: int) -> set[int]:
    """The bands between rules that are one row each, as far as can be told."""
    groups: dict[int, list[Row]] = {}
    for row, band in zip(rows, bands, strict=True):
        groups.setdefault(band, []).append(row)
    if len(groups) < 3 or median(len(group) for group in groups.values()) > 6:
        return set()
    return {band for band, group in groups.items() if is_one_row(group, columns)}


def is_one_row(rows: Sequence[Row], columns: int) -> bool:
    """Whether lines between two rules are one row: no column lists numbers, and not every line fills the columns."""
    pieces = [piece for row in rows for piece in row]
    for column in range(columns):
        figures = [is_number(piece.line.text) for piece in pieces if piece.first == column]
        if sum(figures) > 1 and sum(figures) > 0.5 * len(figures):
            return False
    return len(rows) < 2 or any(len({piece.first for piece in row}) < max(2, 0.75 * columns) for row in rows)


def _goes_on(group: Sequence[Row], below: Row, limit: float, columns: int, height: float) -> bool:
    """Whether a row carries on the cells of the group above."""
    above = group[-1]
    pitch = _pitch(above, below)
    upper, lower = {piece.first for piece in above}, {piece.first for piece in below}
    if pitch < 0.75 * height and not any(_over(a, b) for a in above for b in below):
        # Cells centred in their row: a line of one stands half way between two lines of another.
        return not any(is_number(b.line.text) and _over(a, b) for row in group for a in row for b in below)
    if limit:
        return pitch < limit or (lower == {0} and _is_lower_case(below) and pitch < 1.2 * limit)
    filled = {piece.first for row in group for piece in row}
    if not lower <= filled or len(lower) > max(1, columns // 2) or pitch > 1.7 * height:
        return len(lower) > 0 and upper == {0} and 0 in lower and _is_lower_case(below) and pitch < 1.5 * height
    if any(is_number(piece.line.text) for piece in below):
        return False
    return 0 not in lower or _is_lower_case(below)


def _over(a: Piece, b: Piece) -> bool:
    return overlap(a.line.box.x0, a.line.box.x1, b.line.box.x0, b.line.box.x1) > 0


def _is_lower_case(row: Row) -> bool:
    return row[0].line.text[:1].islower()
