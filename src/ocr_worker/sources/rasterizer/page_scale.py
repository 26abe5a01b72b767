"""The resolution that a PDF page needs, whatever size its box states.

Runs only in a rasterizer process. Usually that is the requested one. But some programs write a whole sheet on a box of
a few centimeters: a scan, or a drawing with letters of one point. Such a page is rendered as large as a sheet of A4, so
that its letters have the usual size in pixels, and a scan on a tiny box with its own resolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

_SHEET = 595.0 * 842.0  # square points of A4
_SMALL = 1.25  # a page is small if it fits on a sheet so many times along each side
_TINY = 3.0  # and its box says nothing of its true size if it fits so many times
_FILLING = 0.5  # share of the page's area that pictures cover together, at least, if it is a scan
_LETTER = 6.0  # points of a letter's box, below which it is too small for print
_SAMPLE = 200  # letters that are measured


def needed_dpi(page: Any, user_unit: float, dpi: float) -> float:
    """Return the resolution, in dots per inch of the page's true size, at which it can be read; at least `dpi`."""
    width, height = (side * user_unit for side in page.get_size())
    room = math.sqrt(_SHEET / (width * height))  # how many times the page fits on a sheet along each side
    if room < _SMALL:
        return dpi
    picture = _picture_dpi(page) / user_unit
    letters = dpi * _LETTER / (_letter_height(page) * user_unit or _LETTER)
    return max(dpi, min(letters, dpi * room), picture if room >= _TINY else min(picture, dpi * room))


def is_small(page: Any) -> bool:
    """Return whether the page's box is so small that its unit may be larger than a point."""
    width, height = page.get_size()
    return bool(_SMALL**2 * width * height < _SHEET)


def _picture_dpi(page: Any) -> float:
    """Return the resolution of the pictures that fill the page, in pixels per 72 units; 0 if none do."""
    width, height = page.get_size()
    pictures = list(_pictures(page))
    if sum(min(w, width) * min(h, height) for w, h, _ in pictures) < _FILLING * width * height:
        return 0.0
    return max(pictures)[2]


def _pictures(page: Any) -> Iterator[tuple[float, float, float]]:
    """Yield width and height of each picture on the page, in units, and its resolution."""
    for picture in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE]):
        try:
            left, bottom, right, top = picture.get_bounds()
            pixels = picture.get_px_size()
        except pdfium.PdfiumError:
            continue
        width, height = right - left, top - bottom
        if width > 0 and height > 0:  # a turned picture has its sides the other way round
            yield width, height, 72 * math.sqrt(pixels[0] * pixels[1] / (width * height))


def _letter_height(page: Any) -> float:
    """Return the median height of the letters' boxes, in units; 0 without letters."""
    text_page = page.get_textpage()
    count = text_page.count_chars()
    boxes = (text_page.get_charbox(index, loose=True) for index in range(0, count, max(1, count // _SAMPLE)))
    heights = [max(right - left, top - bottom) for left, bottom, right, top in boxes if right > left and top > bottom]
    text_page.close()
    return median(heights) if heights else 0.0
