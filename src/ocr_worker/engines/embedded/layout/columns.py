"""Columns of prose: the gutters between them, and text that is cut at a gutter.

Gutters are found from the lines, as maximal white strips with lines on both sides (after Breuel's white-space covers,
2002), because a layout model's boxes sometimes contain two columns or half of one. `holds_columns` uses the same
gutters to recognize prose that was detected as a table. All functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box, BoxIndex, y_overlap
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.layout.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.lines import Line, line_height

Edges = NDArray[np.float64]  # [n, 4]: the lines' boxes


@dataclass(frozen=True, slots=True)
class _GutterCandidate:
    """A white strip that may become a gutter, with the indices of the lines right beside it."""

    box: Box
    left: frozenset[int]
    right: frozenset[int]


def find_column_gutters(lines: Sequence[Line]) -> list[Box]:
    """Return the white strips between columns of prose, each as high as the lines beside it, from left to right."""
    return sorted((candidate.box for candidate in _find_strips(lines)), key=lambda box: box.x0)


def _find_strips(lines: Sequence[Line]) -> list[_GutterCandidate]:
    """Return the white strips with prose on both sides: gaps between lines, joined from top to bottom."""
    min_width = THRESHOLDS.min_gutter_width * line_height(lines)
    boxes = [_inner_box(line) for line in lines]
    edges = np.asarray(boxes, np.float64).reshape(-1, 4)
    strips: list[_GutterCandidate] = []
    for gap in sorted(_find_gaps(boxes, min_width), key=lambda strip: strip.box.y0):
        for i, strip in enumerate(strips):
            box = _merge(strip.box, gap.box)
            if box.width >= min_width and not _is_crossed(box, edges):
                strips[i] = _GutterCandidate(box, strip.left | gap.left, strip.right | gap.right)
                break
        else:
            strips.append(gap)
    return [
        strip
        for strip in strips
        if _is_prose(strip.left, lines) and _is_prose(strip.right, lines) and not _are_labels(strip, lines)
    ]


def _inner_box(line: Line) -> Box:
    """Return the line's box without the margin by which outlines on a page image reach beyond the letters."""
    # Half a line's width at most: a narrow one has no inside.
    margin = 0.0 if line.is_from_text_layer else min(THRESHOLDS.outline_margin * line.box.height, line.box.width / 2)
    return line.box._replace(x0=line.box.x0 + margin, x1=line.box.x1 - margin)


def holds_columns(box: Box, lines: Sequence[Line], rules: Rules) -> bool:
    """Return whether the box contains columns of prose, perhaps in a frame, and no table.

    A table has rules between its rows, or labels of few words.
    """
    inside = [line for line in lines if box.contains(line.box.center)]
    words = sum(len(line.text.split()) for line in inside)
    if len(inside) < THRESHOLDS.min_framed_lines or words < THRESHOLDS.min_words_per_line * len(inside):
        return False
    strips = _find_strips(inside)
    row_rules = [rule for rule in rules.across if any(_crosses_gutter(rule, strip.box) for strip in strips)]
    beside = frozenset[int]().union(*(strip.left | strip.right for strip in strips))
    return len(row_rules) < THRESHOLDS.max_row_rules and len(beside) > THRESHOLDS.beside_gutters * len(inside)


def _crosses_gutter(rule: Box, gutter: Box) -> bool:
    return rule.x0 < gutter.center[0] < rule.x1 and gutter.y0 < rule.center[1] < gutter.y1


def split_by_gutter(lines: Iterable[Line], gutter: Box) -> list[list[Line]]:
    """Return the lines above the gutter, on its left, on its right and below it, without empty groups."""
    parts: list[list[Line]] = [[], [], [], []]
    middle = gutter.center[0]
    for line in lines:
        x, y = line.box.center
        inner = _inner_box(line)
        if inner.x0 < middle < inner.x1 or not gutter.y0 <= y <= gutter.y1:
            parts[0 if y < gutter.center[1] else 3].append(line)
        else:
            parts[1 if x < middle else 2].append(line)
    return [part for part in parts if part]


def _find_gaps(boxes: Sequence[Box], min_width: float) -> list[_GutterCandidate]:
    """Return the white between each line and its next neighbors at the right."""
    index = BoxIndex(boxes)
    gaps = []
    for i, box in enumerate(boxes):
        near = index.near(box.y0, box.y1)
        right = [j for j in near if boxes[j].x0 >= box.x1 and _are_beside(box, boxes[j])]
        reach = min((boxes[j].x0 for j in right), default=0.0) + THRESHOLDS.next_neighbors * box.height
        for j in right:
            other = boxes[j]
            if other.x0 - box.x1 >= min_width and other.x0 < reach:
                gap = Box(box.x1, min(box.y0, other.y0), other.x0, max(box.y1, other.y1))
                gaps.append(_GutterCandidate(gap, frozenset([i]), frozenset([j])))
    return gaps


def _are_beside(a: Box, b: Box) -> bool:
    return y_overlap(a, b) > THRESHOLDS.beside_overlap * min(a.height, b.height)


def _merge(a: Box, b: Box) -> Box:
    """Return the strip that is as high as both together, and as wide as what they share."""
    return Box(max(a.x0, b.x0), min(a.y0, b.y0), min(a.x1, b.x1), max(a.y1, b.y1))


def _is_crossed(strip: Box, edges: Edges) -> bool:
    """Return whether a line crosses the strip. edges: boxes of the lines, [n, 4]."""
    x0, y0, x1, y1 = edges.T
    is_across = np.minimum(x1, strip.x1) - np.maximum(x0, strip.x0) > THRESHOLDS.crossing_width * strip.width
    is_level = np.minimum(y1, strip.y1) - np.maximum(y0, strip.y0) > THRESHOLDS.crossing_height * (y1 - y0)
    return bool((is_across & is_level).any())


def _is_prose(indices: frozenset[int], lines: Sequence[Line]) -> bool:
    """Return whether these lines are long and of similar length, as the lines of a paragraph are.

    A heading over several columns may be among many lines.
    """
    side = [lines[i] for i in indices]
    if len(side) < THRESHOLDS.min_gutter_lines:
        return False
    widths = sorted(line.box.width for line in side)
    usual = median(widths)
    widest = widths[-1 - int(THRESHOLDS.wider_lines * len(widths))]
    is_wide = usual >= THRESHOLDS.min_column_width * line_height(side)
    return is_wide and usual >= THRESHOLDS.min_column_fill * widest


def _are_labels(strip: _GutterCandidate, lines: Sequence[Line]) -> bool:
    """Return whether the left side has short labels, each level with its text at the right, as options of a program."""
    left, right = ([lines[i] for i in sorted(side)] for side in (strip.left, strip.right))
    if median(len(line.text.split()) for line in left) > THRESHOLDS.max_option_words:
        return False
    height, edge = line_height(left), max(line.box.x1 for line in left)
    filled = sum(edge - line.box.x1 < THRESHOLDS.filled_column_room * height for line in left)
    paired = sum(
        any(abs(line.box.center[1] - other.box.center[1]) < THRESHOLDS.level_option * height for other in right)
        for line in left
    )
    return paired == len(left) == len(right) and filled < len(left) / 2
