"""Pixels of a PDF page, and the map from its points to these pixels.

Runs only in a rasterizer process.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray

from ocr_worker.sources.rasterizer.rendered import Rectangle

_WHITE = 255  # the ground on which a page is drawn
_SUBUNITS = 16  # PDFium maps points to whole pixels, so the page is mapped onto a bitmap so many times larger


def render_pixels(page: Any, scale: float) -> NDArray[np.uint8]:
    """Return the page as it is seen, uint8 [height, width, 3], BGR. scale: pixels per point.

    PDFium draws into the array itself: pypdfium2's `render` clears, fills and copies a bitmap of megabytes, which takes
    as long as to draw a page of text. Raises PdfiumError when PDFium cannot draw into so large an array.
    """
    width, height = (math.ceil(side * scale) for side in page.get_size())
    pixels = np.full((height, width, 3), _WHITE, np.uint8)
    bitmap = pdfium_c.FPDFBitmap_CreateEx(width, height, pdfium_c.FPDFBitmap_BGR, pixels.ctypes.data, 3 * width)
    if not bitmap:
        raise pdfium.PdfiumError("no bitmap of this size")
    place = 0, 0, width, height, 0, pdfium_c.FPDF_ANNOT
    pdfium_c.FPDF_RenderPageBitmap(bitmap, page.raw, *place)
    if page.formenv:
        pdfium_c.FPDF_FFLDraw(page.formenv.raw, bitmap, page.raw, *place)
    pdfium_c.FPDFBitmap_Destroy(bitmap)
    return pixels


class BitmapMapping:
    """The map from PDF coordinates (points, upwards) to a bitmap of the page, of this size in pixels.

    It is an affine map, which includes the page's rotation and crop box.
    """

    def __init__(self, page: Any, width: int, height: int) -> None:
        x, y = ctypes.c_int(), ctypes.c_int()

        def map_point(px: float, py: float) -> tuple[float, float]:
            pdfium_c.FPDF_PageToDevice(page.raw, 0, 0, width * _SUBUNITS, height * _SUBUNITS, 0, px, py, x, y)
            return x.value / _SUBUNITS, y.value / _SUBUNITS

        length = 1000.0  # points; long enough that rounding at its ends is invisible on the page
        self._x, self._y = x0, y0 = map_point(0, 0)
        (x1, y1), (x2, y2) = map_point(length, 0), map_point(0, length)
        self._right = (x1 - x0) / length, (y1 - y0) / length
        self._up = (x2 - x0) / length, (y2 - y0) / length

    def points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the points, [..., 2], on the bitmap."""
        x, y = points[..., 0], points[..., 1]
        columns = self._x + x * self._right[0] + y * self._up[0]
        return np.stack((columns, self._y + x * self._right[1] + y * self._up[1]), axis=-1)

    def boxes(self, rectangles: Sequence[Rectangle]) -> NDArray[np.float64]:
        """Return the rectangles on the bitmap, [n, 4]."""
        corners = self.points(np.asarray(rectangles, np.float64).reshape(-1, 2, 2))
        return np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1)

    def rectangles(self, rectangles: Sequence[Rectangle]) -> list[Rectangle]:
        """Return the rectangles on the bitmap."""
        return [(x0, y0, x1, y1) for x0, y0, x1, y1 in self.boxes(rectangles).tolist()]


def page_band(page: Any, start: float, end: float) -> Rectangle:
    """Return the part of the page between two shares of its height from its upper edge, in PDF coordinates."""
    side = 10_000  # units of the page's sides
    corners: list[tuple[float, float]] = []
    for at in (start, end):
        x, y = ctypes.c_double(), ctypes.c_double()
        pdfium_c.FPDF_DeviceToPage(page.raw, 0, 0, side, side, 0, len(corners) * side, round(at * side), x, y)
        corners.append((x.value, y.value))
    (x0, y0), (x1, y1) = corners
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
