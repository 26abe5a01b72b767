"""Dots of a text layer that are text, and dots that only lead."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_worker.engines.embedded.reading.text_layer import layer_lines, layer_quads
from ocr_worker.pages import TextLine

ABOVE = TextLine("nameString value", (10, 10, 200, 30))


@pytest.mark.parametrize(
    ("line", "is_text"),
    [
        (TextLine("...", (10, 40, 40, 60)), True),
        (TextLine("…", (10, 40, 40, 60)), True),
        (TextLine("...", (210, 10, 240, 30)), False),
        (TextLine(". . . . . . .", (10, 40, 200, 60)), False),
        (TextLine(".", (10, 40, 14, 60)), False),
    ],
)
def test_three_dots_alone_in_a_row_are_text(line: TextLine, is_text: bool) -> None:
    """An ellipsis in a listing is text; dots beside an entry, and single ones, only lead to its number."""
    pixels = np.zeros((100, 300, 3), np.uint8)
    pixels[::2] = 255
    layer = layer_lines([ABOVE, line], layer_quads([ABOVE, line]), pixels)
    assert [each.text for each in layer] == [ABOVE.text, *([line.text] if is_text else [])]
