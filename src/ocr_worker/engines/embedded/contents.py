"""Tables of contents: entries and the numbers of their pages, with leaders between them or with white.

The number at the end of a leader is often a line of its own, far from its entry, and some of the entries look like a
table. `join_entries` makes a line of each entry and its number, and `find_entries` returns the entries of a page that
has a table of contents: its numbers never fall. Amounts at the ends of leaders do, so that they stay a table. Without
leaders, the white before the numbers looks like the gutter of two columns. `separate_contents` returns titles with
their numbers, which have one right edge and do not fall. All functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from ocr_worker.engines.embedded.geometry import Box, BoxIndex
from ocr_worker.engines.embedded.lines import Line, are_level, chains, is_inside, join_lines
from ocr_worker.engines.embedded.thresholds import THRESHOLDS

_PAGE = re.compile(r"\d{1,4}|[ivxlc]{1,7}")
_DOTS = re.compile(r"[.·…\s]+")
_LEADER = re.compile(r"…|\s[.·]|[.·]{2}")


def join_entries(lines: Sequence[Line]) -> list[Line]:
    """Return the lines, each entry in one line with its page number if the page has a table of contents.

    Where a few entries have lost their leader, the column of the numbers shows which they are.
    """
    numbers = [line for line in lines if _PAGE.fullmatch(line.text.strip())]
    if len(numbers) < THRESHOLDS.min_entries or not any(_ends_with_leader(line.text) for line in lines):
        return list(lines)
    index = BoxIndex([line.box for line in lines])
    pairs = [(entry, number) for number in numbers if (entry := _entry_before(number, lines, index))]
    with_leader = [number for entry, number in pairs if _ends_with_leader(entry.text)]
    if len(with_leader) < THRESHOLDS.min_entries or not _are_rising(with_leader):
        return list(lines)
    edges = [number.box.x1 for number in with_leader]
    joined = {
        id(entry): (entry, number)
        for entry, number in pairs
        if number in with_leader or any(abs(number.box.x1 - edge) < number.box.height for edge in edges)
    }
    taken = {id(number) for _, number in joined.values()}
    return [join_lines(joined[id(line)]) if id(line) in joined else line for line in lines if id(line) not in taken]


def find_entries(lines: Sequence[Line]) -> list[Line]:
    """Return the lines that are entries of a table of contents, from top to bottom; none if there are few."""
    entries = sorted((line for line in lines if _is_entry(line.text.strip())), key=lambda line: line.box.y0)
    if len(entries) < THRESHOLDS.min_entries or not _are_rising(entries):
        return []
    return entries


def separate_contents(lines: Sequence[Line], tables: Sequence[Box]) -> tuple[list[Line], list[Line]]:
    """Return the other lines, and the titles that have the number of a page, without leaders.

    tables: boxes whose lines stay.
    """
    outside = [line for line in lines if not is_inside(line, tables)]
    numbers = [line for line in outside if line.text.isdecimal() and _PAGE.fullmatch(line.text)]
    rest, entries = list(lines), []
    for column in chains(numbers, _are_flush):
        pairs = [(title, number) for number in column if (title := _title(number, outside))]
        if len(pairs) < max(THRESHOLDS.min_contents, len(column)) or not _do_not_fall(column):
            continue
        taken = {id(line) for pair in pairs for line in pair}
        rest = [line for line in rest if id(line) not in taken]
        entries += [join_lines(pair) for pair in pairs]
    return rest, entries


def _is_entry(text: str) -> bool:
    """Return whether the text is a title, a leader and the number of a page."""
    end = _DOTS.split(text)[-1]
    return _PAGE.fullmatch(end) is not None and _ends_with_leader(text[: len(text) - len(end)])


def _ends_with_leader(text: str) -> bool:
    """Return whether the text has a letter or a figure, and ends with a leader."""
    dots = _DOTS.match(text[::-1])  # backwards from the end: the length of the line costs nothing
    start = len(text) - dots.end() if dots else len(text)
    return _LEADER.search(text, start) is not None and any(map(str.isalnum, text[:start]))


def _entry_before(number: Line, lines: Sequence[Line], index: BoxIndex) -> Line | None:
    """Return the nearest line at the left of the number and level with it, if it has words."""
    level = [
        line
        for line in (lines[i] for i in index.near(number.box.y0, number.box.y1))
        if line is not number and line.box.x1 <= number.box.x0 + number.box.height / 2 and are_level(line, number)
    ]
    entry = max(level, key=lambda line: line.box.x1, default=None)
    return entry if entry and any(map(str.isalpha, entry.text)) else None


def _are_rising(lines: Sequence[Line]) -> bool:
    """Return whether the page numbers at the ends of the lines hardly fall from top to bottom of a column."""
    ends = [line.text.split()[-1].lstrip(".·…") for line in sorted(lines, key=lambda line: line.box.y0)]
    pages = [int(end) for end in ends if end.isdecimal()]
    falls = sum(below < above for above, below in pairwise(pages))
    return falls <= THRESHOLDS.falling_entries * len(pages)


def _are_flush(number: Line, other: Line) -> bool:
    """Return whether the numbers end at one right edge."""
    return abs(number.box.x1 - other.box.x1) < THRESHOLDS.contents_edge * other.box.height


def _title(number: Line, lines: Sequence[Line]) -> Line | None:
    """Return the only other line that is level with the number, far at its left; None if there are others."""
    level = [line for line in lines if line is not number and are_level(line, number)]
    if len(level) != 1 or level[0].box.x1 > number.box.x0:
        return None
    return level[0] if any(map(str.isalpha, level[0].text)) else None


def _do_not_fall(column: Sequence[Line]) -> bool:
    pages = [int(number.text) for number in column]
    return all(above <= below for above, below in pairwise(pages)) and pages[0] < pages[-1]
