"""Which side of a page is up, when the models disagree or cannot tell."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ocr_worker.engines.embedded import page
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading import upright
from ocr_worker.engines.embedded.reading.models import box_of
from ocr_worker.pages import PageImage

LINES = np.array([[[10, y], [90, y], [90, y + 8], [10, y + 8]] for y in (10, 30, 50)], np.float32)


class Guessing:
    """Stands for the models: the page is upside down, they say; it reads with these confidences as it is and turned."""

    def __init__(self, confidence: tuple[float, float]) -> None:
        self.confidence = confidence
        self.tried: list[int] = []

    def orientation(self, pixels: Any) -> int:
        return 180

    def read_lines(self, pixels: Any, corners: Any) -> list[Any]:
        turned = pixels[0, 0, 0] == 0  # the mark in the corner has gone to the other one
        return [type("Line", (), {"score": self.confidence[int(turned)]})]


@pytest.mark.parametrize(
    ("confidence", "quarters"),
    [((0.4, 0.95), 2), ((0.97, 0.5), 0), ((0.21, 0.22), 0)],
    ids=["reads turned", "reads as it is", "reads neither way"],
)
def test_a_page_is_turned_only_when_it_then_reads(confidence: tuple[float, float], quarters: int) -> None:
    """The model's guess alone turns nothing: a script that nobody here reads stays as it came."""
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[0, 0] = 255
    assert upright._quarters(Guessing(confidence), pixels, LINES) == quarters  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("confidence", "is_upside_down"),
    [((0.78, 0.99), True), ((0.78, 0.8), False), ((0.97, 0.99), False)],
    ids=["reads turned", "reads neither way", "reads as it is"],
)
def test_a_page_that_hardly_reads_is_tried_upside_down(confidence: tuple[float, float], is_upside_down: bool) -> None:
    """Three lines upside down, which the orientation model calls upright, are found out by their reading."""
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[0, 0] = 255
    models = Guessing(confidence)
    lines = [Line("r sas n ner", Box(10, y, 90, y + 8), confidence[0]) for y in (10, 30, 50)]
    assert upright.is_upside_down(models, pixels, LINES, lines) is is_upside_down  # type: ignore[arg-type]


class Misled(Guessing):
    """Models that take a page for upright, but read its marks only upside down."""

    def orientation(self, pixels: Any) -> int:
        return 0

    def begin_regions(self, pixels: Any) -> Any:
        return self.begin(None, pixels)

    def begin(self, find: Any, pixels: Any) -> Any:
        return SimpleNamespace(corner=int(pixels[0, 0, 0]), get=list)

    def find_lines(self, pixels: Any, side: int | None = None) -> Any:
        return LINES

    def read_lines(self, pixels: Any, corners: Any) -> list[Line]:
        is_legible = pixels[0, 0, 0] == 0
        text, score = ("a line of twenty letters", 0.99) if is_legible else ("l n", 0.7)
        return [Line(text, box_of(quad), score) for quad in corners]


@pytest.mark.parametrize("is_upside_down", [True, False])
def test_a_page_that_the_model_took_for_upright_is_turned_once_more(is_upside_down: bool) -> None:
    """Lines, regions and rules are those of the page that reads well; a page that does is left as it is."""
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[(0, 0) if is_upside_down else (99, 99)] = 255
    straight, lines, pending = page._read_page(Misled((0, 0)), PageImage(1, pixels), ())  # type: ignore[arg-type]
    assert {line.text for line in lines} == {"a line of twenty letters"}
    assert straight[0, 0, 0] == 0
    assert [result.corner for result in pending] == [0, 0]  # type: ignore[attr-defined]
