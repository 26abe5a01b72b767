"""A double of the embedded engine's recognizer, for readings without Chinese signs."""

from __future__ import annotations

from typing import Any

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line

_PLACE = Box(0, 0, 9, 9)


class LineReader:
    """Models that read every line as this text, in this box, and count the lines."""

    def __init__(self, text: str = "", score: float = 1.0, box: Box = _PLACE) -> None:
        self._text, self._score, self._box = text, score, box
        self.count = 0

    def read_lines(self, pixels: Any, quads: Any, *, with_signs: bool) -> list[Line]:
        """Return a line for each outline. Chinese signs must be excluded."""
        assert not with_signs
        self.count += len(quads)
        return [Line(self._text, self._box, self._score) for _ in quads]
