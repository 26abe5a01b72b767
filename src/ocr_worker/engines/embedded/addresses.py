"""Addresses beside one another, as those of the two parties of a bill.

Their rows are level and short, so that they look like the rows of a table, or of one text. `separate_addresses` takes
them out, each to be read by itself. Evidence is a postcode or an address of mail in every one of them. All functions
are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ocr_worker.engines.embedded.geometry import Box, bounds, y_overlap
from ocr_worker.engines.embedded.lines import Line, chains, is_inside
from ocr_worker.engines.embedded.thresholds import THRESHOLDS

_CERTAIN = r"\b(?:[A-Z]{1,2}-)?\d{4,6}\s+[A-ZÀ-Þ]\w|\b[A-Z]{2}\s\d{5}\b|\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b"
_CERTAIN_POSTCODE = re.compile(_CERTAIN)
POSTCODE = re.compile(rf"{_CERTAIN}|^[A-ZÀ-Þ][\w .-]*\s\d{{4,5}}$")  # also "Town 1234", which "Invoice 1234" is like
_MAIL = re.compile(r"\S@\w+\.\w")


def separate_addresses(lines: Sequence[Line], taken: Sequence[Box]) -> tuple[list[Line], list[list[Line]]]:
    """Return the other lines, and the addresses that are beside one another.

    taken: boxes of tables and pictures, whose lines stay.
    """
    free = [line for line in lines if not line.outline and not is_inside(line, taken)]
    blocks = [block for block in chains(free, _continues) if _is_address(block)]
    beside = [block for block in blocks if any(_are_beside(block, other) for other in blocks if other is not block)]
    ids = {id(line) for block in beside for line in block}
    return [line for line in lines if id(line) not in ids], beside


def _continues(above: Line, line: Line) -> bool:
    """Return whether the line is right below, with the same left edge and of the same size."""
    low, high = sorted((above.box.height, line.box.height))
    gap = line.box.y0 - above.box.y1
    is_below = -THRESHOLDS.address_overlap * low < gap < THRESHOLDS.address_gap * low
    is_aligned = abs(above.box.x0 - line.box.x0) < THRESHOLDS.address_edge * low
    return is_below and is_aligned and high < THRESHOLDS.address_sizes * low


def _is_address(block: Sequence[Line]) -> bool:
    """Return whether the block is short and has one or two rows with a postcode or an address of mail."""
    marked = sum(bool(_CERTAIN_POSTCODE.search(line.text) or _MAIL.search(line.text)) for line in block)
    is_short = THRESHOLDS.min_address_lines <= len(block) <= THRESHOLDS.max_address_lines
    return is_short and 1 <= marked <= THRESHOLDS.max_address_marks


def _are_beside(a: Sequence[Line], b: Sequence[Line]) -> bool:
    """Return whether the blocks begin at the same height, and have white between them."""
    left, right = sorted((a, b), key=lambda block: block[0].box.x0)
    box, other = bounds(line.box for line in left), bounds(line.box for line in right)
    height = min(left[0].box.height, right[0].box.height)
    starts_level = abs(box.y0 - other.y0) < height / 2
    shared = y_overlap(box, other)
    is_level = shared > THRESHOLDS.address_level * min(box.height, other.height)
    is_parted = other.x0 - box.x1 > THRESHOLDS.address_white * height
    return starts_level and is_level and is_parted
