"""Listings: code in a font whose characters are equally wide, kept as it is set.

`label_listings` finds them by their pitch, the width of a character, which is the same in all rows. A typewritten
letter has one pitch, too, but its rows are filled. `write_listing` puts each word into its column. Both are pure;
lengths are in pixels of the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from ocr_worker.engines.embedded.geometry import bounds
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.lines import Line, rows
from ocr_worker.engines.embedded.thresholds import THRESHOLDS

LISTING = "algorithm"
_CODE = re.compile(r"[{}()\[\];=<>#$/\\|:]")


def label_listings(regions: Sequence[Region]) -> list[Region]:
    """Return the regions, texts that are listings labeled."""
    return [replace(region, label=LISTING) if _is_listing(region) else region for region in regions]


def write_listing(lines: Sequence[Line]) -> str:
    """Return the rows with their indents and empty rows, as they are on the page."""
    stacked = rows(lines)
    pitch = _pitch(lines)
    margin = min(line.box.x0 for line in lines)
    steps = [below[0].box.y0 - above[0].box.y0 for above, below in pairwise(stacked)]
    step = min(steps, default=0.0)
    written: list[str] = []
    for row, distance in zip(stacked, [step, *steps], strict=True):
        written += [""] * (round(distance / step) - 1 if step else 0)
        text = ""
        for x, word in ((x, word) for line in row for x, word in _words(line)):
            text = f"{text} ".ljust(round((x - margin) / pitch)) if text else " " * round((x - margin) / pitch)
            text += word
        written.append(text)
    return "\n".join(written)


def _words(line: Line) -> list[tuple[float, str]]:
    """Return where the line's words begin, and the words."""
    if line.words and "".join(word.text for word in line.words) == line.text.replace(" ", ""):
        return [(word.box.x0, word.text) for word in line.words]
    return [(line.box.x0, line.text)]


def _pitch(lines: Sequence[Line]) -> float:
    return median(map(_line_pitch, lines))


def _line_pitch(line: Line) -> float:
    """Return the mean width of a character; the white between words may be several characters wide."""
    boxes = [(word.box.width, word.text) for word in line.words] or [(line.box.width, line.text)]
    return sum(width for width, _ in boxes) / sum(len(text) for _, text in boxes)


def _is_exact(lines: Sequence[Line], pitch: float) -> bool:
    """Return whether nearly all words of a text layer have this pitch: rows of prose may have it in the mean."""
    words = [word for line in lines if line.is_from_text_layer for word in line.words]
    pitches = [word.box.width / len(word.text) for word in words if len(word.text) >= THRESHOLDS.min_pitch_text]
    near = sum(abs(each - pitch) < THRESHOLDS.word_pitch * pitch for each in pitches)
    return near >= THRESHOLDS.words_in_pitch * len(pitches)


def _is_listing(region: Region) -> bool:
    """Return whether all rows have one pitch, and are set as code is: not filled, and set in or full of signs."""
    lines = [line for line in region.lines if len(line.text) >= THRESHOLDS.min_pitch_text]
    if region.label not in ("text", "reference_content") or len(lines) < THRESHOLDS.min_listing_lines:
        return False
    pitch = _pitch(lines)
    if any(abs(_line_pitch(line) - pitch) > THRESHOLDS.pitch_tolerance * pitch for line in lines):
        return False
    if not _is_exact(lines, pitch):
        return False
    box = bounds(line.box for line in region.lines)
    ends = [line.box.x1 for line in region.lines if box.x1 - line.box.x1 > THRESHOLDS.listing_room * box.width]
    signs = sum(bool(_CODE.search(line.text)) for line in region.lines)
    is_unfilled = len(ends) >= THRESHOLDS.unfilled_listing * len(region.lines)
    return is_unfilled and signs >= THRESHOLDS.rows_with_signs * len(region.lines)
