"""Tables of contents: an entry and its page number are a line."""

from __future__ import annotations

from ocr_worker.engines.embedded.contents import find_entries, join_entries
from ocr_worker.engines.embedded.lines import Line
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
