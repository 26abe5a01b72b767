"""Tables from rules, and from alignment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.tables import Cell, find_cells, part_titles, to_html, to_markdown
from support.typeset import typeset

WHOLE = Box(0, 0, 300, 120)


def across(y: float, x0: float = 0, x1: float = 300) -> Box:
    return Box(x0, y - 1, x1, y + 1)


def down(x: float, y0: float = 0, y1: float = 120) -> Box:
    return Box(x - 1, y0, x + 1, y1)


def word(text: str, x: float, y: float) -> Line:
    return Line(text, Box(x - 30, y - 10, x + 30, y + 10))


def texts(cells: list[Cell]) -> list[list[str]]:
    return [[cell.text for cell in cells if cell.row == row] for row in range(max(c.row for c in cells) + 1)]


def test_rules_make_cells() -> None:
    """Each word is in the cell whose rules surround it, and a cell without words is empty."""
    rules = Rules(tuple(map(across, (0, 40, 80, 120))), tuple(map(down, (0, 100, 200, 300))))
    lines = [word("a", 50, 20), word("b", 150, 20), word("c", 50, 60), word("d", 250, 100)]
    assert texts(find_cells(WHOLE, lines, rules)) == [["a", "b", ""], ["c", "", ""], ["", "", "d"]]


def test_a_missing_rule_makes_a_span() -> None:
    """Two cells without a rule between them are one cell, with a span in the HTML."""
    rules = Rules(
        tuple(map(across, (0, 40, 80, 120))),
        (down(0), down(100, 40), down(200), down(300)),
    )
    lines = [word("head", 100, 20), word("b", 250, 20), word("c", 50, 60)]
    html = to_html(find_cells(WHOLE, lines, rules))
    assert html.startswith('<table><tr><td colspan="2">head</td><td>b</td></tr><tr><td>c</td><td></td>')


def test_a_row_span_reaches_down() -> None:
    """A cell over two rows is written once, in the first of them."""
    rules = Rules((across(0), across(40, 100), across(80), across(120)), tuple(map(down, (0, 100, 200, 300))))
    html = to_html(find_cells(WHOLE, [word("tall", 50, 40), word("b", 150, 20), word("c", 150, 60)], rules))
    assert html.startswith('<table><tr><td rowspan="2">tall</td><td>b</td><td></td></tr><tr><td>c</td><td></td></tr>')


def test_columns_come_from_alignment_without_rules() -> None:
    """White that runs down through all rows parts the columns; a missing word leaves its cell empty."""
    lines = [word("a", 50, 20), word("1", 150, 20), word("x", 250, 20), word("b", 50, 60), word("y", 250, 60)]
    assert texts(find_cells(WHOLE, lines, Rules((), ()))) == [["a", "1", "x"], ["b", "", "y"]]


def test_bullets_are_no_column() -> None:
    """The bullet of an item is in the cell of its text, however far apart they are, while dots in a column stay."""

    def item(x: float, y: float, name: str) -> Line:
        words = (Word("•", Box(x, y, x + 5, y + 20)), Word(name, Box(x + 30, y, x + 90, y + 20)))
        return Line(f"• {name}", Box(x, y, x + 90, y + 20), words=words)

    lines = [item(x, 40 * i, f"{name}{i}") for i in range(3) for x, name in ((0, "left"), (200, "right"))]
    assert texts(find_cells(WHOLE, lines, Rules((), ()))) == [[f"• left{i}", f"• right{i}"] for i in range(3)]
    dots = [line for i, name in enumerate("abc") for line in (word(name, 50, 40 * i), word("•", 150, 40 * i))]
    assert texts(find_cells(WHOLE, dots, Rules((), ()))) == [["a", "•"], ["b", "•"], ["c", "•"]]


def test_a_line_over_a_rule_is_cut() -> None:
    """A line that was detected across a rule is two cells."""
    rules = Rules(tuple(map(across, (0, 40, 80))), tuple(map(down, (0, 100, 200))))
    lines = [Line("abcdefg hijklmn", Box(20, 10, 180, 30))]
    assert texts(find_cells(Box(0, 0, 200, 80), lines, rules)) == [["abcdefg", "hijklmn"], ["", ""]]


def test_markdown_keeps_every_cell_in_one_line() -> None:
    """Pipes in a text are escaped, the first row is the head, a text over all columns leaves empty cells."""
    cells = [Cell(0, 0, "a|b", 1, 2), Cell(1, 0, "c"), Cell(1, 1, "d")]
    assert to_markdown(cells) == "| a\\|b |  |\n| --- | --- |\n| c | d |"


def test_html_is_escaped() -> None:
    """A cell's text can never become markup."""
    assert to_html([Cell(0, 0, "a < b & c")]) == "<table><tr><td>a &lt; b &amp; c</td></tr></table>"


def aligned(*rows: tuple[str, ...], xs: tuple[float, ...] = (0, 200, 300), pitch: float = 30) -> list[Line]:
    return [typeset(text, x, i * pitch) for i, row in enumerate(rows) for x, text in zip(xs, row, strict=True) if text]


def read(lines: list[Line], *ys: float) -> list[list[str]]:
    """The texts by row, without rules down, and with rules across at these heights."""
    box = Box(0, 0, 400, max(line.box.y1 for line in lines))
    return texts(find_cells(box, lines, Rules(tuple(across(y, 0, 400) for y in ys), ())))


def test_rules_across_part_rows_and_alignment_the_columns() -> None:
    """A heading of two lines above the rule is one cell."""
    lines = [typeset("Net", 200, 0), typeset("Name", 0, 24), typeset("sales", 200, 24), typeset("Tax", 300, 24)]
    lines += [typeset(text, x, 60 + 30 * i) for i in range(4) for text, x in ((f"a{i}", 0), (f"1{i}", 200), ("2", 300))]
    rows = read(lines, -5, 52, 185)
    assert rows[0] == ["Name", "Net sales", "Tax"]
    assert rows[1:] == [[f"a{i}", f"1{i}", "2"] for i in range(4)]


def test_a_sign_belongs_to_its_number() -> None:
    """A currency sign that is apart from its number makes no column."""
    rows = [(f"item {i}", "$" if i == 0 else "", f"{i},500") for i in range(5)]
    assert read(aligned(*rows))[0] == ["item 0", "$ 0,500"]


def test_leaders_only_lead() -> None:
    """Dots between a label and its number are in neither."""
    lines = [typeset(f"label ............ {i}5", 0, 30 * i) for i in range(4)]
    assert read(lines) == [["label", f"{i}5"] for i in range(4)]


def test_a_heading_over_two_columns_spans_them() -> None:
    """A heading centered above two columns spans both, also in Markdown, where it is written once."""
    rows = [(f"row {i}", f"{i}1", f"{i}2") for i in range(5)]
    lines = [typeset("Year", 240, 0), *(line_below(line, 30) for line in aligned(("", "2023", "2022"), *rows))]
    cells = find_cells(Box(0, 0, 400, 220), lines, Rules((), ()))
    assert cells[1] == Cell(0, 1, "Year", 1, 2)
    assert to_markdown(cells).startswith('<table><tr><td></td><td colspan="2">Year</td></tr>')


def test_a_spanning_text_is_written_once() -> None:
    """A text over several rows, over both, or over the full width, is in one cell of the HTML that Markdown has."""
    cells = [Cell(0, 0, "all", 1, 3), Cell(1, 0, "tall", 2, 1), Cell(1, 1, "b", 2, 2), Cell(3, 0, "c"), Cell(3, 2, "d")]
    markdown = to_markdown([*cells, Cell(3, 1, "e")])
    assert [markdown.count(f">{text}<") for text in ("all", "tall", "b", "e")] == [1, 1, 1, 1]


def line_below(line: Line, by: float) -> Line:
    def down_by(box: Box) -> Box:
        return Box(box.x0, box.y0 + by, box.x1, box.y1 + by)

    return Line(line.text, down_by(line.box), words=tuple(Word(w.text, down_by(w.box)) for w in line.words))


def test_numbers_above_one_another_are_two_rows() -> None:
    """Even where a rule parts only the labels beside them."""
    rules = Rules((across(0), across(40, 0, 100), across(80)), tuple(map(down, (0, 100, 300))))
    lines = [word("a", 50, 20), word("b", 50, 60), word("11", 200, 20), word("12", 200, 60)]
    assert texts(find_cells(Box(0, 0, 300, 80), lines, rules)) == [["a", "11"], ["b", "12"]]


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=2, max_size=8), st.booleans())
def test_every_word_ends_in_one_cell(filled: list[list[bool]], ruled: bool) -> None:
    """Whatever is empty: no word is lost or doubled, and no two cells share a place."""
    lines = [typeset(f"w{i}x{j}", 100 * j, 30 * i) for i, row in enumerate(filled) for j, yes in enumerate(row) if yes]
    rules = Rules(tuple(across(30 * i - 5, -5, 395) for i in range(len(filled) + 1)), ()) if ruled else Rules((), ())
    cells = find_cells(Box(-5, -5, 395, 30 * len(filled)), lines, rules)
    assert sorted(word for cell in cells for word in cell.text.split()) == sorted(line.text for line in lines)
    places = [
        (cell.row + i, cell.column + j) for cell in cells for i in range(cell.row_span) for j in range(cell.column_span)
    ]
    assert len(places) == len(set(places))


def test_numbers_side_by_side_are_cells_without_a_rule() -> None:
    """A heading over columns without rules below it spans them; the numbers below are separate cells."""
    rules = Rules(tuple(map(across, (0, 40, 80, 120))), (down(0), down(100), down(200, 40, 80), down(300)))
    lines = [word("head", 200, 20), word("x", 150, 60), word("y", 250, 60), word("1", 150, 100), word("2", 250, 100)]
    assert texts(find_cells(WHOLE, lines, rules)) == [["", "head"], ["", "x", "y"], ["", "1", "2"]]


def test_a_few_rules_do_not_hide_the_columns() -> None:
    """If rules close only one of many columns, the words determine the others."""
    lines = [word(f"{i}{j}", 50 + 95 * j, 20 + 40 * i) for i in range(3) for j in range(4)]
    rules = Rules(tuple(Box(0, y - 1, 390, y + 1) for y in (0, 40, 80, 120)), (down(300, 40, 80), down(390, 40, 80)))
    cell_texts = texts(find_cells(Box(0, 0, 391, 120), lines, rules))
    assert cell_texts == [["00", "01", "02", "03"], ["10", "11", "12", "13"], ["20", "21", "22", "23"]]


def test_a_wide_heading_keeps_to_its_column() -> None:
    """It only reaches into the column at its left, which has a heading of its own."""
    heads = [word("name", 50, 20), Line("net value", Box(110, 10, 240, 30))]
    rows = [word(text, x, y) for y in (60, 100) for text, x in (("a", 50), ("1", 210))]
    cell_texts = texts(find_cells(WHOLE, [*heads, *rows], Rules((across(40),), ())))
    assert cell_texts == [["name", "net value"], ["a", "1"], ["a", "1"]]


def test_markdown_leaves_out_what_is_empty() -> None:
    """A row and a column without any text part nothing."""
    cells = [Cell(i, j, f"{i}{j}" if 1 not in (i, j) else "") for i in range(3) for j in range(3)]
    assert to_markdown(cells) == "| 00 | 02 |\n| --- | --- |\n| 20 | 22 |"


NARROW = [["1.5", "22.5", "3.5"], ["4.5", "5.5", "66.5"], ["7.5", "8.5", "9.5"], ["10.5", "1.5", "2.5"]]


def typeset_right(texts: list[str], ends: list[float], y: float) -> Line:
    """Return one line whose words end at these x; characters are 10 pixels wide."""
    words = tuple(Word(text, Box(end - 10 * len(text), y, end, y + 20)) for text, end in zip(texts, ends, strict=True))
    return Line(" ".join(texts), Box(words[0].box.x0, y, words[-1].box.x1, y + 20), words=words)


@pytest.mark.parametrize("labels", [["a", "long b", "c", "dd"], ["", "", "", ""]], ids=["labels", "numbers only"])
def test_numbers_below_numbers_are_columns_however_close(labels: list[str]) -> None:
    """Columns of numbers that are a space apart are columns, since each row has its numbers at the same places."""
    lines = [typeset_right(row, [240, 286, 332], 40 * i) for i, row in enumerate(NARROW)]
    lines += [typeset(label, 0, 40 * i) for i, label in enumerate(labels) if label]
    expected = [[label, *row] if label else row for label, row in zip(labels, NARROW, strict=True)]
    assert texts(find_cells(Box(0, 0, 340, 160), lines, Rules((), ()))) == expected


@pytest.mark.parametrize("heading", ["Goods", ""])
@pytest.mark.parametrize("years", [["1991", "1992", "1993"], ["Q1", "Q2", "Q3"], ["FY2024", "FY2025", "FY2026"]])
def test_years_over_columns_of_small_numbers_are_headings(heading: str, years: list[str]) -> None:
    """Years that are wider than the numbers below them, and a space apart, are a heading for each column."""
    numbers = [["6", "88", "4"], ["57", "2", "28"], ["33", "59", "71"], ["1", "43", "26"]]
    ends = [200 + 10.0 * len(years[0]) * i + 10 * i for i in range(3)]
    lines = [typeset_right(row, ends, 40 * i + 40) for i, row in enumerate(numbers)]
    lines += [typeset(label, 0, 40 * i + 40) for i, label in enumerate(("alpha", "beta", "gamma", "delta"))]
    head = [typeset_right(years, ends, 0), *([typeset(heading, 0, 0)] if heading else [])]
    first, *_ = texts(find_cells(Box(0, 0, ends[-1], 200), [*lines, *head], Rules((), ())))
    assert first == [heading, *years]


def test_a_phrase_over_columns_is_not_cut_at_their_edges() -> None:
    """A heading of words over columns of numbers stays one cell."""
    lines = [typeset_right(["6", "88", "4"], [240, 290, 340], 40 * i + 40) for i in range(4)]
    lines += [typeset("label", 0, 40 * i + 40) for i in range(4)]
    first, *_ = texts(find_cells(Box(0, 0, 340, 200), [*lines, typeset("Sums by area", 210, 0)], Rules((), ())))
    assert "Sums by area" in first


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([["1", "234"], ["56", "789"], ["9", "012"], ["3", "456"]], [280, 316]),
        ([["12", "(3.4%)"], ["56", "(7.8%)"], ["90", "(1.2%)"], ["34", "(5.6%)"]], [280, 346]),
        ([["(055)", "555-0101"], ["(055)", "555-0102"], ["(033)", "555-0103"], ["(044)", "555-0104"]], [250, 336]),
        ([["1.2", "–", "3.4"], ["5.6", "–", "7.8"], ["9.0", "–", "9.5"], ["2.2", "–", "4.4"]], [280, 296, 332]),
    ],
    ids=["groups of a number", "a number and its share", "a phone number", "a range"],
)
def test_numbers_of_one_cell_stay_together(values: list[list[str]], ends: list[float]) -> None:
    """Groups of digits, a share behind its number and both ends of a range are one cell."""
    lines = [typeset_right(row, ends, 40 * i) for i, row in enumerate(values)]
    lines += [typeset(label, 0, 40 * i) for i, label in enumerate(("alpha", "beta", "gamma", "delta"))]
    cells = texts(find_cells(Box(0, 0, 350, 160), lines, Rules((), ())))
    assert [row[1:] for row in cells] == [[" ".join(row)] for row in values]


def test_a_word_of_a_phrase_is_no_column() -> None:
    """A column that only one word in the middle of a phrase would fill is none."""
    body = [part for i in range(1, 8) for part in (typeset("yes", 0, 40 * i), typeset(f"{i}", 420, 40 * i))]
    words = (("(n", 160), ("=", 194), ("211)", 216))
    head = Line(
        "(n = 211)", Box(160, 160, 256, 180), words=tuple(Word(t, Box(x, 160, x + 10 * len(t), 180)) for t, x in words)
    )
    cells = find_cells(Box(0, 0, 700, 320), [typeset("Answer", 0, 0), head, *body], Rules((), ()))
    assert {cell.column for cell in cells} == {0, 1}


def statement(y: float = 0, right: float = 300, pitch: float = 40) -> list[Line]:
    """Return three rows of a label and two amounts below each other. right: x of the amounts."""
    return [
        part
        for i, label in enumerate(("Cash", "Loans", "Land"))
        for part in (
            typeset(label, 0, y + pitch * i),
            typeset(f"1,{i}00", right, y + pitch * i),
            typeset(f"2,{i}00", right + 160, y + pitch * i),
        )
    ]


def test_headings_of_sections_are_rows_of_their_own() -> None:
    """Texts alone at the left between the headings and the numbers belong to no heading."""
    heads = [typeset("Millions", 0, 0), typeset("2013", 300, 0), typeset("2012", 460, 0)]
    sections = [typeset("ASSETS", 0, 28), typeset("Current", 0, 56)]
    cells = texts(find_cells(Box(0, 0, 520, 240), [*heads, *sections, *statement(84, pitch=28)], Rules((), ())))
    assert cells[:4] == [
        ["Millions", "2013", "2012"],
        ["ASSETS", "", ""],
        ["Current", "", ""],
        ["Cash", "1,000", "2,000"],
    ]


def test_a_heading_beside_its_column_is_over_the_nearest() -> None:
    """A heading that reaches over a gutter, above no number, is the heading of the column that is nearer."""
    heads = [typeset("Stock", 0, 0), typeset("1990", 145, 0), typeset("2000", 410, 0)]
    cells = texts(find_cells(Box(0, 0, 520, 160), [*heads, *statement(40, 260)], Rules((), ())))
    assert cells[0] == ["Stock", "1990", "2000"]


def test_rows_above_a_rule_without_labels_are_headings() -> None:
    """Numbers such as ages in a heading do not make its rows a part of the body."""
    ages = [typeset(f"{age}-{age + 9}", 300 + 160 * i, 0) for i, age in enumerate((20, 30))]
    counts = [typeset("Item", 0, 28), typeset("(n = 5)", 290, 28), typeset("(n = 7)", 450, 28)]
    rules = Rules((Box(0, 55, 520, 57),), ())
    cells = texts(find_cells(Box(0, 0, 520, 240), [*ages, *counts, *statement(64)], rules))
    assert cells[0] == ["Item", "20-29 (n = 5)", "30-39 (n = 7)"]
    assert cells[1] == ["Cash", "1,000", "2,000"]


def test_the_white_between_two_words_of_a_line_is_no_rule() -> None:
    """A short rule that runs between words of one text does not part it; one that parts every row does."""
    heading = typeset("Public outlay of all states", 10, 10)
    gap = (heading.words[0].box.x1 + heading.words[1].box.x0) / 2
    lines = [heading, *(typeset(text, x, y) for y in (50, 90) for text, x in (("a", 10), ("1", 410)))]
    rules = Rules(
        tuple(Box(0, y - 1, 600, y + 1) for y in (0, 40, 80, 120)),
        (*(Box(x - 1, 0, x + 1, 120) for x in (0, 600)), Box(399, 40, 401, 120), Box(gap - 1, 5, gap + 1, 36)),
    )
    rows = texts(find_cells(Box(0, 0, 600, 120), lines, rules))
    assert rows == [["Public outlay of all states"], ["a", "1"], ["a", "1"]]


def test_two_rules_side_by_side_are_one() -> None:
    """The strip between them is no row, and an empty row with cells of its own is one."""
    rules = Rules(tuple(map(across, (0, 12, 40, 80, 120))), tuple(down(x, 12) for x in (0, 100, 200, 300)))
    lines = [word("a", 50, 26), word("b", 150, 26), word("c", 250, 100)]
    assert texts(find_cells(WHOLE, lines, rules)) == [["a", "b", ""], ["", "", ""], ["", "", "c"]]


def test_an_edge_that_most_texts_cross_makes_no_column() -> None:
    """A rule that is only beside an empty cell is no edge of columns."""
    rules = Rules(tuple(map(across, (0, 40, 80, 120))), (*(down(x) for x in (0, 200, 300)), Box(99, 80, 101, 120)))
    lines = [word("a", 100, 20), word("1", 250, 20), word("b", 100, 60), word("2", 250, 60), word("3", 250, 100)]
    assert texts(find_cells(WHOLE, lines, rules)) == [["a", "1"], ["b", "2"], ["", "3"]]


def test_rows_of_two_lines_between_two_rules_are_rows() -> None:
    """A body without rules has a row for each number, though every second line has none."""
    xs = (10, 200, 420)
    lines = [typeset(text, x, y) for y in (10, 50) for text, x in zip(("No.", "Item", "Sum"), xs, strict=True)]
    for i in range(6):
        lines += [typeset(text, x, 100 + 50 * i) for text, x in zip((f"A{i}", "Travel of", f"{i}.50"), xs, strict=True)]
        lines += [typeset("one clerk", xs[1], 122 + 50 * i)]
    rules = Rules(
        tuple(Box(0, y - 1, 500, y + 1) for y in (0, 40, 80, 92, 410)),
        tuple(Box(x - 1, 0, x + 1, 410) for x in (0, 190, 410, 500)),
    )
    rows = texts(find_cells(Box(0, 0, 500, 410), lines, rules))
    assert rows[-6:] == [[f"A{i}", "Travel of one clerk", f"{i}.50"] for i in range(6)]


@pytest.mark.parametrize("fall", [-0.012, 0.012], ids=["up", "down"])
def test_narrow_rows_of_a_skewed_scan_are_rows(fall: float) -> None:
    """Over the width of the table, its rules and lines fall by most of a row."""
    xs, ys = (0.0, 500.0, 1000.0, 1500.0), [24.0 * i for i in range(8)]
    across_pieces = [
        Box(x, y + fall * x - 1, x + 100, y + fall * (x + 100) + 1)
        if fall > 0
        else Box(x, y + fall * (x + 100) - 1, x + 100, y + fall * x + 1)
        for y in ys
        for x in range(0, 1500, 100)
    ]
    rules = Rules(tuple(across_pieces), tuple(Box(x - 1, fall * x, x + 1, ys[-1] + fall * x) for x in xs))
    lines = [
        typeset(f"{column}{row}", x + 10, y + 2 + fall * x)
        for row, y in enumerate(ys[:-1])
        for column, x in zip("abc", xs, strict=False)
    ]
    box = Box(0, min(0, fall * 1500), 1500, ys[-1] + max(0, fall * 1500))
    expected = [[f"{column}{row}" for column in "abc"] for row in range(7)]
    assert texts(find_cells(box, lines, rules)) == expected


def test_a_missing_rule_does_not_join_row_after_row() -> None:
    """Texts that are each level with a row are its cells, though a scan lost the rules between them."""
    rules = Rules(
        (across(0), *(across(y, 100) for y in (30, 60, 90)), across(120)), tuple(map(down, (0, 100, 200, 300)))
    )
    rows = [(15, "Ada", "1"), (45, "Bob", "2"), (75, "Cy", "3"), (105, "Di", "4")]
    lines = [part for y, name, sum_ in rows for part in (word(name, 50, y), word(sum_, 150, y))]
    assert [row[:2] for row in texts(find_cells(WHOLE, lines, rules))] == [[name, sum_] for _, name, sum_ in rows]


@pytest.mark.parametrize("count", [2, 5])
def test_headings_that_nearly_touch_are_over_their_columns(count: int) -> None:
    """Of headings that are as close as words, each ends with the numbers below it."""
    ends = [300, 420, 480, 600]
    numbers = [["1", "99.50", "21%", f"€{i}12.00"] for i in range(count)]
    lines = [typeset_right(row, ends, 40 * i + 40) for i, row in enumerate(numbers)]
    lines += [typeset("some thing", 0, 40 * i + 40) for i in range(count)]
    heads = typeset_right(["Count", "Net price", "VAT", "With VAT in"], ends, 0)
    first, *_ = texts(
        find_cells(Box(0, 0, 600, 300), [typeset("Article", 0, 0), heads, *lines], Rules((across(30, 0, 600),), ()))
    )
    assert first == ["Article", "Count", "Net price", "VAT", "With VAT in"]


def test_many_headings_that_nearly_touch_are_over_their_columns() -> None:
    """Those of a wide table are not compared in all ways in which their words can be cut."""
    ends = [300 + 102 * i for i in range(14)]
    lines = [typeset("some thing", 0, 40 * i + 40) for i in range(4)]
    lines += [typeset_right([f"{i}{j}.50" for j in range(14)], ends, 40 * i + 40) for i in range(4)]
    heads = [f"Net {chr(97 + j)}bcde" for j in range(14)]
    words = tuple(word for head, end in zip(heads, ends, strict=True) for word in typeset(head, end - 96, 0).words)
    line = Line(" ".join(heads), Box(words[0].box.x0, 0, ends[-1], 20), words=words)
    first, *_ = texts(find_cells(Box(0, 0, ends[-1], 250), [line, *lines], Rules((across(30, 0, ends[-1]),), ())))
    assert [text for text in first if text] == heads


def test_rows_set_apart_at_the_end_show_no_columns() -> None:
    """A note and its total, below more white than the rows have, are written across columns that they do not hide."""
    rows = [("E1", "a gasket", "49.99", "2"), ("E2", "a longer part", "10.00", "1"), ("E3", "a part", "9.00", "3")]
    xs = (0, 60, 260, 360)
    lines = [typeset(text, x, 30 * i) for i, row in enumerate(rows) for text, x in zip(row, xs, strict=True)]
    foot = [typeset("prices include all taxes", 0, 130), typeset("68.99", 260, 130)]
    cells = texts(find_cells(Box(0, 0, 400, 160), [*lines, *foot], Rules((), ())))
    assert cells[0] == ["E1", "a gasket", "49.99", "2"]
    assert "prices include all taxes" in cells[3]


def test_rows_of_few_numbers_do_not_hide_close_columns() -> None:
    """Headings of sections and totals say nothing of two columns of numbers that are a word's space apart."""
    ends = [300, 366, 500]
    lines = []
    for i, row in enumerate((["1.00", "15.0%", "9.50"], ["0.00", "15.0%", "70.00"], ["10.00", "15.0%", "0.90"])):
        lines += [typeset(f"[{i}] thing", 0, 80 * i + 40), typeset_right(row, ends, 80 * i + 40)]
        lines += [typeset("--- Section ---", 0, 80 * i)]
    lines += [typeset("Total", 0, 260), typeset_right(["80.40"], [500], 260)]
    cells = texts(find_cells(Box(0, 0, 500, 300), lines, Rules((), ())))
    assert ["[1] thing", "0.00", "15.0%", "70.00"] in cells


def test_the_frame_of_a_table_within_a_cell_is_the_edge_of_the_cell() -> None:
    """The frame and the edge enclose no column: there is no room for text."""
    outer = (*map(across, (0, 40, 160, 200)),), (*(down(x, 0, 200) for x in (0, 100, 300)),)
    inner_across = (*(across(y, 106, 294) for y in (80, 115, 150)),)
    inner_down = (*(down(x, 80, 150) for x in (106, 200, 294)),)
    rules = Rules((*outer[0], *inner_across), (*outer[1], *inner_down))
    lines = [word("head", 50, 20), word("text", 200, 20), word("label", 50, 60), word("above", 200, 60)]
    lines += [word(text, x, y) for text, x, y in (("a", 150, 98), ("b", 250, 98), ("c", 150, 132), ("d", 250, 132))]
    lines += [word("last", 50, 180), word("more", 200, 180)]
    cells = find_cells(Box(0, 0, 300, 200), lines, rules)
    assert [[text for text in row if text] for row in texts(cells)] == [
        ["head", "text"],
        ["label", "above"],
        ["a", "b"],
        ["c", "d"],
        ["last", "more"],
    ]
    assert max(cell.column + cell.column_span for cell in cells) == 3


def test_a_heading_and_its_number_are_two_cells_without_the_rule_between() -> None:
    """A piece of a rule that was not found joins a heading with the number below only if they are not level."""
    rules = Rules((across(0), across(40, 0, 200), across(80), across(120)), tuple(map(down, (0, 100, 200, 300))))
    rows = (("", "Net", "All"), ("21%", "5.00", "6.00"), ("Sum", "5.00", "6.00"))
    lines = [word(text, 100 * j + 50, 40 * i + 20) for i, row in enumerate(rows) for j, text in enumerate(row) if text]
    assert texts(find_cells(WHOLE, lines, rules)) == [list(row) for row in rows]


def test_a_number_half_way_between_two_rows_is_beside_both() -> None:
    """A number that is centered beside two rows of numbers spans them, though no rule shows it."""
    rules = Rules(
        tuple(across(y, 0, 400) for y in (0, 30, 110, 190, 270)),
        tuple(down(x, 0, 270) for x in (0, 100, 200, 300, 400)),
    )
    lines = [word(text, 100 * j + 50, 15) for j, text in enumerate(("size", "name", "score", "time"))]
    for i, size in enumerate(("6", "4", "2")):
        lines += [word(size, 50, 70 + 80 * i)]
        for j, name in enumerate(("one", "two")):
            lines += [word(f"{name}{i}", 150, 61 + 80 * i + 18 * j)]
            lines += [word(f"{k}.{i}{j}", 250 + 100 * k, 61 + 80 * i + 18 * j) for k in range(2)]
    cells = find_cells(Box(0, 0, 400, 270), lines, rules)
    spans = [(cell.text, cell.row_span) for cell in cells if cell.column == 0]
    assert spans == [("size", 1), ("6", 2), ("4", 2), ("2", 2)]


def test_two_headings_over_columns_that_only_numbers_part() -> None:
    """Each heading spans the columns up to the next rule below, though no rule is between the two."""
    ends = [260, 320, 380, 460, 520, 580]
    lines = [typeset("Plan", 280, 0), typeset("Other", 475, 0), typeset("Unit", 0, 40)]
    lines += [typeset_right(["North", "South", "Sum"] * 2, ends, 40)]
    for i in range(5):
        lines += [typeset(f"unit {i}", 0, 80 + 40 * i)]
        lines += [typeset_right([f"{j}.5" for j in range(6)], ends, 80 + 40 * i)]
    rules = Rules(
        tuple(across(y, 0, 590) for y in (-5, 30, *range(70, 271, 40))),
        (down(0, -5, 270), down(200, -5, 270), down(395, 70, 270), down(590, -5, 270)),
    )
    cells = find_cells(Box(0, -5, 590, 270), lines, rules)
    assert [(cell.text, cell.column_span) for cell in cells if cell.row == 0 and cell.text] == [
        ("Plan", 3),
        ("Other", 3),
    ]


def test_a_title_in_the_first_row_is_written_above_the_table() -> None:
    """A text over all columns is no heading of one of them; one right over the first numbers stays."""
    title = [Cell(0, 0, "Costs", column_span=2), Cell(0, 2, "(in EUR)")]
    head = [Cell(1, j, text) for j, text in enumerate(("Item", "Plan", "Actual"))]
    body = [Cell(2, j, text) for j, text in enumerate(("Rent", "10", "12"))]
    titles, others = part_titles([*title, *head, *body])
    assert titles == ["Costs", "(in EUR)"]
    assert [(cell.row, cell.text) for cell in others[:4]] == [(0, "Item"), (0, "Plan"), (0, "Actual"), (1, "Rent")]
    group = [*title[:1], *(Cell(1, cell.column, cell.text) for cell in body)]
    assert part_titles(group) == ([], group)


def test_headings_between_several_rules_are_of_the_head() -> None:
    """Underlines in one row look like a rule across; the headings below them, up to the last rule, are no body."""
    ends = [200.0, 300.0, 400.0, 500.0]
    lines = [typeset("2007", 230, 0), typeset("2009", 430, 0), typeset("Kind", 0, 40)]
    lines += [typeset_right(["North", "South", "North", "South"], ends, 40), typeset("Sex", 0, 80)]
    for i in range(6):
        lines += [typeset(f"kind {i}", 40, 120 + 40 * i)]
        lines += [typeset_right([f"{i}{j}.5" for j in range(4)], ends, 120 + 40 * i)]
    rules = Rules((across(-5, 0, 500), across(25, 120, 300), across(25, 310, 500), across(65, 0, 500)), ())
    cells = find_cells(Box(0, -5, 500, 350), lines, rules)
    assert texts(cells)[1:4] == [
        ["Kind", "North", "South", "North", "South"],
        ["Sex", "", "", "", ""],
        ["kind 0", "00.5", "01.5", "02.5", "03.5"],
    ]


def test_a_heading_wider_than_its_column_is_not_cut() -> None:
    """A line for each column is the heading of each, however far it reaches over the column beside it."""
    lines = [typeset("Name", 0, 0), typeset("before change", 80, 0), typeset("after change", 220, 0)]
    for i in range(4):
        lines += [typeset(f"n{i}", 0, 40 + 40 * i), typeset_right([f"{i}", f"{i + 5}"], [208, 338], 40 + 40 * i)]
    cells = find_cells(Box(0, 0, 340, 180), lines, Rules((), ()))
    assert texts(cells)[0] == ["Name", "before change", "after change"]


def test_a_label_that_is_set_out_continues_nothing() -> None:
    """The second line of a label is set in; below it, a label farther left begins a row however close it is."""
    lines = []
    for i, y in enumerate((0, 65, 105, 190, 230)):
        lines += [typeset(f"Kind {i}", 20, y), typeset_right([f"{i}1", f"{i}2"], [200, 300], y)]
    lines += [typeset("Native", 30, 22), typeset("Native", 30, 127), typeset("Next group", 0, 149)]
    rows = texts(find_cells(Box(0, 0, 300, 255), lines, Rules((), ())))
    assert [row[0] for row in rows] == ["Kind 0 Native", "Kind 1", "Kind 2 Native", "Next group", "Kind 3", "Kind 4"]


def test_texts_that_only_white_parts_are_columns_of_a_ruled_table() -> None:
    """Texts side by side in row after row are two columns of the table though one rule encloses both."""
    rules = Rules(tuple(across(40 * i, 0, 500) for i in range(7)), tuple(down(x, 0, 240) for x in (0, 300, 400, 500)))
    lines = []
    for i in range(6):
        y = 40 * i + 10
        lines += [typeset(f"firm{i}", 10, y), typeset(f"K{i}", 160, y), typeset("R", 330, y), typeset(f"{i}.5", 430, y)]
    rows = texts(find_cells(Box(0, 0, 500, 240), lines, rules))
    assert rows[0] == ["firm0", "K0", "R", "0.5"]
    assert {len(row) for row in rows} == {4}


AMOUNTS = [["north", "12.5", "8.5", "7.5"], ["south", "13.5", "9.5", "6.5"], ["east", "14.5", "4.5", "5.5"]]


@pytest.mark.parametrize("count", [4, 6, 9])
def test_boxes_around_headings_alone_make_no_grid(count: int) -> None:
    """The rows and columns below come from the alignment of the words, as no rule down runs along them."""
    ends = [200.0, 320.0, 440.0]
    lines = [typeset("2020", 170, 10), typeset("2021", 290, 10), typeset("2022", 410, 10)]
    lines += [typeset_right([f"1{i}.5", f"2{i}.5", f"3{i}.5"], ends, 50 + 30 * i) for i in range(count)]
    lines += [typeset(f"place {i}", 0, 50 + 30 * i) for i in range(count)]
    height = 50 + 30 * count
    rules = Rules(
        (*(across(y, 0, 450) for y in (0, 40, height)), *(across(72 + 60 * i, 0, 100) for i in range(count // 2))),
        tuple(down(x, 0, 40) for x in (0, 130, 250, 370, 450)),
    )
    rows = texts(find_cells(Box(0, 0, 450, height), lines, rules))
    assert rows[1:] == [[f"place {i}", f"1{i}.5", f"2{i}.5", f"3{i}.5"] for i in range(count)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["Place", "Share", "Rate of", "Yield"], ["and year", "", "growth", ""]),
        (["Inhibitor", "Time", "Loss", "Rate"], ["weight (g)", "", "", "per day"]),
        (["Name of a", "Area", "Height", "Depth"], ["north lake", "", "", ""]),
    ],
)
def test_a_heading_that_reaches_over_a_gutter_is_of_its_column(first: list[str], second: list[str]) -> None:
    """A further line of a heading, wider than the column, is aligned with the column it is above."""
    xs = [0.0, 120.0, 240.0, 360.0]
    rows = [first, second, *([label[:2], *values] for label, *values in AMOUNTS)]
    ys = [0, 22, 70, 100, 130]
    lines = [
        typeset(text, x, y) for row, y in zip(rows, ys, strict=True) for text, x in zip(row, xs, strict=True) if text
    ]
    rules = Rules((across(-6, 0, 420), across(50, 0, 420), across(156, 0, 420)), ())
    head = texts(find_cells(Box(-4, -6, 424, 156), lines, rules))[0]
    assert head == [f"{a} {b}".strip() for a, b in zip(first, second, strict=True)]


@pytest.mark.parametrize("headings", [["Actual", "Future"], ["Estimates", "Plans"], ["Men", "Women"]])
def test_a_heading_is_centered_over_columns_with_their_headings(headings: list[str]) -> None:
    """Columns are as wide as their headings and their numbers together. A rule below two headings is no underline."""
    ends = [240.0, 360.0, 480.0, 600.0]
    lines = [typeset(str(2010 + j), end - 68, 30) for j, end in enumerate(ends)]
    lines += [typeset_right([f"{j}{i}.5" for j in range(1, len(ends) + 1)], ends, 70 + 30 * i) for i in range(4)]
    lines += [typeset(f"place {i}", 0, 70 + 30 * i) for i in range(4)]
    middles = ((ends[0] - 68 + ends[1]) / 2, (ends[2] - 68 + ends[3]) / 2)
    lines += [typeset(text, middle - 5 * len(text), 0) for text, middle in zip(headings, middles, strict=True)]
    rules = Rules((across(-5, 0, 620), across(25, 160, 620), across(60, 0, 620), across(190, 0, 620)), ())
    cells = find_cells(Box(0, -5, 620, 190), lines, rules)
    assert [(cell.column, cell.column_span) for cell in cells if cell.text in headings] == [(1, 2), (3, 2)]


@pytest.mark.parametrize("total", [["1,111.5", "2,222.5", "3,333.5"], ["-91,840", "-11,160", "-42,222"]])
@pytest.mark.parametrize("pitch", [74.0, 76.0])
def test_totals_wider_than_their_columns_are_cut(total: list[str], pitch: float) -> None:
    """The gutter is where the fewest rows cross it, so that nearly touching totals are cells as the numbers above."""
    ends = [200.0, 200 + pitch, 200 + 2 * pitch]
    rows = [[f"1{i}.5", f"2{i}.5", f"3{i}.5"] for i in range(8)]
    lines = [typeset(f"place {i}", 0, 30 * i) for i in range(8)] + [typeset("Total", 0, 240)]
    lines += [typeset_right(row, ends, 30 * i) for i, row in enumerate([*rows, total])]
    assert texts(find_cells(Box(0, 0, 400, 260), lines, Rules((), ())))[-1] == ["Total", *total]


@pytest.mark.parametrize(
    "values", [["7 - 9", "- 1 -", "4 5 6"], ["50 - -", "25 - -", "10 80 160"], ["- 8 -", "2 - 3", "- - 9"]]
)
def test_headings_show_the_columns_of_sparse_numbers(values: list[str]) -> None:
    """A ruled column has the columns of its headings, even if most rows have a number below a single heading."""
    ends = [250.0, 330.0, 410.0]
    lines = [typeset("Symbol", 0, 10), typeset("Unit", 460, 10)]
    lines += [typeset(text, end - 30, 10) for text, end in zip(("Min", "Typ", "Max"), ends, strict=True)]
    for i, row in enumerate(values):
        lines += [typeset(f"t{i}", 0, 50 + 30 * i), typeset("ns", 460, 50 + 30 * i)]
        numbers = [(text, end) for text, end in zip(row.split(), ends, strict=True) if text != "-"]
        lines += [typeset(text, end - 10 * len(text), 50 + 30 * i) for text, end in numbers]
    rules = Rules(tuple(across(y, 0, 520) for y in (0, 40, 140)), tuple(down(x, 0, 140) for x in (0, 180, 440, 520)))
    rows = texts(find_cells(Box(0, 0, 520, 140), lines, rules))
    assert rows[0] == ["Symbol", "Min", "Typ", "Max", "Unit"]
    assert [row[1:4] for row in rows[1:]] == [["" if text == "-" else text for text in row.split()] for row in values]


@pytest.mark.parametrize("gap", [4, 6, 8])
def test_a_double_rule_is_one_edge(gap: int) -> None:
    """The white between two rules down has no room for a text."""
    xs = [0, 100, 100 + gap, 200, 200 + gap, 300]
    rules = Rules(tuple(map(across, (0, 40, 80, 120))), tuple(map(down, xs)))
    lines = [word(f"{row}{column}", 50 + 100 * column, 20 + 40 * row) for row in range(3) for column in range(3)]
    assert texts(find_cells(WHOLE, lines, rules)) == [[f"{row}{column}" for column in range(3)] for row in range(3)]


@pytest.mark.parametrize("title", ["Discussion of Incentives", "Share of all answers", "Answers in our survey"])
@pytest.mark.parametrize("is_ruled", [True, False])
def test_two_levels_of_headings_between_rules_down(title: str, is_ruled: bool) -> None:
    """A heading across columns that only their numbers separate spans them, with a rule below it or without."""
    ends = [190.0, 290.0, 390.0]
    width = typeset(title, 0, 0).box.width
    top = 34 if is_ruled else 26
    lines = [typeset(title, 275 - width / 2, 0), typeset("All", 450, top), typeset("Place", 10, top)]
    lines += [typeset(text, end - 40, top) for text, end in zip(("None", "Some", "Full"), ends, strict=True)]
    for i in range(4):
        lines += [typeset(f"p{i}", 10, 80 + 30 * i), typeset(f"{i}9", 450, 80 + 30 * i)]
        lines += [typeset(f"{j}{i}", end - 20, 80 + 30 * i) for j, end in enumerate(ends, 1)]
    ys = [-6, *([27] if is_ruled else []), 60, 200]
    rules = Rules(tuple(across(y, 0, 500) for y in ys), tuple(down(x, -6, 200) for x in (0, 110, 420, 500)))
    cells = find_cells(Box(0, -6, 500, 200), lines, rules)
    heading = next(cell for cell in cells if cell.text == title)
    assert (heading.row, heading.column, heading.column_span) == (0, 1, 3)
    assert [cell.text for cell in cells if cell.row == 1 and 0 < cell.column < 4] == ["None", "Some", "Full"]
    assert [cell.text for cell in cells if cell.row == 2] == ["p0", "10", "20", "30", "09"]


@pytest.mark.parametrize("halves", [("RECORDS", "FOUND: 98"), ("All values", "of the rivers"), ("Part", "two of five")])
def test_a_sentence_above_the_headings_is_not_cut_between_its_words(halves: tuple[str, str]) -> None:
    """Words in letters that are equally wide are as far apart as close cells; a gutter may be between two of them."""
    rows = aligned(
        ("Place", "Type", "Sum"), *((f"place {i}", f"type {i}", f"{i}3") for i in range(6)), xs=(0, 200, 320)
    )
    left = typeset(halves[0], 126 - typeset(halves[0], 0, 0).box.width, -40)
    right = typeset(halves[1], 140, -40)
    box = left.box._replace(x1=right.box.x1)
    sentence = Line(" ".join(halves), box, words=(*left.words, *right.words))
    cells = find_cells(Box(0, -45, 400, 220), [sentence, *rows], Rules((), ()))
    assert " ".join(halves) in [cell.text for cell in cells]
