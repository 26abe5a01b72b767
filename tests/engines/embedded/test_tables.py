"""Tables from rules, and from alignment."""

from __future__ import annotations

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.rules import Rules
from ocr_worker.engines.embedded.tables import Cell, table_cells, to_html, to_markdown

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
    assert texts(table_cells(WHOLE, lines, rules)) == [["a", "b", ""], ["c", "", ""], ["", "", "d"]]


def test_a_missing_rule_makes_a_span() -> None:
    """Where no rule parts two cells they are one, and the HTML says so."""
    rules = Rules(
        tuple(map(across, (0, 40, 80, 120))),
        (down(0), down(100, 40), down(200), down(300)),
    )
    lines = [word("head", 100, 20), word("b", 250, 20), word("c", 50, 60)]
    html = to_html(table_cells(WHOLE, lines, rules))
    assert html.startswith('<table><tr><td colspan="2">head</td><td>b</td></tr><tr><td>c</td><td></td>')


def test_a_row_span_reaches_down() -> None:
    """A cell over two rows is written once, in the first of them."""
    rules = Rules((across(0), across(40, 100), across(80), across(120)), tuple(map(down, (0, 100, 200, 300))))
    html = to_html(table_cells(WHOLE, [word("tall", 50, 40), word("b", 150, 20), word("c", 150, 60)], rules))
    assert html.startswith('<table><tr><td rowspan="2">tall</td><td>b</td><td></td></tr><tr><td>c</td><td></td></tr>')


def test_columns_come_from_alignment_without_rules() -> None:
    """White that runs down through all rows parts the columns; a missing word leaves its cell empty."""
    lines = [word("a", 50, 20), word("1", 150, 20), word("x", 250, 20), word("b", 50, 60), word("y", 250, 60)]
    assert texts(table_cells(WHOLE, lines, Rules((), ()))) == [["a", "1", "x"], ["b", "", "y"]]


def test_a_line_over_a_rule_is_cut() -> None:
    """What was found as one line across a rule is two cells."""
    rules = Rules(tuple(map(across, (0, 40, 80))), tuple(map(down, (0, 100, 200))))
    lines = [Line("abcdefg hijklmn", Box(20, 10, 180, 30))]
    assert texts(table_cells(Box(0, 0, 200, 80), lines, rules)) == [["abcdefg", "hijklmn"], ["", ""]]


def test_markdown_keeps_every_cell_in_one_line() -> None:
    """Pipes in a text are escaped, the first row is the head, spans leave empty cells."""
    cells = [Cell(0, 0, "a|b", 1, 2), Cell(1, 0, "c"), Cell(1, 1, "d")]
    assert to_markdown(cells) == "| a\\|b |  |\n| --- | --- |\n| c | d |"


def test_html_is_escaped() -> None:
    """A cell's text can never become markup."""
    assert to_html([Cell(0, 0, "a < b & c")]) == "<table><tr><td>a &lt; b &amp; c</td></tr></table>"
