"""The pitch of a line: the width of each character, in a font whose characters are equally wide.

A text layer has the boxes of words, and in such a font all have the same width per character. Programs that print code
also set the characters of other fonts at equal distances. In a line that was read,
the ink shows it: laid over one another, the cells of the characters have their ink in the middle and white at their
edges. In other fonts ink is everywhere, whatever the width of the cells. A short line does not show its pitch. All
functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ocr_worker.characters import is_wide
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels


def measure_pitch(line: Line, pixels: Pixels) -> float | None:
    """Return the line's pitch; 0 if its characters differ in width, None if that does not show."""
    if any(map(is_wide, line.text)):
        return None
    if line.is_from_text_layer:
        return _pitch_of_words(line)
    return _pitch_of_ink(line, pixels) if len(line.text) >= THRESHOLDS.min_pitch_text_read else None


def text_box(line: Line) -> Box:
    """Return the box of the line's characters: a detected box is larger."""
    margin = 0.0 if line.is_from_text_layer else THRESHOLDS.detected_margin * line.box.height
    return line.box._replace(x0=line.box.x0 + margin, x1=line.box.x1 - margin)


def mean_width(line: Line) -> float:
    """Return the mean width of a character, without the white between words where their boxes are exact."""
    if line.is_from_text_layer and line.words:
        if pitch := pitch_of_places(line.words):
            return pitch
        return sum(word.box.width for word in line.words) / sum(len(word.text) for word in line.words)
    return text_box(line).width / len(line.text)


def _pitch_of_words(line: Line) -> float | None:
    if pitch := pitch_of_places(line.words):
        return pitch
    pitch = mean_width(line)
    widths = [word.box.width / len(word.text) for word in line.words if len(word.text) >= THRESHOLDS.min_pitch_text]
    if not widths:
        return None
    return pitch if all(abs(width - pitch) < THRESHOLDS.pitch_tolerance * pitch for width in widths) else 0.0


def pitch_of_places(words: Sequence[Word]) -> float | None:
    """Return the pitch if each character has a place of its own, which is wider than the character; else None."""
    if len(words) < THRESHOLDS.min_placed_words:
        return None
    steps = [after.box.x0 - word.box.x0 for word, after in pairwise(words)]
    least = min(step / (len(word.text) + 1) for word, step in zip(words, steps, strict=False))
    if least <= 0:
        return None
    pitch = (words[-1].box.x0 - words[0].box.x0) / sum(round(step / least) for step in steps)
    return pitch if has_places(words, pitch) else None


def has_places(words: Sequence[Word], pitch: float) -> bool:
    """Return whether each character of these words is in a place of its own, as wide as the pitch.

    Programs that print code set each character into such a place, whatever its font. Words then begin at multiples of
    the pitch, and all characters leave about the same white.
    """
    tolerance = THRESHOLDS.place_tolerance * pitch
    for word, after in pairwise(words):
        step = after.box.x0 - word.box.x0
        if abs(step - round(step / pitch) * pitch) > tolerance:
            return False
    widths = [word.box.width - (len(word.text) - 1) * pitch for word in words]
    is_narrower = THRESHOLDS.narrowest_in_place * pitch < min(widths) and max(widths) < pitch
    return is_narrower and max(widths) - min(widths) < tolerance


def _pitch_of_ink(line: Line, pixels: Pixels) -> float:
    """Return the pitch at which the ink is most in step, or 0 if it is not in step with any."""
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = map(int, line.box.clipped(width, height))
    values = pixels[y0:y1, x0:x1, 1].astype(np.int16)  # green stands for the brightness
    darkness = np.abs(values - np.int16(np.median(values)))
    ink = np.where(darkness > THRESHOLDS.pitch_grain, darkness, 0).sum(axis=0, dtype=np.float64)
    ink = ink[: THRESHOLDS.pitch_period]
    spectrum = np.abs(np.fft.rfft(ink, THRESHOLDS.pitch_period)) / max(1.0, float(ink.sum()))
    usual = THRESHOLDS.pitch_period / max(1.0, mean_width(line))
    first, last = int(usual / THRESHOLDS.largest_pitch), math.ceil(usual / THRESHOLDS.smallest_pitch)
    steps = spectrum[first : last + 1]
    if not steps.size or steps.max() < THRESHOLDS.in_step:
        return 0.0
    return THRESHOLDS.pitch_period / (first + int(steps.argmax()))
