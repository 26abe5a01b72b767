"""Page ranges, as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.wire.page_ranges import format_page_ranges, has_page_beyond, parse_page_ranges, select_pages


@pytest.mark.parametrize(
    ("text", "pages"),
    [("1-3,8", [1, 2, 3, 8]), ("5-", [5, 6, 7, 8, 9]), (" 2 , 2-3 ", [2, 3]), ("9-12", [9]), ("10", [])],
)
def test_ranges_select_pages_once_in_order(text: str, pages: list[int]) -> None:
    """Ranges may overlap, come with spaces and pass the end; the pages come ascending, each once."""
    assert select_pages(parse_page_ranges(text), 9) == pages


@pytest.mark.parametrize("text", ["", "0", "3-1", "a", "1,,2", "-3", "1-2-3"])
def test_anything_else_is_rejected_with_an_example(text: str) -> None:
    """An invalid range raises ValueError with an example."""
    with pytest.raises(ValueError, match="like"):
        parse_page_ranges(text)


def test_no_ranges_are_all_pages() -> None:
    """Without ranges every page is selected and none is past the end."""
    assert select_pages(None, 3) == [1, 2, 3]
    assert not has_page_beyond(None, 3)


@given(st.integers(1, 50), st.integers(1, 50))
def test_a_range_beyond_the_end_is_noticed(last: int, page_count: int) -> None:
    """`has_page_beyond` is true exactly when a page is named that does not exist."""
    assert has_page_beyond(parse_page_ranges(f"1-{last}"), page_count) is (last > page_count)


def test_pages_are_written_as_short_as_may_be() -> None:
    """Pages in a row are one range, a single page is a number."""
    assert format_page_ranges([1, 2, 3, 8, 10, 11]) == "1-3,8,10-11"


@given(st.sets(st.integers(1, 200), min_size=1))
def test_written_pages_are_read_as_the_same(pages: set[int]) -> None:
    """Numbers written as ranges are read back as the same numbers."""
    assert select_pages(parse_page_ranges(format_page_ranges(sorted(pages))), 200) == sorted(pages)
