"""The ink of a page image, for all that is looked for in its pixels: boxes, circles, large letters, page numbers."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

Mask = NDArray[np.bool_]
Area = tuple[slice, slice]  # rows and columns of the page image
_EDGE = 5  # pixels of the square by which ink is widened: its blurred edge belongs to it


class ConnectedInk(NamedTuple):
    """The connected shapes of a page's ink, by number; number 0 is the ground.

    boxes: float [n, 4]. areas: pixels of ink, int [n]. labels: the number of the shape of each pixel, [height, width].
    """

    boxes: NDArray[np.float64]
    areas: NDArray[np.int32]
    labels: NDArray[np.int32]

    def box(self, number: int) -> Box:
        """Return the box of a shape."""
        x0, y0, x1, y1 = self.boxes[number].tolist()
        return Box(x0, y0, x1, y1)


def connect_ink(pixels: Pixels) -> ConnectedInk:
    """Return the connected shapes of the page's ink."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink_mask(pixels).astype(np.uint8))
    boxes = stats[:, :4].astype(np.float64)
    boxes[:, 2:] += boxes[:, :2]
    return ConnectedInk(boxes, np.asarray(stats[:, cv2.CC_STAT_AREA]), np.asarray(labels, np.int32))


def crop_alone(pixels: Pixels, ink: ConnectedInk, box: Box, numbers: Collection[int]) -> Pixels:
    """Return a copy of the page in the box, on which there is no ink but that of these shapes and their edges."""
    width, height = (max(1, round(side)) for side in (box.width, box.height))
    crop = np.full((height, width, 3), ground_color(pixels), np.uint8)
    x0, y0, x1, y1 = (round(side) for side in box.clipped(*ink.labels.shape[::-1]))
    left, top = x0 - round(box.x0), y0 - round(box.y0)
    x1, y1 = min(x1, x0 + width - left), min(y1, y0 + height - top)
    area = slice(y0, y1), slice(x0, x1)
    mask = mask_shapes(ink, area, numbers)
    crop[top : top + y1 - y0, left : left + x1 - x0][mask] = pixels[area][mask]
    return crop


def mask_shapes(ink: ConnectedInk, area: Area, numbers: Collection[int]) -> Mask:
    """Return which pixels of the area belong to these shapes and their blurred edges."""
    mask = np.isin(ink.labels[area], list(numbers)).astype(np.uint8)
    return cv2.dilate(mask, np.ones((_EDGE, _EDGE), np.uint8)).astype(bool)


def ink_mask(pixels: Pixels, contrast: int = THRESHOLDS.frame_contrast) -> Mask:
    """Return which pixels are darker than the page's ground by `contrast` gray levels, [height, width]."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    ground = float(np.median(gray[:: THRESHOLDS.ground_step, :: THRESHOLDS.ground_step]))
    return np.asarray(gray < ground - contrast)


def ground_color(pixels: Pixels) -> NDArray[np.uint8]:
    """Return the color of the page's ground, [3]."""
    step = THRESHOLDS.ground_step
    return np.asarray(np.median(pixels[::step, ::step], axis=(0, 1)), np.uint8)
