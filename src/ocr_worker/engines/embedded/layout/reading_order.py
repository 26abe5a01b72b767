"""The order people read regions in: bands from top to bottom, columns inside them. Pure.

An XY-cut (Nagy and Seth, 1984) that keeps columns whole: horizontal bands are joined as long as one gutter runs
through them, so that white lines which happen to lie side by side in two columns do not cut across them.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise

from ocr_worker.engines.embedded.geometry import Box, bounds, x_overlap

# Boxes of neighbours may touch or lie over one another by this share of the smaller side.
TOLERANCE = 0.15
# Boxes in a row, unlike columns, are low and far apart; shares of the height and width of all text.
ROW_HEIGHT, ROW_GAP = 0.08, 0.08
# A column has a box of more lines than this: labels and their values, each of one line, are read row by row.
COLUMN_LINES = 2.0


@dataclass(frozen=True, slots=True)
class Layout:
    """What is to be ordered. heads: the boxes that belong to what comes after them, as titles do.

    right_to_left: of columns, as in Arabic. line: the usual height of a line; boxes of one line each make no columns.
    """

    boxes: Sequence[Box]
    heads: Set[int] = frozenset()
    right_to_left: bool = False
    line: float = 0.0


def reading_order(layout: Layout) -> list[int]:
    """The boxes' indices in reading order."""
    shrunk = replace(layout, boxes=[_shrunk(box) for box in layout.boxes])
    return _ordered(list(range(len(layout.boxes))), shrunk)


def _ordered(indices: list[int], layout: Layout) -> list[int]:
    if len(indices) < 2:
        return indices
    boxes = layout.boxes
    runs = _runs(_parts(indices, boxes, axis=1), layout)
    if len(runs) > 1:
        return [i for run in runs for i in _ordered(run, layout)]
    columns = _parts(indices, boxes, axis=0)
    if len(columns) > 1:
        if layout.right_to_left:
            columns.reverse()
        return [i for column in columns for i in _ordered(column, layout)]
    for i in sorted(indices, key=lambda i: boxes[i].area):
        rest = [other for other in indices if other != i]
        if len(_parts(rest, boxes, axis=0)) > 1 or len(_parts(rest, boxes, axis=1)) > 1:
            return _inserted(i, _ordered(rest, layout), boxes)
    side = -1 if layout.right_to_left else 1
    return sorted(indices, key=lambda i: (boxes[i].y0, side * boxes[i].x0))


def _inserted(i: int, ordered: list[int], boxes: Sequence[Box]) -> list[int]:
    """The order with a box that lay across the others' gutters: before the first that it stands above."""
    box = boxes[i]
    below = (
        at
        for at, other in enumerate(ordered)
        if x_overlap(box, boxes[other]) > 0 and boxes[other].center[1] > box.center[1]
    )
    at = next(below, len(ordered))
    return [*ordered[:at], i, *ordered[at:]]


def _parts(indices: Sequence[int], boxes: Sequence[Box], axis: int) -> list[list[int]]:
    """The boxes, cut wherever a straight line passes between them; axis 0: side by side, 1: one above the other."""
    parts: list[list[int]] = []
    edge = float("-inf")
    for i in sorted(indices, key=lambda i: boxes[i][axis]):
        if boxes[i][axis] >= edge:
            parts.append([])
        parts[-1].append(i)
        edge = max(edge, boxes[i][axis + 2])
    return parts


def _runs(bands: Sequence[list[int]], layout: Layout) -> list[list[int]]:
    """Bands that follow one another and share a gutter, joined; a run of one column's bands stays apart."""
    boxes, heads = layout.boxes, layout.heads
    runs: list[list[list[int]]] = []
    for band in bands:
        above = [i for row in runs[-1] for i in row] if runs else []
        after_row = len(runs) > 0 and len(runs[-1]) == 1 and _is_row(runs[-1][0], boxes, heads)
        # Below columns of text low boxes side by side are their last lines, not a row by itself.
        alone = after_row or (_is_row(band, boxes, heads) and not _are_columns(above, layout))
        if runs and not alone and _share_gutter(above, band, layout):
            runs[-1].append(band)
        else:
            # A title at the foot of columns heads what comes below them.
            led = [runs[-1].pop()] if runs and len(runs[-1]) > 1 and heads >= set(runs[-1][-1]) else []
            runs.append([*led, band])
    return [[i for band in run for i in band] for run in runs]


def _is_row(band: Sequence[int], boxes: Sequence[Box], heads: Set[int]) -> bool:
    """Whether the band is a few low boxes in a line, far apart, like authors under a title: no columns that go on."""
    if len(band) < 2 or not heads.isdisjoint(band):
        return False
    page = bounds(boxes)
    row = sorted((boxes[i] for i in band), key=lambda box: box.x0)
    height = max(box.height for box in row)
    level = all(abs(box.y0 - row[0].y0) + abs(box.y1 - row[0].y1) < 0.3 * height for box in row)
    apart = all(right.x0 - left.x1 > ROW_GAP * page.width for left, right in pairwise(row))
    return level and apart and height < ROW_HEIGHT * page.height


def _share_gutter(above: Sequence[int], below: Sequence[int], layout: Layout) -> bool:
    """Whether both together fall into columns of text, and at least one of them does so by itself."""
    boxes = layout.boxes
    if not _are_columns([*above, *below], layout):
        return False
    # Else it is a box on the left and another further right below it: steps, not columns.
    return max(len(_parts(above, boxes, axis=0)), len(_parts(below, boxes, axis=0))) > 1


def _are_columns(indices: Sequence[int], layout: Layout) -> bool:
    """Whether these fall into columns, two of which have text of some lines."""
    boxes = layout.boxes
    parts = _parts(indices, boxes, axis=0)
    return sum(any(boxes[i].height > COLUMN_LINES * layout.line for i in part) for part in parts) > 1


def _shrunk(box: Box) -> Box:
    dx, dy = TOLERANCE * min(box.width, 40), TOLERANCE * min(box.height, 40)
    return Box(box.x0 + dx, box.y0 + dy, box.x1 - dx, box.y1 - dy)
