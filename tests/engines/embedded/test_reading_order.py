"""Reading order: columns, what runs over them, and that nothing is lost or doubled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.reading_order import Layout, reading_order

LEFT, RIGHT, FULL = (0, 100), (120, 220), (0, 220)


def box(column: tuple[int, int], top: int, bottom: int) -> Box:
    return Box(column[0], top, column[1], bottom)


def test_columns_are_read_one_after_the_other() -> None:
    """Two columns whose paragraphs happen to end level are read down, then down again."""
    boxes = [box(LEFT, 0, 100), box(RIGHT, 0, 100), box(LEFT, 120, 200), box(RIGHT, 120, 200)]
    assert reading_order(Layout(boxes)) == [0, 2, 1, 3]


def test_a_full_width_part_divides_the_columns() -> None:
    """Everything above a full-width figure is read before it, in both columns."""
    boxes = [box(RIGHT, 200, 300), box(FULL, 120, 180), box(LEFT, 200, 300), box(RIGHT, 0, 100), box(LEFT, 0, 100)]
    assert reading_order(Layout(boxes)) == [4, 3, 1, 2, 0]


def test_a_title_under_columns_heads_what_follows() -> None:
    """A title in the left column's width, under both columns, is read after the right column."""
    boxes = [box(LEFT, 0, 100), box(RIGHT, 0, 90), Box(0, 120, 80, 135), box(FULL, 150, 250)]
    assert reading_order(Layout(boxes, heads={2})) == [0, 1, 2, 3]


def test_authors_in_a_row_are_read_before_the_columns_below() -> None:
    """A row of low boxes is no beginning of the columns under it."""
    row = [Box(20, 0, 80, 20), Box(140, 0, 200, 20)]
    assert reading_order(Layout([*row, box(LEFT, 40, 400), box(RIGHT, 40, 400)])) == [0, 1, 2, 3]


def test_labels_and_their_values_are_read_row_by_row() -> None:
    """Boxes of one line each are no columns, though a gutter runs down between them."""
    boxes = [Box(x, y, x + 40, y + 10) for y in range(0, 100, 20) for x in (0, 100)]
    assert reading_order(Layout(boxes, line_height=10)) == list(range(10))


def test_one_box_across_the_gutter_does_not_mix_the_columns() -> None:
    """An outlier over both columns' edges is read in its place; the columns stay whole."""
    boxes = [box(LEFT, 0, 100), box(RIGHT, 0, 110), box(LEFT, 105, 300), box(RIGHT, 95, 300), Box(80, 90, 140, 130)]
    assert reading_order(Layout(boxes)) in ([0, 4, 2, 1, 3], [0, 2, 1, 4, 3])


def test_a_column_may_begin_with_captions_and_titles() -> None:
    """A word of a figure and a caption beside a tall text are the head of a column whose text comes farther down."""
    boxes = [box(LEFT, 0, 200), Box(120, 50, 150, 60), Box(0, 210, 60, 220), Box(120, 205, 220, 215)]
    boxes += [box(LEFT, 230, 300), box(RIGHT, 235, 300)]
    assert reading_order(Layout(boxes, line_height=10)) == [0, 2, 4, 1, 3, 5]


def test_last_lines_side_by_side_belong_to_their_columns() -> None:
    """Low boxes at the foot of two columns are no row: each is read at the end of its column."""
    boxes = [box(LEFT, 0, 400), box(RIGHT, 0, 400), Box(0, 405, 60, 415), Box(120, 405, 180, 415)]
    boxes += [box(LEFT, 425, 600), box(RIGHT, 425, 600)]
    assert reading_order(Layout(boxes, line_height=10)) == [0, 2, 4, 1, 3, 5]


def test_titles_side_by_side_stay_in_their_columns() -> None:
    """Two columns whose titles are at the same height are still read one after the other."""
    boxes = [box(LEFT, 0, 200), box(RIGHT, 0, 200), box(LEFT, 220, 232), box(RIGHT, 220, 232)]
    boxes += [box(LEFT, 240, 400), box(RIGHT, 240, 400)]
    assert reading_order(Layout(boxes, heads={2, 3})) == [0, 2, 4, 1, 3, 5]


def test_cards_in_frames_are_read_row_by_row() -> None:
    """Frames side by side with level upper edges are no columns, whatever their heights."""
    cards = [box(LEFT, 0, 100), box(RIGHT, 0, 80), box(LEFT, 120, 200), box(RIGHT, 120, 210)]
    layout = Layout([*cards, box(FULL, 220, 300)], cards={0, 1, 2, 3}, line_height=10)
    assert reading_order(layout) == [0, 1, 2, 3, 4]


def test_cards_without_frames_begin_with_level_titles_in_every_row() -> None:
    """Level titles over every row and column make cards; one row without them leaves columns."""
    tops = (0, 120, 240)
    titles = [box(column, top, top + 10) for top in tops for column in (LEFT, RIGHT)]
    texts = [box(column, top + 15, top + 90) for top in tops for column in (LEFT, RIGHT)]
    layout = Layout([*titles, *texts], heads=set(range(6)), line_height=10)
    assert reading_order(layout) == [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]
    columns = Layout([*titles[2:], *texts], heads=set(range(4)), line_height=10)
    assert reading_order(columns) == [4, 0, 6, 2, 8, 5, 1, 7, 3, 9]


def test_columns_of_right_to_left_scripts_begin_on_the_right() -> None:
    """In Arabic the right column comes first."""
    assert reading_order(Layout([box(LEFT, 0, 300), box(RIGHT, 0, 300)], is_right_to_left=True)) == [1, 0]


coordinate = st.floats(0, 1000)
any_box = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h), coordinate, coordinate, st.floats(1, 500), st.floats(1, 500)
)


@given(st.lists(any_box, max_size=25), st.booleans())
def test_the_order_is_a_permutation(boxes: list[Box], right_to_left: bool) -> None:
    """Each box has exactly one position, however boxes overlap."""
    assert sorted(reading_order(Layout(boxes, is_right_to_left=right_to_left))) == list(range(len(boxes)))
