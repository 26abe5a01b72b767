"""Gutters between columns of prose, and what is cut at them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.columns import find_column_gutters, holds_columns, split_by_gutter
from ocr_worker.engines.embedded.layout.regions import Detection, fill_regions
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line

PROSE = "the words of a paragraph go on"


def column(x0: float, x1: float, top: float, count: int, *, is_from_layer: bool = True) -> list[Line]:
    rows = (Box(x0, top + 30 * i, x1, top + 30 * i + 20) for i in range(count))
    return [Line(PROSE, box, is_from_text_layer=is_from_layer) for box in rows]


def test_a_gutter_runs_down_between_two_columns() -> None:
    """It is as wide as the white, and as high as the lines on its sides."""
    assert find_column_gutters(column(100, 400, 100, 8) + column(420, 720, 105, 8)) == [Box(400, 100, 420, 335)]


def test_outlines_that_touch_across_a_gutter_hide_no_column() -> None:
    """Outlines on a page image reach beyond their letters; those of a text layer that touch have no white between."""
    pages = [
        [*column(100, 401, 100, 6, is_from_layer=source), *column(400, 720, 100, 6, is_from_layer=source)]
        for source in (False, True)
    ]
    assert [len(find_column_gutters(page)) for page in pages] == [1, 0]
    regions = fill_regions(pages[0], [Detection("text", Box(90, 90, 730, 290), 0.9)])
    assert sorted(len(region.lines) for region in regions) == [6, 6]


def test_a_heading_over_columns_hides_no_gutter() -> None:
    """One wide line among many at a gutter's side, a heading that ends there, is no evidence against columns."""
    heading = Line("Heading", Box(100, 60, 720, 80), is_from_text_layer=True)
    beside = [heading, *column(420, 720, 100, 12), *column(740, 1040, 70, 13)]
    gutters = find_column_gutters([*column(100, 400, 100, 12), *beside])
    assert [(gutter.x0, gutter.x1) for gutter in gutters] == [(400, 420), (720, 740)]


def test_a_full_width_line_divides_a_gutter() -> None:
    """Above and below a line that runs over both columns there is a gutter each."""
    lines = column(100, 400, 100, 5) + column(420, 720, 100, 5) + column(100, 720, 260, 1)
    lines += column(100, 400, 300, 5) + column(420, 720, 300, 5)
    assert [(gutter.y0, gutter.y1) for gutter in find_column_gutters(lines)] == [(100, 240), (300, 440)]


def test_labels_and_values_have_no_gutter() -> None:
    """Short and uneven lines beside others are labels or cells, which are read row by row."""
    labels = [
        Line("Name", Box(100, 100 + 30 * i, 100 + width, 120 + 30 * i)) for i, width in enumerate((40, 90, 60, 30))
    ]
    assert find_column_gutters(labels + column(300, 700, 100, 4)) == []


def test_options_of_a_program_are_no_columns() -> None:
    """Short labels of about one width, each level with its text, are read row by row."""
    widths = (175, 270, 238, 159, 207)
    labels = [Line("-o, --output", Box(100, 100 + 30 * i, 100 + width, 120 + 30 * i)) for i, width in enumerate(widths)]
    texts = [
        Line("file for it", Box(450, 100 + 30 * i, 450 + 2 * width, 120 + 30 * i)) for i, width in enumerate(widths)
    ]
    assert find_column_gutters(labels + texts) == []


def test_narrow_columns_of_long_words_have_a_gutter() -> None:
    """Lines of two words each that fill their columns are prose, though they are level."""
    left, right = (
        [Line("Wasserstandsmeldung zugestellt", Box(x, 100 + 30 * i, x + 300, 120 + 30 * i)) for i in range(6)]
        for x in (100, 440)
    )
    assert find_column_gutters(left + right)


def test_numbers_of_a_list_are_no_column() -> None:
    """Hanging labels in front of paragraphs belong to the paragraphs."""
    numbers = [Line(f"{i}.", Box(100, 100 + 30 * i, 120, 120 + 30 * i)) for i in range(8)]
    assert find_column_gutters(numbers + column(150, 700, 100, 8)) == []


def test_a_region_over_two_columns_is_cut() -> None:
    """A layout model that saw two columns as one text changes nothing about the reading order."""
    lines = column(100, 400, 100, 6) + column(420, 720, 100, 6)
    regions = fill_regions(lines, [Detection("text", Box(90, 90, 730, 290), 0.9)])
    assert sorted(region.box for region in regions) == [Box(100, 100, 400, 270), Box(420, 100, 720, 270)]


coordinate = st.floats(0, 900)
boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h), coordinate, coordinate, st.floats(5, 400), st.floats(5, 60)
)
lines = st.lists(st.builds(Line, st.just(PROSE), boxes), max_size=20)


@given(lines, boxes)
def test_a_cut_keeps_every_line(lines: list[Line], gutter: Box) -> None:
    """Each line is in one part."""
    assert sorted(id(line) for part in split_by_gutter(lines, gutter) for line in part) == sorted(map(id, lines))


@given(lines)
def test_no_line_lies_across_a_gutter(lines: list[Line]) -> None:
    """Gutters are white."""
    for gutter in find_column_gutters(lines):
        for line in lines:
            shared = min(line.box.x1, gutter.x1) - max(line.box.x0, gutter.x0)
            level = min(line.box.y1, gutter.y1) - max(line.box.y0, gutter.y0)
            assert shared <= 0.2 * gutter.width or level <= 0.3 * line.box.height


def test_a_line_higher_than_wide_is_no_gutter() -> None:
    """The margin around a letter of an outline is no wider than the letter."""
    lines = [
        Line(PROSE, box) for box in (Box(0, 0, 25, 5), Box(297, 0, 327, 5), Box(259, 0, 357, 5), Box(256, 0, 261, 20))
    ]
    assert not any(256 <= gutter.center[0] <= 261 for gutter in find_column_gutters(lines))


def test_columns_in_a_frame_are_no_table() -> None:
    """A dictionary's page with a frame and a rule between its columns is prose; ruled rows of such text are a table."""
    lines = column(100, 400, 100, 12) + column(410, 710, 100, 12)
    box = Box(90, 90, 720, 460)
    assert holds_columns(box, lines, Rules((), (Box(404, 90, 406, 460),)))
    rows = tuple(Box(90, y, 720, y + 2) for y in range(124, 440, 30))
    assert not holds_columns(box, lines, Rules(rows, ()))
