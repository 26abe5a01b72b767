"""A character on the bitmap, with its baseline: the geometry that `text_layer` and `raised_text` share.

All functions are pure; lengths are in pixels of the page image, y grows downwards.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ocr_worker.sources.rasterizer.rendered import Rectangle

_MIN_SLANT = 15.0  # degrees between a baseline and the nearest axis; less is the skew of a page, which is removed later


class Baseline(NamedTuple):
    """Start of a character on its baseline, and the vector of one em in the direction of the text.

    em: size of the font, the vector's length. angle: direction of the text in degrees, clockwise from the right. Both
    follow from the vector, and are needed several times for each character.
    """

    x: float
    y: float
    dx: float
    dy: float
    em: float
    angle: float

    @classmethod
    def between(cls, x0: float, y0: float, x1: float, y1: float) -> Baseline:
        """Return the baseline of a character that begins at the first point; one em farther is the second one."""
        dx, dy = x1 - x0, y1 - y0
        return cls(x0, y0, dx, dy, math.hypot(dx, dy), math.degrees(math.atan2(dy, dx)))

    @property
    def is_slanted(self) -> bool:
        """Return whether the text runs neither along the page nor up or down."""
        return abs((self.angle + 45) % 90 - 45) > _MIN_SLANT

    def position(self, x: float, y: float) -> tuple[float, float]:
        """Return how far the point is along this baseline and above it, in ems."""
        x, y = x - self.x, y - self.y
        square = self.em**2
        return (x * self.dx + y * self.dy) / square, (x * self.dy - y * self.dx) / square

    def point(self, along: float, above: float) -> tuple[float, float]:
        """Return the point at this position, in ems."""
        return self.x + along * self.dx + above * self.dy, self.y + along * self.dy - above * self.dx


class Letter(NamedTuple):
    """A character. Without a box: a space, or a line's end, whose text is empty.

    font: number of its font. baseline: None where PDFium knows none.
    """

    text: str
    box: Rectangle | None
    font: int = 0
    baseline: Baseline | None = None
