"""Lines of a picture with a watermark: text at an angle, printed pale behind or over the other text.

The detector loses lines that a watermark crosses. So where it finds pale text at an angle, it looks for lines once more
on a copy of the page without pale ink. Lines that only the page itself has, such as the watermark and other pale text,
are kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.models import Models, Quads, box_of, is_slanted
from ocr_worker.engines.embedded.reading.text_layer import drop_covered
from ocr_worker.engines.embedded.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels


def read_lines_over_watermark(models: Models, pixels: Pixels, quads: Quads) -> list[Line]:
    """Return the lines of a page image, those under a watermark included. quads: the lines that were detected on it."""
    if not any(is_slanted(quad, min_length=1.0) and is_pale(pixels, box_of(quad)) for quad in quads):
        return models.read_lines(pixels, quads)
    clean = _without_pale_ink(pixels)
    lines = models.read_lines(clean, models.find_lines(clean))
    lines = [line for line in lines if line.text and not line.outline]
    return lines + models.read_lines(pixels, drop_covered(quads, lines))


def is_pale(pixels: Pixels, box: Box) -> bool:
    """Return whether the darkest ink in the box differs little from the ground."""
    box = box.clipped(pixels.shape[1], pixels.shape[0])
    part = pixels[int(box.y0) : int(box.y1) + 1, int(box.x0) : int(box.x1) + 1]
    if not part.size:
        return True
    gray = _gray(part)
    return float(np.median(gray) - np.percentile(gray, THRESHOLDS.darkest_ink)) < THRESHOLDS.pale_contrast


def _without_pale_ink(pixels: Pixels) -> Pixels:
    """Return a copy of the page image, white where it is not dark."""
    gray = _gray(pixels)
    clean = pixels.copy()
    clean[gray > np.median(gray) - THRESHOLDS.pale_contrast] = 255
    return clean


def _gray(pixels: Pixels) -> NDArray[np.float32]:
    return np.asarray(pixels.mean(axis=2, dtype=np.float32))
