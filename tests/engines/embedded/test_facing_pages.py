"""Cut lines of a facing page, at the edge of the picture of a book."""

from __future__ import annotations

import pytest

from ocr_worker.engines.embedded.facing_pages import separate_facing
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line

WIDTH = 1000

FRAGMENTS = {
    "ends-of-lines": ["ing the", "le mill", "rrier or", "water;", "ed. So"],
    "beginnings-of-words": ["ve", "w", "Sa", "cli", "re-"],
    "parts-of-letters": ["-", "C", "=", ":)", "3:"],
}
KEPT = {
    "labels-of-a-form": ["Name", "Street", "Town", "Country", "Date"],
    "numbers-of-rows": ["1", "2", "3", "4", "5"],
    "three-fragments": ["ing the", "le mill", "rrier or"],
}


def column(texts: list[str], is_left: bool, width: float = 60) -> list[Line]:
    x = 0 if is_left else WIDTH - width
    return [Line(text, Box(x, 200 + 40 * i, x + width, 225 + 40 * i)) for i, text in enumerate(texts)]


def prose(x0: float = 150, x1: float = 850) -> list[Line]:
    return [Line("The river ran past the mill and the old bridge", Box(x0, y, x1, y + 25)) for y in range(180, 700, 35)]


@pytest.mark.parametrize("is_left", [True, False])
@pytest.mark.parametrize("texts", FRAGMENTS.values(), ids=FRAGMENTS)
def test_the_cut_lines_of_a_facing_page_are_no_part_of_the_text(texts: list[str], is_left: bool) -> None:
    cut, text = column(texts, is_left), prose()
    assert separate_facing([*cut, *text], WIDTH) == (text, cut)


@pytest.mark.parametrize("texts", KEPT.values(), ids=KEPT)
def test_labels_numbers_and_a_few_lines_at_the_edge_stay(texts: list[str]) -> None:
    lines = [*column(texts, is_left=True), *prose()]
    assert separate_facing(lines, WIDTH) == (lines, [])


def test_the_edge_of_a_page_that_was_read_as_a_number_goes() -> None:
    strokes = column(["1", "1", "1", "1"], is_left=False, width=3)
    assert separate_facing([*strokes, *prose()], WIDTH)[1] == strokes


def test_lines_of_the_page_itself_stay() -> None:
    """Its picture is cut close to the text, or the text continues right beside the column."""
    close = [Line("the river ran past the mill", Box(0, y, 1000, y + 25)) for y in range(180, 700, 35)]
    assert separate_facing(close, WIDTH) == (close, [])
    beside = [*column(FRAGMENTS["ends-of-lines"], is_left=True), *prose(x0=70)]
    assert separate_facing(beside, WIDTH)[1] == []
    layer = [Line(line.text, line.box, is_from_text_layer=True) for line in column(["ing"] * 5, is_left=True)]
    assert separate_facing([*layer, *prose()], WIDTH)[1] == []
