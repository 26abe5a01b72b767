"""Spaces between characters of one width, as a listing sets them.

PDFium takes white between two characters for a space. A narrow character of a font whose characters have one width has
such white around it, so that a listing has spaces in its words. `drop_false_spaces` removes them. It is pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ocr_worker.sources.rasterizer.letters import Letter

# Characters that are narrower than others in each font but those of one width, in which they take as large a step.
_NARROW = frozenset("fijlrtI.,:;'!|()[]")
_MIN_NARROW = 2  # steps from such characters within the words of a line, which show that the line has one pitch
_TOLERANCE = 0.1  # share of the pitch by which steps may differ, since each word is placed by itself
_WIDEST_STEP = 1.1  # in pitches: with a true space, a step is two pitches


def drop_false_spaces(letters: Sequence[Letter]) -> list[Letter]:
    """Return the letters of a line without spaces where there is no room. Lines in other fonts stay as they are."""
    boxed = [i for i, letter in enumerate(letters) if letter.box]
    gaps = [(i, j) for i, j in pairwise(boxed) if j > i + 1]
    pitch = _find_pitch(letters, boxed) if gaps else None
    if pitch is None:
        return list(letters)
    false = {
        space
        for i, j in gaps
        if 0 < (_step(letters[i], letters[j]) or 0) < _WIDEST_STEP * pitch
        for space in range(i + 1, j)
    }
    return [letter for i, letter in enumerate(letters) if i not in false]


def _find_pitch(letters: Sequence[Letter], boxed: Sequence[int]) -> float | None:
    """Return the step in ems from a character to the next within words; None if the steps differ, or are too few.

    boxed: indices of the letters that are no spaces.
    """
    least = most = 0.0
    narrow = 0
    for i, j in pairwise(boxed):
        step = _step(letters[i], letters[j]) if j == i + 1 else None
        if step is None:
            continue
        least, most = min(least or step, step), max(most, step)
        if least <= 0 or most - least > 2 * _TOLERANCE * least:
            return None
        narrow += letters[i].text in _NARROW
    return (least + most) / 2 if narrow >= _MIN_NARROW else None


def _step(letter: Letter, following: Letter) -> float | None:
    """Return the distance from the letter to the following one along its baseline in ems; None without baselines."""
    if not letter.baseline or not following.baseline:
        return None
    return letter.baseline.position(following.baseline.x, following.baseline.y)[0]
