"""Initials: a large first letter, or number, beside the first rows of a paragraph.

`join_initials` puts such a letter at the beginning of the first line beside it, without a space unless it is a word by
itself. A text layer may have both in one line already. The lines beside the initial then begin at the paragraph's
margin, so that no later step takes them for indented. It is pure; lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from statistics import median

from ocr_worker.engines.embedded.geometry import Box, BoxIndex, bounds, y_overlap
from ocr_worker.engines.embedded.lines import Line, Word, line_height
from ocr_worker.engines.embedded.thresholds import THRESHOLDS
from ocr_worker.engines.text_layer.joins import words_of

_QUOTES = "\"'“„«‘‚»”’《》<>"  # the recognizer reads « as a bracket, too
_WORDS = frozenset("AÀEÉÈIÍOÓÒUYÅÖ")  # letters that are words in some language

_DIGITS_AS_LETTERS = str.maketrans("01|l", "OIII")  # of letters without others beside them, as they are read


def join_initials(lines: Sequence[Line]) -> list[Line]:
    """Return the lines, each initial joined with the first of the lines beside it."""
    joined, index = list(lines), BoxIndex([line.box for line in lines])
    for line in lines:
        before = joined
        if _is_initial_text(line):
            level = [joined[i] for i in index.near(line.box.y0, line.box.y1)]
            joined = _join_alone(line, [other for other in level if _is_beside(line.box, other)], joined)
        elif _has_initial(line):
            joined = _join_within(line, joined)
        if joined is not before:
            index = BoxIndex([other.box for other in joined])
    return joined


def _is_initial_text(line: Line) -> bool:
    """Return whether the text is a letter or a number that may be an initial; if it was read, in lower case, too."""
    text = line.text.strip(_QUOTES)
    is_letter = len(text) == 1 and (text.isupper() or (text.isalpha() and not line.is_from_text_layer))
    return is_letter or text == "|" or (text.isdecimal() and len(text) <= THRESHOLDS.max_initial_digits)


def _join_alone(alone: Line, others: Sequence[Line], lines: list[Line]) -> list[Line]:
    """Return the lines with an initial that is a line by itself joined. others: lines beside it."""
    beside = sorted(others, key=lambda line: line.box.y0)
    if not _is_initial(alone, beside, lines):
        return lines
    initial = _as_letter(alone, beside[0].text)
    if not _may_begin(initial.text, beside[0].text):
        return lines
    words = words_of(line.text for line in lines if line is not beside[0])
    return _set_out(
        [_with_initial(initial, beside[0], words), *beside[1:]],
        beside,
        initial.box,
        [line for line in lines if line is not alone],
    )


def _as_letter(initial: Line, text: str) -> Line:
    """Return an initial that was read, I and O as letters before a small letter."""
    if initial.is_from_text_layer or not text[:1].islower():
        return initial
    return replace(initial, text=initial.text.translate(_DIGITS_AS_LETTERS))


def _join_within(line: Line, lines: Sequence[Line]) -> list[Line]:
    """Return the lines with an initial that is the beginning of this line, which is as high as its other words then."""
    tall = line.words[0].box
    others = bounds(word.box for word in line.words[1:])
    lowered = line.moved(lambda box: box._replace(y0=max(box.y0, others.y0), y1=min(box.y1, others.y1)))
    beside = [
        other
        for other in lines
        if other is not line
        and y_overlap(tall, other.box) > THRESHOLDS.row_overlap * other.box.height
        and tall.x0 + other.box.height / 2 < other.box.x0 < tall.x1 + THRESHOLDS.initial_gap * other.box.height
    ]
    return _set_out([lowered, *beside], [line, *beside], tall, lines)


def _has_initial(line: Line) -> bool:
    """Return whether the layer has an initial in one line with the row beside it: its first word is far higher."""
    if not line.is_from_text_layer or line.outline or len(line.words) < THRESHOLDS.min_initial_words:
        return False
    first, *others = line.words
    usual = median(word.box.height for word in others)
    begins = first.text.lstrip(_QUOTES)[:1]
    return first.box.height > THRESHOLDS.initial_height * usual and (begins.isupper() or begins.isdecimal())


def _set_out(rows: Sequence[Line], old: Sequence[Line], initial: Box, lines: Sequence[Line]) -> list[Line]:
    """Return the lines with these rows in place of the old ones, begun at the margin of their paragraph."""
    margin = _margin(initial, old, lines)
    replaced = {
        id(line): replace(row, box=row.box._replace(x0=min(margin, row.box.x0)))
        for line, row in zip(old, rows, strict=True)
    }
    return [replaced.get(id(line), line) for line in lines]


def _margin(initial: Box, rows: Sequence[Line], lines: Sequence[Line]) -> float:
    """Return where the paragraph's rows begin: as the next row below the initial, or else as the initial."""
    last = max((row.box for row in rows), key=lambda box: box.y1)
    reach = THRESHOLDS.initial_next_row * last.height
    below = [
        line.box.x0
        for line in lines
        if 0 < line.box.center[1] - last.center[1] < reach and initial.x0 - last.height < line.box.x0 <= last.x0
    ]
    return max(initial.x0, min(below, default=initial.x0))


def _may_begin(initial: str, text: str) -> bool:
    """Return whether the initial may be part of the text's first word: a number continues with a figure."""
    return not initial[-1].isdecimal() or text[:1].isdecimal()


def _is_beside(initial: Box, line: Line) -> bool:
    """Return whether the line is right beside the initial, and less high."""
    gap = line.box.x0 - initial.x1
    height = line.box.height
    is_level = y_overlap(initial, line.box) > THRESHOLDS.row_overlap * height
    is_near = -THRESHOLDS.initial_gap * height < gap < THRESHOLDS.initial_gap * height
    return is_level and is_near and initial.height > THRESHOLDS.initial_height * height


def _is_initial(initial: Line, beside: Sequence[Line], lines: Sequence[Line]) -> bool:
    """Return whether several lines are beside the letter, and nothing is close at its left. beside: from the top."""
    if len(beside) < THRESHOLDS.min_initial_lines:
        return False
    reach = THRESHOLDS.initial_gap * line_height(beside)
    left = Box(initial.box.x0 - reach, initial.box.y0, initial.box.x0, initial.box.y1)
    return not any(
        line is not initial and line.box.x0 < left.x0 < line.box.x1 and y_overlap(line.box, left) > 0 for line in lines
    )


def _with_initial(initial: Line, line: Line, others: Collection[str]) -> Line:
    """Return the line with the initial before it. others: words of the other lines, in lower case."""
    letter = initial.text.upper()
    text = letter + _space(letter, line.text, others) + line.text
    words = line.words
    if words:
        first = words[0]
        words = (Word(text.split()[0], first.box._replace(x0=initial.box.x0)), *words[1:])
    return replace(line, text=text, words=words)


def _space(letter: str, text: str, others: Collection[str]) -> str:
    """Return a space if the letter is a word and the next word occurs elsewhere, but not with the letter before it."""
    following = next(iter(words_of([text.split()[0]])), "") if text.split() else ""
    is_word = letter.strip(_QUOTES) in _WORDS and following in others
    return " " if is_word and letter.strip(_QUOTES).casefold() + following not in others else ""
