"""Ruled lines on the page picture, and the grids they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.base import Pixels
from ocr_worker.engines.embedded.geometry import Box, bounds, overlap

# A rule is at least this long and at most so thick, as shares of the page's longer side.
MIN_LENGTH, MAX_THICKNESS = 0.015, 0.004
# Faint, dotted and broken rules show when the picture is blurred along them by so much; they are thin and stand clear.
BLUR, FAINT_THICKNESS, FAINT_STEP, CLEAR = 0.007, 0.0022, 7, 0.4
# An edge of a filled area: how much lighter or darker it is (grey values), and how long at least.
FILL_STEP, FILL_LENGTH = 5, 0.03
DARK = 110  # grey value below which a fill is dark
LETTERS = 0.008  # no stroke of small print is thicker; what is thinner does not count as a fill


@dataclass(frozen=True, slots=True)
class Rules:
    """Ruled lines as thin boxes, in pixels of the page; the edges of filled areas count as ruled."""

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
    dark = _dark_fills(grey)
    across = [*_straight(grey, dark), *_fill_edges(grey, dark)]
    grey, dark = np.ascontiguousarray(grey.T), np.ascontiguousarray(dark.T)
    down = [*_straight(grey, dark), *_fill_edges(grey, dark)]
    return Rules(tuple(across), tuple(Box(box.y0, box.x0, box.y1, box.x1) for box in down))


def grids(rules: Rules, margin: float) -> list[Box]:
    """Bounds of rules that cross or meet and make at least two cells side by side and two above one another."""
    found = []
    for group in touching([*rules.across, *rules.down], margin):
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


def ruled_length(rules: Sequence[Box], axis: int, at: float, along: tuple[float, float], slack: float) -> float:
    """How much of a stretch lies on rules, in pixels; axis: 0 for rules across, 1 for rules down."""
    near = [rule for rule in rules if abs(rule.center[1 - axis] - at) <= slack]
    spans = sorted((max(rule[axis], along[0]), min(rule[axis + 2], along[1])) for rule in near)
    total, end = 0.0, along[0]
    for start, stop in spans:
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


def touching(boxes: Sequence[Box], margin: float) -> list[list[Box]]:
    """The boxes in groups whose members meet, or nearly."""
    groups: list[list[Box]] = []
    for box in boxes:
        wide = box.grown(margin)
        near = [group for group in groups if any(_meet(wide, other) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([member for group in near for member in group] + [box])
    return groups


def _meet(a: Box, b: Box) -> bool:
    return overlap(a.x0, a.x1, b.x0, b.x1) >= 0 and overlap(a.y0, a.y1, b.y0, b.y1) >= 0


def _dark_fills(grey: NDArray[Any]) -> NDArray[np.bool_]:
    """Where areas are filled so dark that their letters are light: what stands between these is no ink."""
    letters = max(3, round(LETTERS * max(grey.shape)))
    solid = _opened((grey < DARK).astype(np.uint8), (letters, letters))
    return cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((3 * letters, 3 * letters), np.uint8)) > 0


def _straight(grey: NDArray[Any], dark: NDArray[np.bool_]) -> list[Box]:
    """Boxes of the horizontal rules, solid ones and faint ones."""
    side = max(grey.shape)
    length, blur = max(12, round(MIN_LENGTH * side)), max(3, round(BLUR * side))
    ink, faint = _ink(grey, 12), _ink(cv2.blur(grey, (blur, 1)), FAINT_STEP)
    ink[dark], faint[dark] = 0, 0
    solid = _thin(_opened(ink, (length, 1)), length, max(3, round(MAX_THICKNESS * side)))
    thickness = max(3, round(FAINT_THICKNESS * side))
    more = _thin(_opened(faint, (3 * length, 1)), 3 * length, thickness)
    return solid + [box for box in more if _is_clear(box, faint, thickness)]


def _ink(grey: NDArray[Any], step: int) -> NDArray[Any]:
    """255 where the picture is darker than around it by `step`."""
    return cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, step)


def _is_clear(box: Box, ink: NDArray[Any], band: int) -> bool:
    """Whether there is hardly any ink right above and below: a rule, not a level of letters."""
    x0, y0, x1, y1 = map(int, box)
    above, below = ink[max(0, y0 - 1 - band) : max(0, y0 - 1), x0:x1], ink[y1 + 1 : y1 + 1 + band, x0:x1]
    return sum(float((part > 0).any(axis=0).mean()) if part.size else 0.0 for part in (above, below)) < 2 * CLEAR


def _thin(lines: NDArray[Any], length: int, thickness: int) -> list[Box]:
    """Boxes of the pieces no thicker than `thickness` and no shorter than `length`; letters may touch them."""
    thick = _opened(lines, (1, thickness + 1))
    return _boxes(_opened(cv2.subtract(lines, thick), (length, 1)), thickness)


def _opened(ink: NDArray[Any], mask: tuple[int, int]) -> NDArray[Any]:
    return cv2.morphologyEx(ink, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_RECT, mask))


def _boxes(lines: NDArray[Any], thickness: int) -> list[Box]:
    _, _, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    boxes = [Box(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h, _ in stats[1:]]
    return [box for box in boxes if box.height <= thickness]


def _fill_edges(grey: NDArray[Any], dark: NDArray[np.bool_]) -> list[Box]:
    """Upper and lower edges of areas filled with grey or colour, found where the letters are painted over."""
    side = max(grey.shape)
    step, length = max(1, round(0.0015 * side)), round(FILL_LENGTH * side)
    letters = max(3, round(LETTERS * side))
    ground = cv2.morphologyEx(cv2.medianBlur(grey, 5), cv2.MORPH_CLOSE, np.ones((letters, letters), np.uint8))
    ground[dark] = 0
    change = cv2.absdiff(ground[: -2 * step], ground[2 * step :])
    sharp = (change > FILL_STEP).astype(np.uint8) * 255
    found = _boxes(_opened(sharp, (length, 1)), 4 * step)
    return [Box(box.x0, box.y0 + step, box.x1, box.y1 + step) for box in found]
