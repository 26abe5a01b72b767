"""Lines that run up the page, as the title of an upright axis and the headings of narrow columns do.

The recognizer gets a line that is higher than wide turned by a quarter, so that text that runs down is upright. Text
that runs up is upside down then, and reads as nonsense. A steep line at an angle may be turned in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ocr_worker.engines.embedded.lines import Line, is_vertical
from ocr_worker.engines.embedded.reading.models import Models
from ocr_worker.engines.embedded.reading.text_layer import quads_of
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels


def read_upwards(models: Models, pixels: Pixels, lines: Sequence[Line]) -> list[Line]:
    """Return the lines; those that may be upside down as they read from their other end, if that is clearly better."""
    doubtful = [line for line in lines if _may_run_up(line)]
    if not doubtful:
        return list(lines)
    corners = [np.asarray(line.outline, np.float32) if line.outline else quads_of([line.box])[0] for line in doubtful]
    readings = models.read_lines(pixels, np.roll(np.stack(corners), 2, axis=1))
    better = {
        id(line): reading
        for line, reading in zip(doubtful, readings, strict=True)
        if reading.score >= THRESHOLDS.legible_side and reading.score > line.score
    }
    return [better.get(id(line), line) for line in lines]


def _may_run_up(line: Line) -> bool:
    """Return whether the line is not along the rows of the page, and hardly reads."""
    is_across = bool(line.outline) or is_vertical(line)
    return is_across and not line.is_from_text_layer and line.score < THRESHOLDS.certain_side
