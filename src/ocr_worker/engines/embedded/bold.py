"""Bold lines: those whose strokes are wider than those of the page's text.

The ink of a line shows the mean width of its strokes: each stroke that a row of pixels crosses adds its width to the
darkness and twice the contrast to the changes from pixel to pixel. `mark_bold` compares each line with the page's other
lines. It is pure; lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median_low

import numpy as np

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, is_vertical
from ocr_worker.engines.embedded.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels


def mark_bold(lines: Sequence[Line], pixels: Pixels) -> list[Line]:
    """Return the lines, marked as bold where their strokes are wider than usual for their height."""
    widths = [0.0 if line.outline or is_vertical(line) else stroke_width(pixels, line.box) for line in lines]
    usual_width = _usual(widths, lines)
    usual_height = _usual([line.box.height for line in lines], lines)
    if not usual_width:
        return list(lines)
    return [
        replace(line, is_bold=width > THRESHOLDS.bold * usual_width * max(1.0, line.box.height / usual_height))
        for line, width in zip(lines, widths, strict=True)
    ]


def stroke_width(pixels: Pixels, box: Box) -> float:
    """Return the mean width of the strokes in the box, along the rows; 0 without ink."""
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = map(int, box.clipped(width, height))
    values = pixels[y0:y1, x0:x1, 1].astype(np.int16)  # green stands for the brightness
    if min(values.shape) < THRESHOLDS.min_stroke_box:
        return 0.0
    darkness = np.abs(values - np.int16(np.median(values)))
    changes = np.abs(np.diff(values, axis=1))
    grain = THRESHOLDS.grain
    edges = int(changes[changes > grain].sum())
    return 2.0 * int(darkness[darkness > grain].sum()) / edges if edges else 0.0


def _usual(values: Sequence[float], lines: Sequence[Line]) -> float:
    """Return the median of the values above 0, each as often as its line has characters; 0 without any."""
    counted = [value for value, line in zip(values, lines, strict=True) if value > 0 for _ in line.text]
    return median_low(counted) if counted else 0.0
