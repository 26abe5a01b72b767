"""Tables of contents: an entry and its page number are a line, with leaders and without."""

from __future__ import annotations

import pytest

from ocr_worker.engines.embedded.contents import find_entries, join_entries, separate_contents
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.page_numbers import find_number
from support.typeset import typeset

_TITLES = ("Gates .....", "Keys . . .", "Boats ..", "Weirs .", "Mills ....")


def _page(numbers: tuple[str, ...], titles: tuple[str, ...] = _TITLES) -> list[Line]:
    entries = [typeset(title, 100, 100 + 30 * i) for i, title in enumerate(titles)]
    ends = [typeset(number, 600 - 10 * len(number), 102 + 30 * i) for i, number in enumerate(numbers)]
    return [*entries, *ends]


def test_numbers_are_joined_with_their_entries() -> None:
    """The leader may be short, as it is read from a picture."""
    joined = join_entries(_page(("3", "7", "7", "12", "30")))
    assert [line.text for line in joined] == [
        "Gates ..... 3",
        "Keys . . . 7",
        "Boats .. 7",
        "Weirs . 12",
        "Mills .... 30",
    ]
    assert find_entries(joined) == joined


def test_an_entry_without_its_leader_is_joined_in_the_column_of_numbers() -> None:
    """Four others show that the page has a table of contents."""
    titles = ("Gates ..", "Keys", "Boats ..", "Weirs ..", "Mills ..")
    assert "Keys 7" in [line.text for line in join_entries(_page(("3", "7", "7", "12", "30"), titles))]


def test_amounts_and_sentences_are_no_entries() -> None:
    """The numbers of a list of amounts rise and fall, and three entries prove nothing."""
    amounts = _page(("450", "12", "800", "3", "77"))
    assert join_entries(amounts) == amounts
    few = _page(("3", "7", "9"), _TITLES[:3])
    assert join_entries(few) == few
    assert find_entries([typeset("The mill was closed in 1921", 100, 100 + 30 * i) for i in range(6)]) == []


TITLES = ["1 Introduction", "2 The mills", "2.1 Upper mill", "A Tables"]


def contents(*pages: str) -> list[Line]:
    """Return titles at the left, and the numbers at the right edge."""
    titles = [Line(text, Box(100, 40 * i, 100 + 12 * len(text), 40 * i + 30)) for i, text in enumerate(TITLES)]
    return titles + [Line(page, Box(1200 - 12 * len(page), 40 * i, 1200, 40 * i + 30)) for i, page in enumerate(pages)]


def test_the_number_of_a_page_is_in_the_line_of_its_title() -> None:
    """Numbers that do not fall, at one edge, are those of pages."""
    rest, entries = separate_contents(contents("1", "7", "7", "112"), [])
    assert (rest, [line.text for line in entries]) == (
        [],
        ["1 Introduction 1", "2 The mills 7", "2.1 Upper mill 7", "A Tables 112"],
    )


@pytest.mark.parametrize("pages", [("31", "7", "9", "12"), ("4", "4", "4", "4"), ("3", "5")])
def test_other_numbers_stay(pages: tuple[str, ...]) -> None:
    """Amounts fall and rise, and two numbers may be any."""
    lines = contents(*pages)
    assert separate_contents(lines, []) == (lines, [])


def test_the_cells_of_a_table_stay() -> None:
    """A table with rising numbers is a table, and so are rows of three cells."""
    lines = contents("1", "7", "9", "12")
    assert separate_contents(lines, [Box(0, 0, 1300, 400)]) == (lines, [])
    middle = [Line("kg", Box(800, 40 * i, 830, 40 * i + 30)) for i in range(4)]
    assert separate_contents([*lines, *middle], []) == ([*lines, *middle], [])


def test_the_ink_behind_leaders_is_a_number() -> None:
    """The last shapes in the row that are higher than dots are the number."""
    line, others = Box(100, 0, 600, 40), [Box(100, 60, 1190, 100)]
    dots = [Box(620.0 + 20 * i, 28, 624.0 + 20 * i, 32) for i in range(26)]
    assert find_number(line, [*dots, Box(1160, 10, 1172, 32), Box(1176, 10, 1188, 32)], others) == Box(
        1160, 10, 1188, 32
    )
    assert find_number(line, dots, others) is None
    assert find_number(line, [Box(1160, 70, 1172, 92)], others) is None


def test_a_line_of_many_dots_is_no_entry() -> None:
    """A pattern that tries each dot with each other takes minutes here."""
    lines = [typeset("word. " * 400 + ". " * 400 + "end", 100, 100 + 30 * i) for i in range(4)]
    assert find_entries(lines) == []
    assert join_entries([*lines, *_page(("3", "7", "7", "12", "30"), ("Gates",))])[:4] == lines
