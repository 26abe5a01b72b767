"""Charts, recognized by the numbers along their upright axis."""

from __future__ import annotations

import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.charts import divide_labels, has_scale
from ocr_worker.engines.embedded.layout.regions import Detection, Region, fill_regions
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.markdown import write_regions
from ocr_worker.engines.embedded.tables.detection import correct_tables

CHART = Box(90, 90, 700, 600)


def column(texts: list[str], right: float = 160, step: float = 40) -> list[Line]:
    """Return numbers below one another that end at the same place."""
    return [
        Line(text, Box(right - 10 * len(text), 100 + step * i, right, 118 + step * i)) for i, text in enumerate(texts)
    ]


SCALES = {
    "thousands": ["20,000", "15,000", "10,000", "5,000", "0"],
    "percent": ["100 %", "80 %", "60 %", "40 %", "20 %", "0 %"],
    "fractions": ["0.20", "0.15", "0.10", "0.05", "0.00"],
    "below zero": ["10", "5", "0", "-5", "−10"],
    "misread": ["100", "8O0", "80", "70", "60", "50"],
}
OTHERS = {
    "years of a table": ["2004", "2005", "2006", "2007", "2008"],
    "numbers of a table": ["166.7", "238.4", "367.1", "633.9", "226.8"],
    "a list": ["1", "2", "3", "4", "5"],
    "falling": ["93", "71", "64", "30", "12"],
    "falling evenly by chance": ["97", "83", "69", "55", "41"],
}


@pytest.mark.parametrize("texts", SCALES.values(), ids=SCALES)
def test_numbers_that_grow_upwards_in_even_steps_are_a_scale(texts: list[str]) -> None:
    """Numbers may be missing or misread."""
    assert has_scale(CHART, column(texts))


@pytest.mark.parametrize("texts", OTHERS.values(), ids=OTHERS)
def test_other_columns_of_numbers_are_no_scale(texts: list[str]) -> None:
    """Those of tables and lists grow downwards, or unevenly."""
    assert not has_scale(CHART, column(texts))


def test_a_chart_with_titles_in_words_is_one_figure() -> None:
    """Its titles and slanted labels cover much of it, and most of the page's lines are in it."""
    names = [Line("Number of Lamps Counted in Harbors", Box(200, 100 + 90 * i, 690, 160 + 90 * i)) for i in range(4)]
    lines = [*column(SCALES["thousands"]), *names]
    (region,) = fill_regions(lines, [Detection("image", CHART, 0.95)])
    assert (region.label, len(region.lines)) == ("image", 9)


def test_the_labels_of_a_chart_are_no_table() -> None:
    """Values on bars and the numbers of two axes look like the columns of a table."""
    values = ["497", "642", "103", "109", "212", "318"]
    scale = ["500", "400", "300", "200", "100", "0"]
    lines = [*column(scale, 160, 60), *column(values, 400, 60), *column(values[::-1], 690, 60)]
    detections = [Detection("image", CHART, 0.9)]
    assert correct_tables(detections, Rules((), ()), lines) == detections


@pytest.mark.parametrize("count", [3, 5, 9])
@pytest.mark.parametrize("legend", [["North", "South"], ["4", "3", "2", "1"], []])
def test_the_labels_of_a_chart_by_their_kinds(count: int, legend: list[str]) -> None:
    """Numbers of the axis, its title, the legend, and names at an angle are level with one another, but apart."""
    numbers = column(SCALES["percent"])
    title = Line("Share of lamps", Box(95, 120, 115, 320))
    keys = [Line(text, Box(600, 140 + 40 * i, 680, 158 + 40 * i)) for i, text in enumerate(legend)]
    names = [
        Line(f"Harbor {i}", Box(x, 400, x + 70, 470), outline=((x, 460), (x + 60, 400), (x + 70, 410), (x + 10, 470)))
        for i in range(count)
        for x in [200.0 + 50 * i]
    ]
    labels = divide_labels(CHART, [*names[::-1], *keys, title, *numbers])
    assert (labels.scale, labels.vertical) == (numbers, [title])
    assert (labels.upright, labels.slanted) == (keys, names)


def test_the_text_of_a_chart_is_written_by_kinds() -> None:
    """The title of the axis does not join the number beside it."""
    title = Line("Share of lamps", Box(95, 120, 115, 320))
    keys = [Line(text, Box(600, y, 680, y + 18)) for text, y in (("North", 140), ("South", 300))]
    region = Region("image", CHART, (*column(SCALES["percent"]), title, *keys))
    (passage,) = write_regions([region], Rules((), ()), 1, ())
    assert passage.content.split("\n") == ["100 % 80 % 60 % 40 % 20 % 0 %", "Share of lamps", "North", "South"]
