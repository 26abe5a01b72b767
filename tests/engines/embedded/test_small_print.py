"""Small print that is read once more from an enlarged copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.small_print import reread_small_print

PAGE = np.full((400, 400, 3), 255, np.uint8)
GARBLED = [Line("onteoC  owrmhonrd. thut", Box(50, y, 300, y + 16), 0.5) for y in (100, 109, 118)]
LEGIBLE = Line("Permission to make copies", Box(50, 90, 300, 105), 0.96)


class Enlarging:
    """Stands for the models: on an enlarged copy they find three lines at these y of the copy."""

    def __init__(self, score: float) -> None:
        self.score = score
        self.shapes: list[tuple[int, ...]] = []

    def find_lines(self, pixels: Any) -> Any:
        self.shapes.append(pixels.shape)
        corners = [[[40, y], [540, y], [540, y + 20], [40, y + 20]] for y in (8, 44, 62, 80)]
        return np.array(corners, np.float32)

    def read_lines(self, pixels: Any, quads: Any) -> list[Line]:
        boxes = [Box(*map(float, (*quad[0], *quad[2]))) for quad in quads]
        return [Line("on the first page", box, self.score, (Word("on", box),)) for box in boxes]


@pytest.mark.parametrize(("score", "is_better"), [(0.97, True), (0.3, False)])
def test_garbled_small_print_is_replaced_by_a_better_reading(score: float, is_better: bool) -> None:
    """The new lines have their places on the page; a line above them that reads well stays, and is not read twice."""
    models = Enlarging(score)
    lines = reread_small_print(models, PAGE, [LEGIBLE, *GARBLED])  # type: ignore[arg-type]
    assert models.shapes == [(150, 582, 3)]
    assert lines[0] == LEGIBLE
    if is_better:
        assert [line.box for line in lines[1:]] == [Box(50, y, 300, y + 10) for y in (102, 111, 120)]
        assert lines[1].words[0].box == lines[1].box
    else:
        assert lines[1:] == GARBLED


def test_legible_print_and_large_letters_are_read_once() -> None:
    """Neither small print that reads well, nor large letters that do not, are looked for again."""
    large = Line("handwriting of some length", Box(50, 200, 300, 260), 0.5)
    models = Enlarging(0.97)
    assert reread_small_print(models, PAGE, [LEGIBLE, large]) == [LEGIBLE, large]  # type: ignore[arg-type]
    assert not models.shapes
