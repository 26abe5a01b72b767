"""Columns of prose: the white gutters between them, and text cut where it lies on both sides of one. Pure.

Gutters are found from the lines, as maximal white strips with lines on both sides (after Breuel's white-space covers,
2002): a layout model's boxes now and then hold two columns, or half of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line, line_height

Edges = NDArray[np.float64]  # [n, 4]: the lines' boxes

MIN_WIDTH = 0.15  # of a gutter, in line heights; outlines of lines that were found on a picture nearly touch there
MIN_LINES = 4  # on each side of it
MIN_MEASURE = 5.0  # width of a column, in line heights: less is a list's numbers or a table's column
# Rules that part a table's rows; lines of a text, words on each, and the share of them that stand beside a gutter.
MAX_RULES, MIN_TEXT, MIN_WORDS, MOSTLY = 3, 24, 3.0, 0.85
MIN_FILL = 0.6  # of a column's width, by its usual line: prose fills its column, labels and cells do not


@dataclass(frozen=True, slots=True)
class _Strip:
    """A white strip that may become a gutter, with the lines that stand right beside it."""

    box: Box
    left: frozenset[int]
    right: frozenset[int]


def gutters(lines: Sequence[Line]) -> list[Box]:
    """White strips between columns of prose, each as high as the lines beside it; from left to right."""
    return sorted((strip.box for strip in _strips(lines)), key=lambda box: box.x0)


def _strips(lines: Sequence[Line]) -> list[_Strip]:
    narrowest = MIN_WIDTH * line_height(lines)
    edges = np.asarray([line.box for line in lines], np.float64).reshape(-1, 4)
    strips: list[_Strip] = []
    for gap in sorted(_gaps(edges, narrowest), key=lambda strip: strip.box.y0):
        for i, strip in enumerate(strips):
            joined = _joined(strip, gap)
            if joined.box.width >= narrowest and not _crossed(joined.box, edges):
                strips[i] = joined
                break
        else:
            strips.append(gap)
    return [strip for strip in strips if _is_prose(strip.left, lines) and _is_prose(strip.right, lines)]


def holds_columns(box: Box, lines: Sequence[Line], rules: Rules) -> bool:
    """Whether columns of prose stand in this box, perhaps in a frame, and no table: no rules part rows, no labels."""
    inside = [line for line in lines if box.contains(line.box.center)]
    words = sum(len(line.text.split()) for line in inside)
    if len(inside) < MIN_TEXT or words < MIN_WORDS * len(inside):
        return False
    found = _strips(inside)
    across = [rule for rule in rules.across if any(_parts(rule, strip.box) for strip in found)]
    beside = frozenset[int]().union(*(strip.left | strip.right for strip in found))
    return len(across) < MAX_RULES and len(beside) > MOSTLY * len(inside)


def _parts(rule: Box, gutter: Box) -> bool:
    return rule.x0 < gutter.center[0] < rule.x1 and gutter.y0 < rule.center[1] < gutter.y1


def split_at(lines: Iterable[Line], gutter: Box) -> list[list[Line]]:
    """The lines above the gutter, on its left, on its right and below it; empty parts are left out."""
    parts: list[list[Line]] = [[], [], [], []]
    middle = gutter.center[0]
    for line in lines:
        x, y = line.box.center
        if line.box.x0 < middle < line.box.x1 or not gutter.y0 <= y <= gutter.y1:
            parts[0 if y < gutter.center[1] else 3].append(line)
        else:
            parts[1 if x < middle else 2].append(line)
    return [part for part in parts if part]


def _gaps(edges: Edges, narrowest: float) -> list[_Strip]:
    """The white between each line and its next neighbours on the right."""
    x0, y0, x1, y1 = edges.T
    high = y1 - y0
    level = np.minimum(y1[:, None], y1) - np.maximum(y0[:, None], y0) > 0.3 * np.minimum(high[:, None], high)
    beside = level & (x0 >= x1[:, None])
    found = []
    for i in np.flatnonzero(beside.any(axis=1)):
        near = np.flatnonzero(beside[i])
        near = near[(x0[near] - x1[i] >= narrowest) & (x0[near] < x0[near].min() + 2 * high[i])]
        for j in near:
            box = Box(x1[i], min(y0[i], y0[j]), x0[j], max(y1[i], y1[j]))
            found.append(_Strip(Box(*map(float, box)), frozenset([i]), frozenset([j])))
    return found


def _joined(a: _Strip, b: _Strip) -> _Strip:
    box = Box(max(a.box.x0, b.box.x0), min(a.box.y0, b.box.y0), min(a.box.x1, b.box.x1), max(a.box.y1, b.box.y1))
    return _Strip(box, a.left | b.left, a.right | b.right)


def _crossed(strip: Box, edges: Edges) -> bool:
    x0, y0, x1, y1 = edges.T
    across = np.minimum(x1, strip.x1) - np.maximum(x0, strip.x0) > 0.2 * strip.width
    level = np.minimum(y1, strip.y1) - np.maximum(y0, strip.y0) > 0.3 * (y1 - y0)
    return bool((across & level).any())


def _is_prose(side: frozenset[int], lines: Sequence[Line]) -> bool:
    """Whether these lines are long, and about as long as one another, as the lines of a paragraph are."""
    own = [lines[i] for i in side]
    if len(own) < MIN_LINES:
        return False
    widths = [line.box.width for line in own]
    usual = median(widths)
    return usual >= MIN_MEASURE * line_height(own) and usual >= MIN_FILL * max(widths)
