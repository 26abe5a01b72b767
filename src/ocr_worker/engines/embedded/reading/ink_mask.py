"""The ink of a page image, for all that is looked for in its pixels: boxes, circles, large letters, page numbers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

Mask = NDArray[np.bool_]


def ink_mask(pixels: Pixels, contrast: int = THRESHOLDS.frame_contrast) -> Mask:
    """Return which pixels are darker than the page's ground by `contrast` gray levels, [height, width]."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    ground = float(np.median(gray[:: THRESHOLDS.ground_step, :: THRESHOLDS.ground_step]))
    return np.asarray(gray < ground - contrast)


def ground_color(pixels: Pixels) -> NDArray[np.uint8]:
    """Return the color of the page's ground, [3]."""
    step = THRESHOLDS.ground_step
    return np.asarray(np.median(pixels[::step, ::step], axis=(0, 1)), np.uint8)
