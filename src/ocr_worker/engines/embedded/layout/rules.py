"""Ruled lines on the page image, and the grids that they form.

`find_rules` opens the page's ink with long thin masks, separately for horizontal and vertical lines. Solid rules are
found on the page image; faint and dotted rules and the edges of filled areas on a small one. The other functions
group rules and measure them. What a grid of rules means is decided in `tables/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box, bounds, x_overlap
from ocr_worker.engines.embedded.layout.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

Gray = NDArray[Any]  # uint8 [height, width]: gray values, or a mask


@dataclass(frozen=True, slots=True)
class Rules:
    """Ruled lines of a page as thin boxes in pixels; the edges of filled areas count as ruled lines."""

    across: tuple[Box, ...]
    down: tuple[Box, ...]

    def within(self, box: Box, margin: float) -> Rules:
        """Return the rules in the box, or no more than `margin` pixels outside it."""
        area = box.grown(margin)
        across, down = ([rule for rule in rules if area.contains(rule.center)] for rules in (self.across, self.down))
        return Rules(tuple(across), tuple(down))


def find_rules(pixels: Pixels) -> Rules:
    """Return the page's straight horizontal and vertical lines, found by opening its ink with long thin masks.

    Solid rules are found on the page image, which is reduced if it is very large; faint, dotted and filled ones are
    visible on a small image too.
    """
    if min(pixels.shape[:2]) < THRESHOLDS.min_side:
        return Rules((), ())
    reduced = _reduce(pixels, THRESHOLDS.fine_side)
    rules = _find_on_gray(cv2.cvtColor(reduced, cv2.COLOR_BGR2GRAY))
    if reduced is pixels:
        return rules
    y, x = (full / part for full, part in zip(pixels.shape[:2], reduced.shape[:2], strict=True))
    across, down = (tuple(box.scaled(x, y) for box in boxes) for boxes in (rules.across, rules.down))
    return Rules(across, down)


def _find_on_gray(gray: Gray) -> Rules:
    """Return the rules on the gray page."""
    small = _reduce(gray, THRESHOLDS.small_side)
    dark = np.maximum(_find_dark_fills(small), _find_fills_with_light_letters(small))
    ink, ground = _find_ink(gray, THRESHOLDS.ink_step), _remove_letters(small, dark)
    ink[cv2.resize(dark, (gray.shape[1], gray.shape[0]), interpolation=cv2.INTER_NEAREST) > 0] = 0
    by_axis = []
    for turn in (np.asarray, cv2.transpose):
        fine = _find_solid(turn(ink), max(gray.shape))
        sx, sy = (full / part for full, part in zip(turn(gray).shape[::-1], turn(small).shape[::-1], strict=True))
        faint = [box.scaled(sx, sy) for box in _find_faint(turn(small), turn(dark))]
        edges = [box.scaled(sx, sy) for box in _find_fill_edges(turn(ground))]
        by_axis.append([*fine, *_without_blurred_ends(faint, fine, sx * _blur_length(small)), *edges])
    across, down = by_axis
    return Rules(tuple(across), tuple(Box(box.y0, box.x0, box.y1, box.x1) for box in down))


def grids(rules: Rules, margin: float) -> list[Box]:
    """Return the bounds of rules that cross or meet and form at least two by two cells. margin: in pixels."""
    boxes = []
    for group in group_touching([*rules.across, *rules.down], margin):
        across = [box for box in group if box.width >= box.height]
        down = [box for box in group if box.width < box.height]
        if (
            len(levels([box.center[1] for box in across], margin)) > 2
            and len(levels([box.center[0] for box in down], margin)) > 2
        ):
            boxes.append(bounds(group))
    return boxes


def levels(values: Sequence[float], margin: float) -> list[float]:
    """Return the means of groups of values, ascending; values no farther apart than `margin` form a group."""
    groups: list[list[float]] = []
    for value in sorted(values):
        if groups and value - groups[-1][-1] <= margin:
            groups[-1].append(value)
        else:
            groups.append([value])
    return [sum(group) / len(group) for group in groups]


def ruled_length(rules: Sequence[Box], axis: int, at: float, along: tuple[float, float], slack: float) -> float:
    """Return how many pixels of a stretch are on rules.

    axis: 0 for rules across, 1 for rules down. at: position of the stretch on the other axis. along: its start and end.
    slack: pixels that a rule may be off. All are in pixels of the page.
    """
    near = [rule for rule in rules if abs(rule[1 - axis] + rule[3 - axis] - 2 * at) <= 2 * slack]
    spans = sorted((max(rule[axis], along[0]), min(rule[axis + 2], along[1])) for rule in near)
    total, end = 0.0, along[0]
    for start, stop in spans:
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


def group_touching(boxes: Sequence[Box], margin: float) -> list[list[Box]]:
    """Return the boxes in groups whose members meet, or are no more than `margin` pixels apart."""
    edges = np.array(boxes, float).reshape(-1, 4)
    starts, ends = edges[:, :2], edges[:, 2:]
    numbers = np.arange(len(boxes))  # of the group of each box
    for i, box in enumerate(boxes):
        area = box.grown(margin)
        # The boxes before this one that it meets. Compared at once: a skewed scan has hundreds of pieces of rules.
        meets = ((starts[:i] <= area[2:]) & (ends[:i] >= area[:2])).all(axis=1)
        for number in set(numbers[:i][meets]):
            numbers[:i][numbers[:i] == number] = i
    return [[boxes[i] for i in np.flatnonzero(numbers == number)] for number in np.unique(numbers)]


def _reduce(image: Gray, longer_side: int) -> Gray:
    """Return the image with a longer side of about so many pixels, each the mean of those it replaces."""
    factor = round(max(image.shape[:2]) / longer_side)
    if factor < 2:
        return image
    size = tuple(max(THRESHOLDS.min_side, side // factor) for side in image.shape[1::-1])
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _stroke(gray: Gray) -> int:
    """Return the thickest stroke of small print in pixels of this image."""
    side: int = max(gray.shape)
    return max(THRESHOLDS.min_stroke, round(THRESHOLDS.stroke * side))


def _find_dark_fills(gray: Gray) -> Gray:
    """Return a mask that is not 0 in areas filled so dark that their letters are light.

    The space between such letters is no ink.
    """
    return _find_fills((gray < THRESHOLDS.dark_fill).astype(np.uint8), _stroke(gray))


def _find_fills_with_light_letters(gray: Gray) -> Gray:
    """Return a mask that is not 0 in colored areas whose letters are lighter than the ground.

    The ground is no darker than some fills with dark letters, so the letters decide.
    """
    medium = ((gray >= THRESHOLDS.dark_fill) & (gray < THRESHOLDS.medium_fill)).astype(np.uint8)
    fills = _find_fills(medium, _stroke(gray))
    count, labels, parts, _ = cv2.connectedComponentsWithStats(fills)
    mask = np.zeros_like(fills)
    for i in range(1, count):
        x, y, width, height = parts[i, :4]
        area = (slice(y, y + height), slice(x, x + width))
        fill, pixels = labels[area] == i, gray[area]
        ground = np.median(pixels[fill])
        light = np.count_nonzero(pixels[fill] > ground + THRESHOLDS.letter_step)
        dark = np.count_nonzero(pixels[fill] < ground - THRESHOLDS.letter_step)
        if light > THRESHOLDS.min_light_letters * np.count_nonzero(fill) and light > THRESHOLDS.light_per_dark * dark:
            mask[area][fill] = 1
    return mask


def _find_fills(ink: Gray, stroke: int) -> Gray:
    """Return a mask that is 1 in filled areas, and on the letters in them. ink: 1 where a pixel may be of a fill.

    A fill is thicker than strokes. A row of letters may leave only a strip of a low fill above and below it: then
    the strips count that are level with the rest of the fill, and close to it.
    """
    gap = THRESHOLDS.letter_gap * stroke | 1  # odd, so that nothing is displaced
    around_letters = np.ones((gap, gap), np.uint8)
    thick = cv2.morphologyEx(_open(ink, (stroke, stroke)), cv2.MORPH_CLOSE, around_letters)
    strips = _open(ink, (gap, THRESHOLDS.fill_strip))
    fills = thick.copy()
    for _, y, _, height, _ in cv2.connectedComponentsWithStats(thick)[2][1:].tolist():
        rows = slice(y, y + height)
        fills[rows] = np.maximum(fills[rows], strips[rows])
    fills = cv2.morphologyEx(fills, cv2.MORPH_CLOSE, around_letters)
    count, labels = cv2.connectedComponents(fills)
    has_thick = np.zeros(count, np.uint8)
    has_thick[np.unique(labels[thick > 0])] = 1
    has_thick[0] = 0
    filled: Gray = has_thick[labels]
    return filled


def _find_ink(gray: Gray, step: int) -> Gray:
    """Return a mask that is 255 where the image is darker than its surroundings by `step` gray values."""
    window = max(THRESHOLDS.min_surroundings, 2 * round(THRESHOLDS.ink_surroundings * max(gray.shape)) + 1)
    return cv2.adaptiveThreshold(gray, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, window, step)


def _find_solid(ink: Gray, side: int) -> list[Box]:
    """Return the boxes of the horizontal rules in the ink as it is. side: the page's longer side in pixels."""
    length = max(THRESHOLDS.min_rule_pixels, round(THRESHOLDS.min_rule_length * side))
    thickness = max(THRESHOLDS.min_thickness_limit, round(THRESHOLDS.max_rule_thickness * side))
    return _find_thin(ink, length, thickness)


def _find_faint(gray: Gray, dark: Gray) -> list[Box]:
    """Return the boxes of the horizontal rules that are visible when the image is blurred along them."""
    side = max(gray.shape)
    length = max(THRESHOLDS.min_rule_pixels, THRESHOLDS.faint_length * round(THRESHOLDS.min_rule_length * side))
    thickness = max(THRESHOLDS.min_faint_limit, round(THRESHOLDS.faint_thickness * side))
    ink = _find_ink(cv2.blur(gray, (_blur_length(gray), 1)), THRESHOLDS.faint_step)
    ink[dark > 0] = 0
    return [box for box in _find_thin(ink, length, thickness) if _is_isolated(box, ink, thickness)]


def _blur_length(gray: Gray) -> int:
    """Return the pixels of this image over which it is blurred to find faint rules."""
    side: int = max(gray.shape)
    return max(THRESHOLDS.min_blur, round(THRESHOLDS.blur_length * side))


def _without_blurred_ends(faint: Sequence[Box], solid: Sequence[Box], blur: float) -> list[Box]:
    """Return the faint horizontal rules; one that is a solid rule, blurred, ends where the solid rule ends."""
    trimmed = []
    for box in faint:
        level = (box.y0 - blur / 2, box.y1 + blur / 2)
        same = [rule for rule in solid if level[0] <= rule.center[1] <= level[1] and x_overlap(rule, box) > 0]
        start, end = min((rule.x0 for rule in same), default=box.x0), max((rule.x1 for rule in same), default=box.x1)
        x0 = max(box.x0, start) if start - box.x0 < blur else box.x0
        x1 = min(box.x1, end) if box.x1 - end < blur else box.x1
        trimmed.append(box._replace(x0=x0, x1=x1))
    return trimmed


def _is_isolated(box: Box, ink: Gray, band: int) -> bool:
    """Return whether hardly any ink is right above and below: a rule, not a row of letters. band: in pixels."""
    x0, y0, x1, y1 = map(int, box)
    above, below = ink[max(0, y0 - 1 - band) : max(0, y0 - 1), x0:x1], ink[y1 + 1 : y1 + 1 + band, x0:x1]
    shares = [float((part > 0).any(axis=0).mean()) if part.size else 0.0 for part in (above, below)]
    return sum(shares) < 2 * THRESHOLDS.max_ink_beside


def _find_thin(ink: Gray, length: int, thickness: int) -> list[Box]:
    """Return the boxes of stretches no thicker than `thickness` and no shorter than `length`; letters may touch."""
    lines = _open(ink, (length, 1))
    x, y, width, height = cv2.boundingRect(lines)
    if not width:
        return []
    # Around these pixels, the page and this part of it have the same openings.
    left, top = max(0, x - length), max(0, y - thickness - 1)
    part = lines[top : y + height + thickness + 1, left : x + width + length]
    thick = _open(part, (1, thickness + 1))
    boxes = _boxes(_open(cv2.subtract(part, thick), (length, 1)), thickness)
    return [Box(box.x0 + left, box.y0 + top, box.x1 + left, box.y1 + top) for box in boxes]


def _open(ink: Gray, mask: tuple[int, int]) -> Gray:
    """Return the morphological opening of the ink by a rectangle. mask: its width and height in pixels."""
    return cv2.morphologyEx(ink, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_RECT, mask))


def _boxes(lines: Gray, thickness: int) -> list[Box]:
    """Return the boxes of the connected parts that are no higher than `thickness`.

    A long rule that slopes a little, as on a scan, is higher: it is cut in half until its pieces are not.
    """
    outlines, _ = cv2.findContours(lines, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes = []
    for x, y, width, height in map(cv2.boundingRect, outlines):
        if height <= thickness:
            boxes.append(Box(float(x), float(y), float(x + width), float(y + height)))
        elif height - thickness < THRESHOLDS.max_slope * width:
            middle = x + width // 2
            for start, end in ((x, middle), (middle, x + width)):
                part = _boxes(np.ascontiguousarray(lines[y : y + height, start:end]), thickness)
                boxes += [Box(box.x0 + start, box.y0 + y, box.x1 + start, box.y1 + y) for box in part]
    return boxes


def _remove_letters(gray: Gray, dark: Gray) -> Gray:
    """Return the gray and colored fills with the letters on them painted over; dark fills are black."""
    stroke = _stroke(gray)
    smooth = cv2.medianBlur(gray, THRESHOLDS.speckle)
    ground = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, np.ones((stroke, stroke), np.uint8))
    ground[dark > 0] = 0
    return ground


def _find_fill_edges(ground: Gray) -> list[Box]:
    """Return the boxes of the upper and lower edges of filled areas."""
    side = max(ground.shape)
    step = max(1, round(THRESHOLDS.fill_edge * side))
    length = max(THRESHOLDS.min_rule_pixels, round(THRESHOLDS.fill_length * side))
    change = cv2.absdiff(ground[: -2 * step], ground[2 * step :])
    sharp = cv2.threshold(change, THRESHOLDS.fill_step, 255, cv2.THRESH_BINARY)[1]
    edges = _boxes(_open(sharp, (length, 1)), THRESHOLDS.edge_thickness * step)
    return [Box(box.x0, box.y0 + step, box.x1, box.y1 + step) for box in edges]
