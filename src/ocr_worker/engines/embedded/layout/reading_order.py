"""The order in which people read regions: bands from top to bottom, and columns inside them.

This is an XY-cut (Nagy and Seth, 1984) that keeps columns complete. Horizontal bands are joined as long as one gutter
runs through them. White lines that happen to be level in two columns therefore do not cut the columns. Cards are the
exception: they are read row by row. `reading_order` sees boxes only, not texts. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise

from ocr_worker.engines.embedded.geometry import Box, bounds, x_overlap
from ocr_worker.engines.embedded.layout.thresholds import THRESHOLDS


@dataclass(frozen=True, slots=True)
class Layout:
    """The boxes to be ordered, and what decides their order.

    heads: indices of boxes that belong to what follows them, as titles do. is_right_to_left: columns begin at the
    right, as in Arabic. line_height: median height of a line in pixels; boxes of one line each form no columns.
    cards: indices of boxes that are frames with all that is in them; see `cards`.
    """

    boxes: Sequence[Box]
    heads: Set[int] = frozenset()
    is_right_to_left: bool = False
    line_height: float = 0.0
    cards: Set[int] = frozenset()


def reading_order(layout: Layout) -> list[int]:
    """Return the indices of the boxes in reading order."""
    tolerant = replace(layout, boxes=[_shrink(box) for box in layout.boxes])
    return _order(list(range(len(layout.boxes))), tolerant)


def _order(indices: list[int], layout: Layout) -> list[int]:
    """Return the indices in reading order, cut into runs of bands, then into columns, and so on."""
    if len(indices) < 2:
        return indices
    boxes = layout.boxes
    runs = _join_bands(_split(indices, boxes, axis=1), layout)
    if len(runs) > 1:
        return [i for run in runs for i in _order(run, layout)]
    columns = _split(indices, boxes, axis=0)
    if len(columns) > 1:
        if layout.is_right_to_left:
            columns.reverse()
        return [i for column in columns for i in _order(column, layout)]
    for i in sorted(indices, key=lambda i: boxes[i].area):
        rest = [other for other in indices if other != i]
        if len(_split(rest, boxes, axis=0)) > 1 or len(_split(rest, boxes, axis=1)) > 1:
            return _insert(i, _order(rest, layout), boxes)
    side = -1 if layout.is_right_to_left else 1
    return sorted(indices, key=lambda i: (boxes[i].y0, side * boxes[i].x0))


def _insert(i: int, order: list[int], boxes: Sequence[Box]) -> list[int]:
    """Return the order with box `i`, which crosses the others' gutters, before the first box below it."""
    box = boxes[i]
    below = (
        position
        for position, other in enumerate(order)
        if x_overlap(box, boxes[other]) > 0 and boxes[other].center[1] > box.center[1]
    )
    position = next(below, len(order))
    return [*order[:position], i, *order[position:]]


def _split(indices: Sequence[int], boxes: Sequence[Box], axis: int) -> list[list[int]]:
    """Return the boxes in groups between which a straight line passes.

    axis: 0 for groups side by side, 1 for groups one above the other.
    """
    parts: list[list[int]] = []
    edge = float("-inf")
    for i in sorted(indices, key=lambda i: boxes[i][axis]):
        if boxes[i][axis] >= edge:
            parts.append([])
        parts[-1].append(i)
        edge = max(edge, boxes[i][axis + 2])
    return parts


def _join_bands(bands: Sequence[list[int]], layout: Layout) -> list[list[int]]:
    """Return runs of consecutive bands that share a gutter; the bands of a single column are not joined."""
    boxes, heads = layout.boxes, layout.heads
    runs: list[list[list[int]]] = []
    for number, band in enumerate(bands):
        above = [i for row in runs[-1] for i in row] if runs else []
        is_after_row = len(runs) > 0 and len(runs[-1]) == 1 and _is_row(runs[-1][0], boxes, heads)
        is_by_card = _is_card_row(band, layout) or (len(runs) > 0 and _is_card_row(runs[-1][-1], layout))
        # Below columns of text, low boxes side by side are the columns' last lines and no separate row.
        is_titled = len(runs) > 0 and _is_title_over(runs[-1], band, layout)
        is_separate = (
            is_by_card or is_titled or is_after_row or (_is_row(band, boxes, heads) and not _are_columns(above, layout))
        )
        if runs and not is_separate and _share_gutter(above, band, bands[number + 1 :], layout):
            runs[-1].append(band)
        else:
            # A title at the foot of columns belongs to what follows below them.
            title = [runs[-1].pop()] if runs and len(runs[-1]) > 1 and heads >= set(runs[-1][-1]) else []
            runs.append([*title, band])
    rows = [row for run in runs for row in _rows_of_cards(run, layout)]
    return [[i for band in row for i in band] for row in rows]


def _is_card_row(band: Sequence[int], layout: Layout) -> bool:
    """Return whether the band is only cards in frames, side by side."""
    return len(band) > 1 and layout.cards >= set(band) and _is_level(band, layout)


def _is_title_over(run: Sequence[Sequence[int]], band: Sequence[int], layout: Layout) -> bool:
    """Return whether the run is only a title, and centered over the level columns of the band below.

    It is then the title of all of them, and not of the middle column that it happens to be above.
    """
    if len(run) != 1 or len(run[0]) != 1 or not layout.heads >= set(run[0]):
        return False
    columns = bounds(layout.boxes[i] for i in band)
    tops = [min(part, key=lambda i: layout.boxes[i].y0) for part in _split(band, layout.boxes, axis=0)]
    offset = abs(layout.boxes[run[0][0]].center[0] - columns.center[0])
    is_centered = offset < THRESHOLDS.uneven_title * columns.width
    return is_centered and len(tops) > 1 and _is_level(tops, layout)


def _is_level(band: Sequence[int], layout: Layout) -> bool:
    tops = [layout.boxes[i].y0 for i in band]
    return max(tops) - min(tops) <= THRESHOLDS.card_level * layout.line_height


def _rows_of_cards(run: Sequence[list[int]], layout: Layout) -> list[list[list[int]]]:
    """Return the run's bands in rows of cards without frames; all bands as one row if they are columns of prose.

    Cards are level in each row, at least two rows, and begin with a title in each column and row.
    """
    rows: list[list[list[int]]] = []
    for band in run:
        if rows and layout.heads >= set(rows[-1][-1]):
            rows[-1].append(band)
        else:
            rows.append([band])
    columns = [[part[0] for part in _columns_of(row, layout)] for row in rows]
    are_cards = len(rows) > 1 and all(
        len(tops) == len(columns[0]) > 1 and layout.heads >= set(tops) and _is_level(tops, layout) for tops in columns
    )
    return rows if are_cards else [list(run)]


def _columns_of(row: Sequence[Sequence[int]], layout: Layout) -> list[list[int]]:
    """Return the boxes of a row in columns, each from top to bottom."""
    parts = _split([i for band in row for i in band], layout.boxes, axis=0)
    return [sorted(part, key=lambda i: layout.boxes[i].y0) for part in parts]


def _is_row(band: Sequence[int], boxes: Sequence[Box], heads: Set[int]) -> bool:
    """Return whether the band is a few low boxes in a line, far apart, like the authors below a title.

    Such boxes are no columns that continue below.
    """
    if len(band) < 2 or not heads.isdisjoint(band):
        return False
    page = bounds(boxes)
    row = sorted((boxes[i] for i in band), key=lambda box: box.x0)
    height = max(box.height for box in row)
    limit = THRESHOLDS.row_level * height
    is_level = all(abs(box.y0 - row[0].y0) + abs(box.y1 - row[0].y1) < limit for box in row)
    is_spaced = all(right.x0 - left.x1 > THRESHOLDS.min_row_gap * page.width for left, right in pairwise(row))
    return is_level and is_spaced and height < THRESHOLDS.max_row_height * page.height


def _share_gutter(above: Sequence[int], below: Sequence[int], later: Sequence[list[int]], layout: Layout) -> bool:
    """Return whether both bands together form columns of text, and at least one of them does so alone.

    later: the bands below them. Titles, captions and words of a figure above each other may begin a column whose text
    comes in one of these.
    """
    # Otherwise a box is at the left and another farther right below it: these are steps, not columns.
    if max(len(_split(part, layout.boxes, axis=0)) for part in (above, below)) < 2:
        return False
    together = [*above, *below]
    for band in [[], *later]:
        together += band
        if len(_split(together, layout.boxes, axis=0)) < 2:
            return False
        if _are_columns(together, layout):
            return True
    return False


def _are_columns(indices: Sequence[int], layout: Layout) -> bool:
    """Return whether these boxes form columns, at least two of which have text of several lines."""
    boxes = layout.boxes
    parts = _split(indices, boxes, axis=0)
    min_height = THRESHOLDS.min_column_lines * layout.line_height
    return sum(any(boxes[i].height > min_height for i in part) for part in parts) > 1


def _shrink(box: Box) -> Box:
    """Return the box without the margin by which neighbors may touch or overlap."""
    share, side = THRESHOLDS.box_tolerance, THRESHOLDS.max_tolerant_side
    dx, dy = share * min(box.width, side), share * min(box.height, side)
    return Box(box.x0 + dx, box.y0 + dy, box.x1 - dx, box.y1 - dy)
