"""Rows of a form: a question and its options with boxes to tick.

Below one another, questions and options look like two columns of text. `join_options` makes a line of each box and the
label at its right, and of a question and the options beside it, so that no later step takes them apart. A text is a
question if it ends like one, or if all lines close above and below it have options beside them as well.
`separate_options` takes options apart that are beside one another and have labels of several lines. Both are pure;
lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.engines.embedded.geometry import Box, x_overlap, y_overlap
from ocr_worker.engines.embedded.lines import Line, are_level, is_inside, join_lines, line_height, rows
from ocr_worker.engines.embedded.thresholds import THRESHOLDS

BOXES = frozenset("☐☑☒◉○")  # signs of boxes to tick and of their states
_QUESTION_ENDS = ("?", ":", "？", "：", "...", "…", "_")


def join_options(lines: Sequence[Line]) -> list[Line]:
    """Return the lines, each box to tick in one line with its label and, if there is one, with its question."""
    if not any(line.text in BOXES for line in lines):
        return list(lines)
    labeled = _join_labels(lines)
    beside = {id(line): _options_beside(line, labeled) for line in labeled if line.text[0] not in BOXES}
    joined, taken = [], set()
    for line in labeled:
        options = beside.get(id(line))
        if options and _is_question(line, labeled, beside):
            joined.append(join_lines([line, *options]))
            taken |= {id(line), *map(id, options)}
    return [*(line for line in labeled if id(line) not in taken), *joined]


def separate_options(lines: Sequence[Line], taken: Sequence[Box]) -> tuple[list[Line], list[list[Line]]]:
    """Return the other lines, and the lines of each option in a row of options of which one has several lines.

    lines: as `join_options` returns them. taken: boxes of tables and figures, whose options stay where they are.
    """
    starts = [line for line in lines if line.text[0] in BOXES and not is_inside(line, taken)]
    options: list[list[Line]] = []
    for row in rows(starts):
        ends = [*(line.box.x0 for line in row[1:]), float("inf")]
        labels = [[line, *_lines_below(line, end, lines)] for line, end in zip(row, ends, strict=True)]
        if len(row) > 1 and max(map(len, labels)) > 1:
            options += labels
    separate = {id(line) for option in options for line in option}
    return [line for line in lines if id(line) not in separate], options


def _lines_below(option: Line, end: float, lines: Sequence[Line]) -> list[Line]:
    """Return the further lines of the option's label: close below, begun at its box or label, ended before `end`."""
    begins = [word.box.x0 for word in option.words[:2]] or [option.box.x0]
    below: list[Line] = []
    for line in sorted(lines, key=lambda line: line.box.y0):
        above = below[-1] if below else option
        height = min(above.box.height, line.box.height)
        gap = -y_overlap(above.box, line.box)
        is_next = line.box.center[1] > above.box.y1 and gap < THRESHOLDS.label_line_gap * height
        is_begun = any(abs(line.box.x0 - x) < THRESHOLDS.label_begin * height for x in begins)
        if is_next and is_begun and line.box.x1 < end and line.text[0] not in BOXES:
            below.append(line)
    return below


def _join_labels(lines: Sequence[Line]) -> list[Line]:
    """Return the lines, each box joined with the text close at its right."""
    labels: dict[int, Line] = {}
    for box in (line for line in lines if line.text in BOXES):
        right = [
            line for line in lines if are_level(line, box) and line.box.x0 >= box.box.center[0] and line is not box
        ]
        label = min(right, key=lambda line: line.box.x0, default=None)
        reach = THRESHOLDS.label_gap * box.box.height
        if label and label.text not in BOXES and label.box.x0 - box.box.x1 < reach:
            labels[id(box)] = label
    taken = {id(label) for label in labels.values()}
    return [
        join_lines([line, labels[id(line)]]) if id(line) in labels else line for line in lines if id(line) not in taken
    ]


def _options_beside(line: Line, lines: Sequence[Line]) -> list[Line]:
    """Return the options that follow the line in its row, up to the next text that is none."""
    options = []
    for other in sorted((other for other in lines if _is_right_of(other, line)), key=lambda other: other.box.x0):
        if other.text[0] not in BOXES:
            break
        options.append(other)
    return options


def _is_right_of(other: Line, line: Line) -> bool:
    return other is not line and are_level(other, line) and other.box.x0 >= line.box.x1


def _is_question(line: Line, lines: Sequence[Line], beside: dict[int, list[Line]]) -> bool:
    """Return whether the line ends like a question, or has only such lines close to it. beside: each line's options."""
    if line.text.endswith(_QUESTION_ENDS):
        return True
    reach = THRESHOLDS.paragraph_gap * line_height(lines)
    close = [
        other
        for other in lines
        if other is not line and x_overlap(other.box, line.box) > 0 and -y_overlap(other.box, line.box) < reach
    ]
    return all(beside.get(id(other)) for other in close)
