"""Ink that looks like text: connected shapes of the size of letters, found without reading them.

The shapes are those of every script, also of scripts that the small reader does not know.
"""

from __future__ import annotations

import cv2
import numpy as np

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
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    gray = cv2.medianBlur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), 3)
    ink = cv2.adaptiveThreshold(gray, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, _WINDOW, _CONTRAST)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(ink)
    x, y, width, height = np.asarray(boxes)[1:, :4].T
    is_letter = (height >= _MIN_SIDE) & (height <= _MAX_SIDE) & (width >= 2) & (width <= 3 * _MAX_SIDE)
    corners = np.stack((x, y, x + width, y + height), axis=1)[is_letter] / scale
    if len(corners) > _MAX_MARKS:
        return ()
    return tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in corners.round(1).tolist())
