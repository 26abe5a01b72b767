"""Tables of contents: entries with leaders and page numbers.

The number at the end of the leader is often a line of its own, far from its entry, and some of the entries look like a
table. `join_entries` makes a line of each entry and its number, and `find_entries` returns the entries of a page that
has a table of contents: its numbers never fall. Amounts at the ends of leaders do, so that they stay a table. Both are
pure; lengths are in pixels of the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ocr_worker.engines.embedded.geometry import bounds, y_overlap
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.thresholds import THRESHOLDS

_PAGE = re.compile(r"\d{1,4}|[ivxlc]{1,7}")
_LEADER = r"(?:…|\s[.·]|[.·]{2})[.·…\s]*"
_ENDS_WITH_LEADER = re.compile(rf".*[^\W_].*?{_LEADER}")
_ENTRY = re.compile(rf".*[^\W_].*?{_LEADER}\s*({_PAGE.pattern})")


def join_entries(lines: Sequence[Line]) -> list[Line]:
    """Return the lines, each entry in one line with its page number if the page has a table of contents.

    Where a few entries have lost their leader, the column of the numbers shows which they are.
    """
    numbers = [line for line in lines if _PAGE.fullmatch(line.text.strip())]
    if len(numbers) < THRESHOLDS.min_entries:
        return list(lines)
    pairs = [(entry, number) for number in numbers if (entry := _entry_before(number, lines))]
    with_leader = [number for entry, number in pairs if _ENDS_WITH_LEADER.fullmatch(entry.text)]
    if len(with_leader) < THRESHOLDS.min_entries or not _are_rising(with_leader):
        return list(lines)
    edges = [number.box.x1 for number in with_leader]
    joined = {
        id(entry): (entry, number)
        for entry, number in pairs
        if number in with_leader or any(abs(number.box.x1 - edge) < number.box.height for edge in edges)
    }
    taken = {id(number) for _, number in joined.values()}
    return [_join(*joined[id(line)]) if id(line) in joined else line for line in lines if id(line) not in taken]


def find_entries(lines: Sequence[Line]) -> list[Line]:
    """Return the lines that are entries of a table of contents, from top to bottom; none if there are few."""
    entries = sorted((line for line in lines if _ENTRY.fullmatch(line.text.strip())), key=lambda line: line.box.y0)
    if len(entries) < THRESHOLDS.min_entries or not _are_rising(entries):
        return []
    return entries


def _entry_before(number: Line, lines: Sequence[Line]) -> Line | None:
    """Return the nearest line at the left of the number and level with it, if it has words."""
    level = [
        line
        for line in lines
        if line is not number
        and line.box.x1 <= number.box.x0 + number.box.height / 2
        and y_overlap(line.box, number.box) > THRESHOLDS.row_overlap * min(line.box.height, number.box.height)
    ]
    entry = max(level, key=lambda line: line.box.x1, default=None)
    return entry if entry and any(map(str.isalpha, entry.text)) else None


def _are_rising(lines: Sequence[Line]) -> bool:
    """Return whether the page numbers at the ends of the lines hardly fall from top to bottom of a column."""
    ends = [line.text.split()[-1].lstrip(".·…") for line in sorted(lines, key=lambda line: line.box.y0)]
    pages = [int(end) for end in ends if end.isdecimal()]
    falls = sum(below < above for above, below in pairwise(pages))
    return falls <= THRESHOLDS.falling_entries * len(pages)


def _join(entry: Line, number: Line) -> Line:
    words = (*entry.words, *number.words) if entry.words and number.words else ()
    return replace(
        entry, text=f"{entry.text} {number.text}", box=bounds((entry.box, number.box)), words=words, end=number.end
    )
