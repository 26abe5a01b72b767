"""Lists with levels, by the indents of their items."""

from __future__ import annotations

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lists import Item, list_item, nest_items


def _items(*paragraphs: tuple[float, str]) -> list[Item]:
    """Return the items of paragraphs; each has its left edge and its text with the mark."""
    items = []
    for i, (x, text) in enumerate(paragraphs):
        mark, rest = ("- ", text[2:]) if text.startswith("• ") else ("", text)
        item = list_item(mark, rest, Box(x, 30.0 * i, x + 300, 30.0 * i + 20))
        assert item
        items.append(item)
    return items


def _written(*paragraphs: tuple[float, str]) -> list[str]:
    return [item.before + item.text for item in nest_items(_items(*paragraphs))]


def test_bullets_and_dashes_are_nested_by_their_indents() -> None:
    """An item belongs to the item above that begins farther left."""
    written = _written((0, "• gates"), (40, "– keys"), (80, "o one"), (40, "– boats"), (0, "• weirs"))
    assert written == ["- gates", "  - keys", "    - one", "  - boats", "- weirs"]


def test_numbers_are_items_only_where_markdown_counts_like_the_page() -> None:
    """A number that does not follow the number above is text, and so is a single number."""
    assert _written((0, "1. gates"), (40, "• keys"), (0, "2. boats")) == ["1. gates", "   - keys", "2. boats"]
    assert _written((0, "1. gates"), (0, "2. keys"), (0, "4. boats")) == ["1. gates", "2. keys", "4. boats"]
    assert [item.before for item in nest_items(_items((0, "1. gates"), (0, "2. keys"), (0, "4. boats")))][-1] == ""
    assert [item.before for item in nest_items(_items((0, "12. May was cold")))] == [""]


def test_letters_are_text_inside_the_item_above() -> None:
    """Markdown has no such items."""
    assert _written((0, "1. gates"), (40, "(a) upper"), (40, "(b)lower"), (0, "2. keys")) == [
        "1. gates",
        "   (a) upper",
        "   (b)lower",
        "2. keys",
    ]
    assert _written((0, "(a) upper"), (0, "(b) lower")) == ["(a) upper", "(b) lower"]


def test_a_single_dash_is_text() -> None:
    """It may be that of a dialog, or a minus."""
    assert [item.before for item in nest_items(_items((0, "- gates")))] == [""]
    assert _written((0, "- gates"), (0, "- keys")) == ["- gates", "- keys"]


def test_the_next_column_has_margins_of_its_own() -> None:
    """An item at its head is no part of the last item of the column before."""
    items = _items((0, "• gates"), (400, "• keys"))
    moved = [items[0], items[1]._replace(box=Box(400, -100, 700, -80))]
    assert [item.before for item in nest_items(moved)] == ["- ", "- "]
