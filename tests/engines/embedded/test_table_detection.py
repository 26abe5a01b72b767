"""Tables that the layout model did not see, and the bounds of those it did."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.regions import Detection
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.tables import find_cells
from ocr_worker.engines.embedded.tables.columns import is_number
from ocr_worker.engines.embedded.tables.detection import correct_tables, find_tables
from support.typeset import typeset

NO_RULES = Rules((), ())


def block(rows: list[list[str]], xs: list[float], top: float = 100) -> list[Line]:
    return [
        typeset(text, x, top + 28 * i) for i, row in enumerate(rows) for x, text in zip(xs, row, strict=True) if text
    ]


place = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), *[st.integers(0, 900)] * 2, *[st.integers(5, 400)] * 2)
texts = st.sampled_from(["word", "12.50", "a few more words", "2019", "%", "Total", "-"])
cells = st.builds(
    lambda text, column, row: Line(text, Box(120 * column, 30 * row, 120 * column + 9 * len(text), 30 * row + 20)),
    texts,
    st.integers(0, 7),
    st.integers(0, 30),
)
across = place.map(lambda box: box._replace(y1=box.y0 + 1))
down = place.map(lambda box: box._replace(x1=box.x0 + 1))
strokes = st.builds(Rules, st.lists(across, max_size=4).map(tuple), st.lists(down, max_size=4).map(tuple))
detected = st.builds(Detection, st.sampled_from(["table", "image", "text"]), place, st.floats(0.3, 1))


@given(st.lists(detected), strokes, st.lists(cells))
def test_no_page_fails_for_its_tables(detections: list[Detection], rules: Rules, lines: list[Line]) -> None:
    """Whatever the layout model, the rules and the lines are: tables without lines, lines over one another, one row."""
    for detection in correct_tables(detections, rules, lines):
        assert detection.box.width >= 0
        assert detection.box.height >= 0


NUMBERS = block([[f"item {i}", f"{i}.50", f"{7 * i}%"] for i in range(1, 6)], [100, 300, 450])
PROSE = "the report shows that measured values rose in most of the districts last year"


def test_numbers_in_columns_are_a_table() -> None:
    """Rows of labels and numbers are found without a rule, with the headings above them."""
    heads = block([["name", "value", "share"]], [100, 300, 450], top=72)
    (table,) = find_tables([*heads, *NUMBERS])
    assert table.y0 == 72
    assert table.x1 > 470


def test_amounts_with_the_code_of_their_currency_are_numbers() -> None:
    """The items of a bill and the sums below them are one table, as with the signs of currencies."""
    amounts = ["CHF 1'234.50", "3`667.35 CHF", "EUR 1.200,00", "1,200 USD", "Fr. 12.00", "US$ 5", "99 zł"]
    assert all(map(is_number, amounts))
    assert not any(map(is_number, ["Mar 12", "28 Std.", "CHF", "Hub 5", "12 kg"]))
    bill = [
        ["Item", "Description", "Price", "Total"],
        ["1", "Garden work", "CHF 120.00", "CHF 3`360.00"],
        ["2", "Disposal of cuttings", "CHF 307.35", "CHF 307.35"],
        ["", "", "Sum", "CHF 3`667.35"],
        ["", "", "VAT amount", "CHF 282.40"],
        ["", "", "Bill amount", "CHF 3`949.75"],
    ]
    (table,) = find_tables(block(bill, [100, 180, 500, 700]))
    assert (table.y0, round(table.y1 - table.y0, -1)) == (100, 160)


def test_prose_in_two_columns_is_no_table() -> None:
    """Neither are lists, however straight their gutter is."""
    columns = block([[PROSE, PROSE] for _ in range(8)], [100, 1000])
    items = block([[f"{i}.", "a point of the list"] for i in range(1, 8)], [100, 140], top=600)
    assert find_tables([*columns, *items]) == []


def test_a_table_of_contents_stays_text() -> None:
    """Numbers that only count up are pages."""
    entries = [[f"chapter {i}", str(3 * i)] for i in range(1, 9)]
    assert find_tables(block(entries, [100, 500])) == []


def test_a_caption_and_a_paragraph_are_let_go() -> None:
    """A table's box that swallowed its caption and what is below keeps its own rows only."""
    caption, below = typeset("Table 1. What was measured.", 100, 60), typeset(PROSE, 100, 260)
    detection = Detection("table", Box(90, 50, 860, 290), 0.6)
    (table,) = correct_tables([detection], NO_RULES, [caption, *NUMBERS, below])
    assert table.box.y0 > 80
    assert table.box.y1 < 260
    assert table.score == 1.0


def test_labels_that_were_cut_off_come_back() -> None:
    """A box around the numbers alone is widened by the column of labels beside them."""
    detection = Detection("table", Box(240, 95, 520, 240), 0.9)
    (table,) = correct_tables([detection], NO_RULES, NUMBERS)
    assert table.box.x0 <= 100


def test_a_picture_keeps_its_figures() -> None:
    """The numbers along a chart's axis are the chart's."""
    picture = Detection("image", Box(0, 0, 1200, 1200), 0.9)
    assert correct_tables([picture], NO_RULES, NUMBERS) == [picture]


def frame(xs: list[float], ys: list[float]) -> Rules:
    return Rules(
        tuple(Box(xs[0], y - 1, xs[-1], y + 1) for y in ys), tuple(Box(x - 1, ys[0], x + 1, ys[-1]) for x in xs)
    )


def test_two_grids_seen_as_one_are_two_tables() -> None:
    """The lines between the two tables are their caption."""
    rows = [["a", "1"], ["b", "2"], ["c", "3"]]
    upper, lower = (block(rows, [110, 210], top=top) for top in (105, 305))
    above, below = (frame([100, 200, 300], [top, top + 28, top + 56, top + 84]) for top in (101, 301))
    rules = Rules((*above.across, *below.across), (*above.down, *below.down))
    detection = Detection("table", Box(90, 90, 310, 400), 0.9)
    tables = correct_tables([detection], rules, [*upper, typeset("Table 2", 150, 240), *lower])
    assert [(table.box.y0, table.box.y1) for table in tables] == [(100, 186), (300, 386)]


def test_boxes_around_texts_are_no_table() -> None:
    """A page's layout in rules: its texts are long, and span the columns that a small grid has."""
    rules = frame([100, 1200], [100, 400])
    small = frame([100, 400, 800, 1200], [400, 430, 460])
    rules = Rules((*rules.across, *small.across), (*rules.down, *small.down))
    prose = [typeset(PROSE, 120, 110 + 28 * i) for i in range(10)]
    cells = block([["a", "1", "2"], ["b", "3", "4"]], [110, 410, 810], top=405)
    assert correct_tables([], rules, [*prose, *cells]) == []


def test_a_page_column_beside_a_table_stays_text() -> None:
    """The column's lines are not the table's last cells, though they are at the same heights."""
    beside = [typeset("the measured values rose in most", 600, 100 + 28 * i) for i in range(12)]
    column = Detection("text", Box(595, 95, 920, 440), 0.95)
    _, table = correct_tables([column, Detection("table", Box(95, 95, 520, 240), 0.9)], NO_RULES, [*NUMBERS, *beside])
    assert table.box.x1 < 595


def test_a_caption_seen_as_a_table_does_not_take_it() -> None:
    """Of two tables of which one grew over the other the one seen more clearly stays."""
    caption = [typeset("Table 1.", 100, 72), typeset("What was measured.", 300, 72)]
    detections = [Detection("table", Box(95, 98, 520, 240), 0.9), Detection("table", Box(95, 70, 400, 94), 0.6)]
    assert [table.box.y0 for table in correct_tables(detections, NO_RULES, [*caption, *NUMBERS])] == [98]


def test_authors_side_by_side_are_no_table() -> None:
    """Names, institutes and addresses in columns are a paper's head, not a table."""
    rows = [["Ann Ash", "Bo Birch", "Cy Cedar"], ["River Lab"] * 3, ["Old Town"] * 3, ["a@r.org", "b@r.org", "c@r.org"]]
    assert find_tables(block(rows, [100, 350, 600])) == []


def test_labels_far_from_their_numbers_come_back() -> None:
    """Labels that are level with the rows of a table are its labels, however wide the white between them is."""
    rows = block([[f"item {i}", f"{i}.50", f"{i}.70"] for i in range(1, 6)], [100, 900, 1000])
    (table,) = correct_tables([Detection("table", Box(890, 120, 1060, 270), 0.9)], NO_RULES, rows)
    assert table.box.x0 == 100


def test_a_heading_over_the_numbers_is_the_tables() -> None:
    """A text centered over the columns of numbers is a level of the headings; one over the table is its title."""
    heading, title = typeset("Years ended", 330, 72), typeset("Title", 255, 44)
    (table,) = find_tables([title, heading, *NUMBERS])
    assert table.y0 == 72


def test_a_total_below_a_gap_is_the_tables() -> None:
    """A row of numbers below those of the table is its total, though there is white above it."""
    total = block([["sum", "17.50", "105%"]], [100, 300, 450], top=278)
    (table,) = correct_tables([Detection("table", Box(90, 95, 520, 236), 0.9)], NO_RULES, [*NUMBERS, *total])
    assert table.box.y1 == 298


def test_rows_of_close_numbers_are_a_table() -> None:
    """Numbers that are only a space apart, row below row, are a table without rules."""
    lines = [typeset(f"{i}1.5 {i}2.5 {i}3.5 {i}4.5", 300, 100 + 28 * i) for i in range(1, 7)]
    assert len(find_tables([*lines, typeset(PROSE, 100, 400)])) == 1


def test_a_table_does_not_grow_over_other_parts_of_the_page() -> None:
    """More rows above than headings have are an address or the data of a letter, however close they are."""
    letter = block([["Ada Lovelace", "Invoice", "Date"]] * 6, [100, 300, 450], top=100)
    body = block([[f"item {i}", f"{i}.50", f"{7 * i}%"] for i in range(1, 6)], [100, 300, 450], top=268)
    detection = Detection("table", Box(90, 262, 520, 410), 0.9)
    tables = correct_tables([detection], NO_RULES, [*letter, *body])
    (table,) = [table for table in tables if table.box.y1 > 268]
    assert table.box.y0 > 250


def test_a_table_grows_over_rows_of_numbers() -> None:
    """However many rows the detection missed, numbers below or above numbers belong to them."""
    rows = block([[f"item {i}", f"{i}.50", f"{7 * i}%"] for i in range(1, 16)], [100, 300, 450])
    detection = Detection("table", Box(90, 350, 520, 520), 0.9)
    (table,) = correct_tables([detection], NO_RULES, rows)
    assert table.box.y0 <= 100


def test_headings_in_a_frame_of_their_own_are_the_tables() -> None:
    """A frame above the grid, as wide as it and part of the detected table, has its headings."""
    heads = block([["Item", "Sum"]], [110, 210], top=105)
    body = block([["a", "1"], ["b", "2"], ["c", "3"]], [110, 210], top=145)
    above, below = frame([100, 200, 300], [101, 129]), frame([100, 200, 300], [141, 169, 197, 225])
    rules = Rules((*above.across, *below.across), (*above.down, *below.down))
    detection = Detection("table", Box(95, 95, 305, 230), 0.9)
    (table,) = correct_tables([detection], rules, [*heads, *body])
    assert table.box.y0 < 110


def test_the_surest_of_two_nested_tables_is_the_table() -> None:
    """A larger box with a lower score has the paragraphs around it."""
    sure, vague = Detection("table", Box(90, 95, 520, 245), 0.8), Detection("table", Box(80, 40, 560, 330), 0.45)
    around = [typeset("Due on 3 May", 100, 50), typeset("Paid by bank", 100, 280), typeset("Thank you", 100, 308)]
    (table,) = correct_tables([vague, sure], NO_RULES, [*around, *NUMBERS])
    assert table.box.y0 > 80
    assert table.box.y1 < 270


def test_a_column_that_the_detection_cuts_is_the_tables() -> None:
    """Its box is widened to the ends of the lines that it cuts."""
    rows = block([[f"{i:02}", "Ada Lovelace of London"] for i in range(1, 7)], [100, 300])
    detection = Detection("table", Box(90, 95, 380, 260), 0.9)
    (table,) = correct_tables([detection], NO_RULES, rows)
    assert table.box.x1 >= max(line.box.x1 for line in rows)


def test_a_year_over_the_numbers_is_the_tables() -> None:
    """A statement of a single year has that year above its numbers."""
    rows = block([[f"assets {i}", f"{i},250"] for i in range(1, 7)], [100, 400])
    year = typeset("2016", 400, 72)
    (table,) = correct_tables([Detection("table", Box(90, 98, 480, 270), 0.9)], NO_RULES, [year, *rows])
    assert table.box.y0 <= 72


def test_a_text_whose_lines_are_a_tables_is_no_text() -> None:
    """A detection of text that reaches beyond a table, but has only lines of the table, is dropped."""
    text = Detection("text", Box(290, 90, 900, 250), 0.6)
    detection = Detection("table", Box(90, 95, 520, 245), 0.9)
    (table,) = correct_tables([detection, text], NO_RULES, NUMBERS)
    assert table.label == "table"


def test_a_table_within_a_cell_makes_no_layout() -> None:
    """A column of long texts stays a column where one of its cells is divided by a table of its own."""
    prose = [PROSE[i : i + 40] for i in range(0, len(PROSE), 40)] * 4
    ys = [0, 40, 400, 620, 840]
    across = [Box(0, y, 800, y + 2) for y in ys]
    down = [Box(x, 0, x + 2, 842) for x in (0, 200, 800)]
    inner_across = [Box(230, y, 770, y + 2) for y in (240, 280, 320)]
    inner_down = [Box(x, 240, x + 2, 322) for x in (230, 400, 600, 770)]
    lines = [typeset("Place", 20, 10), typeset("Comments", 300, 10)]
    lines += [typeset(label, 20, y + 60) for label, y in zip(("north", "east", "south"), ys[1:], strict=False)]
    lines += [typeset(text, 230, y + 10 + 24 * i) for y in ys[1:4] for i, text in enumerate(prose[:8])]
    lines += [typeset(f"{i}{j}.5", 240 + 190 * j, 250 + 40 * i) for i in range(2) for j in range(3)]
    rules = Rules((*across, *inner_across), (*down, *inner_down))
    (table,) = correct_tables([Detection("table", Box(0, 0, 800, 840), 0.9)], rules, lines)
    assert table.label == "table"
    assert table.box.y1 > 830


def test_headings_below_white_begin_another_table() -> None:
    """Two tables below one another, each with emphasized headings, are two, however the model saw them."""
    xs = [100, 300, 450]
    first = block([["name", "value", "share"], *([f"item {i}", f"{i}.50", f"{7 * i}%"] for i in range(1, 5))], xs)
    second = block([["code", "price", "rate"], *([f"art {i}", f"{i}.90", f"{3 * i}%"] for i in range(1, 5))], xs, 300)
    heads = ("name", "value", "share", "code", "price", "rate")
    lines = [replace(line, is_bold=line.text in heads) for line in (*first, *second)]
    for detections in ([], [Detection("table", Box(90, 90, 520, 440), 0.9)]):
        tables = correct_tables(detections, NO_RULES, lines)
        counts = [
            [sum(table.box.contains(line.box.center) for line in part) for part in (first, second)] for table in tables
        ]
        assert sorted(counts) == [[0, 15], [15, 0]]


def test_a_grid_of_texts_within_a_doubtful_picture_is_a_table() -> None:
    """The model's doubt about a picture is weaker than rules around texts."""
    rules = Rules(
        tuple(Box(100, y, 500, y + 2) for y in (100, 140, 180)), tuple(Box(x, 100, x + 2, 182) for x in (100, 300, 500))
    )
    lines = [typeset(text, x, y) for text, x, y in (("a", 120, 110), ("b", 320, 110), ("c", 120, 150), ("d", 320, 150))]
    lines += [typeset(PROSE, 100, 300 + 30 * i) for i in range(6)]
    tables = correct_tables([Detection("image", Box(50, 50, 700, 280), 0.5)], rules, lines)
    assert "table" in [table.label for table in tables]


def invoice() -> list[Line]:
    """Return an item below headings, and the sums, whose labels are across the columns."""
    xs = [100, 220, 420, 520, 640, 760]
    heads = ["Code", "Description", "Count", "Price", "Discount", "Amount"]
    item = ["A17", "a screen", "1", "€156.20", "0", "€156.20"]
    sums = ["Subtotal of the items", "Taxes", "Sum with all taxes", "Paid before", "To be paid"]
    lines = block([heads, ["", "", "", "(net)", "(net)", "(net)"], item], xs)
    return [*lines, *block([[label, f"€{i}9.00"] for i, label in enumerate(sums, 1)], [470, 760], top=190)]


def test_sums_across_the_columns_do_not_hide_a_table() -> None:
    """An invoice with a single item and many sums is a table, and keeps its columns."""
    (table,) = find_tables(invoice())
    assert table.y0 == 100
    assert table.y1 > 300
    cells = find_cells(table, invoice(), NO_RULES)
    assert max(cell.column for cell in cells) == 5
    assert [cell.text for cell in cells if cell.text.startswith("Sum")] == ["Sum with all taxes"]


def test_headings_below_sums_begin_another_table() -> None:
    """A small table of taxes right below the sums is a table, beside a note of small print, too."""
    taxes = [
        ["", "Net", "Tax", "Gross"],
        ["21%", "€156.20", "€32.80", "€189.00"],
        ["All", "€156.20", "€32.80", "€189.00"],
    ]
    note = [typeset(PROSE, 700, 335 + 28 * i) for i in range(4)]
    tables = find_tables([*invoice(), *block(taxes, [100, 220, 340, 460], top=335), *note])
    assert [round(table.y0) for table in tables] == [100, 335]
    assert tables[1].x1 < 700


def test_two_lists_of_sums_side_by_side_are_two_tables() -> None:
    """Labels and numbers whose rows are not level are read one list after the other."""
    left = [typeset(t, x, 100 + y) for y, *row in ((0, "Net", "9.00"), (28, "Tax", "1.00"), (70, "All", "10.00"))
            for t, x in zip(row, (100, 250), strict=True)]  # fmt: skip
    rows = ((0, "Subtotal", "9.00"), (49, "Total", "10.00"), (70, "Paid in May", "10.00"), (98, "Left", "0.00"))
    right = [typeset(t, x, 100 + y) for y, *row in rows for t, x in zip(row, (500, 700), strict=True)]
    tables = sorted(find_tables([*left, *right]))
    counts = [[sum(table.contains(line.box.center) for line in part) for part in (left, right)] for table in tables]
    assert counts == [[6, 0], [0, 8]]


def test_further_lines_of_items_do_not_hide_a_table() -> None:
    """Items whose descriptions have several lines each are rows of a table."""
    lines = []
    for i in range(4):
        lines += block(
            [[str(i + 1), "1", "Business plan", "3.89", "3.89"]], [100, 180, 260, 600, 750], top=100 + 100 * i
        )
        lines += block([["basic charge"], ["service: aa"], ["in May"]], [260], top=124 + 100 * i)
    (table,) = find_tables(lines)
    assert (table.y0, table.y1 > 400) == (100, True)


def test_the_amounts_of_a_receipt_are_a_table_of_two_columns() -> None:
    """The letter of a tax rate is of its amount; lines above and below that are in no columns are not in the table."""
    lines = [typeset("TOWN MARKET PLUS", 110, 0)]
    items = (("FLAT SCREEN 65", "$899.99 S"), ("CABLE BB", "$19.99 S"), ("RADIO V4", "$89.99 S"), ("TOTAL", "$1009.97"))
    for i, (label, amount) in enumerate(items):
        lines += [typeset(label, 0, 30 + 30 * i), typeset(amount, 300, 30 + 30 * i)]
    lines += [typeset("ACCOUNT # **** **** **** VISA 3433", 0, 160), typeset("APPROVAL # 114801", 0, 190)]
    (box,) = find_tables(lines)
    inside = [line for line in lines if box.contains(line.box.center)]
    cells = find_cells(box, inside, Rules((), ()))
    assert [[cell.text for cell in cells if cell.row == i] for i in range(4)] == [list(item) for item in items]
    assert len(cells) == 2 * len(items)


@pytest.mark.parametrize("gap", [30, 40, 60])
def test_a_part_of_a_detection_does_not_grow_over_the_next(gap: int) -> None:
    """Two tables with the same columns, which the model saw as a single table, keep to their rows."""
    xs = [100, 300, 450]
    first = block([["name", "value", "share"], *([f"item {i}", f"{i}.50", f"{7 * i}%"] for i in range(1, 5))], xs)
    top = first[-1].box.y1 + gap
    second = block([["code", "price", "rate"], *([f"art {i}", f"{i}.90", f"{3 * i}%"] for i in range(1, 5))], xs, top)
    lines = [replace(line, is_bold=line.text in ("name", "value", "share", "code", "price", "rate")) for line in first]
    lines += [replace(line, is_bold=line.text in ("code", "price", "rate")) for line in second]
    tables = correct_tables([Detection("table", Box(90, 90, 520, second[-1].box.y1 + 8), 0.95)], NO_RULES, lines)
    boxes = sorted((table.box for table in tables), key=lambda box: box.y0)
    assert len(boxes) == 2
    assert boxes[0].y1 <= second[0].box.y0
    assert boxes[1].y0 >= first[-1].box.y1


@pytest.mark.parametrize(("score", "rows"), [(0.7, 2), (0.85, 3), (0.5, 2)])
def test_some_rows_of_a_table_that_were_detected_again_are_no_table(score: float, rows: int) -> None:
    """A single detection within another, with a similar or a lower score, is a part of that table."""
    again = Detection("table", Box(95, NUMBERS[-3 * rows].box.y0 - 2, 515, 240), score)
    tables = correct_tables([Detection("table", Box(90, 95, 520, 245), 0.82), again], NO_RULES, NUMBERS)
    assert len([table for table in tables if table.label == "table"]) == 1
