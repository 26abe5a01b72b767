"""Ink that looks like text: connected shapes of the size of letters, found without reading them.

The shapes are those of every script, also of scripts that the small reader does not know.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.pages import Pixels
from ocr_worker.witness.evidence import Rectangle

_SIDE = 2000  # pixels of the longer side of the image on which ink is looked for
_WINDOW = 31  # pixels around a pixel whose mean is its ground; an odd number
_CONTRAST = 15  # gray levels darker than the ground
_MIN_SIDE, _MAX_SIDE = 5, 80  # pixels of the height of a letter on that image; the width may be three times as large
_MAX_MARKS = 20_000  # of a page; more are grain


def find_marks(pixels: Pixels) -> tuple[Rectangle, ...]:
    """Return the boxes of dark shapes of the size of letters, in pixels of the page. None on a page full of grain."""
    scale = min(1.0, _SIDE / max(pixels.shape[:2]))
    small = pixels if scale == 1.0 else cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    gray, left, top = _without_margins(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
    if not gray.size:
        return ()
    gray = cv2.medianBlur(gray, 3)
    ink = cv2.adaptiveThreshold(gray, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, _WINDOW, _CONTRAST)
    x0, y0, x1, y1 = _shapes(ink)
    width, height = x1 - x0, y1 - y0
    is_letter = (height >= _MIN_SIDE) & (height <= _MAX_SIDE) & (width >= 2) & (width <= 3 * _MAX_SIDE)
    corners = np.stack((x0 + left, y0 + top, x1 + left, y1 + top), axis=1)[is_letter] / scale
    if len(corners) > _MAX_MARKS:
        return ()
    return tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in corners.round(1).tolist())


def _without_margins(gray: NDArray[Any]) -> tuple[NDArray[Any], int, int]:
    """Return the image without white margins, and how many columns and rows are missing before it.

    A window's width of white stays around the rest, so that the ground of its ink is the same. Nothing stays of a white
    image.
    """
    x, y, width, height = cv2.boundingRect(cv2.bitwise_not(gray))
    if not width:
        return gray[:0], 0, 0
    left, top = max(0, x - _WINDOW), max(0, y - _WINDOW)
    return gray[top : y + height + _WINDOW, left : x + width + _WINDOW], left, top


def _shapes(ink: NDArray[Any]) -> NDArray[np.intp]:
    """Return the edges of the connected shapes: left, top, right, bottom, each [n].

    Of blank rows between shapes, only the first is looked at.
    """
    has_ink = ink.max(axis=1) > 0
    rows = np.flatnonzero(has_ink | np.append(False, has_ink[:-1]))
    if not rows.size:
        return np.zeros((4, 0), np.intp)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(ink[rows])
    x, y, width, height = np.asarray(boxes, np.intp)[1:, :4].T
    return np.stack((x, rows[y], x + width, rows[y + height - 1] + 1))
