"""Combs: fields of a form with a box for each character.

`join_combs` makes one word of characters that are alone at equal distances, and puts it behind the label at its left.
It is pure; lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ocr_worker.engines.embedded.geometry import bounds
from ocr_worker.engines.embedded.lines import Line, Word, rows
from ocr_worker.engines.embedded.thresholds import THRESHOLDS


def join_combs(lines: Sequence[Line]) -> list[Line]:
    """Return the lines, the characters of each comb in one line with their label."""
    joined = list(lines)
    for row in rows([line for line in lines if _is_character(line.text)]):
        for comb in _combs(row):
            labels = [line for line in joined if _is_label(line, comb[0])]
            label = max(labels, key=lambda line: line.box.x1, default=None)
            joined = [line for line in joined if line not in comb and line is not label]
            joined.append(_join(comb, label))
    return joined


def _is_character(text: str) -> bool:
    return len(text) == 1 and text.isalnum() and text.isascii()


def _combs(row: Sequence[Line]) -> list[list[Line]]:
    """Return the runs of characters at equal distances, of those that are long enough and do not count up."""
    runs: list[list[Line]] = []
    for character in row:
        if runs and _continues(runs[-1], character):
            runs[-1].append(character)
        else:
            runs.append([character])
    return [run for run in runs if len(run) >= THRESHOLDS.min_comb and not _counts_up(run)]


def _continues(run: Sequence[Line], character: Line) -> bool:
    distance = character.box.center[0] - run[-1].box.center[0]
    first = run[1].box.center[0] - run[0].box.center[0] if len(run) > 1 else distance
    is_close = distance < THRESHOLDS.max_comb_pitch * character.box.height
    return is_close and abs(distance - first) < THRESHOLDS.comb_tolerance * first


def _counts_up(run: Sequence[Line]) -> bool:
    """Return whether each character is the next after the one before: a scale, such as 1 2 3 4 5."""
    return all(ord(right.text) - ord(left.text) == 1 for left, right in pairwise(run))


def _is_label(line: Line, first: Line) -> bool:
    middle = first.box.center[1]
    return not _is_character(line.text) and line.box.y0 < middle < line.box.y1 and line.box.x1 <= first.box.x0


def _join(comb: Sequence[Line], label: Line | None) -> Line:
    value = "".join(character.text for character in comb)
    value_box = bounds(character.box for character in comb)
    if label is None:
        return replace(comb[0], text=value, box=value_box, words=(Word(value, value_box),))
    # Without the boxes of its words, the line is not cut at the white behind the label.
    return replace(label, text=f"{label.text} {value}", box=bounds((label.box, value_box)), words=())
