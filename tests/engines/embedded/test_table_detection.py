"""Tables that the layout model did not see, and the bounds of those it did."""

from __future__ import annotations

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.regions import Detection
from ocr_worker.engines.embedded.rules import Rules
from ocr_worker.engines.embedded.table_detection import find_tables, with_tables

NO_RULES = Rules((), ())


def line(text: str, x: float, y: float) -> Line:
    """A line 20 pixels high, its characters 10 wide."""
    words, at = [], x
    for word in text.split():
        words.append(Word(word, Box(at, y, at + 10 * len(word), y + 20)))
        at += 10 * len(word) + 6
    return Line(text, Box(x, y, at - 6, y + 20), words=tuple(words))


def block(rows: list[list[str]], xs: list[float], top: float = 100) -> list[Line]:
    return [line(text, x, top + 28 * i) for i, row in enumerate(rows) for x, text in zip(xs, row, strict=True) if text]


NUMBERS = block([[f"item {i}", f"{i}.50", f"{7 * i}%"] for i in range(1, 6)], [100, 300, 450])
PROSE = "the report shows that measured values rose in most of the districts last year"


def test_numbers_in_columns_are_a_table() -> None:
    """Rows of labels and numbers are found without a rule, with the headings above them."""
    heads = block([["name", "value", "share"]], [100, 300, 450], top=72)
    (found,) = find_tables([*heads, *NUMBERS], NO_RULES)
    assert found.y0 == 72
    assert found.x1 > 470


def test_prose_in_two_columns_is_no_table() -> None:
    """Neither are lists, however straight their gutter is."""
    columns = block([[PROSE, PROSE] for _ in range(8)], [100, 1000])
    items = block([[f"{i}.", "a point of the list"] for i in range(1, 8)], [100, 140], top=600)
    assert find_tables([*columns, *items], NO_RULES) == []


def test_a_table_of_contents_stays_text() -> None:
    """Numbers that only count up are pages."""
    entries = [[f"chapter {i}", str(3 * i)] for i in range(1, 9)]
    assert find_tables(block(entries, [100, 500]), NO_RULES) == []


def test_a_caption_and_a_paragraph_are_let_go() -> None:
    """A table's box that swallowed its caption and what is below keeps its own rows only."""
    caption, below = line("Table 1. What was measured.", 100, 60), line(PROSE, 100, 260)
    seen = Detection("table", Box(90, 50, 860, 290), 0.6)
    (table,) = with_tables([seen], NO_RULES, [caption, *NUMBERS, below])
    assert table.box.y0 > 80
    assert table.box.y1 < 260
    assert table.score == 1.0


def test_labels_that_were_cut_off_come_back() -> None:
    """A box around the numbers alone is widened by the column of labels beside them."""
    seen = Detection("table", Box(240, 95, 520, 240), 0.9)
    (table,) = with_tables([seen], NO_RULES, NUMBERS)
    assert table.box.x0 <= 100


def test_a_picture_keeps_its_figures() -> None:
    """The numbers along a chart's axis are the chart's."""
    picture = Detection("image", Box(0, 0, 1200, 1200), 0.9)
    assert with_tables([picture], NO_RULES, NUMBERS) == [picture]
