"""Colored bands at the head or the foot of a page, on which running headers and footers are set.

A band runs across most of the page, is little higher than its line, and has another color than the page. `find_bands`
is pure; lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.furniture.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.pages import Pixels


def find_bands(lines: Sequence[Line], pixels: Pixels) -> list[Box]:
    """Return the bands that lines near the page's upper and lower edges are on."""
    height = pixels.shape[0]
    depth = THRESHOLDS.near_edge
    outer = [line.box for line in lines if not depth < line.box.center[1] / height < 1 - depth]
    if not outer:
        return []
    page = np.median(pixels[::8, ::8].reshape(-1, 3), axis=0)
    bands: list[Box] = []
    for box in outer:
        if not any(band.contains(box.center) for band in bands) and (band := _band_of(box, pixels, page)):
            bands.append(band)
    return bands


def _band_of(box: Box, pixels: Pixels, page: NDArray[Any]) -> Box | None:
    """Return the band that the line's box is on. page: color of the page's ground, [3]."""
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = map(int, box.clipped(width, height))
    if x1 <= x0 or y1 <= y0:
        return None
    ground = np.median(pixels[y0:y1, x0:x1].reshape(-1, 3), axis=0)
    if np.abs(ground - page).max() < THRESHOLDS.band_contrast:
        return None
    across = _is_like(np.median(pixels[y0:y1], axis=0), ground)
    if across.mean() < THRESHOLDS.band_width:
        return None
    reach = int(THRESHOLDS.band_height * (y1 - y0))
    top, bottom = max(0, y0 - reach), min(height, y1 + reach)
    down = _is_like(np.median(pixels[top:bottom, across], axis=1), ground)
    above, below = (np.flatnonzero(~part) for part in (down[: y0 - top][::-1], down[y1 - top :]))
    is_open = (not above.size and top > 0) or (not below.size and bottom < height)
    if is_open:
        return None
    left, right = np.flatnonzero(across)[[0, -1]]
    start = y0 - int(above[0]) if above.size else 0
    return Box(float(left), float(start), float(right), float(y1 + int(below[0]) if below.size else height))


def _is_like(colors: NDArray[Any], ground: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which of the colors, [n, 3], are that of the ground, [3]."""
    return np.asarray(np.abs(colors - ground).max(axis=1) < THRESHOLDS.band_contrast)
