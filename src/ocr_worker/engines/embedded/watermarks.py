"""Watermarks: text over the page that is no part of its sentences.

A watermark is at an angle, pale, and large over other lines. `separate_watermarks` takes lines of which two of these
are true. Other text at an angle, such as a stamp or the labels of a chart, stays among the lines, which
`layout.regions` keeps apart from paragraphs. Where most of a page is at an angle, the page itself is, and none of its
lines counts as slanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ocr_worker.engines.embedded.geometry import Box, intersection
from ocr_worker.engines.embedded.lines import Line, line_height
from ocr_worker.engines.embedded.reading.pale import is_pale
from ocr_worker.engines.embedded.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

_SAMPLES = 100  # points on the middle of a slanted line at which it may cross other lines


def separate_watermarks(lines: Sequence[Line], pixels: Pixels) -> tuple[list[Line], list[Line]]:
    """Return the lines of the page's text, and its watermarks. pixels: the page image on which the lines are."""
    slanted = [line for line in lines if line.outline]
    if sum(len(line.text) for line in slanted) > THRESHOLDS.max_slanted * sum(len(line.text) for line in lines):
        lines, slanted = [replace(line, outline=()) for line in lines], []
    upright = [line for line in lines if not line.outline]
    height = line_height(upright)
    watermarks = {id(line) for line in lines if _is_watermark(line, upright, height, pixels)}
    return [line for line in lines if id(line) not in watermarks], [line for line in lines if id(line) in watermarks]


def _is_watermark(line: Line, upright: Sequence[Line], height: float, pixels: Pixels) -> bool:
    """Return whether two of three are true: the line is slanted, pale, and over other lines. height: of a line."""
    is_slanted, is_over_text = bool(line.outline), _is_over_text(line, upright, height)
    if is_slanted and is_over_text:
        return True
    return (is_slanted or is_over_text) and is_pale(pixels, line.box)


def _is_over_text(line: Line, upright: Sequence[Line], height: float) -> bool:
    """Return whether the line is large and printed over several others. height: of a line, in pixels."""
    if _height(line) < THRESHOLDS.watermark_height * height:
        return False
    crossed = [other for other in upright if other is not line and _crosses(line, other.box)]
    return len(crossed) >= THRESHOLDS.min_crossed_lines


def _height(line: Line) -> float:
    if not line.outline:
        return min(line.box.width, line.box.height)
    first, second, third, _ = np.asarray(line.outline)
    return float(min(np.linalg.norm(second - first), np.linalg.norm(third - second)))


def _crosses(line: Line, box: Box) -> bool:
    if not line.outline:
        shared = intersection(line.box, box)
        return min(shared.width, shared.height) > THRESHOLDS.crossed_height * box.height
    corners = np.asarray(line.outline)
    sides = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[1])
    ends = corners if sides[0] > sides[1] else np.roll(corners, -1, axis=0)
    start, end = (ends[0] + ends[3]) / 2, (ends[1] + ends[2]) / 2
    return any(box.contains((x, y)) for x, y in np.linspace(start, end, _SAMPLES))
