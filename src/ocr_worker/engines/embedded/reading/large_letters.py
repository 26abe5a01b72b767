"""Large first letters on a picture, which the detector misses or joins with a line beside them.

An initial is as high as two lines or more, right beside them. The detector then outlines the letter together
with one of these lines, or neither of the two. `read_initials` looks at the ink itself: where a tall shape is beside
lines, it is erased on a copy, on which the lines are found again. The letter is read from a copy without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ocr_worker.characters import is_wide
from ocr_worker.engines.embedded.geometry import Box, BoxIndex, bounds, x_overlap, y_overlap
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.ink_mask import Area, ConnectedInk, Mask, ground_color, mask_shapes
from ocr_worker.engines.embedded.reading.models import Models, Quads, box_of
from ocr_worker.engines.embedded.reading.text_layer import quads_of
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels


class Shape(NamedTuple):
    """Connected ink, or several such shapes. labels: their numbers in the map of the page."""

    box: Box
    labels: tuple[int, ...]


def read_initials(models: Models, pixels: Pixels, ink: ConnectedInk, quads: Quads) -> tuple[Quads, list[Line]]:
    """Return the corners of the lines, found without the large letters beside them, and these letters as lines."""
    shapes = find_shapes(ink)
    outlines = [box_of(quad) for quad in quads]
    letters = [letter for letter in find_letters(shapes, outlines) if lines_beside(letter.box, outlines)]
    while letters:
        again = models.find_lines(_erased(pixels, ink, letters))
        outlines = [box_of(quad) for quad in again]
        beside = [
            letter for letter in letters if len(lines_beside(letter.box, outlines)) >= THRESHOLDS.min_initial_lines
        ]
        readings = [_read(models, pixels, ink, letter) for letter in beside]
        initials = [letter for letter, line in zip(beside, readings, strict=True) if is_initial(line)]
        if len(initials) == len(letters):
            return again, readings
        letters = initials
    return quads, []


def is_initial(line: Line) -> bool:
    """Return whether the reading is that of a letter or a short number, perhaps after a quotation mark."""
    text = "".join(character for character in line.text if character.isalnum())
    is_short = len(text) == 1 or (text.isdecimal() and len(text) <= THRESHOLDS.max_initial_digits)
    is_sure = line.score >= THRESHOLDS.min_initial_score
    return is_short and is_sure and not any(map(is_wide, text)) and len(line.text) <= len(text) + 2


def find_shapes(ink: ConnectedInk) -> list[Shape]:
    """Return the connected shapes of ink that are higher than a dot."""
    sized = np.flatnonzero(ink.boxes[:, 3] - ink.boxes[:, 1] >= THRESHOLDS.min_shape)
    return [
        Shape(Box(*box), (number,))
        for number, box in zip(sized.tolist(), ink.boxes[sized].tolist(), strict=True)
        if number
    ]


def find_letters(shapes: Sequence[Shape], lines: Sequence[Box]) -> list[Shape]:
    """Return the tall letters, each with its accent and the quotation mark before it. lines: as they were detected."""
    if not lines:
        return []
    height = float(np.median([min(line.width, line.height) for line in lines]))
    low, high = (factor * height for factor in THRESHOLDS.initial_heights)
    thin, wide = THRESHOLDS.initial_widths
    letters: list[Shape] = []
    index = BoxIndex([shape.box for shape in shapes])
    for shape in sorted(shapes):
        side = shape.box.height
        if low < side < high and thin * side < shape.box.width < wide * side:
            letter = _joined([shape, *_parts(shapes, index, shape.box)])
            if letters and _is_next(letters[-1].box, letter.box):
                letters[-1] = _joined([letters[-1], letter])
            else:
                letters.append(letter)
    return letters


def _joined(shapes: Sequence[Shape]) -> Shape:
    return Shape(bounds(shape.box for shape in shapes), tuple(label for shape in shapes for label in shape.labels))


def _parts(shapes: Sequence[Shape], index: BoxIndex, letter: Box) -> list[Shape]:
    """Return the shapes of the letter's accent, and of the quotation mark right before it. index: of the shapes."""
    low, high = (share * letter.height for share in THRESHOLDS.accent_heights)
    gap = THRESHOLDS.accent_gap * letter.height
    quote_gap = THRESHOLDS.quote_gap * letter.height
    near = (shapes[i] for i in index.near(letter.y0 - max(gap, quote_gap), letter.y1))
    small = [shape for shape in near if low < shape.box.height < high]
    accents = [
        shape for shape in small if letter.x0 < shape.box.center[0] < letter.x1 and 0 <= letter.y0 - shape.box.y1 < gap
    ]
    quotes, edge, gap = [], letter.x0, quote_gap
    for shape in sorted(small, reverse=True):
        if letter.y0 - gap < shape.box.y0 and shape.box.y1 <= letter.y1 and -gap < edge - shape.box.x1 < gap:
            quotes.append(shape)
            edge = min(edge, shape.box.x0)
    return [*accents, *quotes]


def _is_next(left: Box, right: Box) -> bool:
    """Return whether the letters are side by side, such as two digits."""
    return right.x0 - left.x1 < left.height / 3 and y_overlap(left, right) > left.height / 2


def lines_beside(letter: Box, lines: Sequence[Box]) -> list[Box]:
    """Return the lines right of the letter that are level with it and less high; none if text is at its left."""
    beside = []
    for line in lines:
        reach = THRESHOLDS.initial_reach * line.height
        if y_overlap(line, letter) < THRESHOLDS.level_overlap * line.height or line.height > letter.height:
            continue
        if letter.x0 - reach < line.x0 < letter.x1 + reach and line.x1 > letter.x1 + letter.width:
            beside.append(line)
        elif line.x0 < letter.x0 and x_overlap(line, letter._replace(x0=letter.x0 - reach)) > 0:
            return []
    return beside


def _erased(pixels: Pixels, ink: ConnectedInk, letters: Sequence[Shape]) -> Pixels:
    """Return the page image without these letters."""
    erased = pixels.copy()
    for letter in letters:
        area, mask = _mask(ink, letter)
        erased[area][mask] = ground_color(pixels)
    return erased


def _read(models: Models, pixels: Pixels, ink: ConnectedInk, letter: Shape) -> Line:
    """Return the letter, read from a copy on which nothing is around it."""
    area, mask = _mask(ink, letter)
    side = round(max(letter.box.width, letter.box.height) * THRESHOLDS.initial_crop)
    height, width = mask.shape
    alone = np.full((max(side, height), max(side, width), 3), ground_color(pixels), np.uint8)
    top, left = (alone.shape[0] - height) // 2, (alone.shape[1] - width) // 2
    part = alone[top : top + height, left : left + width]
    part[mask] = pixels[area][mask]
    (line,) = models.read_lines(alone, quads_of([(0, 0, alone.shape[1], alone.shape[0])]))
    return line.moved(lambda _: letter.box.grown(THRESHOLDS.initial_margin * letter.box.height))


def _mask(ink: ConnectedInk, letter: Shape) -> tuple[Area, Mask]:
    """Return the place of the letter, and which of its pixels belong to it and its blurred edge."""
    x0, y0, x1, y1 = (round(side) for side in letter.box.grown(2.0).clipped(*ink.labels.shape[::-1]))
    area = slice(y0, y1), slice(x0, x1)
    return area, mask_shapes(ink, area, letter.labels)
