"""The words of a page's text layer, and the blocks of the layout that they belong to.

`read_words` takes the lines apart into words that remember their line. `assign` decides by the blocks' outlines. The
layout model's outlines may be a few pixels off, so that a word may reach a third of its height over the outline. A word
that reaches farther is cut: its block shows a part of it, and cannot be written from the layer. All functions are pure;
boxes and outlines are in pixels of the page as it was processed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.text_layer.joins import LineEnd, keeps_end_spaces, line_end
from ocr_worker.pages import TextLine, TextWord

Rectangle = tuple[float, float, float, float]
Outline = NDArray[np.float32]  # [n, 2]: (x, y) of the corners, in order

_TOLERANCE = 0.35  # heights of a word that it may reach over an outline, or an outline over it
_TURNED = 2.0  # height by width of a line from which it runs up or down the page


@dataclass(frozen=True, slots=True)
class LayerWord:
    """A word of the text layer.

    line: index of its line on the page. has_space_before: in its line. fonts: numbers of the fonts that set its
    letters, the most frequent first. is_level: whether its line runs along the page. end: of the line, for
    its last word.
    """

    text: str
    box: Rectangle
    line: int
    has_space_before: bool
    fonts: tuple[int, ...]
    is_level: bool
    end: LineEnd = "unknown"

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.box[3] - self.box[1]


@dataclass(slots=True)
class Assignment:
    """The words of each block, by its index, in the order of the layer; cut: blocks that show parts of words."""

    words: dict[int, list[LayerWord]] = field(default_factory=lambda: defaultdict(list))
    cut: set[int] = field(default_factory=set)


def read_words(lines: Sequence[TextLine], quarters: int, width: int, height: int) -> list[LayerWord]:
    """Return the words of the lines on the page after it was turned.

    quarters: of 90 degrees counter-clockwise. width, height: of the page before, in pixels.
    """
    words: list[LayerWord] = []
    keeps_spaces = keeps_end_spaces(lines)
    for index, line in enumerate(lines):
        is_level = not line.corners and not _is_turned(turn(line.bbox, quarters, width, height), line.text)
        for word, has_space in _spaced_words(line):
            box = turn(word.bbox, quarters, width, height)
            words.append(LayerWord(word.text, box, index, has_space, (word.font, *word.other_fonts), is_level))
        words[-1] = replace(words[-1], end=line_end(line, keeps_spaces=keeps_spaces))
    return words


def _spaced_words(line: TextLine) -> Iterator[tuple[TextWord, bool]]:
    """Yield the line's words, and whether a space is before each. A line without words is one."""
    end = 0
    for word in line.words or (TextWord(line.text, line.bbox),):
        start = line.text.find(word.text, end)
        yield word, start != end if start >= 0 else True
        end = max(start, end) + len(word.text)


def _is_turned(box: Rectangle, text: str) -> bool:
    """Return whether a line in this box runs up or down the page."""
    return box[3] - box[1] >= _TURNED * (box[2] - box[0]) and len(text) > 1


def turn(box: Rectangle, quarters: int, width: int, height: int) -> Rectangle:
    """Return the box after its page was turned counter-clockwise. width, height: of the page before, in pixels."""
    x0, y0, x1, y1 = box
    for _ in range(quarters % 4):
        x0, y0, x1, y1 = y0, width - x1, y1, width - x0
        width, height = height, width
    return x0, y0, x1, y1


def outline_of(block: Mapping[str, Any]) -> Outline:
    """Return the outline of a block of the pipeline: its polygon, or its box if it has none."""
    points = block.get("polygon_points")
    outline = np.asarray([] if points is None else points, np.float32).reshape(-1, 2)
    if len(outline) >= 3:
        return outline
    x0, y0, x1, y1 = block["box"]
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float32)


def assign(words: Sequence[LayerWord], outlines: Sequence[Outline]) -> Assignment:
    """Return the words of each outline."""
    assignment = Assignment()
    bounds = np.array([(*outline.min(axis=0), *outline.max(axis=0)) for outline in outlines]).reshape(-1, 4)
    for word in words:
        margin = word.height
        x0, y0, x1, y1 = word.box
        is_near = (bounds[:, 0] < x1 + margin) & (bounds[:, 2] > x0 - margin)
        is_near &= (bounds[:, 1] < y1 + margin) & (bounds[:, 3] > y0 - margin)
        _assign_word(assignment, word, {int(i): _depths(word, outlines[i]) for i in np.flatnonzero(is_near)})
    return assignment


def _assign_word(assignment: Assignment, word: LayerWord, depths: Mapping[int, tuple[float, float, float]]) -> None:
    """Add the word to the block that it is deepest in. depths: of its points, by block, see `_depths`."""
    tolerance = _TOLERANCE * word.height
    deepest = max(depths, key=lambda i: depths[i][1], default=None)
    owner = deepest if deepest is not None and depths[deepest][1] >= -tolerance else None
    if owner is not None:
        assignment.words[owner].append(word)
        if min(depths[owner]) < -tolerance:
            assignment.cut.add(owner)
    for other, points in depths.items():
        if other != owner and max(points) > tolerance:
            assignment.cut.add(other)
            if points[1] > tolerance and owner is not None:  # both blocks show the word
                assignment.cut.add(owner)


def _depths(word: LayerWord, outline: Outline) -> tuple[float, float, float]:
    """Return how deep three points of the word are inside the outline: left end, middle, right end; in pixels."""
    x0, y0, x1, y1 = word.box
    y = (y0 + y1) / 2
    first, middle, last = (cv2.pointPolygonTest(outline, (x, y), True) for x in (x0, (x0 + x1) / 2, x1))
    return first, middle, last
