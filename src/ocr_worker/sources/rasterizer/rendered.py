"""A page as a child hands it out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocr_worker.errors import PageTooLarge

MIN_DPI = 36
_POINTS_PER_INCH = 72
Box = tuple[float, float, float, float]
LayerLine = tuple[str, Box, list[tuple[str, Box]]]  # a line, its box, and its words with theirs


@dataclass(slots=True)
class Rendered:
    """pixels: uint8 [height, width, 3], BGR. dpi: the true one; None when an image does not say."""

    pixels: NDArray[np.uint8]
    dpi: float | None
    warnings: list[dict[str, str]] = field(default_factory=list)
    text_lines: list[LayerLine] | None = None

    def __post_init__(self) -> None:
        self.pixels = np.ascontiguousarray(self.pixels)

    def header(self) -> dict[str, Any]:
        """All but the pixels."""
        height, width = self.pixels.shape[:2]
        return {
            "height": height,
            "width": width,
            "dpi": self.dpi,
            "warnings": self.warnings,
            "text_lines": self.text_lines,
        }


def warning(code: str, message: str) -> dict[str, str]:
    """A `PageWarning` as it crosses the pipe."""
    return {"code": code, "message": message}


def dpi_within(width_pt: float, height_pt: float, dpi: float, max_pixels: int) -> float:
    """The resolution, at most `dpi`, at which a page of this size in points has at most `max_pixels`.

    Raises PageTooLarge when that is under 36 dpi.
    """

    def pixels(at: float) -> int:  # as pypdfium2 counts them; rounding up decides on slivers and small budgets
        return math.ceil(width_pt * at / _POINTS_PER_INCH) * math.ceil(height_pt * at / _POINTS_PER_INCH)

    chosen = dpi
    if pixels(chosen) > max_pixels:
        inches = (width_pt / _POINTS_PER_INCH) * (height_pt / _POINTS_PER_INCH)
        chosen = float(int(min(dpi, (max_pixels / inches) ** 0.5)))
    while chosen >= MIN_DPI and pixels(chosen) > max_pixels:
        chosen -= 1
    if chosen < MIN_DPI:
        size = f"{width_pt / _POINTS_PER_INCH:,.0f} x {height_pt / _POINTS_PER_INCH:,.0f} inches"
        raise PageTooLarge(
            f"the page is {size}: more than {max_pixels:,} pixels even at {MIN_DPI} dpi; crop it or scale it down"
        )
    return chosen
