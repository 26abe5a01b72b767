"""Lines at the edges of a page that come again on neighboring pages: running heads and feet.

Runs only in a rasterizer process, which has the complete file open, whatever pages are requested. A line is repeated if
one of the two pages before or after has the same text in letters of the same size at the same distance from the edge.
Left and right pages may differ, therefore two. Numbers must be equal, or count the pages.

Pages that are made from one form, such as invoices, have many lines in common. There, repetition proves nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ocr_worker.sources.rasterizer.rendered import LayerLine

EDGE_DEPTH = 0.2  # share of the page's height from its upper or lower edge, where running lines are
_NEIGHBORS = (-1, 1, -2, 2)
_MAX_LINES = 1000  # lines of a page that are compared
_MIN_LETTERS = 3  # of a line that can come again; the place of a few digits is often the same by chance
_MIN_CHARACTERS = 6  # letters and digits of such a line with fewer letters, as in the number of a case: "No. 26-104"
_MAX_DISTANCE = 0.5  # heights of the line between its places on the two pages
_SAME_HEIGHT = 0.1  # share of the line's height by which the other's may differ
_FORM = 0.25  # share of the lines between the edges; if more are on the other page, the two are made from one form
_NUMBER = re.compile(r"\d+")
_MAX_DIGITS = 9  # of a number that may count pages
_MIN_WORDS = 2  # beside a number that counts the pages; "Invoice 17" is a title


class PlacedLine(NamedTuple):
    """A line of a page. y0, y1: from the page's upper edge, and height: of the page, in points."""

    text: str
    y0: float
    y1: float
    height: float

    @property
    def is_at_edge(self) -> bool:
        """The line is near the page's upper or lower edge."""
        return not EDGE_DEPTH < (self.y0 + self.y1) / 2 / self.height < 1 - EDGE_DEPTH

    @property
    def distance(self) -> float:
        """Distance from the upper edge, or from the lower edge as a negative number: points."""
        is_upper = self.y0 + self.y1 < self.height
        return self.y0 if is_upper else self.y1 - self.height


@dataclass(frozen=True, slots=True)
class PageView:
    """The lines at the edges of a page, by `_pattern`, and the patterns of the lines between the edges."""

    edges: Mapping[str, list[PlacedLine]] = field(default_factory=dict)
    inner: frozenset[str] = frozenset()

    @classmethod
    def of(cls, lines: Sequence[PlacedLine], inner: Sequence[str]) -> PageView:
        """Return the view of a page with these lines at its edges and these texts between them."""
        edges: dict[str, list[PlacedLine]] = defaultdict(list)
        for line in lines[:_MAX_LINES]:
            edges[_pattern(line.text)].append(line)
        return cls(edges, frozenset(_pattern(text) for text in inner[:_MAX_LINES] if _has_letters(text)))


class RunningLines:
    """Finds the lines of a page that come again, and keeps the views of the pages around it.

    look_at: returns the view of a page by its number; an empty one when it cannot be read.
    """

    def __init__(self, page_count: int, look_at: Callable[[int], PageView]) -> None:
        self._page_count = page_count
        self._look_at = look_at
        self._views: dict[int, PageView] = {}

    def find(self, number: int, lines: Sequence[PlacedLine]) -> list[int]:
        """Return the indices of the lines of page `number` that come again."""
        candidates = [i for i, line in enumerate(lines) if line.is_at_edge and _can_come_again(line.text)]
        if not candidates or len(lines) > _MAX_LINES:
            return []
        self._views = {n: view for n, view in self._views.items() if abs(n - number) <= max(_NEIGHBORS)}
        inner = self._view(number).inner
        again: set[int] = set()
        for step in _NEIGHBORS:
            view = self._view(number + step)
            if inner and len(inner & view.inner) <= _FORM * len(inner):
                again.update(i for i in candidates if _comes_again(lines[i], view, step))
        return sorted(again)

    def _view(self, number: int) -> PageView:
        if not 1 <= number <= self._page_count:
            return PageView()
        if number not in self._views:
            self._views[number] = self._look_at(number)
        return self._views[number]


def place_lines(lines: Sequence[LayerLine], page_height: float, scale: float) -> list[PlacedLine]:
    """Return the lines of a page in points. page_height: in points. scale: pixels per point of the lines' boxes."""
    return [PlacedLine(text, box[1] / scale, box[3] / scale, page_height) for text, box, *_ in lines]


def _pattern(text: str) -> str:
    """Return the text with 0 in place of each number."""
    return _NUMBER.sub("0", text)


def _can_come_again(text: str) -> bool:
    """Return whether the text is long enough that two equal ones at one place are hardly chance."""
    is_number = any(map(str.isalpha, text)) and sum(map(str.isalnum, text)) >= _MIN_CHARACTERS
    return is_number or _has_letters(text)


def _has_letters(text: str) -> bool:
    return sum(map(str.isalpha, text)) >= _MIN_LETTERS


def _comes_again(line: PlacedLine, view: PageView, step: int) -> bool:
    """Return whether the line is also on the page of the view, which is `step` pages farther on."""
    height = line.y1 - line.y0
    return any(
        abs(other.distance - line.distance) <= _MAX_DISTANCE * height
        and abs(other.y1 - other.y0 - height) <= _SAME_HEIGHT * height
        and _is_same_text(line.text, other.text, step)
        for other in view.edges.get(_pattern(line.text), ())
    )


def _is_same_text(text: str, other: str, step: int) -> bool:
    """Return whether texts of one pattern are equal, except for numbers that grow by `step` beside several words."""
    pairs = [(a, b) for a, b in zip(_NUMBER.findall(text), _NUMBER.findall(other), strict=True) if a != b]
    words = [word for word in _NUMBER.sub(" ", text).split() if len(word) >= _MIN_LETTERS]
    is_counting = all(len(a + b) <= 2 * _MAX_DIGITS and int(b) - int(a) == step for a, b in pairs)
    return not pairs or (is_counting and len(words) >= _MIN_WORDS)
