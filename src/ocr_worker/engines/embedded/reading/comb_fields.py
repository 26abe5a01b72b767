"""Combs on a picture: rows of equal boxes with a character in each, whose frames keep the detector from seeing them.

`read_combs` finds the boxes by the white inside their frames, sets what is in them side by side without the frames, and
reads that as a word. The characters are lines of their own, as in a text layer; `combs` joins them.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box, bounds, y_overlap
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.ink_mask import Mask, ground_color, ink_mask
from ocr_worker.engines.embedded.reading.models import Models, Quads, box_of
from ocr_worker.engines.embedded.reading.text_layer import quads_of
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

_FRAMES = frozenset("日口回目")


def read_combs(models: Models, pixels: Pixels, quads: Quads) -> tuple[Quads, list[Line]]:
    """Return the corners of the lines without what is in combs, and the characters of the combs as lines."""
    outlines = [box_of(quad) for quad in quads]
    if not outlines:
        return quads, []
    ink = ink_mask(pixels, THRESHOLDS.comb_contrast)
    combs = find_combs(ink, float(np.median([min(box.width, box.height) for box in outlines])))
    lines: list[Line] = []
    taken: list[Box] = []
    for row in _level_rows([bounds(comb) for comb in combs]):
        # Those of a row are read together, because a word of one or two characters is hard to read.
        beside = [comb for comb in combs if bounds(comb) in row]
        together = _read(models, pixels, ink, sorted(cell for comb in beside for cell in comb))
        groups = [together] if together else [_read(models, pixels, ink, comb, is_alone=True) for comb in beside]
        lines += [line for group in groups for line in group]
        taken += row if together else [bounds(comb) for comb, group in zip(beside, groups, strict=True) if group]
    return (_beside(quads, taken) if taken else quads), lines


def find_combs(ink: Mask, height: float) -> list[list[Box]]:
    """Return the insides of the boxes of each comb, from left to right. height: of a line, in pixels."""
    contours, hierarchy = cv2.findContours(ink.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    holes = []
    for contour, (_, _, _, parent) in zip(contours, hierarchy[0] if hierarchy is not None else (), strict=True):
        x, y, width, side = cv2.boundingRect(contour)
        # The white in letters is round.
        is_rectangle = cv2.contourArea(contour) >= THRESHOLDS.rectangular * (width - 1) * (side - 1)
        if parent >= 0 and is_rectangle:
            holes.append(Box(x + 1.0, y + 1.0, x + width - 1.0, y + side - 1.0))
    low, high = (factor * height for factor in THRESHOLDS.comb_heights)
    narrow, wide = THRESHOLDS.comb_widths
    cells = [box for box in holes if low < box.height < high and narrow * box.height < box.width < wide * box.height]
    runs = [run for row in _level_rows(cells) for run in _in_step(row)]
    long = [run for run in runs if len(run) >= THRESHOLDS.min_comb_cells]
    combs = [
        run for run in runs if len(run) >= THRESHOLDS.min_comb_cells or any(_is_alike(run, other) for other in long)
    ]
    places = [bounds(comb) for comb in combs]
    return [
        comb
        for comb, place in zip(combs, places, strict=True)
        if not any(_is_within(place, other) or _is_below(place, other) for other in places)
    ]


def _is_within(inner: Box, outer: Box) -> bool:
    """Return whether the first row is in the second, as the white inside of letters is."""
    return inner.height < outer.height / (1 + THRESHOLDS.comb_level) and outer.contains(inner.center)


def _level_rows(cells: Sequence[Box]) -> list[list[Box]]:
    """Return the cells in rows of equal height, from left to right."""
    level: list[list[Box]] = []
    for cell in sorted(cells, key=lambda cell: cell.center[1]):
        reach = THRESHOLDS.comb_level * cell.height
        alike = (
            row
            for row in reversed(level)
            if abs(row[-1].center[1] - cell.center[1]) < reach and abs(row[-1].height - cell.height) < reach
        )
        if row := next(alike, None):
            row.append(cell)
        else:
            level.append([cell])
    return [sorted(row) for row in level]


def _in_step(row: Sequence[Box]) -> list[list[Box]]:
    """Return the runs of cells that are equally wide and close together, with those whose frame is broken."""
    runs: list[list[Box]] = []
    for cell in row:
        last = runs[-1] if runs else []
        width = median(other.width for other in last) if last else 0.0
        missing = _missing(last[-1], cell, width) if last else None
        if missing is None:
            runs.append([cell])
        else:
            last += [*missing, cell]
    return [run for run in runs if len(run) > 1]


def _is_alike(run: Sequence[Box], comb: Sequence[Box]) -> bool:
    """Return whether a few cells are as wide and high as those of a comb."""
    slack = THRESHOLDS.comb_step / 2
    pairs = ((run[0].width, comb[0].width), (run[0].height, comb[0].height))
    return all(abs(a - b) < slack * b for a, b in pairs)


def _missing(left: Box, right: Box, width: float) -> list[Box] | None:
    """Return the cells between two cells of a comb, mostly none; None if they are not of one comb."""
    gap = right.x0 - left.x1
    if abs(right.width - width) > THRESHOLDS.comb_step * width or gap < 0:
        return None
    for count in range(THRESHOLDS.max_missing_cells + 1):
        frame = (gap - count * width) / (count + 1)  # between two cells
        if 0 <= frame < THRESHOLDS.comb_cell_gap * width:
            starts = [left.x1 + frame + i * (width + frame) for i in range(count)]
            return [left._replace(x0=start, x1=start + width) for start in starts]
    return None


def _is_below(a: Box, b: Box) -> bool:
    """Return whether one of the rows is right below the other: cells of a table."""
    shared = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.height, b.height)
    is_level = abs(a.center[1] - b.center[1]) < height / 2
    is_close = -y_overlap(a, b) < THRESHOLDS.comb_cell_gap * height
    return shared > min(a.width, b.width) / 2 and is_close and not is_level


def _read(models: Models, pixels: Pixels, ink: Mask, cells: Sequence[Box], *, is_alone: bool = False) -> list[Line]:
    """Return the characters in the cells, each with the box of its cell; none if a cell has several.

    is_alone: read each character by itself if reading them as a word fails.
    """
    filled = [(cell, place) for cell in cells if (place := _content(ink, cell))]
    if not filled:
        return []
    places = [place for _, place in filled]
    (line,) = _read_strips(models, [_side_by_side(pixels, places)])
    characters = list(line.text.replace(" ", ""))
    if len(characters) != len(filled):
        if not is_alone:
            return []
        # Longer texts are those of a table's cells.
        characters = [
            read.text if len(read.text) == 1 else ""
            for read in _read_strips(models, [_side_by_side(pixels, [p]) for p in places])
        ]
    # Without others beside it, a zero is read as a sign that is a frame.
    characters = ["0" if character in _FRAMES else character for character in characters]
    read_cells = [(character, cell) for character, (cell, _) in zip(characters, filled, strict=True) if character]
    if len(read_cells) < THRESHOLDS.min_comb_read * len(filled):
        return []
    return [Line(character, cell) for character, cell in read_cells]


def _read_strips(models: Models, strips: Sequence[Pixels]) -> list[Line]:
    """Return the text of each of these pictures of a line."""
    return [
        line
        for strip in strips
        for line in models.read_lines(strip, quads_of([(0, 0, strip.shape[1], strip.shape[0])]))
    ]


def _content(ink: Mask, cell: Box) -> Box | None:
    """Return the box of the ink in the cell without its frame, if it is more than a dot of dirt."""
    x0, y0, x1, y1 = (round(side) for side in cell.grown(-THRESHOLDS.comb_frame * cell.height))
    rows, columns = np.nonzero(ink[y0:y1, x0:x1])
    if len(rows) < THRESHOLDS.comb_ink * cell.area:
        return None
    return Box(float(x0 + columns.min()), float(y0), float(x0 + columns.max() + 1), float(y1))


def _side_by_side(pixels: Pixels, places: Sequence[Box]) -> Pixels:
    """Return a picture of these places beside one another, as a word is printed."""
    ground = ground_color(pixels)
    height = round(max(place.height for place in places))
    space = max(2, round(THRESHOLDS.comb_space * height))
    blank = np.full((height, space, 3), ground, np.uint8)
    parts: list[Pixels] = [blank, blank]
    for place in places:
        x0, y0, x1 = (int(side) for side in place[:3])
        part = np.full((height, x1 - x0, 3), ground, np.uint8)
        crop = pixels[y0 : y0 + height, x0:x1]
        part[: crop.shape[0]] = crop
        parts += [part, blank]
    return np.ascontiguousarray(np.concatenate([*parts, blank], axis=1))


def _beside(quads: Quads, combs: Sequence[Box]) -> Quads:
    """Return the corners of the lines without their parts that are in combs."""
    kept: list[NDArray[np.float32]] = []
    for quad in quads:
        box = box_of(quad)
        crossed = [comb for comb in combs if _is_level(box, comb) and box.x0 < comb.x1 and comb.x0 < box.x1]
        if not crossed:
            kept.append(quad)
            continue
        edges = [box.x0, *(x for comb in sorted(crossed) for x in (comb.x0 - 2, comb.x1 + 2)), box.x1]
        parts = [box._replace(x0=x0, x1=x1) for x0, x1 in zip(edges[::2], edges[1::2], strict=True)]
        kept += list(quads_of(part for part in parts if part.width > THRESHOLDS.narrow_part * box.height))
    return np.asarray(kept, np.float32).reshape(-1, 4, 2)


def _is_level(box: Box, comb: Box) -> bool:
    return y_overlap(box, comb) > THRESHOLDS.level_overlap * min(box.height, comb.height)
