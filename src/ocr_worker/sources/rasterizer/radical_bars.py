"""Bars of roots, which some fonts call ligatures.

A typesetter draws the bar over what is below a root from short pieces, each a character. In the fonts of some
publishers, that character is called "ffi", so that a text layer says "ffiffiffiffi" where a reader sees a line. No word
has this ligature twice in a row. `drop_radical_bars` is pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_worker.sources.rasterizer.letters import Letter

_PIECE = "ffi"
_MIN_PIECES = 2  # one after another, perhaps with spaces between them


def drop_radical_bars(letters: Sequence[Letter]) -> list[Letter]:
    """Return the letters of a line without runs of this ligature."""
    kept: list[Letter] = []
    start = 0
    while start < len(letters):
        end, pieces = _end_of_bar(letters, start)
        if pieces >= _MIN_PIECES:
            start = end
        else:
            kept.append(letters[start])
            start += 1
    return kept


def _end_of_bar(letters: Sequence[Letter], start: int) -> tuple[int, int]:
    """Return where a run of the ligature from here on ends, and its number of pieces."""
    end, pieces, i = start, 0, start
    while i < len(letters):
        if "".join(letter.text for letter in letters[i : i + len(_PIECE)]) == _PIECE and _is_ligature(letters, i):
            i += len(_PIECE)
            end, pieces = i, pieces + 1
        elif pieces and not letters[i].box and letters[i].text:
            i += 1
        else:
            break
    return end, pieces


def _is_ligature(letters: Sequence[Letter], start: int) -> bool:
    """Return whether the characters of the ligature are in the same box: they are one character of the file."""
    return len({letter.box for letter in letters[start : start + len(_PIECE)]}) == 1
