"""The report of the witness about a page, as processes exchange it: lines, and ink that looks like text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Rectangle = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels of the page image


@dataclass(frozen=True, slots=True)
class EvidenceWord:
    """A word that the witness read. score: its certainty, 0 to 1; 1 for words of a reliable text layer."""

    text: str
    bbox: Rectangle
    score: float
    is_from_layer: bool = False


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """A line that the witness outlined. words: empty if nothing in it is legible. score: as for words."""

    bbox: Rectangle
    words: tuple[EvidenceWord, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The witness's report about a page image of this size in pixels.

    lines: from top to bottom. marks: connected ink of the size of letters.
    """

    width: int
    height: int
    lines: tuple[EvidenceLine, ...]
    marks: tuple[Rectangle, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON; coordinates in tenths of a pixel."""
        return {
            "size": [self.width, self.height],
            "lines": [
                [
                    _rounded(line.bbox),
                    round(line.score, 4),
                    [[word.text, _rounded(word.bbox), round(word.score, 4), word.is_from_layer] for word in line.words],
                ]
                for line in self.lines
            ],
            "marks": [list(mark) for mark in self.marks],  # these are rounded
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evidence:
        """Return the report that `to_json` wrote."""
        width, height = data["size"]
        lines = tuple(
            EvidenceLine(
                _rectangle(bbox),
                tuple(
                    EvidenceWord(text, _rectangle(box), word_score, is_from_layer)
                    for text, box, word_score, is_from_layer in words
                ),
                score,
            )
            for bbox, score, words in data["lines"]
        )
        return cls(width, height, lines, tuple(_rectangle(mark) for mark in data["marks"]))


def _rounded(bbox: Rectangle) -> list[float]:
    return [round(value, 1) for value in bbox]


def _rectangle(values: Sequence[float]) -> Rectangle:
    x0, y0, x1, y1 = values
    return x0, y0, x1, y1
