"""Combs: fields of a form with a box for each character.

A text layer has the characters of a comb as lines of their own, or as words within a line that may begin with the
label. `join_combs` makes one word of characters that are alone at equal distances, with a space where boxes are empty,
and puts it behind the label at its left. Rows of such characters below one another are a table or a calendar, and stay.
It is pure; lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from statistics import median, median_low

from ocr_worker.characters import is_wide
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.lines import Line, Word, rows, split_at
from ocr_worker.engines.embedded.thresholds import THRESHOLDS

_SIGNS = frozenset(".,-/+@&'")  # that may be alone in a box


def join_combs(lines: Sequence[Line]) -> list[Line]:
    """Return the lines, the characters of each comb in one line with their label."""
    pieces = {id(piece): (piece, line) for line in lines for piece in _pieces(line)}
    stacked = rows([piece for piece, _ in pieces.values()])
    combs = [comb for row in stacked for run in _runs(row) for comb in _combs(run)]
    pitches = [_pitch(comb) for comb in combs if len(comb) >= THRESHOLDS.min_comb]
    joined, taken = [], set()
    for comb in combs:
        label = _label(comb, stacked)
        if (len(comb) >= THRESHOLDS.min_comb or _is_alike(comb, pitches)) and not _is_matrix(comb, label, stacked):
            joined.append(_join(comb, label))
            taken |= {id(label), *map(id, comb)}
    divided = {id(line) for key, (_, line) in pieces.items() if key in taken}
    rest = [piece if id(line) in divided else line for key, (piece, line) in pieces.items() if key not in taken]
    return [*{id(line): line for line in rest}.values(), *joined]


def _pieces(line: Line) -> list[Line]:
    """Return a line of the text layer cut around each character that is a word, if it has enough of these.

    In a line that was read, such words are letters set apart, or a reading of its white: `comb_fields` looks for boxes.
    """
    words = line.words
    are_single = [_is_character(word.text) for word in words]
    if not line.is_from_text_layer or sum(are_single) < THRESHOLDS.min_short_comb or line.outline:
        return [line]
    cuts = [
        (left.box.x1 + right.box.x0) / 2
        for (left, is_left), (right, is_right) in pairwise(zip(words, are_single, strict=True))
        if is_left or is_right
    ]
    return split_at(line, cuts)


def _is_character(text: str) -> bool:
    return len(text) == 1 and (text.isalnum() or text in _SIGNS) and not is_wide(text)


def _runs(row: Sequence[Line]) -> list[list[Line]]:
    """Return the characters of the row that no other text parts."""
    return [list(run) for is_run, run in groupby(row, lambda piece: _is_character(piece.text)) if is_run]


def _combs(run: Sequence[Line]) -> list[list[Line]]:
    """Return the parts of the run with most of its characters at one distance, and the others after empty boxes."""
    if len(run) < THRESHOLDS.min_short_comb:
        return []
    pitch = median_low(_distances(run))
    combs = [[run[0]]]
    for character, distance in zip(run[1:], _distances(run), strict=True):
        is_in_step = _is_step(distance, pitch, character) or pitch < distance < THRESHOLDS.max_empty_boxes * pitch
        if is_in_step:
            combs[-1].append(character)
        else:
            combs.append([character])
    return [comb for comb in combs if len(comb) >= THRESHOLDS.min_short_comb and _is_comb(comb)]


def _is_comb(comb: Sequence[Line]) -> bool:
    """Return whether the distances are mostly equal and small, and the characters neither a scale nor marks."""
    pitch = _pitch(comb)
    height = median(character.box.height for character in comb)
    equal = sum(_is_step(distance, pitch, comb[0]) for distance in _distances(comb))
    steps = {ord(right.text) - ord(left.text) for left, right in pairwise(comb)}
    text = "".join(character.text for character in comb)
    are_marks = len(set(text)) == 1 and text.islower()
    is_scale = len(steps) == 1 and steps != {0}  # such as 1 2 3 4 5
    return (
        pitch < THRESHOLDS.max_comb_pitch * height
        and equal >= THRESHOLDS.comb_steps * (len(comb) - 1)
        and not is_scale
        and not are_marks
        and sum(map(str.isalnum, text)) > THRESHOLDS.comb_letters * len(text)
    )


def _distances(run: Sequence[Line]) -> list[float]:
    return [right.box.center[0] - left.box.center[0] for left, right in pairwise(run)]


def _pitch(comb: Sequence[Line]) -> float:
    return median_low(_distances(comb))


def _is_step(distance: float, pitch: float, character: Line) -> bool:
    """Return whether the distance is that of two boxes; the places of characters that were read are less exact."""
    is_exact = character.is_from_text_layer or not character.words
    tolerance = THRESHOLDS.comb_tolerance if is_exact else THRESHOLDS.comb_tolerance_read
    return abs(distance - pitch) < tolerance * pitch


def _is_alike(comb: Sequence[Line], pitches: Sequence[float]) -> bool:
    """Return whether a comb of few characters has the distances of a long one on the page."""
    return any(_is_step(_pitch(comb), pitch, comb[0]) for pitch in pitches)


def _label(comb: Sequence[Line], stacked: Sequence[Sequence[Line]]) -> Line | None:
    """Return the text right before the comb in its row."""
    (row,) = (row for row in stacked if any(piece is comb[0] for piece in row))
    before = row[: next(i for i, piece in enumerate(row) if piece is comb[0])]
    return before[-1] if before and not _is_character(before[-1].text) else None


def _is_matrix(comb: Sequence[Line], label: Line | None, stacked: Sequence[Sequence[Line]]) -> bool:
    """Return whether the characters have texts right below or above them, each its own, as those of a table have."""
    pitch, middle = _pitch(comb), comb[0].box.center[1]
    height = median(character.box.height for character in comb)
    reach = (THRESHOLDS.matrix_row if label is None else THRESHOLDS.labeled_matrix_row) * height
    near = [
        piece.box
        for row in stacked
        for piece in row
        if 0.5 * height < abs(piece.box.center[1] - middle) < reach and piece.box.width < pitch
    ]
    aligned = sum(any(_is_below(box, character.box, pitch) for box in near) for character in comb)
    return aligned >= THRESHOLDS.aligned_characters * len(comb)


def _is_below(box: Box, character: Box, pitch: float) -> bool:
    return abs(box.center[0] - character.center[0]) < THRESHOLDS.comb_tolerance_read * pitch


def _join(comb: Sequence[Line], label: Line | None) -> Line:
    value, pitch = comb[0].text, _pitch(comb)
    for character, distance in zip(comb[1:], _distances(comb), strict=True):
        value += character.text if _is_step(distance, pitch, character) else f" {character.text}"
    value_box = bounds(character.box for character in comb)
    if label is None:
        return replace(comb[0], text=value, box=value_box, words=(Word(value, value_box),), is_field=True)
    # Without the boxes of its words, the line is not cut at the white behind the label.
    box = bounds((label.box, value_box))
    return replace(label, text=f"{label.text} {value}", box=box, words=(), is_field=True)
