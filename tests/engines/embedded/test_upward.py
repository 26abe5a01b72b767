"""Lines that run up the page: they are read from both ends if they hardly read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.upward import read_upwards

PIXELS = np.full((400, 600, 3), 255, np.uint8)
UP = Box(20, 100, 44, 300)
STEEP = ((20.0, 290.0), (110.0, 100.0), (130.0, 110.0), (40.0, 300.0))


class OtherEnd:
    """Models that read each line as this text, and keep the corners."""

    def __init__(self, text: str, score: float) -> None:
        self._text, self._score = text, score
        self.quads: Any = np.zeros((0, 4, 2))

    def read_lines(self, pixels: Any, quads: Any) -> list[Line]:
        """Return a line for each outline."""
        self.quads = quads
        return [Line(self._text, UP, self._score) for _ in quads]


def read(reader: OtherEnd, line: Line) -> str:
    models: Any = reader
    return read_upwards(models, PIXELS, [line])[0].text


@pytest.mark.parametrize(("old", "new", "expected"), [(0.5, 0.98, "Rain"), (0.5, 0.6, "u!eR"), (0.85, 0.8, "u!eR")])
@pytest.mark.parametrize("outline", [(), STEEP])
def test_the_surer_reading_stays(old: float, new: float, expected: str, outline: Any) -> None:
    """A second reading that is no text does not count."""
    assert read(OtherEnd("Rain", new), Line("u!eR", UP, old, outline=outline)) == expected


def test_the_outline_begins_at_the_other_end() -> None:
    """The corner opposite to the first one is the first one then."""
    reader = OtherEnd("Rain", 0.9)
    read(reader, Line("u!eR", UP, 0.4))
    assert reader.quads.tolist() == [[[44, 300], [20, 300], [20, 100], [44, 100]]]


@pytest.mark.parametrize(
    "line",
    [
        Line("Rain", UP, 0.95),
        Line("Rain", Box(20, 100, 200, 124), 0.4),
        Line("Rain", UP, 0.4, is_from_text_layer=True),
        Line("1", UP, 0.4),
    ],
    ids=["sure", "along the page", "layer", "digit"],
)
def test_other_lines_are_not_read_again(line: Line) -> None:
    """Lines that are sure, along the page, of the text layer, or a single character."""
    reader = OtherEnd("x", 1.0)
    assert read(reader, line) == line.text
    assert not len(reader.quads)
