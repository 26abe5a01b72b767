"""Initials: a large first letter beside the first rows of a paragraph.

`join_initials` puts such a letter at the beginning of the first line beside it, without a space. The lines beside it
then begin at the paragraph's margin, so that no later step takes them for indented. It is pure; lengths are in pixels
of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ocr_worker.engines.embedded.geometry import Box, y_overlap
from ocr_worker.engines.embedded.lines import Line, Word, line_height
from ocr_worker.engines.embedded.thresholds import THRESHOLDS

_QUOTES = "\"'“„«‘‚»”’"


def join_initials(lines: Sequence[Line]) -> list[Line]:
    """Return the lines, each initial joined with the first of the lines beside it."""
    joined = list(lines)
    for initial in (line for line in lines if _is_letter(line.text)):
        beside = sorted((line for line in joined if _is_beside(initial, line)), key=lambda line: line.box.y0)
        if not _is_initial(initial, beside, lines):
            continue
        joined.remove(initial)
        for line in beside:
            box = line.box._replace(x0=initial.box.x0)
            if line is beside[0]:
                joined[joined.index(line)] = _with_initial(initial, line, box)
            else:
                joined[joined.index(line)] = replace(line, box=box)
    return joined


def _is_letter(text: str) -> bool:
    letter = text.strip(_QUOTES)
    return len(letter) == 1 and letter.isupper()


def _is_beside(initial: Line, line: Line) -> bool:
    """Return whether the line is right beside the initial, and less high."""
    gap = line.box.x0 - initial.box.x1
    height = line.box.height
    is_level = y_overlap(initial.box, line.box) > THRESHOLDS.row_overlap * height
    is_near = -THRESHOLDS.initial_gap * height < gap < THRESHOLDS.initial_gap * height
    return is_level and is_near and initial.box.height > THRESHOLDS.initial_height * height


def _is_initial(initial: Line, beside: Sequence[Line], lines: Sequence[Line]) -> bool:
    """Return whether several lines are beside the letter, and nothing is close at its left. beside: from the top."""
    if len(beside) < THRESHOLDS.min_initial_lines:
        return False
    reach = THRESHOLDS.initial_gap * line_height(beside)
    left = Box(initial.box.x0 - reach, initial.box.y0, initial.box.x0, initial.box.y1)
    return not any(
        line is not initial and line.box.x0 < left.x0 < line.box.x1 and y_overlap(line.box, left) > 0 for line in lines
    )


def _with_initial(initial: Line, line: Line, box: Box) -> Line:
    words = line.words
    if words:
        first = words[0]
        words = (Word(initial.text + first.text, first.box._replace(x0=box.x0)), *words[1:])
    return replace(line, text=initial.text + line.text, box=box, words=words)
