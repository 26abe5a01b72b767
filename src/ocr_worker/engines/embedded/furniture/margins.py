"""Furniture in a page's margins: vertical text, and the numbers of lines.

`is_marginal_text` recognizes a region that runs up or down a margin. `find_line_numbers` recognizes the numbers that
count the lines of a page. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ocr_worker.engines.embedded.furniture.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.geometry import bounds
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.lines import Line, is_vertical


def is_marginal_text(region: Region, width: int) -> bool:
    """Return whether the region is vertical text in a margin. width: of the page, in pixels."""
    is_tall = region.box.height > THRESHOLDS.tall_region * region.box.width
    margin = THRESHOLDS.margin
    is_in_text = margin * width < region.box.center[0] < (1 - margin) * width
    return bool(region.lines) and all(map(is_vertical, region.lines)) and is_tall and not is_in_text


def find_line_numbers(lines: Sequence[Line]) -> list[Line]:
    """Return the numbers that count the page's lines, left of its text: many, in a column, rising, evenly spaced."""
    starts = [line.box.x0 for line in lines if len(line.text) > THRESHOLDS.text_line]
    if not starts:
        return []
    left = sorted(starts)[len(starts) // THRESHOLDS.left_edge_divisor]
    numbers = [
        line
        for line in lines
        if line.text.isdecimal() and len(line.text) <= THRESHOLDS.max_digits and line.box.x1 < left
    ]
    numbers.sort(key=lambda line: line.box.y0)
    if len(numbers) < THRESHOLDS.min_line_numbers:
        return []
    height = median(line.box.height for line in numbers)
    if bounds(line.box for line in numbers).width > THRESHOLDS.number_column * height:
        return []
    steps = [below.box.center[1] - above.box.center[1] for above, below in pairwise(numbers)]
    usual = median(steps)
    even = sum(abs(step / usual - round(step / usual)) < THRESHOLDS.even_step for step in steps if usual > 0)
    rising = sum(int(above.text) < int(below.text) for above, below in pairwise(numbers))
    return numbers if min(even, rising) > THRESHOLDS.even_steps * len(steps) else []
