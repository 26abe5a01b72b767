"""The measures of bench/quality.py: what counts as present, absent, in order, a right cell, a wrong character."""

from __future__ import annotations

import sys

import pytest

from support.worker_process import ROOT

sys.path.insert(0, str(ROOT / "bench"))

pytest.importorskip("rapidfuzz", reason="rapidfuzz is not installed")

from quality_metrics import (
    CellTest,
    is_absent,
    is_cell_right,
    is_in_order,
    is_line_start,
    is_present,
    measure_error_rate,
    normalize,
)
from quality_tables import SourceCell, find_headings, find_neighbors, parse_tables, place_cells

PIPES = "before\n\n| Year | Oats | Rye |\n|---|---|---|\n| 1901 | 12 | a \\| b |\n| 1902 | | 15 |\n\nafter"
SPANS = (
    '<table><tr><td rowspan="2">Place</td><td colspan="2">Yield</td></tr><tr><td>Oats</td><td>Rye</td></tr>'
    "<tr><td>North &amp; East</td><td>7</td><td>8</td></tr></table>"
)


def test_a_pipe_table_keeps_empty_cells_and_escaped_bars() -> None:
    """Cells keep their columns; the row above the dashes is the heading."""
    (table,) = parse_tables(PIPES)
    assert [cell.text for cell in table if cell.row == 1] == ["1901", "12", "a | b"]
    assert [(cell.text, cell.column) for cell in table if cell.row == 2] == [("1902", 0), ("", 1), ("15", 2)]
    assert [cell.text for cell in table if cell.is_head] == ["Year", "Oats", "Rye"]


def test_spans_of_html_push_cells_aside() -> None:
    """A cell under a spanning one starts where a browser would put it."""
    (table,) = parse_tables(SPANS)
    at = {cell.text: (cell.row, cell.column) for cell in table}
    assert at == {"Place": (0, 0), "Yield": (0, 1), "Oats": (1, 1), "Rye": (1, 2), "North & East": (2, 0), "7": (2, 1),
                  "8": (2, 2)}  # fmt: skip


def test_neighbours_and_headings_see_through_spans() -> None:
    """A spanning heading is above each of its columns."""
    (table,) = parse_tables(SPANS)
    cells = {cell.text: cell for cell in table}
    assert [cell.text for cell in find_neighbors(cells["Rye"], table, "up")] == ["Yield"]
    assert [cell.text for cell in find_neighbors(cells["Place"], table, "right")] == ["Yield", "Oats"]
    assert [cell.text for cell in find_headings(cells["8"], table, "top")] == ["Yield"]
    assert [cell.text for cell in find_headings(cells["8"], table, "side")] == ["North & East"]


@pytest.mark.parametrize(
    ("near", "right"),
    [
        ({"up": "Rye", "left": "7"}, True),
        ({"top": "Yield", "side": "North & East"}, True),
        ({"up": "Oats"}, False),
        ({"right": "7"}, False),
    ],
)
def test_a_cell_is_right_with_all_its_neighbours(near: dict[str, str], right: bool) -> None:
    """One wrong neighbour fails it."""
    assert is_cell_right(CellTest("8", near), parse_tables(SPANS)) is right


def test_a_table_cut_short_is_still_read() -> None:
    """HTML that breaks off does not raise."""
    (table,) = parse_tables("<table><tr><td>one<td rowspan='x'>two")
    assert [cell.text for cell in table] == ["one"]


def test_text_may_differ_in_a_few_characters() -> None:
    """One wrong letter in forty is allowed, a wrong word is not."""
    text = normalize("Some words. The **narrow** ledger repaired\nthe bakery above it. More.")
    assert is_present("The narrow ledger repaired the bakery above", text)
    assert is_present("The narrow lcdger repaired the bakery above", text)
    assert not is_present("The narrow window repaired the bakery above", text)
    assert not is_present("The narrow ledger repaired the bakery above", " ")


def test_a_page_number_may_occur_within_text_but_not_by_itself() -> None:
    """Furniture as short as a number is looked for in lines of its own, and at the ends."""
    assert is_absent("12", "In 12 trials\n\nit failed.")
    assert not is_absent("12", "it failed.\n\n12")
    assert not is_absent("- 12 -", "it failed.\n\n- 12 -")
    assert not is_absent("12", "it failed. 12")
    assert not is_absent("Annual report of the harbour", "Text.\n\n# Annual repor of the harbour\n\nText.")
    assert is_absent("Annual report of the harbour", "Text of another kind, and longer than the furniture.")


def test_order_is_where_a_text_first_and_another_last_begins() -> None:
    """Both must be there, but for a few characters."""
    text = normalize("The first column ends here, near the foot.\n\nThe second column begins up there.")
    assert is_in_order("first column ends here, near", "second colunn begins up", text)
    assert not is_in_order("second column begins up", "first column ends here, near", text)
    assert not is_in_order("first column ends here, near", "a third that is nowhere", text)


def test_markup_is_no_error() -> None:
    """Headings, bullets, pipes, tags and pictures are not characters of the page."""
    markdown = "# Head\n\n- one\n\n![x](y.jpg)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<table><tr><td>c</td></tr></table>"
    assert measure_error_rate("Head one a b 1 2 c", markdown) == 0
    assert measure_error_rate("abcd", "abed") == 0.25
    assert measure_error_rate("ab", "something quite different") == 1


def test_places_follow_from_spans() -> None:
    """Two spans in one row."""
    cells = place_cells([[SourceCell("a", 2), SourceCell("b", 1, 2)], [SourceCell("c"), SourceCell("d")]])
    places = [(cell.text, cell.row, cell.column) for cell in cells]
    assert places == [("a", 0, 0), ("b", 0, 1), ("c", 1, 1), ("d", 1, 2)]


def test_a_clause_begins_a_line() -> None:
    """A clause begins a line of the Markdown, after any mark, escape or bar of a table; within a line it does not."""
    assert is_line_start("1.2 The landlord", "1.1 The tenant pays.\n\n1.2 The landlord repairs the roof.")
    assert is_line_start("1. Rent", "# 1\\. Rent\n\ntext")
    assert is_line_start("Street: 12 Mill", "| Street: | 12 Mill Lane |")
    assert not is_line_start("1.2 The landlord", "1.1 The tenant pays. 1.2 The landlord repairs the roof.")
