"""Small print of a low resolution, which the detector outlines too high.

At 72 dpi the outline of a small line reaches into the lines above and below it, and what is read are three halves of
lines. The letters themselves are legible: on an enlarged copy the detector outlines them tightly. So where a reading
of small print makes no sense, its lines are looked for once more on such a copy, and the better reading stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.rules import group_touching
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.confidence import is_illegible
from ocr_worker.engines.embedded.reading.models import Models, box_of
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels


def reread_small_print(models: Models, pixels: Pixels, lines: Sequence[Line]) -> list[Line]:
    """Return the lines, those of illegible small print as they read on an enlarged copy if that is better."""
    small = [line.box for line in lines if is_illegible(line) and line.box.height < THRESHOLDS.small_print]
    kept = list(lines)
    for group in group_touching(small, 0.0):
        area = bounds(group)
        old = [line for line in kept if area.contains(line.box.center) and not line.is_from_text_layer]
        new = _read_enlarged(models, pixels, bounds(line.box for line in old))
        if _certainty(new) > _certainty(old):
            kept = [line for line in kept if not any(line is other for other in old)] + new
    return kept


def _certainty(lines: Sequence[Line]) -> float:
    """Return the number of characters that are read right, as far as the recognizer says: more lines do not hurt."""
    return sum(line.score * len(line.text) for line in lines)


def _read_enlarged(models: Models, pixels: Pixels, area: Box) -> list[Line]:
    """Return the lines in the area as they are read from an enlarged copy of it."""
    box = area.grown(THRESHOLDS.small_print).clipped(*pixels.shape[1::-1])
    x0, y0 = int(box.x0), int(box.y0)
    part = pixels[y0 : int(box.y1) + 1, x0 : int(box.x1) + 1]
    factor = THRESHOLDS.enlargement
    enlarged = np.asarray(cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)
    # The outlines of the area reach into the lines above and below it.
    margin = THRESHOLDS.outline_overlap * THRESHOLDS.small_print
    core = area._replace(y0=area.y0 + margin, y1=area.y1 - margin)

    def on_page(box: Box) -> Box:
        box = box.scaled(1 / factor, 1 / factor)
        return Box(box.x0 + x0, box.y0 + y0, box.x1 + x0, box.y1 + y0)

    quads = [quad for quad in models.find_lines(enlarged) if core.contains(on_page(box_of(quad)).center)]
    lines = models.read_lines(enlarged, np.asarray(quads, np.float32)) if quads else []
    return [line.moved(on_page) for line in lines if line.text and not line.outline]
