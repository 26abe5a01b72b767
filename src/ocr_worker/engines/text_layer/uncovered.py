"""Ink that the text layer does not cover: marks on the page image that may be text which the layer lacks.

Ink is every edge on the reduced page, of any color on any ground. Long straight edges are rules or frames, and flat
marks are dots or dashes; both are no text. Letters drawn as shapes, text in pictures and filled form fields are
marks. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.text_layer.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

Rectangle = tuple[float, float, float, float]  # x0, y0, x1, y1

_NEIGHBORS = np.ones((3, 3), np.uint8)


def find_marks(pixels: Pixels, boxes: Iterable[Rectangle], side: int) -> tuple[list[Rectangle], float]:
    """Return the marks outside the boxes, and the scale of the image on which they are found.

    boxes: of words or lines, in pixels of the page. side: pixels of that image's longer side; marks are in its pixels.
    """
    scale = min(1.0, side / max(pixels.shape[:2]))
    ink = _find_edges(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    for x0, y0, x1, y1 in boxes:
        margin = THRESHOLDS.covered_margin * (y1 - y0)
        left, top, right, bottom = (
            round(scale * edge) for edge in (x0 - margin, y0 - margin, x1 + margin, y1 + margin)
        )
        ink[max(0, top) : max(0, bottom + 1), max(0, left) : max(0, right + 1)] = 0
    return _marks(ink), scale


def _find_edges(small: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a mask that is 1 where neighboring pixels differ, without long straight edges."""
    blue, green, red = cv2.split(cv2.morphologyEx(small, cv2.MORPH_GRADIENT, _NEIGHBORS))
    change = cv2.max(cv2.max(blue, green), red)  # a twentieth of the time of NumPy's
    edges = np.asarray(change > THRESHOLDS.min_edge, np.uint8)
    length = THRESHOLDS.min_straight_edge
    masks = np.ones((1, length), np.uint8), np.ones((length, 1), np.uint8)
    straight = cv2.max(*(cv2.morphologyEx(edges, cv2.MORPH_OPEN, mask) for mask in masks))
    edges[cv2.dilate(straight, _NEIGHBORS) > 0] = 0
    return edges


def _marks(ink: NDArray[np.uint8]) -> list[Rectangle]:
    """Return the boxes of words and shapes in the ink, without dots, dashes and parts of rules."""
    x0, y0, ink_width, ink_height = cv2.boundingRect(ink)  # on most pages, there is little or none
    if not ink_width:
        return []
    rows, columns = THRESHOLDS.letter_distance
    left, top = max(0, x0 - columns), max(0, y0 - rows)
    ink = ink[top : y0 + ink_height + rows, left : x0 + ink_width + columns]
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones(THRESHOLDS.letter_distance, np.uint8))
    _, _, boxes, _ = cv2.connectedComponentsWithStats(joined)
    smallest, proportion = THRESHOLDS.min_mark, THRESHOLDS.max_mark_proportion
    return [
        (float(left + x), float(top + y), float(left + x + width), float(top + y + height))
        for x, y, width, height in np.asarray(boxes)[1:, :4].tolist()
        if height >= smallest and height < proportion * width
    ]
