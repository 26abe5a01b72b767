"""Cards: frames side by side, found from rules."""

from __future__ import annotations

from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.cards import find_cards, find_frames, frames_of_texts, split_at_frames
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.page import order_regions
from support.typeset import typeset

HEIGHT = 20.0


def cards_of(rules: Rules) -> list[Box]:
    return find_cards(find_frames(rules, HEIGHT), HEIGHT)


def frame(x: float, y: float, width: float, height: float, corner: float = 0.0) -> Rules:
    """Return the rules of a frame, each edge two pixels thick; corners are left free."""
    across = [Box(x + corner, top, x + width - corner, top + 2) for top in (y, y + height - 2)]
    down = [Box(left, y + corner, left + 2, y + height - corner) for left in (x, x + width - 2)]
    return Rules(tuple(across), tuple(down))


def together(*parts: Rules) -> Rules:
    return Rules(sum((part.across for part in parts), ()), sum((part.down for part in parts), ()))


def test_frames_side_by_side_are_cards_also_with_round_corners() -> None:
    """Two rows of two frames are four cards; the white between the rows is none."""
    frames = [frame(x, y, 300, 200, corner=12) for y in (0, 240) for x in (0, 340)]
    cards = cards_of(together(*frames))
    assert [(round(card.x0, -1), round(card.y0, -1)) for card in cards] == [(10, 0), (350, 0), (10, 240), (350, 240)]


def test_a_frame_alone_cells_that_touch_and_boxes_to_tick_are_no_cards() -> None:
    """Neither a single frame, nor frames below one another, cells of a table, or small boxes are cards."""
    alone = frame(0, 0, 300, 200)
    below = frame(0, 240, 300, 200)
    cells = together(frame(0, 0, 300, 200), frame(300, 0, 300, 200))
    small = together(frame(0, 0, 30, 30), frame(100, 0, 30, 30))
    assert [cards_of(rules) for rules in (alone, together(alone, below), cells, small)] == [[], [], [], []]


def test_frames_whose_upper_edges_differ_are_no_cards() -> None:
    """Frames of columns, each beginning where the one above ends, are read down."""
    assert cards_of(together(frame(0, 0, 300, 200), frame(340, 60, 300, 200))) == []


def test_a_frame_close_below_another_is_a_frame_of_its_own() -> None:
    """Advertisements below one another, as close as lines of text, are two frames; a thick edge makes no third."""
    close = together(frame(0, 0, 300, 200), frame(0, 215, 300, 200))
    assert [round(box.y0, -1) for box in find_frames(close, HEIGHT)] == [0, 220]
    thick = Rules((*frame(0, 0, 300, 200).across, Box(0, 206, 300, 208)), frame(0, 0, 300, 200).down)
    assert len(find_frames(thick, HEIGHT)) == 1


def test_texts_in_frames_are_read_one_after_the_other() -> None:
    """Advertisements of unequal heights: no text is in two of them, and none is read in bands across them."""
    frames = [Box(0, 0, 300, 400), Box(320, 0, 620, 200), Box(320, 220, 620, 400)]
    lines = [
        typeset(f"{i} {row}", frame.x0 + 20, frame.y0 + y)
        for i, frame in enumerate(frames)
        for row, y in enumerate((30, 140))
    ]
    bands = [lines[0::2], lines[1::2]]
    regions = [Region("text", bounds(line.box for line in band), tuple(band)) for band in bands]
    ordered = order_regions(split_at_frames(regions, frames), lines, (), frames)
    assert [line.text for region in ordered for line in region.lines] == [line.text for line in lines]


def test_cells_and_parts_of_tables_are_no_frames_of_texts() -> None:
    """Cells touch each other, and have few lines or are equally high; advertisements that touch are neither."""
    cells = [Box(0, 0, 300, 100), Box(300, 0, 600, 100)]
    few = [typeset("cell", 20, 30), typeset("cell", 320, 30)]
    many = [typeset("row", frame.x0 + 20, 5 + 22 * row) for frame in cells for row in range(4)]
    texts = [cells[0], Box(300, 0, 600, 160)]
    assert frames_of_texts(texts, [], few) == []
    assert frames_of_texts(cells, [], many) == []
    assert frames_of_texts(texts, [], many) == texts
    assert frames_of_texts(texts, [Box(0, 0, 600, 160)], many) == []
