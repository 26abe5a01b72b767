"""Underscores that are drawn as rules, as TeX draws them in most of its fonts.

The text layer has no character for them, and PDFium takes the room for a space: file_name becomes "file name", another
name. A reader sees the sign. So where two characters of one line leave room for it, the page image is looked at: a
short flat bar at the baseline, with nothing above it, is an underscore. A rule below a word is below the complete
character beside the room, too, and is none. All functions are pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ocr_worker.sources.rasterizer.letters import Baseline, Letter

_GAP = 0.25, 2.0  # ems between two characters: from the room of one underscore to that of several, with a space
_SAME = 0.02  # ems by which the baselines of two characters of one line differ at most
_ABOVE, _BELOW = 0.1, 0.2  # ems around the baseline within which an underscore is
_HIGHEST = 0.75  # ems above the baseline up to which there is no other ink
_WIDTHS = 0.2, 0.62  # ems of an underscore: a longer bar is a blank to fill in
_THICKEST = 0.12  # ems
_FOOT = 0.1  # ems of the room that the foot of a letter beside it may fill
_SPACE = 0.17  # ems of white beside an underscore that are a space
_MIN_CONTRAST = 40  # gray levels
_DARKNESS = 0.5  # share of the bar's contrast from which a pixel is ink
_SAMPLES = 9  # columns of the room that are looked at first: one at least is on the shortest underscore
_MIN_SIZE = 12.0  # pixels of an em, below which a bar is not told from a letter's foot


class _Room(NamedTuple):
    """The room between two characters. first, last: their positions among the letters. left, right: its edges."""

    first: int
    last: int
    left: float
    right: float
    baseline: Baseline


def restore_underscores(letters: Sequence[Letter], pixels: NDArray[np.uint8]) -> list[Letter]:
    """Return the letters with the underscores that the page shows between them, in place of the spaces there.

    pixels: the page image, uint8 [height, width, 3], in whose pixels the letters' boxes are.
    """
    rooms = _with_ink(list(_rooms(letters)), pixels)
    boxes = np.array([letter.box for letter in letters if letter.box] if rooms else [], np.float64).reshape(-1, 4)
    barred = [(room, bars) for room in rooms if (bars := _bars(room, letters, pixels, boxes))]
    result: list[Letter] = []
    start = 0
    for room, bars in barred:
        result += [*letters[start : room.first + 1], *_written(room, bars, letters[room.first])]
        start = room.last
    return [*result, *letters[start:]]


def _rooms(letters: Sequence[Letter]) -> Iterator[_Room]:
    """Yield the rooms between neighbors of one upright line in which an underscore has place."""
    boxed = [i for i, letter in enumerate(letters) if letter.box and letter.baseline]
    for i, j in pairwise(boxed):
        letter, following = letters[i], letters[j]
        if not letter.box or not following.box or not letter.baseline or not following.baseline:
            continue
        baseline, left, right = letter.baseline, letter.box[2], following.box[0]
        if not _GAP[0] * baseline.em < right - left < _GAP[1] * baseline.em or baseline.em < _MIN_SIZE:
            continue
        is_level = abs(following.baseline.y - baseline.y) < _SAME * baseline.em
        is_upright = baseline.dx > 0 and abs(baseline.dy) < _SAME * baseline.em
        if is_level and is_upright and (letter.text.isalnum() or following.text.isalnum()):
            yield _Room(i, j, left, right, baseline)


def _with_ink(rooms: Sequence[_Room], pixels: NDArray[np.uint8]) -> list[_Room]:
    """Return the rooms with ink near the baseline; a look at a few pixels of each room is enough."""
    if not rooms:
        return []
    height, width = pixels.shape[:2]
    sides = np.array([(room.left, room.right, room.baseline.y, room.baseline.em) for room in rooms])
    shares = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    x = sides[:, :1] + (sides[:, 1:2] - sides[:, :1]) * shares
    steps = np.arange(math.ceil((_ABOVE + _BELOW) * sides[:, 3].max()) + 1)
    y = np.minimum(sides[:, 2:3] - _ABOVE * sides[:, 3:] + steps, sides[:, 2:3] + _BELOW * sides[:, 3:])
    columns = np.clip(x, 0, width - 1).astype(int)[:, None, :]
    rows = np.clip(y, 0, height - 1).astype(int)[:, :, None]
    levels = pixels[rows, columns, 1]  # green stands for the brightness
    contrasts = np.ptp(levels.reshape(len(rooms), -1), axis=1)
    return [room for room, contrast in zip(rooms, contrasts, strict=True) if contrast >= _MIN_CONTRAST]


def _bars(
    room: _Room, letters: Sequence[Letter], pixels: NDArray[np.uint8], boxes: NDArray[np.float64]
) -> list[tuple[float, float]]:
    """Return where the underscores in the room begin and end; none if there is other ink.

    boxes: of all letters, [n, 4]. What is in one of them is a part of that letter, which may be of the next line.
    """
    em, base = room.baseline.em, room.baseline.y
    first, last = letters[room.first].box, letters[room.last].box
    if not first or not last:
        return []
    x0, x1 = max(0, math.floor(max(first[0], room.left - em))), math.ceil(min(last[2], room.right + em))
    y0, y1 = max(0, round(base - _HIGHEST * em)), math.ceil(base + _BELOW * em)
    gray = pixels[y0:y1, x0:x1].mean(axis=2)
    left, right, top = round(room.left) - x0, round(room.right) - x0, round(base - _ABOVE * em) - y0
    if not gray[top:, left:right].size:
        return []
    contrasts = np.abs(gray - float(np.median(gray[:, left:right])))
    darkest = float(contrasts[top:, left:right].max())
    ink = contrasts > _DARKNESS * darkest
    margin = round(_SAME * em) + 1  # a slanted letter leans over its edge
    if darkest < _MIN_CONTRAST or ink[:top, left + margin : right - margin].any():
        return []
    y = top + int(ink[top:, left:right].sum(axis=1).argmax())
    runs = [(start, end) for start, end in _runs(ink[y]) if min(end, right) - max(start, left) > _FOOT * em]
    if any(start <= 1 or end >= ink.shape[1] - 1 for start, end in runs):
        return []
    if any(_is_in(x0 + (start + end) / 2, y0 + y, boxes) for start, end in runs):
        return []
    bars = [(max(start, left), min(end, right)) for start, end in runs]
    are_large = all(_WIDTHS[0] * em <= end - start <= _WIDTHS[1] * em for start, end in bars)
    thickness = max((int(ink[top:, start:end].sum(axis=0).max()) for start, end in bars), default=0)
    is_flat = thickness <= max(2.0, _THICKEST * em)
    return [(float(start + x0), float(end + x0)) for start, end in bars] if are_large and is_flat else []


def _is_in(x: float, y: float, boxes: NDArray[np.float64]) -> bool:
    """Return whether the point is in one of the boxes, [n, 4]."""
    x0, y0, x1, y1 = boxes.T
    return bool(((x0 < x) & (x < x1) & (y0 < y) & (y < y1)).any())


def _runs(row: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return start and end of each run of ink."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], row, [False]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _written(room: _Room, bars: Sequence[tuple[float, float]], letter: Letter) -> list[Letter]:
    """Return the underscores as letters, with spaces where white is beside them. letter: the one before."""
    em, y = room.baseline.em, room.baseline.y
    box = letter.box or (0.0, y - em, 0.0, y)
    written: list[Letter] = []
    end = room.left
    for start, stop in bars:
        written += [Letter(" ", None)] if start - end > _SPACE * em else []
        place = room.baseline._replace(x=start)
        written.append(Letter("_", (start, box[1], stop, box[3]), letter.font, place))
        end = stop
    return [*written, *([Letter(" ", None)] if room.right - end > _SPACE * em else [])]
