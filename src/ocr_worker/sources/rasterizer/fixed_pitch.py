"""Spaces between characters of one width, as a listing sets them.

PDFium takes white between two characters for a space. A narrow character of a font whose characters have one width has
such white around it, so that a listing has spaces in its words. `drop_false_spaces` removes them. It is pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ocr_worker.sources.rasterizer.letters import Letter

# Characters that are narrower than others in each font but those of one width, in which they take as large a step.
_NARROW = frozenset("fijlrtI.,:;'!|()[]")
_MIN_NARROW = 2  # steps from such characters within the words of a line, which show that the line has one pitch
_TOLERANCE = 0.1  # share of the pitch by which steps may differ, since each word is placed by itself
_WIDEST_STEP = 1.1  # in pitches: with a true space, a step is two pitches


def drop_false_spaces(letters: Sequence[Letter]) -> list[Letter]:
    """Return the letters of a line without spaces where no room for one is. Lines in other fonts stay as they are."""
    boxed = [i for i, letter in enumerate(letters) if letter.box]
    steps = {i: step for i, j in pairwise(boxed) if (step := _step(letters[i], letters[j])) is not None}
    within = {i: step for i, step in steps.items() if letters[i + 1].box}
    narrow = sum(letters[i].text in _NARROW for i in within)
    if narrow < _MIN_NARROW or len(within) == len(steps):
        return list(letters)
    pitch = median(within.values())
    if any(abs(step - pitch) > _TOLERANCE * pitch for step in within.values()):
        return list(letters)
    false = {
        space
        for i, j in pairwise(boxed)
        if j > i + 1 and 0 < steps.get(i, 0) < _WIDEST_STEP * pitch
        for space in range(i + 1, j)
    }
    return [letter for i, letter in enumerate(letters) if i not in false]


def _step(letter: Letter, following: Letter) -> float | None:
    """Return the distance from the letter to the following one along its baseline in ems; None without baselines."""
    if not letter.baseline or not following.baseline:
        return None
    return letter.baseline.position(following.baseline.x, following.baseline.y)[0]
