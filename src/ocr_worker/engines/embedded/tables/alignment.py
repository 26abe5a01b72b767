"""Rows and cells of a table that its rules do not close, from wide rules, spacing and alignment.

`align_rows` takes the lines of text row by row, finds the headings at the top, and places each text in its columns
(`columns`). Headings get the columns over which they are centered or that an underline spans. Below the headings,
`merge_rows` joins lines that only continue the cells above, by the distance between lines and the rules between them.
Tables that rules close are the task of `grid`, which uses `merge_rows` and `is_one_row` between its rules. All
functions are pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box, bounds, overlap
from ocr_worker.engines.embedded.layout.rules import Rules, levels, ruled_length
from ocr_worker.engines.embedded.lines import Line, Word, line_height, split_at
from ocr_worker.engines.embedded.tables.columns import (
    Piece,
    count_sums,
    find_gutters,
    find_rows,
    is_number,
    is_sign,
    place,
    place_headings,
    place_uncut,
)
from ocr_worker.engines.embedded.tables.thresholds import THRESHOLDS

Row = list[Piece]
_Distances = tuple[float, float, float]  # of a heading from the beginnings, ends and centers of a column, in pixels
_YEARS = re.compile(r"((19|20)\d\d[*†]?( |$))+")


def align_rows(box: Box, lines: Sequence[Line], rules: Rules, edges: Sequence[float] = ()) -> list[Row]:
    """Return the table's rows, with the columns of each piece.

    edges: x of the column edges that rules down the table show, in pixels.
    """
    height = line_height(lines)
    line_rows = find_rows(lines)
    rule_ys = find_wide_rules(box, rules, height)
    bands = [sum(y < bounds(line.box for line in row).center[1] for y in rule_ys) for row in line_rows]
    head = _count_head_rows(line_rows, bands)
    end = len(line_rows) - _count_foot_rows(line_rows[head:])
    has_body = end - head >= THRESHOLDS.min_body_rows or _are_all_numeric(line_rows[head:end])
    gutters = _with_edges(find_gutters(line_rows[head if has_body else 0 : end], height), edges, height)
    placed = [_place_row(row, gutters, height, head - 1 - i) for i, row in enumerate(line_rows)]
    below = [piece.line.box for row in placed[head:] for piece in row if piece.first == piece.last]
    columns = _column_boxes(below or [line.box for row in line_rows for line in row], gutters)
    joined = _join_pieces(rules.across, height)
    underlines = [rule for rule in joined if rule.width < THRESHOLDS.wide_rule * box.width]
    if head:  # each column has its own heading in the lowest row
        placed[head - 1] = _part_headings(placed[head - 1], _numeric_columns(placed[head:]), height)
    over = [[_set_over_nearest(piece, i == head - 1, columns, height) for piece in placed[i]] for i in range(head)]
    over = _stack_headings(over, bands, columns, height)
    wide = _with_headings(columns, over[-1] if over else [])
    headings = [_spread_headings(row, columns, wide, underlines, height) for row in over[:-1]]
    headings += [_spread_headings(row, columns, columns, underlines, height) for row in over[-1:]]
    body = [[Piece(piece.line, piece.first, piece.first) for piece in row] for row in placed[head:]]
    head_rows = _join_headings(headings, bands[:head], height)
    return head_rows + merge_rows(body, bands[head:], len(gutters) + 1, height)


def _place_row(row: Sequence[Line], gutters: Sequence[float], height: float, below: int) -> Row:
    """Return the row's pieces in their columns. below: rows of headings below it; less than 0: a row of the body.

    Headings are close to one another, in the lowest row of headings and in each that has a text for every column. A
    line alone above these may be a sentence, whose words are not cells.
    """
    if below == 0:
        return place_headings(row, gutters, height)
    if below < 0:
        return place(row, gutters, height)
    words = row[0].text.split()
    is_sentence = len(row) == 1 and 2 * sum(map(is_number, words)) < len(words)
    gap = THRESHOLDS.cell_gap if is_sentence else THRESHOLDS.word_gap
    return place_uncut(row, gutters) or place(row, gutters, height, gap)


def _join_pieces(across: Sequence[Box], height: float) -> list[Box]:
    """Return the rules across, the pieces of each joined, which nearly touch, unlike underlines beside one another."""
    slack, gap = THRESHOLDS.same_level * height, THRESHOLDS.piece_gap * height
    joined: list[Box] = []
    for rule in sorted(across):
        level = (i for i, other in enumerate(joined) if abs(other.center[1] - rule.center[1]) < slack)
        match = next((i for i in level if rule.x0 - joined[i].x1 < gap), None)
        if match is None:
            joined.append(rule)
        else:
            joined[match] = bounds((joined[match], rule))
    return joined


def find_wide_rules(box: Box, rules: Rules, height: float) -> list[float]:
    """Return the y of the rules that cross (nearly) the full width of the table, from top to bottom, in pixels."""
    slack = THRESHOLDS.same_level * height
    min_length = THRESHOLDS.wide_rule * box.width
    ys = levels([rule.center[1] for rule in rules.across], slack)
    return [y for y in ys if ruled_length(rules.across, 0, y, (box.x0, box.x1), 2 * slack) >= min_length]


def merge_rows(rows: Sequence[Row], bands: Sequence[int], columns: int, height: float) -> list[Row]:
    """Merge rows of lines into rows of the table: a row that only continues the cells above is joined to them.

    bands: for each row, the number of rules above it. columns: how many the table has. height: of a line, in pixels.
    """
    limit = _wrap_limit(rows, bands, columns, height)
    row_bands = _one_row_bands(rows, bands, columns)
    groups: list[list[Row]] = []
    for i, row in enumerate(rows):
        is_same_band = i > 0 and bands[i - 1] == bands[i]
        if is_same_band and (bands[i] in row_bands or _continues(groups[-1], row, limit, columns, height)):
            groups[-1].append(row)
        else:
            groups.append([row])
    return [[piece for row in group for piece in row] for group in groups]


def _count_head_rows(rows: Sequence[Sequence[Line]], bands: Sequence[int]) -> int:
    """Count the rows at the top that are headings: those above the first rule, else above the first numbers."""
    if not rows:
        return 0
    ruled = sum(band == bands[0] for band in bands)
    unnumbered = next((i for i, row in enumerate(rows) if _has_numbers(row)), len(rows))
    if ruled < unnumbered < len(rows):
        ruled = _count_levels(rows, bands, ruled, unnumbered)
    is_head = ruled <= max(1, unnumbered) or _has_few_labels(rows, ruled)
    most = THRESHOLDS.max_ruled_head_rows if ruled <= unnumbered else THRESHOLDS.max_head_rows
    if ruled <= most and ruled < len(rows) and is_head:
        return ruled
    if unnumbered <= THRESHOLDS.max_head_rows and unnumbered < len(rows):
        return unnumbered - _count_sections(rows, unnumbered)
    return 1 if len(rows) >= THRESHOLDS.min_rows_for_text_head and len(rows[0]) == max(map(len, rows)) else 0


def _count_levels(rows: Sequence[Sequence[Line]], bands: Sequence[int], ruled: int, unnumbered: int) -> int:
    """Count the rows above the last rule over the first numbers: a rule, or underlines in a row, may part headings.

    ruled: the rows above the first rule, which are the headings if the rows below have labels. unnumbered: the rows
    above the first numbers.
    """
    end = min(unnumbered - _count_sections(rows, unnumbered), THRESHOLDS.max_ruled_head_rows)
    levels = [i for i in range(ruled + 1, end + 1) if bands[i] != bands[i - 1] and _has_few_labels(rows, i)]
    return max(levels, default=ruled)


def _count_sections(rows: Sequence[Sequence[Line]], end: int) -> int:
    """Count the headings of sections right above row `end`: each is at the left, alone, below a row of headings."""
    left = min(row[0].box.x0 for row in rows)
    start = end
    while start > 0 and _is_section(rows[start - 1], left):
        start -= 1
    return end - start if start > 0 and len(rows[start - 1]) > 1 else 0


def _is_section(row: Sequence[Line], left: float) -> bool:
    (first, *others) = row
    return not others and first.box.x0 < left + first.box.height and not first.text[:1].islower()


def _has_few_labels(rows: Sequence[Sequence[Line]], head: int) -> bool:
    """Return whether at most one of the first `head` rows has a label at the left, as nearly all rows below have.

    Such rows are headings, even with numbers such as ages or years in them.
    """
    edge = median(row[0].box.x1 for row in rows[head:]) if head < len(rows) else 0.0
    labels = [row[0].box.x0 < edge for row in rows]
    below = labels[head:]
    return sum(labels[:head]) <= 1 and sum(below) >= THRESHOLDS.labeled_rows_below * len(below) > 0


def _has_numbers(row: Sequence[Line]) -> bool:
    """Return whether half of the texts beside the first are numbers; years are headings."""
    texts = [line.text for line in row if not is_sign(line.text)]
    numbers = sum(is_number(text) and not _YEARS.fullmatch(text) for text in texts)
    return numbers > 0 and numbers >= THRESHOLDS.numeric_row * (len(texts) - 1)


def _with_edges(gutters: Sequence[float], edges: Sequence[float], height: float) -> list[float]:
    """Return gutters and edges together; a gutter next to a rule is that rule."""
    distance = THRESHOLDS.gutter_at_rule * height
    unruled = [gutter for gutter in gutters if all(abs(gutter - edge) > distance for edge in edges)]
    return sorted([*unruled, *edges])


def _column_boxes(boxes: Sequence[Box], gutters: Sequence[float]) -> list[Box]:
    """Return the bounds of each column's boxes; for an empty column, the stretch between its gutters."""
    table = bounds(boxes)
    columns = []
    for left, right in pairwise([table.x0, *gutters, table.x1]):
        members = [box for box in boxes if left <= box.center[0] <= right]
        columns.append(bounds(members) if members else Box(left, table.y0, max(left, right), table.y1))
    return columns


def _with_headings(columns: Sequence[Box], headings: Row) -> list[Box]:
    """Return the columns' boxes with the headings right above them. A heading over several is centered over these."""
    boxes = {piece.first: piece.line.box for piece in headings if piece.first == piece.last}
    return [bounds((column, boxes.get(j, column))) for j, column in enumerate(columns)]


def _count_foot_rows(rows: Sequence[Sequence[Line]]) -> int:
    """Count the rows at the end that may be set across the columns: sums, or notes and totals set apart by white."""
    if sums := count_sums(rows):
        return sums
    boxes = [bounds(line.box for line in row) for row in rows]
    gaps = [below.y0 - above.y1 for above, below in pairwise(boxes)]
    height = line_height([line for row in rows for line in row])
    for count in range(1, min(THRESHOLDS.max_apart_rows, len(rows) - 2) + 1):
        others = gaps[: len(gaps) - count]
        if gaps[-count] - max(others) > THRESHOLDS.apart_gap * height:
            return count
    return 0


def _are_all_numeric(rows: Sequence[Sequence[Line]]) -> bool:
    """Return whether there are two rows or more, and each has several numbers."""
    counts = [sum(is_number(line.text) for line in row) for row in rows]
    return len(counts) > 1 and min(counts) > 1


def _numeric_columns(rows: Sequence[Row]) -> dict[int, list[Box]]:
    """Return the columns whose texts are numbers, perhaps with units, except for a few; each with its texts' boxes."""
    columns: dict[int, list[Line]] = {}
    for piece in (piece for row in rows for piece in row if piece.first == piece.last):
        columns.setdefault(piece.first, []).append(piece.line)
    return {
        j: [line.box for line in lines]
        for j, lines in columns.items()
        if sum(map(_is_amount, lines)) >= THRESHOLDS.numeric_column * len(lines)
    }


def _is_amount(line: Line) -> bool:
    """Return whether the line is a number, perhaps with a unit behind it."""
    return is_number(line.text) or is_number(line.text.split()[0])


def _part_headings(row: Row, columns: Mapping[int, Sequence[Box]], height: float) -> Row:
    """Return the lowest headings, those that nearly touch parted as their columns are aligned.

    columns: those of numbers, with the boxes of these.
    """
    groups: list[Row] = []
    for piece in row:
        is_near = bool(groups) and piece.line.box.x0 - groups[-1][-1].line.box.x1 < THRESHOLDS.word_gap * height
        if is_near and groups[-1][-1].last < piece.first:
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [piece for group in groups for piece in _part_group(group, columns, height) or group]


def _part_group(group: Row, columns: Mapping[int, Sequence[Box]], height: float) -> Row:
    """Return the words of headings that nearly touch, as a heading for each of their columns; nothing if none fits.

    Where the space between two headings is no wider than that between words, only the columns below tell them apart:
    all of them begin, end or are centered with the numbers of their columns.
    """
    words = [word for piece in group for word in piece.line.words]
    span = range(group[0].first, group[-1].last + 1)
    if len(span) < 2 or len(words) < len(span) or not columns.keys() >= set(span):
        return []
    line = replace(
        group[0].line,
        text=" ".join(piece.line.text for piece in group),
        box=bounds(piece.line.box for piece in group),
        words=tuple(words),
    )
    parts_off = _off_columns(words, [columns[j] for j in span])
    distance, cuts = min(_best_cuts(parts_off, len(words), len(span), side) for side in range(3))
    parts = split_at(line, [(words[cut - 1].box.x1 + words[cut].box.x0) / 2 for cut in cuts])
    if distance >= THRESHOLDS.max_off_heading * height or len(parts) != len(span):
        return []
    return [Piece(part, j, j) for part, j in zip(parts, span, strict=True)]


def _off_columns(words: Sequence[Word], columns: Sequence[Sequence[Box]]) -> dict[tuple[int, int, int], _Distances]:
    """Return how far each run of words, from the first up to an end, is off each column: by start, end and column."""
    runs = [(start, end) for start in range(len(words)) for end in range(start + 1, len(words) + 1)]
    edges = np.asarray([bounds(word.box for word in words[start:end]) for start, end in runs])
    return {
        (*run, j): distances
        for j, column in enumerate(columns)
        for run, distances in zip(runs, _off_column(edges, column), strict=True)
    }


def _best_cuts(
    parts_off: Mapping[tuple[int, int, int], _Distances], word_count: int, column_count: int, side: int
) -> tuple[float, tuple[int, ...]]:
    """Return the cuts between words at which the part that is farthest off its column is nearest, and how far it is.

    side: of the distances. Column by column, the best cuts for each number of words are kept: there are too many cuts
    of a long row to compare all.
    """
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for j in range(column_count):
        best = {
            end: min(
                (max(distance, parts_off[start, end, j][side]), (*cuts, end))
                for start, (distance, cuts) in best.items()
                if start < end
            )
            for end in range(j + 1, word_count + 1)
        }
    distance, ends = best[word_count]
    return distance, ends[:-1]


def _off_column(edges: NDArray[np.float64], column: Sequence[Box]) -> Iterator[_Distances]:
    """Yield how far each heading is off the beginnings, the ends and the centers of a column's texts, in pixels.

    Each is a median, so that the ragged side of a column is far. edges: the headings' boxes, [n, 4].
    """
    starts, _, ends, _ = edges.T
    column_starts, _, column_ends, _ = np.asarray(column).T
    sides = ((starts, column_starts), (ends, column_ends), ((starts + ends) / 2, (column_starts + column_ends) / 2))
    medians = (np.median(np.abs(places[:, None] - texts), axis=1).tolist() for places, texts in sides)
    yield from zip(*medians, strict=True)


def _set_over_nearest(piece: Piece, is_lowest: bool, columns: Sequence[Box], height: float) -> Piece:
    """Return the heading over the nearer of two columns if it only reaches over their gutter.

    It is above neither or, in the lowest row of headings, above the nearer and aligned with it.
    """
    claimed = range(piece.first, piece.last + 1)
    box = piece.line.box
    distances = {j: max(0.0, -overlap(box.x0, box.x1, columns[j].x0, columns[j].x1)) for j in claimed}
    nearest, *others = sorted(claimed, key=lambda j: distances[j])
    lead = distances[others[0]] - distances[nearest] if others else 0.0
    off = _off_center(box, columns, (nearest, nearest))
    is_beside = distances[nearest] > 0 or (is_lowest and off < THRESHOLDS.max_off_center * height)
    if is_beside and lead > THRESHOLDS.nearer_column * height:
        return Piece(piece.line, nearest, nearest)
    return piece


def _stack_headings(rows: Sequence[Row], bands: Sequence[int], columns: Sequence[Box], height: float) -> list[Row]:
    """Return the rows of headings, each line that reaches over a gutter in the column of the line right below it.

    The two are lines of one heading: nothing else of the two rows is above or below them, and they are aligned.
    """
    stacked = list(rows)
    for i in reversed(range(len(stacked) - 1)):
        above, below = stacked[i], stacked[i + 1]
        if bands[i] == bands[i + 1] and _pitch(above, below) < THRESHOLDS.head_pitch * height:
            stacked[i] = [_set_over_line(piece, above, below, columns, height) for piece in above]
    return stacked


def _set_over_line(piece: Piece, above: Row, below: Row, columns: Sequence[Box], height: float) -> Piece:
    """Return a piece over several columns in the column of the line below, if it is a line of the same heading.

    It is none if it is centered over all columns up to its neighbors.
    """
    beneath = [other for other in below if _overlap(piece, other)]
    if piece.first == piece.last or len(beneath) != 1 or beneath[0].first != beneath[0].last:
        return piece
    (line,) = beneath
    others = [other for other in above if other is not piece]
    first = max((other.last + 1 for other in others if other.last < piece.first), default=1)
    last = min((other.first - 1 for other in others if other.first > piece.last), default=len(columns) - 1)
    is_over_all = (
        first < last and _off_center(piece.line.box, columns, (first, last)) < THRESHOLDS.max_off_center * height
    )
    x0, _, x1, _ = (abs(a - b) for a, b in zip(piece.line.box, line.line.box, strict=True))
    off = min(x0, x1, abs(piece.line.box.center[0] - line.line.box.center[0]))
    if is_over_all or any(_overlap(line, other) for other in others) or off >= THRESHOLDS.max_off_center * height:
        return piece
    return Piece(piece.line, line.first, line.last)


def _spread_headings(row: Row, columns: Sequence[Box], wide: Sequence[Box], rules: Sequence[Box], height: float) -> Row:
    """Return the headings with their spans: centered above several columns, or with a rule below that spans them.

    wide: the columns with the headings below.
    """
    headings = []
    for i, piece in enumerate(row):
        lowest = row[i - 1].last + 1 if i else 0
        highest = row[i + 1].first - 1 if i + 1 < len(row) else len(columns) - 1
        others = [other.line.box for other in row if other is not piece]
        underlines = [rule for rule in rules if all(overlap(rule.x0, rule.x1, box.x0, box.x1) <= 0 for box in others)]
        headings.append(_spread_piece(piece, (lowest, highest), (columns, wide), underlines, height))
    for i in range(1, len(headings)):  # two that claim the same columns keep their own
        if headings[i].first <= headings[i - 1].last:
            headings[i - 1], headings[i] = row[i - 1], row[i]
    return headings


def _spread_piece(
    piece: Piece,
    free: tuple[int, int],
    bounds_of_columns: tuple[Sequence[Box], Sequence[Box]],
    rules: Sequence[Box],
    height: float,
) -> Piece:
    """Return the heading with its span. free: first and last column that no other heading occupies."""
    box = piece.line.box
    columns, wide = bounds_of_columns
    for rule in rules:
        depth = rule.center[1] - box.y1
        is_below = -THRESHOLDS.underline_above * height < depth < THRESHOLDS.underline_below * height
        if is_below and rule.x0 - height <= box.x0 and box.x1 <= rule.x1 + height:
            under = [j for j, column in enumerate(columns) if rule.x0 - height <= column.center[0] <= rule.x1 + height]
            return Piece(piece.line, min(under), max(under)) if under else piece
    best = (piece.first, piece.last)
    best_distance = _off_center(box, columns, best)
    for first in range(free[0], piece.first + 1):
        for last in range(piece.last, free[1] + 1):
            if last - first < 1 or (first, last) == (piece.first, piece.last):
                continue
            distance = min(_off_center(box, columns, (first, last)), _off_center(box, wide, (first, last)))
            is_centered = distance < THRESHOLDS.max_off_center * height
            if is_centered and distance + THRESHOLDS.min_center_gain * height < best_distance:
                best, best_distance = (first, last), distance
    return Piece(piece.line, *best)


def _off_center(box: Box, columns: Sequence[Box], span: tuple[int, int]) -> float:
    """Return the distance of the box from the center of the columns, or from the edge of a single column, in pixels."""
    first, last = columns[span[0]], columns[span[1]]
    distance = abs(box.center[0] - (first.x0 + last.x1) / 2)
    return distance if span[0] != span[1] else min(distance, abs(box.x0 - first.x0), abs(box.x1 - last.x1))


def _join_headings(rows: Sequence[Row], bands: Sequence[int], height: float) -> list[Row]:
    """Join headings of several lines to one row each; a heading over several columns has a row of its own."""
    joined: list[Row] = []
    above: Row = []
    for i, row in enumerate(rows):
        has_span = any(piece.first != piece.last for piece in (*row, *above))
        is_same_band = i > 0 and bands[i] == bands[i - 1]
        max_pitch = (THRESHOLDS.head_pitch if is_same_band else THRESHOLDS.head_pitch_over_rule) * height
        if i and (_pitch(above, row) < max_pitch and not has_span):
            joined[-1] = [*joined[-1], *row]
        else:
            joined.append(list(row))
        above = row
    return joined


def _pitch(above: Row, below: Row) -> float:
    """Return the distance from the middle of a row to the middle of the next, in pixels."""
    upper, lower = (median(piece.line.box.center[1] for piece in row) for row in (above, below))
    return lower - upper


def _wrap_limit(rows: Sequence[Row], bands: Sequence[int], columns: int, height: float) -> float:
    """Return the pitch below which a row continues the one above, in pixels; 0 where the spacing does not show it."""
    pairs = [
        (_pitch(above, below), _is_sparse(above, below, columns))
        for above, below, a, b in zip(rows, rows[1:], bands, bands[1:], strict=False)
        if a == b
    ]
    pairs = sorted(pair for pair in pairs if pair[0] > THRESHOLDS.min_pitch * height)
    steps = [(upper[0] / lower[0], i) for i, (lower, upper) in enumerate(pairwise(pairs))]
    for ratio, i in sorted(steps, reverse=True)[: THRESHOLDS.steps_tried]:
        close_pairs = pairs[: i + 1]
        is_clear = pairs[i][0] - pairs[0][0] < THRESHOLDS.max_spread * (pairs[i + 1][0] - pairs[i][0])
        limit = (pairs[i][0] + pairs[i + 1][0]) / 2
        has_wraps = sum(is_sparse for _, is_sparse in close_pairs) >= THRESHOLDS.wrapped_pairs * len(close_pairs)
        if ratio > THRESHOLDS.min_step and is_clear and has_wraps and not _joins_numbers(rows, bands, limit):
            return limit
    return 0.0


def _joins_numbers(rows: Sequence[Row], bands: Sequence[int], limit: float) -> bool:
    """Return whether rows joined below this pitch would have two numbers in one cell."""
    numbered: set[int] = set()
    for i, row in enumerate(rows):
        if i and (bands[i] != bands[i - 1] or _pitch(rows[i - 1], row) >= limit):
            numbered = set()
        columns = {piece.first for piece in row if is_number(piece.line.text)}
        if columns & numbered:
            return True
        numbered |= columns
    return False


def _is_sparse(above: Row, below: Row, columns: int) -> bool:
    """Return whether one of the two rows has too few texts for a row of the table."""
    limit = max(1, THRESHOLDS.sparse_row * columns)
    return min(len(above), len(below)) <= limit or all(piece.first for piece in below)


def _one_row_bands(rows: Sequence[Row], bands: Sequence[int], columns: int) -> set[int]:
    """Return the bands between rules that are certain to be one row each."""
    groups: dict[int, list[Row]] = {}
    for row, band in zip(rows, bands, strict=True):
        groups.setdefault(band, []).append(row)
    if len(groups) < THRESHOLDS.min_ruled_bands or median(map(len, groups.values())) > THRESHOLDS.max_band_lines:
        return set()
    return {band for band, group in groups.items() if is_one_row(group, columns)}


def is_one_row(rows: Sequence[Row], columns: int) -> bool:
    """Return whether lines between two rules are one row of the table.

    They are if no column lists numbers, and not every line fills the columns.
    """
    pieces = [piece for row in rows for piece in row]
    for column in range(columns):
        numbers = [is_number(piece.line.text) for piece in pieces if piece.first == column]
        if sum(numbers) > 1 and sum(numbers) > THRESHOLDS.listed_numbers * len(numbers):
            return False
    full = max(2, THRESHOLDS.full_row * columns)
    return len(rows) < 2 or any(len({piece.first for piece in row}) < full for row in rows)


def _continues(group: Sequence[Row], below: Row, limit: float, columns: int, height: float) -> bool:
    """Return whether a row continues the cells of the group above. limit: of `_wrap_limit`."""
    above = group[-1]
    pitch = _pitch(above, below)
    upper, lower = {piece.first for piece in above}, {piece.first for piece in below}
    if lower == {0} and _is_set_out(group, below, height):
        return False
    if pitch < THRESHOLDS.centered_pitch * height and not any(_overlap(a, b) for a in above for b in below):
        # Cells centered in their row: a line of one cell is half way between two lines of another.
        return not any(is_number(b.line.text) and _overlap(a, b) for row in group for a in row for b in below)
    if limit:
        is_label = lower == {0} and _is_lower_case(below)
        return pitch < limit or (is_label and pitch < THRESHOLDS.continued_limit * limit)
    filled = {piece.first for row in group for piece in row}
    is_crowded = len(lower) > max(1, THRESHOLDS.continued_columns * columns)
    if not lower <= filled or is_crowded or pitch > THRESHOLDS.wrapped_pitch * height:
        is_label = len(lower) > 0 and upper == {0} and 0 in lower and _is_lower_case(below)
        return is_label and pitch < THRESHOLDS.continued_pitch * height
    if any(is_number(piece.line.text) for piece in below):
        return False
    return 0 not in lower or _is_lower_case(below)


def _is_set_out(group: Sequence[Row], below: Row, height: float) -> bool:
    """Return whether a label begins farther left than the label above, which it thus does not continue."""
    starts = [piece.line.box.x0 for row in group for piece in row if piece.first == 0]
    return bool(starts) and below[0].line.box.x0 < starts[0] - THRESHOLDS.set_out * height


def _overlap(a: Piece, b: Piece) -> bool:
    return overlap(a.line.box.x0, a.line.box.x1, b.line.box.x0, b.line.box.x1) > 0


def _is_lower_case(row: Row) -> bool:
    return row[0].line.text[:1].islower()
