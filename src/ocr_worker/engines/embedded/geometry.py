"""Boxes: the one shape of all geometry on a page.

A `Box` is an upright rectangle in pixels of the page image. The functions compare boxes and intervals: how much they
share, how far apart they are, and what encloses them. This module knows nothing of text, and all of it is pure.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Box(NamedTuple):
    """An upright rectangle in pixels of the page; x grows to the right, y downwards."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """Width in pixels; negative for a box that is inside out."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Height in pixels; negative for a box that is inside out."""
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        """Area in square pixels; zero for an empty or inside-out box."""
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def center(self) -> tuple[float, float]:
        """Center as (x, y)."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def contains(self, point: tuple[float, float]) -> bool:
        """Return whether the point (x, y) is inside the box or on its edge."""
        return self.x0 <= point[0] <= self.x1 and self.y0 <= point[1] <= self.y1

    def grown(self, margin: float) -> Box:
        """Return the box with `margin` more pixels on each side."""
        return Box(self.x0 - margin, self.y0 - margin, self.x1 + margin, self.y1 + margin)

    def scaled(self, x: float, y: float) -> Box:
        """Return the box on a page whose sides are multiplied by x and y."""
        return Box(self.x0 * x, self.y0 * y, self.x1 * x, self.y1 * y)

    def clipped(self, width: int, height: int) -> Box:
        """Return the box clipped to a page of this size in pixels."""
        return Box(max(0.0, self.x0), max(0.0, self.y0), min(float(width), self.x1), min(float(height), self.y1))


class BoxIndex:
    """Boxes in bands of the page from top to bottom: those level with a box are found without comparing all of them."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        # Bands as high as the usual box: each box is in a few bands, and a few boxes of a row are in each band.
        self._step = max(1.0, sum(abs(box.height) for box in boxes) / max(1, len(boxes)))
        self._bands: dict[int, list[int]] = defaultdict(list)
        for i, box in enumerate(boxes):
            for band in self._bands_between(box.y0, box.y1):
                self._bands[band].append(i)

    def near(self, y0: float, y1: float) -> list[int]:
        """Return the indices, ascending, of all boxes that reach between these y or touch them, and of some nearby."""
        # A pixel more on both sides: sums of the callers are rounded.
        return sorted({i for band in self._bands_between(y0 - 1, y1 + 1) for i in self._bands.get(band, ())})

    def _bands_between(self, y0: float, y1: float) -> range:
        first, last = sorted((y0, y1))
        return range(math.floor(first / self._step), math.floor(last / self._step) + 1)


def intersection(a: Box, b: Box) -> Box:
    """Return the box that both cover; its area is 0 when they do not meet."""
    return Box(max(a.x0, b.x0), max(a.y0, b.y0), min(a.x1, b.x1), min(a.y1, b.y1))


def covered(part: Box, container: Box) -> float:
    """Return the share of `part` inside `container`, 0 to 1."""
    return intersection(part, container).area / part.area if part.area else 0.0


def overlap(a0: float, a1: float, b0: float, b1: float) -> float:
    """Return the length that two intervals share; negative: the gap between them."""
    return min(a1, b1) - max(a0, b0)


def x_overlap(a: Box, b: Box) -> float:
    """Return the pixels that both boxes share from left to right; negative: the gap between them."""
    return overlap(a.x0, a.x1, b.x0, b.x1)


def y_overlap(a: Box, b: Box) -> float:
    """Return the pixels that both boxes share from top to bottom; negative: the gap between them."""
    return overlap(a.y0, a.y1, b.y0, b.y1)


def bounds(boxes: Iterable[Box]) -> Box:
    """Return the smallest box around all boxes.

    Raises ValueError: when there are no boxes.
    """
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return Box(min(x0), min(y0), max(x1), max(y1))
