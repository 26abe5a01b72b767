"""Areas of a page with ink that the text layer does not cover, which alone can be text that the layer lacks.

Finding lines takes half of the time of a page with a text layer, and on most such pages it finds what the layer has
already. So lines are looked for only in the `uncovered_areas`: text in pictures, filled form fields, letters that are
drawn as shapes (see `engines.text_layer.uncovered`). `is_plain` decides whether there is a picture behind lines. All
functions are pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.engines.text_layer.uncovered import find_marks
from ocr_worker.ink import has_ink
from ocr_worker.pages import Pixels


def uncovered_areas(pixels: Pixels, lines: Sequence[Line], side: int) -> list[Box]:
    """Return the areas with ink outside the lines, from top to bottom, in pixels of the page.

    side: pixels of the longer side of the image on which ink is looked for.
    """
    marks, scale = find_marks(pixels, (line.box for line in lines), side)
    height, width = pixels.shape[:2]
    groups = _group([Box(*mark) for mark in marks], 2 * THRESHOLDS.area_margin)
    return [group.grown(THRESHOLDS.area_margin).scaled(1 / scale, 1 / scale).clipped(width, height) for group in groups]


def is_plain(pixels: Pixels, box: Box, lines: Sequence[Line]) -> bool:
    """Return whether the box has no ink but that of the lines: no picture, but a ground of any color."""
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = map(int, box.clipped(width, height))
    crop = pixels[y0:y1, x0:x1].copy()
    if not crop.size:
        return True
    ground = np.median(crop.reshape(-1, crop.shape[2]), axis=0)
    for line in lines:
        text = line.box.grown(THRESHOLDS.text_margin * line.box.height)
        left, right = (max(0, int(x) - x0) for x in (text.x0, text.x1))
        top, bottom = (max(0, int(y) - y0) for y in (text.y0, text.y1))
        crop[top:bottom, left:right] = ground
    return not has_ink(crop)


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
