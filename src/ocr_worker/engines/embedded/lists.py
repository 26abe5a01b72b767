"""Lists with levels: items of Markdown from paragraphs that begin with bullets, dashes or numbers.

`list_item` recognizes the mark of a paragraph, and `nest_items` writes the items of a run of paragraphs: an item
belongs to the item above it that begins farther left. Markdown counts the items of a numbered list itself. So a number
is an item's only where it follows the number above. Marks that Markdown has not, such as (a), stay text inside the item
above. Both functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.thresholds import THRESHOLDS

BULLET_MARK = "- "
_NUMBER = re.compile(r"(\d{1,3})([.)])\s+(?=\S)")
_DASH = re.compile(r"([-–*o])\s+(?=[^\W_])")  # "o" is the second bullet of word processors
_LETTER = re.compile(r"\(?(?:[a-zA-Z]|[ivx]{1,5})[.)]\s+\S|\((?:[a-zA-Z]|[ivx]{1,5}|\d{1,2})\)\s*\S")


class Item(NamedTuple):
    """A paragraph that may be an item of a list.

    text: without its mark, if Markdown has such a mark. plain: as it is if the paragraph is no item. sign: of the mark.
    number: of a numbered item. box: its first row.
    """

    kind: Literal["bullet", "dash", "number", "letter"]
    text: str
    plain: str
    sign: str
    number: int
    box: Box


class WrittenItem(NamedTuple):
    """An item as it is written: its indent and mark in Markdown, and its text."""

    before: str
    text: str


@dataclass(slots=True)
class _Outline:
    """The levels of a list that are open, from the outermost.

    levels: left edge of the item, and the columns of Markdown before its text. last: the last item at each indent.
    """

    levels: list[tuple[float, int]] = field(default_factory=list)
    last: dict[int, Item] = field(default_factory=dict)

    @property
    def indent(self) -> int:
        return self.levels[-1][1] if self.levels else 0

    def close_levels(self, item: Item) -> None:
        """Close the levels that the item does not belong to."""
        step = THRESHOLDS.list_indent * item.box.height
        while self.levels and item.box.x0 < self.levels[-1][0] + step:
            self.levels.pop()
        self.last = {indent: other for indent, other in self.last.items() if indent <= self.indent}

    def clear(self) -> None:
        """Close the list: a paragraph follows that is no item."""
        self.levels, self.last = [], {}


def list_item(mark: str, text: str, box: Box) -> Item | None:
    """Return the paragraph as an item of a list; None without such a mark.

    mark: "- " if the paragraph had a bullet, which is not in its text, else empty. box: its first row.
    """
    if mark:
        return Item("bullet", text, text, mark, 0, box)
    if match := _NUMBER.match(text):
        return Item("number", text[match.end() :], text, match[2], int(match[1]), box)
    if match := _DASH.match(text):
        return Item("dash", text[match.end() :], text, match[1], 0, box)
    return Item("letter", text, text, "", 0, box) if _LETTER.match(text) else None


def nest_items(items: Sequence[Item]) -> list[WrittenItem]:
    """Return how each item of a run of paragraphs is written, in the same order."""
    outline, written = _Outline(), []
    for i, item in enumerate(items):
        if i and item.box.y0 < items[i - 1].box.y0:
            outline.levels = []  # the next column has margins of its own
        outline.close_levels(item)
        mark = _find_mark(item, items, outline)
        if mark is None:
            outline.clear()
            written.append(WrittenItem("", item.plain))
            continue
        indent = outline.indent
        outline.levels.append((item.box.x0, indent + len(mark)))
        if mark:
            outline.last[indent] = item
        written.append(WrittenItem(" " * indent + mark, item.text))
    return written


def _find_mark(item: Item, items: Sequence[Item], outline: _Outline) -> str | None:
    """Return the item's mark in Markdown; empty for a mark that Markdown has not; None if it is no item."""
    match item.kind:
        case "bullet":
            return BULLET_MARK
        case "dash":
            is_usual = sum((other.kind, other.sign) == (item.kind, item.sign) for other in items) > 1
            return BULLET_MARK if is_usual or outline.indent else None
        case "letter":
            return "" if outline.indent else None
        case "number":
            above = outline.last.get(outline.indent)
            is_begun = above is not None and (above.kind, above.sign) == (item.kind, item.sign)
            has_next = any((other.sign, other.number) == (item.sign, item.number + 1) for other in items)
            follows = above is not None and item.number == above.number + 1
            is_item = follows if is_begun else has_next or outline.indent > 0
            return f"{item.number}{item.sign} " if is_item else None
