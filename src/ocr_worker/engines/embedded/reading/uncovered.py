"""Ink that the text layer does not cover, which alone can be text that the layer lacks.

Finding lines takes half of the time of a page with a text layer, and on most such pages it finds what the layer has
already. So lines are looked for only in the `uncovered_areas`: text in pictures, filled form fields, letters that are
drawn as shapes. Ink is every edge on the reduced page, of any color on any ground. Long straight edges are rules or
frames, and flat marks are dots or dashes; both are no text. All functions are pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

_NEIGHBORS = np.ones((3, 3), np.uint8)


def uncovered_areas(pixels: Pixels, lines: Sequence[Line], side: int) -> list[Box]:
    """Return the areas with ink outside the lines, from top to bottom, in pixels of the page.

    side: pixels of the longer side of the image on which ink is looked for.
    """
    scale = min(1.0, side / max(pixels.shape[:2]))
    ink = _find_edges(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    for line in lines:
        x0, y0, x1, y1 = (round(scale * edge) for edge in line.box.grown(THRESHOLDS.covered_margin * line.box.height))
        ink[max(0, y0) : max(0, y1 + 1), max(0, x0) : max(0, x1 + 1)] = 0
    height, width = pixels.shape[:2]
    groups = _group(_marks(ink), 2 * THRESHOLDS.area_margin)
    return [group.grown(THRESHOLDS.area_margin).scaled(1 / scale, 1 / scale).clipped(width, height) for group in groups]


def _find_edges(small: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a mask that is 1 where neighboring pixels differ, without long straight edges."""
    change = cv2.morphologyEx(small, cv2.MORPH_GRADIENT, _NEIGHBORS).max(axis=2)
    edges = np.asarray(change > THRESHOLDS.min_edge, np.uint8)
    length = THRESHOLDS.min_straight_edge
    masks = np.ones((1, length), np.uint8), np.ones((length, 1), np.uint8)
    straight = cv2.max(*(cv2.morphologyEx(edges, cv2.MORPH_OPEN, mask) for mask in masks))
    edges[cv2.dilate(straight, _NEIGHBORS) > 0] = 0
    return edges


def _marks(ink: NDArray[np.uint8]) -> list[Box]:
    """Return the boxes of words and shapes in the ink, without dots, dashes and parts of rules."""
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones(THRESHOLDS.letter_distance, np.uint8))
    _, _, boxes, _ = cv2.connectedComponentsWithStats(joined)
    smallest, proportion = THRESHOLDS.min_mark, THRESHOLDS.max_mark_proportion
    return [
        Box(float(x), float(y), float(x + width), float(y + height))
        for x, y, width, height in np.asarray(boxes)[1:, :4].tolist()
        if height >= smallest and height < proportion * width
    ]


def _group(boxes: Sequence[Box], distance: float) -> list[Box]:
    """Return the bounds of groups of boxes; boxes less than `distance` apart in height are of one group."""
    groups: list[list[Any]] = []
    end = -math.inf
    for box in sorted(boxes, key=lambda box: box.y0):
        if box.y0 - end >= distance:
            groups.append([])
        groups[-1].append(box)
        end = max(end, box.y1)
    return [bounds(group) for group in groups]
