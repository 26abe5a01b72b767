"""Lines that were read across the white between two columns, cut in two.

A detector or a text layer may join the lines of two columns that are beside one another. `split_at_gutters` cuts a
line at a wide gap between its words if lines above and below begin at that gap. Where columns are close to one another,
their white is no wider than the spaces of justified text: there a line read from the page image is also cut at a gutter
of `columns` that ends right at the line. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ocr_worker.engines.embedded.geometry import Box, BoxIndex, y_overlap
from ocr_worker.engines.embedded.layout.columns import find_column_gutters
from ocr_worker.engines.embedded.layout.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.lines import Line, line_height, split_at


def split_at_gutters(lines: Sequence[Line]) -> list[Line]:
    """Return the lines, each cut at wide gaps where lines above and below begin, and few continue across."""
    # Boxes of the lines come first: so one index finds the lines and the beginnings near a line.
    starts = [*(line.box for line in lines), *(right for line in lines for _, right in _wide_gaps(line))]
    index = BoxIndex(starts)
    parts = [part for line in lines for part in split_at(line, list(_find_cuts(line, lines, starts, index)))]
    gutters = find_column_gutters([line for line in parts if not line.is_from_text_layer])
    return [part for line in parts for part in split_at(line, list(_continue_gutters(line, parts, gutters)))]


def _continue_gutters(line: Line, lines: Sequence[Line], gutters: Sequence[Box]) -> Iterator[float]:
    """Yield the x of the gutters that end right above or below the line, where the line has a space.

    A heading over the columns has larger letters, and a paragraph over them more lines.
    """
    if line.is_from_text_layer:
        return
    reach = THRESHOLDS.gutter_end * line.box.height
    for gutter in gutters:
        x, _ = gutter.center
        if -y_overlap(gutter, line.box) > reach or not _has_room(line, x):
            continue
        beside = [other for other in lines if other is not line and y_overlap(other.box, gutter) > 0]
        is_larger = line.box.height > THRESHOLDS.heading_size * line_height(beside)
        is_paragraph = any(
            other is not line and -y_overlap(other.box, line.box) <= reach and _has_room(other, x)
            for other in lines
            if other.box.height <= THRESHOLDS.heading_size * line.box.height
        )
        if is_larger or is_paragraph:
            continue
        if any(left.box.x1 <= x <= right.box.x0 for left, right in zip(line.words, line.words[1:], strict=False)):
            yield x


def _has_room(line: Line, x: float) -> bool:
    """Return whether both parts of the line beside `x` are wide enough for a column."""
    return min(x - line.box.x0, line.box.x1 - x) >= THRESHOLDS.min_part_width * line.box.height


def _wide_gaps(line: Line) -> Iterator[tuple[Box, Box]]:
    """Yield the words on both sides of the line's wide gaps."""
    for left, right in zip(line.words, line.words[1:], strict=False):
        if right.box.x0 - left.box.x1 > THRESHOLDS.min_word_gap * line.box.height:
            yield left.box, right.box


def _find_cuts(line: Line, lines: Sequence[Line], starts: Sequence[Box], index: BoxIndex) -> Iterator[float]:
    """Yield the x of the gutters that cross the line.

    starts: boxes of the lines, and then of the words that follow a wide gap. index: of these boxes.
    """
    height = line.box.height
    gaps = [
        (left, right)
        for left, right in _wide_gaps(line)
        if min(left.x1 - line.box.x0, line.box.x1 - right.x0) >= THRESHOLDS.min_part_width * height
    ]
    near = _near(line.box, starts, index) if gaps else []
    near_lines = [lines[i] for i in near if i < len(lines)]
    for left, right in gaps:
        middle = (left.x1 + right.x0) / 2
        reach = THRESHOLDS.alignment * height
        witnesses = sum(abs(starts[i].x0 - right.x0) < reach for i in near) - 1
        crossings = sum(_crosses(other, middle, height) for other in near_lines)
        if witnesses >= THRESHOLDS.min_witnesses and crossings <= witnesses / THRESHOLDS.witnesses_per_crossing:
            yield middle


def _near(line: Box, boxes: Sequence[Box], index: BoxIndex) -> list[int]:
    """Return the indices of the boxes whose middles are near the line above or below. index: of the boxes."""
    middle, reach = line.center[1], THRESHOLDS.witness_distance * line.height
    return [i for i in index.near(middle - reach, middle + reach) if abs(boxes[i].center[1] - middle) < reach]


def _crosses(line: Line, x: float, height: float) -> bool:
    """Return whether the line continues across `x` without a wide gap near it. height: of a line, in pixels."""
    margin, slack = THRESHOLDS.crossing_margin * height, THRESHOLDS.gap_slack * height
    if not line.box.x0 + margin < x < line.box.x1 - margin:
        return False
    return not any(left.x1 - slack < x < right.x0 + slack for left, right in _wide_gaps(line))
