"""A rendered page in a rasterizer process, on its way to the worker, and the resolution of PDF pages.

`pdf` and `image` produce `RenderedPage`, `child` sends it, and `document` turns it into a `PageImage` in the worker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocr_worker.errors import PageTooLarge

MIN_DPI = 36
MAX_SIDE = 32_766  # pixels; OpenCV, which engines turn pages with, counts them in 16 bits
_POINTS_PER_INCH = 72
Rectangle = tuple[float, float, float, float]  # x0, y0, x1, y1
# A word, its box, and the number of its font on this page; of several fonts, the most frequent first.
LayerWord = tuple[str, Rectangle, int | list[int]]
Corners = tuple[tuple[float, float], ...]  # four, clockwise from the beginning of the line and its upper side
# A line, its box, its words, the corners of its outline if it is at an angle to the page, and whether a space follows.
LayerLine = tuple[str, Rectangle, list[LayerWord], Corners | None, bool]


@dataclass(slots=True)
class RenderedPage:
    """A page with its pixels, uint8 [height, width, 3], BGR.

    dpi: the true one; None for images that state none. repeated_lines: indices of the text lines that come again on
    neighboring pages (see `running_lines`). proven_fonts, symbol_fonts: see `fonts.PageFonts`.
    text_turn: see `text_layer.TextLayer`.
    """

    pixels: NDArray[np.uint8]
    dpi: float | None
    warnings: list[dict[str, str]] = field(default_factory=list)
    text_lines: list[LayerLine] | None = None
    repeated_lines: list[int] = field(default_factory=list)
    proven_fonts: list[int] = field(default_factory=list)
    symbol_fonts: list[int] = field(default_factory=list)
    text_turn: int | None = None

    def __post_init__(self) -> None:
        self.pixels = np.ascontiguousarray(self.pixels)

    def header(self) -> dict[str, Any]:
        """Return everything except the pixels and the text layer, as JSON values."""
        height, width = self.pixels.shape[:2]
        return {"height": height, "width": width, "dpi": self.dpi, "warnings": self.warnings}

    def layer_header(self) -> dict[str, Any]:
        """Return the text layer as JSON values."""
        return {
            "text_lines": self.text_lines,
            "repeated_lines": self.repeated_lines,
            "proven_fonts": self.proven_fonts,
            "symbol_fonts": self.symbol_fonts,
            "text_turn": self.text_turn,
        }


def make_warning(code: str, message: str) -> dict[str, str]:
    """Return the fields of a `PageWarning`, as the protocol sends them."""
    return {"code": code, "message": message}


def choose_dpi(width_pt: float, height_pt: float, dpi: float, max_pixels: int) -> float:
    """Return the highest resolution up to `dpi` at which a page of this size (points) has at most `max_pixels`.

    No side may have more than `MAX_SIDE` pixels. Below `dpi` it is a whole number. Raises PageTooLarge when it would be
    under 36 dpi.
    """

    def pixels(resolution: float) -> int:  # as pypdfium2 counts; rounding up decides on slivers and small budgets
        width = math.ceil(width_pt * resolution / _POINTS_PER_INCH)
        return width * math.ceil(height_pt * resolution / _POINTS_PER_INCH)

    page_dpi = dpi
    if max(width_pt, height_pt) * dpi > MAX_SIDE * _POINTS_PER_INCH:
        page_dpi = float(int(MAX_SIDE * _POINTS_PER_INCH / max(width_pt, height_pt)))
    if pixels(page_dpi) > max_pixels:
        square_inches = (width_pt / _POINTS_PER_INCH) * (height_pt / _POINTS_PER_INCH)
        page_dpi = float(int(min(page_dpi, (max_pixels / square_inches) ** 0.5)))
    while page_dpi >= MIN_DPI and pixels(page_dpi) > max_pixels:
        page_dpi -= 1
    if page_dpi < MIN_DPI:
        size = f"{width_pt / _POINTS_PER_INCH:,.0f} x {height_pt / _POINTS_PER_INCH:,.0f} inches"
        raise PageTooLarge(
            f"the page is {size}, and even at {MIN_DPI} dpi it has more than {max_pixels:,} pixels,"
            f" or a side of more than {MAX_SIDE:,}; crop it or scale it down"
        )
    return page_dpi
