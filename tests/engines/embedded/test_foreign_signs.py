"""Chinese signs in lines of another script: they are read again without them, on evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.foreign_signs import reread_foreign_signs
from support.line_reader import LineReader

PAGE = [
    Line("a receipt in Latin letters, with many of them and no other", Box(0, 30 * i, 600, 30 * i + 20))
    for i in range(3)
]
PIXELS = np.full((400, 600, 3), 255, np.uint8)
PLACE = Box(0, 300, 80, 320)


def reread(reader: LineReader, line: Line, page: list[Line] = PAGE) -> str:
    models: Any = reader
    return reread_foreign_signs(models, PIXELS, [*page, line])[-1].text


@pytest.mark.parametrize(
    ("text", "score", "reading", "new_score", "expected"),
    [
        ("日.00", 0.64, "0.00", 0.65, "0.00"),
        ("日.00", 0.64, "0.00", 0.4, "日.00"),
        ("2.冈", 0.85, "2.", 1.0, "2.冈"),
    ],
)
def test_a_sign_among_digits_is_read_again(
    text: str, score: float, reading: str, new_score: float, expected: str
) -> None:
    """The second reading counts if the recognizer is as sure of it, and if no character is lost."""
    assert reread(LineReader(reading, new_score, PLACE), Line(text, Box(0, 300, 80, 320), score)) == expected


def test_other_lines_are_not_read_again() -> None:
    """Lines of signs alone, lines of a text layer, lines at an angle, and pages with Chinese text stay as they are."""
    reader, box = LineReader("x", 1.0, PLACE), Box(0, 300, 80, 320)
    corners = ((0.0, 300.0), (80.0, 310.0), (80.0, 330.0), (0.0, 320.0))
    reread(reader, Line("日本", box, 0.3))
    reread(reader, Line("日.00", box, 0.3, is_from_text_layer=True))
    reread(reader, Line("日.00", box, 0.3, outline=corners))
    reread(reader, Line("第3章", box, 0.3), [Line("水位和流量的测量", box)] * 3)
    assert reader.count == 0
