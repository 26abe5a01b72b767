"""What stands in a page's margins: text that runs up them, and the numbers of the lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ocr_worker.engines.embedded.geometry import bounds
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.lines import Line

_MARGIN = 0.1  # of the page's width
_LONG = 20  # characters of a line that shows where the text begins
_FEWEST = 15  # numbers; a list that is shorter may as well be a table's column
_EVEN = 0.25  # of the usual step between two numbers, by which a step may miss a multiple of it


def runs_upwards(region: Region, width: int) -> bool:
    """Whether the region is text that runs up or down a margin. width: of the page, in pixels."""
    upright = [line for line in region.lines if len(line.text) < 2 or line.box.height < 2 * line.box.width]
    tall = bool(region.lines) and not upright and region.box.height > 3 * region.box.width
    return tall and not _MARGIN * width < region.box.center[0] < (1 - _MARGIN) * width


def line_numbers(lines: Sequence[Line]) -> list[Line]:
    """The numbers that count the page's lines, left of its text: many, in a column, rising, evenly spaced."""
    starts = [line.box.x0 for line in lines if len(line.text) > _LONG]
    if not starts:
        return []
    left = sorted(starts)[len(starts) // 10]
    found = [line for line in lines if line.text.isdecimal() and len(line.text) < 4 and line.box.x1 < left]
    found.sort(key=lambda line: line.box.y0)
    if len(found) < _FEWEST or bounds(line.box for line in found).width > 4 * median(line.box.height for line in found):
        return []
    steps = [below.box.center[1] - above.box.center[1] for above, below in pairwise(found)]
    usual = median(steps)
    even = sum(abs(step / usual - round(step / usual)) < _EVEN for step in steps if usual > 0)
    rising = sum(int(above.text) < int(below.text) for above, below in pairwise(found))
    return found if min(even, rising) > 0.8 * len(steps) else []
