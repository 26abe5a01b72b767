"""Lines that look like titles, but are none."""

from __future__ import annotations

import pytest

from ocr_worker.engines.embedded.furniture.false_titles import is_author, is_first_row, is_no_title
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.regions import Region
from support.typeset import typeset


def _region(label: str, x: float, y: float, *texts: str, size: float = 20) -> Region:
    lines = [typeset(text, x, y + 25 * i) for i, text in enumerate(texts)]
    grown = tuple(line.moved(lambda box: Box(box.x0, box.y0, box.x1, box.y0 + size)) for line in lines)
    return Region(label, bounds(line.box for line in grown), grown)


@pytest.mark.parametrize(
    "text",
    [
        "Ms",
        "Herrn",
        "No. 1695",
        "제1695호",
        "第12期",
        "Account number: 296664",
        "Date: 01/09/2015",
        "Gates . . . . 4",
        "Cough? ☑ No",
    ],
)
def test_some_lines_are_no_titles_even_in_large_letters(text: str) -> None:
    """Forms of address, numbers of an issue, keys with their numbers, entries of a table of contents, questions."""
    assert is_no_title(text, is_distinct=True)


@pytest.mark.parametrize("text", ["The files are:", "nameString value", "Gates are open. Keys are not."])
def test_lines_of_the_bodys_letters_are_no_titles_if_they_read_like_a_sentence(text: str) -> None:
    """Bold and large letters show that the line is a title nevertheless."""
    assert is_no_title(text, is_distinct=False)
    assert not is_no_title(text, is_distinct=True)


@pytest.mark.parametrize(
    "text", ["Chapter 3: 1914", "Opening of the Gates", "2.1 Keys", "SUMMARY:", "Step 2: Keys", "St. Mary Mill", "Nose"]
)
def test_titles_stay(text: str) -> None:
    """A key with a number, such as a chapter, is a title."""
    assert not is_no_title(text, is_distinct=False)


def test_names_below_a_title_with_an_address_or_marks_are_authors() -> None:
    """Without these, they may be a subtitle."""
    title = _region("doc_title", 100, 100, "Levels of the River", size=40)
    names = _region("paragraph_title", 100, 160, "Ada Mill")
    contact = _region("text", 100, 190, "University of the Valley")
    marked = _region("paragraph_title", 100, 160, "Ada Mill*, Ben van Sluice† and Cy Motor")
    assert is_author(names, [title, names, contact])
    assert is_author(marked, [title, marked])
    assert not is_author(names, [title, names])
    assert not is_author(names, [names, contact])
    assert not is_author(_region("paragraph_title", 100, 160, "Opening of the gates"), [title, contact])


def test_the_first_row_of_a_paragraph_is_no_title() -> None:
    """It is close above the others, in letters of their size, and leaves no room for the next word."""
    text = _region("text", 100, 125, "Remembered a spring as early as this was", "and nobody looked for the keys.")
    row = _region("paragraph_title", 100, 100, "The keeper of the mill was ill, and B.")
    short = _region("paragraph_title", 100, 100, "Keys")
    large = _region("paragraph_title", 100, 85, "The keeper of the mill was ill, and B.", size=35)
    assert is_first_row(row, text, is_emphasized=False)
    assert not is_first_row(row, text, is_emphasized=True)
    assert not is_first_row(short, text, is_emphasized=False)
    assert not is_first_row(large, text, is_emphasized=False)
    continued = _region("text", 100, 125, "remembered a spring as early as that", "and nobody looked for the keys.")
    opening = _region("paragraph_title", 100, 60, "WE kept the mill of the valley, which", size=62)  # with an initial
    assert is_first_row(opening, continued, is_emphasized=False)
    assert not is_first_row(opening, text, is_emphasized=False)


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_a_title_over_several_columns_is_no_first_row_of_the_last_one(columns: int) -> None:
    """The last column may continue a sentence in lower case right below the end of the title."""
    words = ("Gates", "Of", "The Mill", "Are Kept", "By Its Four", "Keepers And Their Sons And Daughters")
    title = _region("paragraph_title", 100, 100, " ".join(words), size=30)
    width = title.box.width / columns
    last = _region("text", title.box.x1 - width, 135, "remember", "and the")
    lines = tuple(line.moved(lambda box: box._replace(x1=title.box.x1)) for line in last.lines)
    assert not is_first_row(title, last.with_lines(lines), is_emphasized=False)


def test_the_name_above_an_address_is_no_title() -> None:
    """The address has a postal code."""
    name = _region("paragraph_title", 100, 100, "Ada Mill")
    address = _region("text", 100, 125, "12 Meadow Road", "4711 Valley")
    prices = _region("text", 100, 125, "Soup 4.50", "Bread 2.00")
    assert is_first_row(name, address, is_emphasized=False)
    assert not is_first_row(name, prices, is_emphasized=False)


@pytest.mark.parametrize(
    "text",
    ["January 21, 2010", "21 January 2010", "Paris, le 3 mars 1920", "London, 3rd May", "Szeged, den 4. Juni 1931"],
)
def test_the_date_of_a_letter_is_no_title(text: str) -> None:
    assert is_no_title(text, is_distinct=False)
    assert not is_no_title(text, is_distinct=True)


@pytest.mark.parametrize(
    "text", ["The March of the Mills", "May We Help You", "June Bugs of 1920", "10 Rules for Rivers"]
)
def test_a_title_with_a_month_stays(text: str) -> None:
    assert not is_no_title(text, is_distinct=False)
