"""Lines that run across the white between two columns."""

from __future__ import annotations

from dataclasses import replace

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.gutters import split_at_gutters
from ocr_worker.engines.embedded.lines import Line, Word

HEIGHT, PITCH = 20, 24


def line(row: int, *words: tuple[str, float, float]) -> Line:
    """A line in this row with words at these places: text, left, right."""
    y = 100 + row * PITCH
    boxes = tuple(Word(text, Box(x0, y, x1, y + HEIGHT)) for text, x0, x1 in words)
    box = Box(words[0][1], y, words[-1][2], y + HEIGHT)
    return Line(" ".join(text for text, _, _ in words), box, words=boxes)


LEFT = ("left", 100, 300), ("side", 305, 480)
RIGHT = ("right", 500, 700), ("hand", 705, 880)


def texts(lines: list[Line]) -> list[str]:
    return [part.text for part in lines]


def test_a_line_across_a_gutter_is_parted() -> None:
    """If the lines around it begin at the gap, a line is split there."""
    page = [line(row, *side) for row in (0, 1, 3, 4) for side in (LEFT, RIGHT)] + [line(2, *LEFT, *RIGHT)]
    assert texts(split_at_gutters(page)) == ["left side", "right hand"] * 5


def test_columns_taken_together_in_every_line_are_parted() -> None:
    """Gaps at one and the same place tell one another."""
    assert texts(split_at_gutters([line(row, *LEFT, *RIGHT) for row in range(5)])) == ["left side", "right hand"] * 5


def test_a_wide_space_alone_is_no_gutter() -> None:
    """A wide space in justified text is no gutter: the lines around continue across it."""
    other = ("left", 100, 300), ("side", 305, 520), ("right", 525, 700), ("hand", 705, 880)
    page = [line(row, *other) for row in (0, 1, 3, 4)] + [line(2, *LEFT, *RIGHT)]
    assert texts(split_at_gutters(page)) == texts(page)


def test_a_heading_over_both_columns_stays_whole() -> None:
    """A heading with normal spaces is not split, whatever begins below it."""
    heading = line(0, ("left", 100, 300), ("side", 305, 493), ("right", 500, 700), ("hand", 705, 880))
    page = [heading, *(line(row, *side) for row in range(1, 6) for side in (LEFT, RIGHT))]
    assert texts(split_at_gutters(page))[0] == "left side right hand"


def test_the_numbers_of_a_list_stay_with_their_items() -> None:
    """List numbers before the gap are too narrow for a column."""
    page = [line(row, ("1.", 100, 120), ("item", 140, 300), ("text", 305, 700)) for row in range(6)]
    assert texts(split_at_gutters(page)) == ["1. item text"] * 6


def test_a_line_across_a_narrow_gutter_is_parted_where_the_gutter_ends_at_it() -> None:
    """Columns as close as the spaces of justified text: a first line that was read across both is split.

    A line farther above, a heading in larger letters and a paragraph of two lines over the columns stay whole.
    """
    left, right = (("left", 100, 300), ("side", 310, 480)), (("right", 490, 700), ("hand", 710, 880))
    columns = [line(row, *side) for row in range(1, 6) for side in (left, right)]
    assert texts(split_at_gutters([line(0, *left, *right), *columns]))[:2] == ["left side", "right hand"]
    across = line(0, *left, *right)
    apart, above = line(-3, *left, *right), line(-1, *left, *right)
    heading = replace(across, box=across.box._replace(y0=across.box.y0 - 10))
    for lines in ([apart], [heading], [across, above]):
        assert set(texts(split_at_gutters([*lines, *columns]))[: len(lines)]) == {"left side right hand"}
