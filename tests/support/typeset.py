"""Lines with the boxes of their words, for tests of tables."""

from __future__ import annotations

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word


def typeset(text: str, x: float, y: float) -> Line:
    """Return a line 20 pixels high, with characters 10 pixels wide."""
    words, at = [], x
    for word in text.split():
        words.append(Word(word, Box(at, y, at + 10 * len(word), y + 20)))
        at += 10 * len(word) + 6
    return Line(text, Box(x, y, at - 6, y + 20), words=tuple(words))
