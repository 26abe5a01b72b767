"""Ruled lines on the page picture, and the grids they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box, bounds, overlap
from ocr_worker.pages import Pixels

SMALL_SIDE = 1100  # pixels
AROUND = 0.007  # how far around a pixel others tell whether it is ink
# A rule is at least this long and at most so thick, as shares of the page's longer side.
MIN_LENGTH, MAX_THICKNESS = 0.015, 0.004
# Faint, dotted and broken rules show when the picture is blurred along them by so much; they are thin and stand clear.
BLUR, FAINT_THICKNESS, FAINT_STEP, CLEAR = 0.007, 0.0022, 7, 0.4
# An edge of a filled area: how much lighter or darker it is (grey values), and how long at least.
FILL_STEP, FILL_LENGTH = 5, 0.03
FILL_EDGE = 0.0015  # how far apart the two sides of such an edge are compared
DARK = 110  # grey value below which a fill is dark
LEAST = 12  # pixels of a side; on less there is no room for a rule
LETTERS = 0.008  # no stroke of small print is thicker; what is thinner does not count as a fill
Grey = NDArray[Any]  # uint8 [height, width]


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
    """The page's straight horizontal and vertical lines, found by opening its ink with long thin masks.

    Solid rules are looked for on the whole picture; what is faint, dotted or filled shows as well on a small one.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    if min(grey.shape) < LEAST:
        return Rules((), ())
    small = _shrunk(grey)
    dark = _dark_fills(small)
    ink, ground = _ink(grey, 12), _ground(small, dark)
    ink[cv2.resize(dark, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_NEAREST) > 0] = 0
    by_axis = []
    for turn in (np.asarray, cv2.transpose):
        fine = _solid(turn(ink), max(grey.shape))
        coarse = [*_faint(turn(small), turn(dark)), *_fill_edges(turn(ground))]
        sx, sy = (full / part for full, part in zip(turn(grey).shape[::-1], turn(small).shape[::-1], strict=True))
        by_axis.append([*fine, *(Box(box.x0 * sx, box.y0 * sy, box.x1 * sx, box.y1 * sy) for box in coarse)])
    across, down = by_axis
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
    near = [rule for rule in rules if abs(rule[1 - axis] + rule[3 - axis] - 2 * at) <= 2 * slack]
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


def _shrunk(grey: Grey) -> Grey:
    """The picture with a longer side of about `SMALL_SIDE`, each pixel the mean of those it stands for."""
    factor = max(1, round(max(grey.shape) / SMALL_SIDE))
    size = max(LEAST, grey.shape[1] // factor), max(LEAST, grey.shape[0] // factor)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def _dark_fills(grey: Grey) -> Grey:
    """Not 0 where areas are filled so dark that their letters are light: what stands between these is no ink."""
    letters = max(3, round(LETTERS * max(grey.shape)))
    solid = _opened((grey < DARK).astype(np.uint8), (letters, letters))
    return cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((3 * letters, 3 * letters), np.uint8))


def _ink(grey: Grey, step: int) -> Grey:
    """255 where the picture is darker than around it by `step`."""
    around = 2 * round(AROUND * max(grey.shape)) + 1
    return cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, max(3, around), step)


def _solid(ink: Grey, side: int) -> list[Box]:
    """Boxes of the horizontal rules that the picture's ink shows as it is; side: the page's longer one."""
    length = max(12, round(MIN_LENGTH * side))
    return _thin(ink, length, max(3, round(MAX_THICKNESS * side)))


def _faint(grey: Grey, dark: Grey) -> list[Box]:
    """Boxes of the horizontal rules that show when the picture is blurred along them."""
    side = max(grey.shape)
    length, thickness = max(12, 3 * round(MIN_LENGTH * side)), max(2, round(FAINT_THICKNESS * side))
    ink = _ink(cv2.blur(grey, (max(3, round(BLUR * side)), 1)), FAINT_STEP)
    ink[dark > 0] = 0
    return [box for box in _thin(ink, length, thickness) if _is_clear(box, ink, thickness)]


def _is_clear(box: Box, ink: Grey, band: int) -> bool:
    """Whether there is hardly any ink right above and below: a rule, not a level of letters."""
    x0, y0, x1, y1 = map(int, box)
    above, below = ink[max(0, y0 - 1 - band) : max(0, y0 - 1), x0:x1], ink[y1 + 1 : y1 + 1 + band, x0:x1]
    return sum(float((part > 0).any(axis=0).mean()) if part.size else 0.0 for part in (above, below)) < 2 * CLEAR


def _thin(ink: Grey, length: int, thickness: int) -> list[Box]:
    """Boxes of the stretches no thicker than `thickness` and no shorter than `length`; letters may touch them."""
    lines = _opened(ink, (length, 1))
    thick = _opened(lines, (1, thickness + 1))
    return _boxes(_opened(cv2.subtract(lines, thick), (length, 1)), thickness)


def _opened(ink: Grey, mask: tuple[int, int]) -> Grey:
    return cv2.morphologyEx(ink, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_RECT, mask))


def _boxes(lines: Grey, thickness: int) -> list[Box]:
    outlines, _ = cv2.findContours(lines, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    places = map(cv2.boundingRect, outlines)
    return [Box(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h in places if h <= thickness]


def _ground(grey: Grey, dark: Grey) -> Grey:
    """What is filled with grey or colour, the letters on it painted over; dark fills are black."""
    letters = max(3, round(LETTERS * max(grey.shape)))
    ground = cv2.morphologyEx(cv2.medianBlur(grey, 3), cv2.MORPH_CLOSE, np.ones((letters, letters), np.uint8))
    ground[dark > 0] = 0
    return ground


def _fill_edges(ground: Grey) -> list[Box]:
    """Upper and lower edges of filled areas."""
    side = max(ground.shape)
    step, length = max(1, round(FILL_EDGE * side)), max(12, round(FILL_LENGTH * side))
    change = cv2.absdiff(ground[: -2 * step], ground[2 * step :])
    sharp = cv2.threshold(change, FILL_STEP, 255, cv2.THRESH_BINARY)[1]
    found = _boxes(_opened(sharp, (length, 1)), 4 * step)
    return [Box(box.x0, box.y0 + step, box.x1, box.y1 + step) for box in found]
