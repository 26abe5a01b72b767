"""Ruled lines on the page picture, and the grids they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
from numpy.typing import NDArray

from ocr_worker.engines.base import Pixels
from ocr_worker.engines.embedded.geometry import Box, bounds

# A rule is at least this long and at most so thick, as shares of the page's longer side.
MIN_LENGTH, MAX_THICKNESS = 0.015, 0.004


@dataclass(frozen=True, slots=True)
class Rules:
    """Ruled lines as thin boxes, in pixels of the page."""

    across: tuple[Box, ...]
    down: tuple[Box, ...]

    def within(self, box: Box, margin: float) -> Rules:
        """Those that lie in the box, or no more than `margin` pixels outside it."""
        wide = box.grown(margin)
        across, down = ([rule for rule in rules if wide.contains(rule.center)] for rules in (self.across, self.down))
        return Rules(tuple(across), tuple(down))


def find_rules(pixels: Pixels) -> Rules:
    """The page's straight horizontal and vertical lines, found by opening its ink with long thin masks."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    ink = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 12)
    side = max(grey.shape)
    length, thickness = max(12, round(MIN_LENGTH * side)), max(3, round(MAX_THICKNESS * side))
    return Rules(_straight(ink, (length, 1), thickness), _straight(ink, (1, length), thickness))


def grids(rules: Rules, margin: float) -> list[Box]:
    """Bounds of rules that cross or meet and make at least two cells side by side and two above one another."""
    boxes = [*rules.across, *rules.down]
    found = []
    for group in _touching(boxes, margin):
        across = [box for box in group if box.width >= box.height]
        down = [box for box in group if box.width < box.height]
        if (
            len(levels([box.center[1] for box in across], margin)) > 2
            and len(levels([box.center[0] for box in down], margin)) > 2
        ):
            found.append(bounds(group))
    return found


def levels(values: Sequence[float], margin: float) -> list[float]:
    """The values' means, those closer than `margin` taken together, ascending."""
    groups: list[list[float]] = []
    for value in sorted(values):
        if groups and value - groups[-1][-1] <= margin:
            groups[-1].append(value)
        else:
            groups.append([value])
    return [sum(group) / len(group) for group in groups]


def _touching(boxes: Sequence[Box], margin: float) -> list[list[Box]]:
    groups: list[list[Box]] = []
    for box in boxes:
        wide = box.grown(margin)
        near = [group for group in groups if any(_meet(wide, other) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([member for group in near for member in group] + [box])
    return groups


def _meet(a: Box, b: Box) -> bool:
    return a.x0 <= b.x1 and b.x0 <= a.x1 and a.y0 <= b.y1 and b.y0 <= a.y1


def _straight(ink: NDArray[Any], mask: tuple[int, int], thickness: int) -> tuple[Box, ...]:
    """Boxes of the ink's lines along the mask (width, height), no thicker than `thickness` pixels."""
    lines = cv2.morphologyEx(ink, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_RECT, mask))
    _, _, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    boxes = [Box(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h, _ in stats[1:]]
    return tuple(box for box in boxes if min(box.width, box.height) <= thickness)
