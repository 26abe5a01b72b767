"""Page numbers behind leaders on a picture: the detector often ends a line within the dots, and the number is lost.

`read_page_numbers` looks for the ink at the right of lines that end in dots, higher than these, and reads it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ocr_worker.engines.embedded.geometry import Box, BoxIndex, bounds, y_overlap
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.ink_mask import ConnectedInk, connect_ink
from ocr_worker.engines.embedded.reading.large_letters import find_shapes
from ocr_worker.engines.embedded.reading.models import Models
from ocr_worker.engines.embedded.reading.text_layer import quads_of
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

_LEADERS = re.compile(r"(?:\s|[.·…])[.·… ]*[.·…]$")
_PAGE = re.compile(r"\d{1,4}|[ivxlc]{1,7}", re.IGNORECASE)
_SHOWN_LEADERS = " .... "  # instead of the few dots that were read before the number


def read_page_numbers(
    models: Models, pixels: Pixels, lines: Sequence[Line], ink: ConnectedInk | None = None
) -> list[Line]:
    """Return the lines, those that end in leaders with the number behind them. ink: of the page, if it is known."""
    ends = [line for line in lines if _LEADERS.search(line.text) and not line.outline]
    if len(ends) < THRESHOLDS.min_leaders:
        return list(lines)
    beside = {id(line): _beside(line, lines) for line in ends}
    open_ends = [line for line in ends if not beside[id(line)]]
    shapes = [shape.box for shape in find_shapes(ink or connect_ink(pixels))] if open_ends else []
    boxes = [line.box for line in lines]
    index = BoxIndex(shapes)
    level = {id(line): [shapes[i] for i in index.near(line.box.y0, line.box.y1)] for line in open_ends}
    places = {id(line): place for line in open_ends if (place := find_number(line.box, level[id(line)], boxes))}
    margin = THRESHOLDS.number_margin
    crops = [place.grown(margin * place.height) for place in places.values()]
    readings = models.read_lines(pixels, quads_of(crops)) if crops else []
    numbers = {key: line for key, line in zip(places, readings, strict=True) if _PAGE.fullmatch(line.text)}
    numbers |= {
        key: others[0] for key, others in beside.items() if len(others) == 1 and _PAGE.fullmatch(others[0].text)
    }
    taken = set(map(id, numbers.values()))
    return [
        _joined(line, numbers[id(line)]) if id(line) in numbers else line for line in lines if id(line) not in taken
    ]


def _beside(line: Line, lines: Sequence[Line]) -> list[Line]:
    """Return the lines that follow in the row of the line."""
    return [
        other
        for other in lines
        if other is not line
        and other.box.x0 >= line.box.x1 - line.box.height
        and y_overlap(other.box, line.box) > line.box.height / 2
    ]


def find_number(line: Box, shapes: Sequence[Box], lines: Sequence[Box]) -> Box | None:
    """Return the place of the last ink at the right of the line that is higher than dots; None if it is no number."""
    low, high = (share * line.height for share in THRESHOLDS.number_heights)
    right = max(other.x1 for other in lines) + THRESHOLDS.number_reach * line.height
    digits = [
        shape
        for shape in shapes
        if line.x0 + line.width / 2 < shape.x0 < right
        and low < shape.height < high
        and line.y0 < shape.center[1] < line.y1
        and shape.x0 > line.x1 - line.height / 4
    ]
    if not digits:
        return None
    last = max(digits)
    number = [digit for digit in digits if last.x1 - digit.x0 < THRESHOLDS.number_width * line.height]
    return bounds(number)


def _joined(line: Line, number: Line) -> Line:
    """Return the line with the number behind its leaders."""
    words = (*line.words, Word(number.text, number.box)) if line.words else ()
    text = _LEADERS.sub("", line.text).rstrip() + _SHOWN_LEADERS + number.text
    return replace(line, text=text, box=bounds((line.box, number.box)), words=words)
