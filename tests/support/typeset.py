"""Lines for tests of tables, with the boxes of their words."""

from __future__ import annotations

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word


def typeset(text: str, x: float, y: float) -> Line:
    """A line 20 pixels high, its characters 10 wide."""
    words, at = [], x
    for word in text.split():
        words.append(Word(word, Box(at, y, at + 10 * len(word), y + 20)))
        at += 10 * len(word) + 6
    return Line(text, Box(x, y, at - 6, y + 20), words=tuple(words))
