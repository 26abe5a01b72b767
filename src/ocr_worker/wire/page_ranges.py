"""Read and write page ranges as people write them: `1-3,8` or `5-`.

Page numbers are 1-based, and a range includes both ends. The functions are pure: `parse_page_ranges` reads the text,
`select_pages` applies it to a document, and `format_page_ranges` writes page numbers as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_PART = re.compile(r"(\d+)(?:\s*(-)\s*(\d+)?)?")

# The same form as a regular expression of JSON Schema, which cannot say that a range must not run backwards.
_PATTERN_OF_PART = r"\s*0*[1-9][0-9]*(\s*-\s*([0-9]+)?)?\s*"
PAGE_RANGES_PATTERN = rf"^{_PATTERN_OF_PART}(,{_PATTERN_OF_PART})*$"

PageRange = tuple[int, int | None]  # first and last page; None for an open end


def parse_page_ranges(text: str) -> tuple[PageRange, ...]:
    """Return the ranges in a text: `"1-3,8,12-"` -> `((1, 3), (8, 8), (12, None))`.

    Raises ValueError, with an example, when the text is not a list of ranges.
    """
    return tuple(_parse_part(part.strip()) for part in text.split(","))


def _parse_part(part: str) -> PageRange:
    match = _PART.fullmatch(part)
    if not match:
        raise ValueError('the page range is invalid; write it like "1-3,8" or "5-"')
    first = int(match[1])
    last = None if match[2] and not match[3] else int(match[3] or match[1])
    if first < 1:
        raise ValueError('page numbers start at 1; write them like "1-3,8"')
    if last is not None and last < first:
        raise ValueError(f'the page range runs backwards; write it like "{last}-{first}"')
    return first, last


def select_pages(ranges: Iterable[PageRange] | None, page_count: int) -> list[int]:
    """Return the page numbers that `ranges` selects in a document of `page_count` pages, ascending and distinct.

    ranges: None for all pages. Page numbers past the end are left out.
    """
    if ranges is None:
        return list(range(1, page_count + 1))
    pages: set[int] = set()
    for first, last in ranges:
        pages.update(range(first, min(page_count if last is None else last, page_count) + 1))
    return sorted(pages)


def has_page_beyond(ranges: Iterable[PageRange] | None, page_count: int) -> bool:
    """Return whether any range names a page past the end."""
    return any((last or first) > page_count for first, last in ranges or ())


def format_page_ranges(pages: Iterable[int]) -> str:
    """Return ascending page numbers as text: `[1, 2, 3, 8]` -> `"1-3,8"`. Inverse of `parse_page_ranges`."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and page == runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
