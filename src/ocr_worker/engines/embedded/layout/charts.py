"""Charts: pictures with a scale.

The numbers along a chart's upright axis are below one another in even steps and grow upwards by the same amount; those
of a table or a list hardly do. `find_scale` looks for them inside a picture that the layout model detected, and
`divide_labels` keeps them apart from the other text of the picture. All functions are pure; lengths are in pixels of
the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.lines import Line, is_vertical, line_height

_NUMBER = re.compile(r"[-−–]?[$€£]?\s?(\d{1,3}(?:[ ,.'’]\d{3})+|\d+(?:[.,]\d+)?)\s?[%kKM°]?")
_SEPARATOR = re.compile(r"[ ,.'’](?=\d{3}(?:\D|$))")

Tick = tuple[float, float]  # y of its middle in pixels, and its number


def has_scale(box: Box, lines: Sequence[Line]) -> bool:
    """Return whether the box has the numbers of an upright axis."""
    return bool(find_scale(box, lines))


class Labels(NamedTuple):
    """The text of a picture. scale: numbers of an upright axis. vertical: lines up or down. slanted: at an angle."""

    scale: list[Line]
    vertical: list[Line]
    upright: list[Line]
    slanted: list[Line]


def divide_labels(box: Box, lines: Sequence[Line]) -> Labels:
    """Return the lines of a picture by their kinds: a row across the picture may have a line of each.

    The numbers are from the top, the names at an angle from left to right.
    """
    scale = sorted(find_scale(box, lines), key=lambda line: line.box.y0)
    rest = [line for line in lines if not any(line is number for number in scale)]
    slanted = sorted((line for line in rest if line.outline), key=lambda line: line.box.x1)
    level = [line for line in rest if not line.outline]
    vertical = [line for line in level if is_vertical(line)]
    return Labels(scale, vertical, [line for line in level if not is_vertical(line)], slanted)


def find_scale(box: Box, lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return the numbers of an upright axis in the box; none if there is none."""
    inside = [line for line in lines if box.contains(line.box.center)]
    numbers = [line for line in inside if _NUMBER.fullmatch(line.text.strip())]
    if len(numbers) < THRESHOLDS.min_ticks or len(inside) > THRESHOLDS.max_chart_lines:
        return ()
    slack = THRESHOLDS.tick_slack * line_height(numbers)
    sides = zip(*((line.box.x0, line.box.center[0], line.box.x1) for line in numbers), strict=True)
    columns = {
        tuple(line for line, other in zip(numbers, xs, strict=True) if abs(other - x) < slack)
        for xs in sides
        for x in xs
    }
    scales = (
        column
        for column in columns
        if THRESHOLDS.min_ticks <= len(column) <= THRESHOLDS.max_ticks
        and _grows_upwards(sorted((line.box.center[1], _value(line.text.strip())) for line in column))
    )
    return max(scales, key=len, default=())


def _value(text: str) -> float:
    """Return the number that the text is."""
    match = _NUMBER.fullmatch(text)
    assert match
    number = float(_SEPARATOR.sub("", match[1]).replace(",", "."))
    return -number if text[0] in "-−–" else number


def _grows_upwards(ticks: Sequence[Tick]) -> bool:
    """Return whether most of the numbers are on one scale that grows upwards, in even steps. ticks: from the top."""
    tolerance = THRESHOLDS.tick_misfit * (ticks[-1][0] - ticks[0][0]) / (len(ticks) - 1)
    needed = max(THRESHOLDS.min_ticks, THRESHOLDS.ticks_in_step * len(ticks))
    for (y, number), (below, lower) in pairwise(ticks):
        if below <= y or lower >= number:
            continue
        slope = (below - y) / (lower - number)
        on_scale = [tick for tick in ticks if abs(y + (tick[1] - number) * slope - tick[0]) < tolerance]
        steps = [low[0] - high[0] for high, low in pairwise(on_scale)]
        is_even = len(on_scale) >= needed and max(steps) < THRESHOLDS.even_ticks * min(steps)
        if is_even and _are_multiples([value for _, value in on_scale]):
            return True
    return False


def _are_multiples(numbers: Sequence[float]) -> bool:
    """Return whether the numbers, from the top of a scale, are multiples of their smallest step."""
    step = min(high - low for high, low in pairwise(numbers))
    return step > 0 and all(abs(number / step - round(number / step)) < THRESHOLDS.tick_rounding for number in numbers)
