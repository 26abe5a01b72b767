"""Facing pages: the ends of another page's lines, at the edge of the picture of an open book.

A picture of a page often has a strip of the page beside it. The picture's edge cuts these lines, and what is left of
each is a part of a word or two. `separate_facing` takes them out of the page's text if they are a column at the edge,
clearly apart from the text, and most of them begin in lower case or have no word, in contrast to the labels of a form.
They stay visible as a block of their own. It is pure; lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.engines.embedded.geometry import bounds
from ocr_worker.engines.embedded.lines import Line, line_height
from ocr_worker.engines.embedded.thresholds import THRESHOLDS


def separate_facing(lines: Sequence[Line], width: int) -> tuple[list[Line], list[Line]]:
    """Return the lines of the page, and those of a facing page that are cut. width: of the page image."""
    cut: list[Line] = []
    for is_left in (True, False):
        at_edge = [line for line in lines if _is_cut(line, width, is_left)]
        others = [line for line in lines if not _is_cut(line, width, is_left)]
        if _is_column(at_edge, others, is_left):
            cut += at_edge
    cut_ids = set(map(id, cut))
    return [line for line in lines if id(line) not in cut_ids], cut


def _is_cut(line: Line, width: int, is_left: bool) -> bool:
    """Return whether the line is short and touches the edge of the picture. is_left: the left one, else the right."""
    distance = line.box.x0 if is_left else width - line.box.x1
    is_short = line.box.width < THRESHOLDS.cut_width * width
    return is_short and distance < THRESHOLDS.cut_distance * width and not line.is_from_text_layer


def _is_column(cut: Sequence[Line], others: Sequence[Line], is_left: bool) -> bool:
    """Return whether the cut lines are many, mostly parts of words, and apart from the others."""
    if len(cut) < THRESHOLDS.min_cut_lines or not others:
        return False
    if sum(map(_is_fragment, cut)) < THRESHOLDS.fragments * len(cut):
        return False
    column = bounds(line.box for line in cut)
    beside = [line.box for line in others if column.y0 < line.box.center[1] < column.y1]
    gaps = [box.x0 - column.x1 if is_left else column.x0 - box.x1 for box in beside]
    return bool(gaps) and min(gaps) > THRESHOLDS.cut_gap * line_height(others)


def _is_fragment(line: Line) -> bool:
    """Return whether the text begins in lower case, or has no word and no number; the edge of a page is read as 1."""
    text, box = line.text.strip(), line.box
    if box.width < THRESHOLDS.stroke_width * box.height:
        return True
    return text[:1].islower() or (sum(map(str.isalnum, text)) < THRESHOLDS.min_word and not text.isdecimal())
