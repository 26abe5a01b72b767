"""Points and commas within figures, which some fonts call spaces, or each other.

Runs only in a rasterizer process. Some fonts say that the sign between two digits is a space, or no character at all:
3.50 becomes 3 50, another number. A reader sees the sign. So where two digits of one line leave the room of a sign, the
page image is looked at between them: a mark at the baseline, nearly as dark as the digits and with white around it, is
a point, and a comma if it has a tail below the baseline. `restore_points` inserts these signs. `correct_points` looks
at a few of the signs that each font sets, and exchanges points and commas if all of these are clearly the other sign.
All functions are pure.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ocr_worker.sources.rasterizer.letters import Baseline, Letter
from ocr_worker.sources.rasterizer.rendered import Rectangle

_GAP = 0.15, 0.9  # ems between the digits' boxes: the room of a sign, also in a font whose characters have one width
_SAME = 0.02  # ems by which the sizes and the baselines of two digits of one figure differ at most
_ABOVE, _BELOW = 0.8, 0.3  # ems around the baseline, within which there is no other ink
_HIGHEST, _WIDEST = 0.3, 0.35  # ems of the mark; a higher one is no point, and a wider one is a dash or a rule
# Ems of a mark below the baseline, weighted by their darkness. In seven fonts of 15 pixels and more, points have up to
# 0.051 and commas 0.055 at least.
_TAIL = 0.053
_POINT, _COMMA = 0.035, 0.06  # the same for marks that contradict their font: in 20 pixels, points have 0.038 at most
_CLEAR_SIZE = 20.0  # pixels of an em of such marks
_SAMPLE, _MIN_SAMPLE = 4, 2  # points, or commas, of a font that are looked at: all of them must contradict it
_RAISED = 0.06  # ems between the baseline and the lower end of a mark, from which it is no point
_MIN_SIZE = 15.0  # pixels of an em, below which a point and a comma look alike
_DARKNESS = 0.4  # share of the digits' contrast; a point of two pixels is paler than they are
_MIN_CONTRAST = 40  # gray levels; paler digits prove nothing
_SIGNS = frozenset(".,")
_MAX_SKEW = 1.0  # degrees between the baseline and an axis of the page
_EMPTY: Rectangle = (0.0, 0.0, 0.0, 0.0)


def restore_points(letters: Sequence[Letter], pixels: NDArray[np.uint8]) -> list[Letter]:
    """Return the letters with the points and commas that the page shows between digits, in place of the spaces there.

    A sign that the layer has elsewhere, as programs draw it that set figures piece by piece, is moved to its place.
    pixels: the page image, uint8 [height, width, 3], in whose pixels the letters' boxes are.
    """
    boxed = [i for i, letter in enumerate(letters) if letter.box]
    signs = {
        (i, j): mark.sign
        for i, j in pairwise(boxed)
        if j > i + 1 and letters[i].text.isdigit() and letters[j].text.isdigit()
        if (mark := _mark_between(letters[i], letters[j], pixels))
    }
    if not signs:
        return list(letters)
    places = {pair: _place_in(sign.box or _EMPTY, letters, boxed) for pair, sign in signs.items()}
    moved = set(places.values())
    result: list[Letter] = []
    start = 0
    for (i, j), sign in signs.items():
        place = places[i, j]
        result += [letters[k] for k in range(start, i + 1) if k not in moved]
        result.append(sign if place is None else letters[place])
        start = j
    return result + [letters[k] for k in range(start, len(letters)) if k not in moved]


def _place_in(box: Rectangle, letters: Sequence[Letter], boxed: Sequence[int]) -> int | None:
    """Return which letter is a point or comma in the box, which is between two digits; None if there is none."""
    return next((i for i in boxed if letters[i].text in _SIGNS and _holds(box, letters[i].box or _EMPTY)), None)


def _holds(box: Rectangle, other: Rectangle) -> bool:
    """Return whether the middle of the other box is within the box."""
    x, y = (other[0] + other[2]) / 2, (other[1] + other[3]) / 2
    return box[0] < x < box[2] and box[1] < y < box[3]


def correct_points(letters: Sequence[Letter], pixels: NDArray[np.uint8]) -> list[Letter]:
    """Return the letters, with points and commas between digits exchanged in fonts that call them each other.

    pixels: as in `restore_points`.
    """
    groups: dict[tuple[int, str], list[int]] = defaultdict(list)  # positions, by the fonts of the digits, and signs
    for i in range(1, len(letters) - 1):
        sign = letters[i]
        if sign.text in _SIGNS and letters[i - 1].text.isdigit() and letters[i + 1].text.isdigit():
            groups[letters[i - 1].font, sign.text].append(i)
    samples = {
        key: [_mark_between(letters[i - 1], letters[i + 1], pixels) for i in places[:_SAMPLE]]
        for key, places in groups.items()
    }
    false = {key for key, marks in samples.items() if all(mark and mark.contradicts(key[1]) for mark in marks)}
    fonts = {key[0] for key in false if len(samples[key]) >= _MIN_SAMPLE}
    result = list(letters)
    for font, text in false:
        for i in groups[font, text] if font in fonts else ():
            result[i] = letters[i]._replace(text="," if text == "." else ".")
    return result


class _Mark(NamedTuple):
    """A point or comma on the page. tail: ems of it below the baseline, weighted by their darkness."""

    sign: Letter
    tail: float

    def contradicts(self, text: str) -> bool:
        """Return whether the mark is clearly the other sign."""
        em = self.sign.baseline.em if self.sign.baseline else 0.0
        return em >= _CLEAR_SIZE and (self.tail > _COMMA if text == "." else self.tail < _POINT)


def _mark_between(digit: Letter, following: Letter, pixels: NDArray[np.uint8]) -> _Mark | None:
    """Return the mark that the page shows between two digits; None if there is none."""
    baseline, boxes = digit.baseline, (digit.box or _EMPTY, following.box or _EMPTY)
    if not baseline or not following.baseline or _distance(*boxes) > baseline.em:
        return None
    if not _is_level(baseline, following.baseline):
        return None
    (middle, start), (end, last) = (_middle_and_edge(baseline, box, is_end=not n) for n, box in enumerate(boxes))
    if not _GAP[0] < end - start < _GAP[1]:
        return None
    gap = (start - middle) / (last - middle), (end - middle) / (last - middle)
    tail = _find_tail(_upright(pixels, _area(baseline, middle, last), baseline), gap, baseline.em)
    if tail is None:
        return None
    place = Baseline.between(*baseline.point(start, 0), *baseline.point(start + 1, 0))
    sign = Letter("," if tail > _TAIL else ".", _area(baseline, start, end), digit.font, place)
    return _Mark(sign, tail)


def _distance(a: Rectangle, b: Rectangle) -> float:
    """Return the white between two boxes beside or above one another, in pixels."""
    return max(b[0] - a[2], a[0] - b[2], b[1] - a[3], a[1] - b[3])


def _middle_and_edge(baseline: Baseline, box: Rectangle, *, is_end: bool) -> tuple[float, float]:
    """Return two positions of a box on the baseline in ems, in their order: its middle, and its end or its start."""
    x0, y0, x1, y1 = box
    ends = [baseline.position(x, y)[0] for x in (x0, x1) for y in (y0, y1)]
    middle = (min(ends) + max(ends)) / 2
    return (middle, max(ends)) if is_end else (min(ends), middle)


def _is_level(baseline: Baseline, other: Baseline) -> bool:
    """Return whether both have one size and one direction along the page, and the other one continues the first."""
    is_along_page = abs((baseline.angle + 45) % 90 - 45) <= _MAX_SKEW
    is_alike = abs(baseline.em - other.em) <= _SAME * baseline.em and abs(baseline.angle - other.angle) <= _MAX_SKEW
    return is_along_page and is_alike and abs(baseline.position(other.x, other.y)[1]) <= _SAME


def _area(baseline: Baseline, start: float, end: float) -> Rectangle:
    """Return the box between two positions on the baseline, as high as letters are."""
    (x0, y0), (x1, y1) = baseline.point(start, _ABOVE), baseline.point(end, -_BELOW)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _upright(pixels: NDArray[np.uint8], box: Rectangle, baseline: Baseline) -> NDArray[np.int16]:
    """Return the gray levels in the box, int16 [height, width], turned so that the text on the baseline is upright."""
    x0, y0, x1, y1 = (max(0, round(edge)) for edge in box)
    gray = pixels[y0:y1, x0:x1].mean(axis=2).astype(np.int16)
    return np.rot90(gray, round(baseline.angle / 90))


def _find_tail(area: NDArray[np.int16], gap: tuple[float, float], em: float) -> float | None:
    """Return how far the point or comma between two digits is below the baseline, in ems; None if there is none.

    area: gray levels, int16 [height, width], from the middle of a digit to that of the next. gap: the room between
    them, in shares of the width. em: in pixels.
    """
    height, width = area.shape
    start, end = (edge * width for edge in gap)
    inside = area[:, math.ceil(start) : int(end)]
    contrasts = np.abs(area - float(np.median(inside))) if inside.size else np.zeros((1, 1))
    if em < _MIN_SIZE or contrasts.max() < _MIN_CONTRAST:
        return None
    ink = contrasts > _DARKNESS * contrasts.max()
    base = height * _ABOVE / (_ABOVE + _BELOW)
    top = int(base - _HIGHEST * em)
    marks = [(x0, x1) for x0, x1 in _runs(ink[top:]) if start < (x0 + x1) / 2 < end]
    if len(marks) != 1 or marks[0][1] - marks[0][0] > _WIDEST * em:
        return None
    (x0, x1) = marks[0]
    if any(left < x1 and x0 < right for left, right in _runs(ink[:top])):
        return None  # a colon, or another sign that is higher
    darkness = contrasts[top:, x0:x1].max(axis=1)
    return _measure_tail(darkness / darkness.max(), base - top, em)


def _measure_tail(darkness: NDArray[np.float64], base: float, em: float) -> float | None:
    """Return how far a mark is below the baseline, in ems; None if it is neither point nor comma.

    darkness: of its rows, as shares of the darkest one. base: place of the baseline in them. em: in pixels.
    """
    rows = np.flatnonzero(darkness > _DARKNESS)
    if rows[0] == 0 or rows[-1] == len(darkness) - 1 or rows[-1] + 1 < base - _RAISED * em:
        return None
    shares_below = np.clip(np.arange(len(darkness)) + 1 - base, 0, 1)
    return float((darkness * shares_below).sum()) / em


def _runs(ink: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return start and end of each group of neighboring columns with ink, without those of the digits at both ends."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], ink.any(axis=0), [False]))))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(start, end) for start, end in runs if start > 0 and end < ink.shape[1]]
