"""Page ranges as people write them: `1-3,8`, `5-`; 1-based, both ends included. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PART = re.compile(r"(\d+)(?:\s*(-)\s*(\d+)?)?")

Range = tuple[int, int | None]


def parse_page_ranges(text: str) -> tuple[Range, ...]:
    """`"1-3,8,12-"` -> `((1, 3), (8, 8), (12, None))`; an open end is None.

    Raises ValueError, with an example, for anything else.
    """
    return tuple(_parse_part(part.strip()) for part in text.split(","))


def _parse_part(part: str) -> Range:
    found = _PART.fullmatch(part)
    if not found:
        raise ValueError('pages are written like "1-3,8" or "5-"')
    first = int(found[1])
    last = None if found[2] and not found[3] else int(found[3] or found[1])
    if first < 1:
        raise ValueError('pages count from 1, as in "1-3,8"')
    if last is not None and last < first:
        raise ValueError(f'a page range runs upwards, as in "{last}-{first}"')
    return first, last


def select_pages(ranges: Iterable[Range] | None, page_count: int) -> list[int]:
    """The pages of `ranges` that a document of `page_count` pages has, ascending, each once; None means all."""
    if ranges is None:
        return list(range(1, page_count + 1))
    chosen: set[int] = set()
    for first, last in ranges:
        chosen.update(range(first, min(page_count if last is None else last, page_count) + 1))
    return sorted(chosen)


def asks_beyond(ranges: Iterable[Range] | None, page_count: int) -> bool:
    """Whether any range names a page past the end."""
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
