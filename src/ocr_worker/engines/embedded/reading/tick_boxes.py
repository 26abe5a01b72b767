"""Small drawn squares on the page image that somebody ticks, and their state.

A square is a thin frame with white inside it. Its holes show its inner edge even where a tick crosses or leaves it. It
counts as a box to tick if it is level with text near it, about as high as text, and alone: no letter of the text layer,
and none of the adjacent boxes for the letters of a word. A filled square counts if it is as large as a frame on the
page.

`find_tick_boxes` finds the squares, `apply_tick_boxes` compares them with the text layer, and `read_beside_boxes` reads
the text beside them from the page image. In a line of Chinese or Japanese, which has characters that are square frames,
a square counts only if it begins the line and the recognizer takes it for a square.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.characters import is_wide
from ocr_worker.engines.embedded.geometry import Box, BoxIndex, bounds, covered, y_overlap
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.ink_mask import Mask, ink_mask
from ocr_worker.engines.embedded.reading.models import Models, Quads
from ocr_worker.engines.embedded.reading.pale import read_lines_over_watermark
from ocr_worker.engines.embedded.reading.text_layer import quads_of
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

EMPTY, TICKED = "☐", "☑"
_SQUARE_CHARACTERS = "□☐■☑☒口"
_EMPTY_SQUARES = "□☐☑☒口"  # a filled one may be the tick of a drawn square
_FULL = np.uint8(255)  # of ink, in means of eight bits


def find_tick_boxes(pixels: Pixels, texts: Sequence[Box]) -> list[Line]:
    """Return the squares to tick as lines, each with the sign of its state. texts: the boxes of the page's lines."""
    heights = [min(box.width, box.height) for box in texts]
    if not heights:
        return []
    height = float(np.median(heights))
    ink = ink_mask(pixels)
    frames = [(outer, inner) for outer, inner in _frames(ink, height) if _is_beside_text(outer, texts)]
    open_frames = [outer for outer, _ in frames]
    frames += [(outer, outer) for outer in _crossed(ink, open_frames) if _is_beside_text(outer, texts)]
    states = [(outer, TICKED if _is_ticked(ink, inner) else EMPTY) for outer, inner in frames]
    states += [(box, TICKED) for box in _filled(ink, open_frames) if _is_beside_text(box, texts)]
    boxes = [box for box, _ in states]
    labeled = _labeled([box for box in boxes if not _is_in_comb(box, boxes)], texts)
    return [Line(state, box, words=(Word(state, box),)) for box, state in sorted(states) if box in labeled]


def apply_tick_boxes(layer: Sequence[Line], boxes: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Return the lines of the layer, and the boxes to tick that the layer does not have as characters.

    A letter X of the layer in a square, or a symbol, ticks it, and is no text. A square with other letters is no box to
    tick.
    """
    lines, kept = list(layer), []
    words, index = _index_words(lines)
    for box in boxes:
        near = (words[i] for i in index.near(box.box.y0, box.box.y1))
        inside = [word for word in near if _share_place(word, box)]
        if not inside:
            kept.append(box)
        elif all(_is_tick(word.text) for word in inside):
            kept.append(replace(box, text=TICKED, words=(Word(TICKED, box.box),)))
            lines = [rest for line in lines if (rest := _without(line, inside))]
            words, index = _index_words(lines)
    return lines, kept


def _index_words(lines: Sequence[Line]) -> tuple[list[Word], BoxIndex]:
    """Return the words of the lines, and the index of their boxes."""
    words = [word for line in lines for word in line.words or (Word(line.text, line.box),)]
    return words, BoxIndex([word.box for word in words])


def _is_tick(text: str) -> bool:
    """Return whether the text is one character that ticks a square: no other letter or figure, and no empty square."""
    is_symbol = len(text) == 1 and unicodedata.category(text) in ("So", "Sm") and text not in _EMPTY_SQUARES
    return text in THRESHOLDS.tick_letters or is_symbol


def _share_place(word: Word, box: Line) -> bool:
    return box.box.contains(word.box.center) or is_in(box.box, word.box)


def _without(line: Line, words: Sequence[Word]) -> Line | None:
    """Return the line without these words at its ends; None if it has no others."""
    if not any(word in words for word in line.words) and not any(line.text == word.text for word in words):
        return line
    rest = [word for word in line.words if word not in words]
    if not rest:
        return None
    text = line.text
    for word in words:
        text = text.removeprefix(word.text) if line.words[0] == word else text.removesuffix(word.text)
    return replace(line, text=text.strip(), box=bounds(word.box for word in rest), words=tuple(rest))


def read_beside_boxes(models: Models, pixels: Pixels, quads: Quads, boxes: Sequence[Line]) -> list[Line]:
    """Return the boxes to tick, and the detected lines, read without the boxes that are in them."""
    lines = read_lines_over_watermark(models, pixels, quads)
    refused: set[int] = set()
    read_again: list[tuple[Line, list[Line]]] = []
    is_page_of_squares = _is_square_script("".join(line.text for line in lines if len(line.text) > 1))
    for line in lines:
        inside = [box for box in boxes if _is_in_line(box, line)]
        is_box = bool(inside) and not _parts(line.box, [box.box for box in inside])  # read as a character like 冈
        if inside and _is_square_script(line.text) and (is_page_of_squares or not is_box):
            refused |= {id(box) for box in inside if not (box is inside[0] and line.text[0] in _SQUARE_CHARACTERS)}
            inside = [box for box in inside if id(box) not in refused]
        if inside:
            read_again.append((line, inside))
    parts = [part for line, inside in read_again for part in _parts(line.box, [box.box for box in inside])]
    again = {id(line) for line, _ in read_again}
    readings = models.read_lines(pixels, quads_of(parts)) if parts else []
    kept = [line for line in lines if id(line) not in again]
    return [*kept, *(line for line in readings if line.text), *(box for box in boxes if id(box) not in refused)]


def _is_in_line(box: Line, line: Line) -> bool:
    x, _ = box.box.center
    is_level = y_overlap(box.box, line.box) > THRESHOLDS.level_overlap * min(box.box.height, line.box.height)
    return not line.outline and is_level and line.box.x0 < x < line.box.x1


def _is_square_script(text: str) -> bool:
    """Return whether the text has characters of Chinese or Japanese besides those that look like a square."""
    letters = [character for character in text if character.isalpha() and character not in _SQUARE_CHARACTERS]
    return sum(map(is_wide, letters)) > THRESHOLDS.square_script * len(letters)


def _parts(line: Box, boxes: Sequence[Box]) -> list[Box]:
    """Return what is left of the line's box beside the boxes to tick, if it is wide enough for a letter."""
    parts, start = [], line.x0
    for box in sorted(boxes):
        parts.append(line._replace(x0=start, x1=box.x0 - 1))
        start = box.x1 + 1
    parts.append(line._replace(x0=start))
    return [part for part in parts if part.width > THRESHOLDS.narrow_part * line.height]


def _frames(ink: Mask, height: float) -> list[tuple[Box, Box]]:
    """Return the outer and the inner edges of square frames. height: of a line, in pixels."""
    contours, hierarchy = cv2.findContours(ink.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    holes: dict[int, list[Box]] = defaultdict(list)  # by the contour around them
    for contour, (_, _, _, parent) in zip(contours, hierarchy[0] if hierarchy is not None else (), strict=True):
        if parent >= 0:
            x, y, width, side = cv2.boundingRect(contour)
            # The contour of a hole is on the ink around it.
            holes[parent].append(Box(x + 1.0, y + 1.0, x + width - 1.0, y + side - 1.0))
    inners = (bounds(boxes) for boxes in holes.values())
    sized = (inner for inner in inners if _is_square(inner) and _is_sized(inner, height))
    return [(outer, inner) for inner in sized if (outer := _outer_edge(ink, inner))]


def _is_square(box: Box) -> bool:
    shorter, longer = sorted((box.width, box.height))
    return longer <= THRESHOLDS.square * shorter


def _is_sized(box: Box, height: float) -> bool:
    return max(THRESHOLDS.min_frame, THRESHOLDS.low_frame * height) < box.height < THRESHOLDS.high_frame * height


def _outer_edge(ink: Mask, inner: Box) -> Box | None:
    """Return the outer edge of the frame around the inner edge; None if there is no thin frame with square corners."""
    x0, y0, x1, y1 = (int(value) for value in inner)
    reach = max(2, round(THRESHOLDS.frame_width * inner.height))
    strips = (
        ink[y0:y1, max(0, x0 - reach) : x0][:, ::-1],
        ink[max(0, y0 - reach) : y0, x0:x1].T[:, ::-1],
        ink[y0:y1, x1 : x1 + reach],
        ink[y1 : y1 + reach, x0:x1].T,
    )
    widths = []
    for strip in strips:
        if strip.shape[1] < 2 or strip[:, :2].any(axis=1).mean() < THRESHOLDS.frame_ink:
            return None
        white = np.flatnonzero(strip.mean(axis=0) < THRESHOLDS.outside_ink)
        if not len(white):
            return None
        widths.append(int(white[0]))
    if max(widths) > THRESHOLDS.thick_frame * inner.height + 1:
        return None
    left, top, right, bottom = widths
    corners = (
        ink[y0 - top : y0, x0 - left : x0],
        ink[y0 - top : y0, x1 : x1 + right],
        ink[y1 : y1 + bottom, x0 - left : x0],
        ink[y1 : y1 + bottom, x1 : x1 + right],
    )
    if min(float(corner.mean()) if corner.size else 0.0 for corner in corners) < THRESHOLDS.corner_ink:
        return None
    return Box(x0 - left, y0 - top, x1 + right, y1 + bottom)


def _is_ticked(ink: Mask, inner: Box) -> bool:
    margin = max(1.0, THRESHOLDS.tick_margin * inner.height)
    x0, y0, x1, y1 = (int(value) for value in inner.grown(-margin))
    return bool(ink[y0:y1, x0:x1].mean() > THRESHOLDS.tick_ink)


def _crossed(ink: Mask, frames: Sequence[Box]) -> list[Box]:
    """Return the outer edges of squares as large as one of the frames whose ticks run over their edges.

    Their holes do not show the frame, but all four edges have ink along them: means of the ink along each possible edge
    are compared at the four places where a frame of this size has its edges.
    """
    crossed: list[Box] = []
    dots = ink.astype(np.uint8) * _FULL
    for width, height in _sizes(frames):
        reach = _reach(height)
        spans = max(3, round(THRESHOLDS.edge_span * width)), max(3, round(THRESHOLDS.edge_span * height))
        across = cv2.boxFilter(dots, -1, (spans[0], 1), borderType=cv2.BORDER_CONSTANT)
        down = cv2.boxFilter(dots, -1, (1, spans[1]), borderType=cv2.BORDER_CONSTANT)
        across = cv2.dilate(across, np.ones((2 * reach + 1, 1), np.uint8))
        down = cv2.dilate(down, np.ones((1, 2 * reach + 1), np.uint8))
        x, y = width // 2 - 1, height // 2 - 1
        edges = [_shifted(across, 0, -y), _shifted(across, 0, y), _shifted(down, -x, 0), _shifted(down, x, 0)]
        is_frame = np.minimum.reduce(edges) > THRESHOLDS.edge_ink * _FULL
        _, _, _, centers = cv2.connectedComponentsWithStats(is_frame.astype(np.uint8))
        for center_x, center_y in centers[1:]:
            box = Box(center_x - width / 2, center_y - height / 2, center_x + width / 2, center_y + height / 2)
            if all(covered(box, other) < THRESHOLDS.same_square for other in (*frames, *crossed)) and _is_alone(
                ink, box
            ):
                crossed.append(box)
    return crossed


def _sizes(frames: Sequence[Box]) -> list[tuple[int, int]]:
    """Return widths and heights of the frames in pixels; those that differ no more than edges may be displaced once."""
    sizes: list[tuple[int, int]] = []
    for frame in frames:
        width, height = round(frame.width), round(frame.height)
        if all(max(abs(width - w), abs(height - h)) > _reach(height) for w, h in sizes):
            sizes.append((width, height))
    return sizes[: THRESHOLDS.max_sizes]


def _reach(height: int) -> int:
    return max(1, round(THRESHOLDS.edge_reach * height))


def _shifted(values: NDArray[Any], x: int, y: int) -> NDArray[Any]:
    """Return the values so that each place has the one at `x`, `y` pixels from it; zero outside."""
    height, width = values.shape
    shifted = np.zeros_like(values)
    shifted[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)] = values[
        max(0, y) : height - max(0, -y), max(0, x) : width - max(0, -x)
    ]
    return shifted


def _is_alone(ink: Mask, box: Box) -> bool:
    """Return whether the box has white in it, and mostly white right around it: no dark ground, no cell of a table."""
    reach = THRESHOLDS.around_square * box.height
    x0, y0, x1, y1 = (max(0, int(value)) for value in box.grown(reach))
    core = box.grown(-THRESHOLDS.tick_margin * box.height)
    inner = ink[int(core.y0) : int(core.y1), int(core.x0) : int(core.x1)]
    sides = ink[y0, x0:x1], ink[min(y1, len(ink)) - 1, x0:x1], ink[y0:y1, x0], ink[y0:y1, min(x1, ink.shape[1]) - 1]
    is_white_around = all(side.mean() < THRESHOLDS.outside_ink for side in sides if side.size)
    return bool(inner.size) and inner.mean() < THRESHOLDS.filled_ink and is_white_around


def _filled(ink: Mask, frames: Sequence[Box]) -> list[Box]:
    """Return the filled squares as large as one of the frames."""
    if not frames:
        return []
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8))
    boxes = [Box(float(x), float(y), float(x + width), float(y + height)) for x, y, width, height, _ in stats[1:]]
    return [
        box
        for box, area in zip(boxes, stats[1:, 4], strict=True)
        if area > THRESHOLDS.filled_ink * box.area
        and _is_square(box)
        and any(abs(box.height - frame.height) <= THRESHOLDS.same_frame * frame.height for frame in frames)
    ]


def _is_beside_text(box: Box, texts: Sequence[Box]) -> bool:
    """Return whether some text is level with the box."""
    return any(y_overlap(box, text) > THRESHOLDS.level_overlap * min(box.height, text.height) for text in texts)


def _labeled(boxes: Sequence[Box], texts: Sequence[Box]) -> list[Box]:
    """Return the boxes near a level text or a labeled box, and those above or below another, as in a table of answers.

    A square in a figure is level with the text of another column only.
    """
    labeled: list[Box] = []
    rest = list(boxes)
    while near := [box for box in rest if _is_beside_text(box, _within_reach(box, [*texts, *labeled]))]:
        labeled += near
        rest = [box for box in rest if box not in near]
    return labeled + [box for box in rest if any(o != box and o.x0 < box.center[0] < o.x1 for o in boxes)]


def _within_reach(box: Box, others: Sequence[Box]) -> list[Box]:
    reach = THRESHOLDS.label_reach * box.height
    return [other for other in others if box.x0 - reach < other.x1 and other.x0 < box.x1 + reach]


def _is_in_comb(box: Box, boxes: Sequence[Box]) -> bool:
    """Return whether the box is one of several in a row without room for text between them."""
    reach = THRESHOLDS.comb_gap * box.height
    beside = [
        other
        for other in boxes
        if other is not box
        and y_overlap(box, other) > THRESHOLDS.level_overlap * box.height
        and max(other.x0 - box.x1, box.x0 - other.x1) < reach
    ]
    return bool(beside)


def is_in(box: Box, container: Box) -> bool:
    """Return whether most of the box is within the container."""
    return covered(box, container) > THRESHOLDS.covered_width
