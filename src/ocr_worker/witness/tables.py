"""Compare a table with the evidence in its box, cell by cell and by place.

The order in which a reader meets the words of a table says little: cells have several lines. So each cell's words are
looked for near the place that its row and column have. The places follow from the words that occur once only. A cell
whose words are elsewhere in the table is in the wrong place.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from rapidfuzz import fuzz, process

from ocr_worker.witness.comparison import MIN_NUMBER_SCORE, MIN_SCORE, Agreement, bounds, compare_text
from ocr_worker.witness.evidence import EvidenceWord, Rectangle
from ocr_worker.witness.findings import Finding
from ocr_worker.witness.words import Cell, digits, plain

_ALIKE = 80  # similarity, 0 to 100, of a word and its reading
_MARGIN = 3  # pixels by which a word may miss the middle of its row or column
_MIN_PLACED = 4  # words that occur once, without which a table's places are unknown


Readings = Sequence[tuple[str, EvidenceWord]]  # the plain text of each word, and the word


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of a cell, in plain characters."""

    text: str
    cell: Cell
    shown: str

    @property
    def is_number(self) -> bool:
        """True for digits alone."""
        return self.text.isdigit()

    @property
    def is_in_one(self) -> bool:
        """True if its cell covers one row and one column."""
        return len(self.cell.rows) == len(self.cell.columns) == 1


def compare_table(index: int, cells: Sequence[Cell], bbox: Rectangle, words: Sequence[EvidenceWord]) -> Agreement:
    """Return the agreement of a table with the words of the evidence in its box."""
    tokens = [_Token(text, cell, word) for cell in cells for word in cell.text.split() if (text := plain(word))]
    base = compare_text(index, " ".join(token.shown for token in tokens), bbox, words)
    readings = [(plain(word.text), word) for word in words]
    places = _Places.of(tokens, readings)
    findings: list[Finding] = []
    supported = 0
    for token in tokens:
        finding = _check(index, token, readings, places, bbox)
        findings += [finding] if finding else []
        supported += finding is None
    # What the alignment finds is about order; only what is too much or too little counts in a table.
    lengths = sum(len(text) for text, _ in readings), sum(len(token.text) for token in tokens)
    if abs(lengths[0] - lengths[1]) > max(8, 0.02 * max(lengths)):
        findings += [finding for finding in base.findings if finding.code != "NUMBERS_DIFFER"]
    return Agreement(
        similarity=min(base.similarity, supported / len(tokens)) if tokens else base.similarity,
        score=base.score,
        numbers=base.numbers,
        length=base.length,
        is_exact=base.is_exact,
        findings=tuple(findings),
    )


Edges = tuple[float, float]


class _Place(NamedTuple):
    """The place of a row or column: the middle of its words, and where its cells begin and end."""

    middle: float
    start: float
    end: float

    @classmethod
    def of(cls, cells: Collection[Sequence[Edges]]) -> _Place | None:
        """Return the medians of these cells, each of which is the edges of its words; None if there are no cells."""
        if not cells:
            return None
        return cls(
            median((low + high) / 2 for words in cells for low, high in words),
            median(min(low for low, _ in words) for words in cells),
            median(max(high for _, high in words) for words in cells),
        )


class _Axis:
    """The places of a table's rows or columns. cells: of each, by index, the edges of each cell's words."""

    def __init__(self, cells: Mapping[int, Mapping[Cell, Sequence[Edges]]]) -> None:
        self._cells = cells
        self._places = {index: place for index, group in cells.items() if (place := _Place.of(group.values()))}

    def has(self, cell: Cell, indices: range) -> bool:
        """Return whether all of these places are known from other cells."""
        return all(self._place_without(cell, index) for index in indices)

    def can_hold(self, cell: Cell, indices: range, low: float, high: float) -> bool:
        """Return whether a word of the cell may be between these edges. indices: of the cell's rows or columns.

        The cell's own words do not say where it is: they may be those of another cell.
        """
        return any(self._holds(index, self._place_without(cell, index), low, high) for index in indices)

    def _place_without(self, cell: Cell, index: int) -> _Place | None:
        others = self._cells.get(index, {})
        return _Place.of([words for other, words in others.items() if other != cell])

    def _holds(self, index: int, place: _Place | None, low: float, high: float) -> bool:
        """Return whether the word is over the middle of the place or next to it, or between its neighbors' cells.

        A heading on the left of a column of numbers on the right is nearer to the middle of the column before, and the
        last line of a high cell to that of the next row.
        """
        if place is None:
            return True
        middle = (low + high) / 2
        others = {other: place for other, place in self._places.items() if other != index}
        distance = abs(place.middle - middle)
        is_nearest = all(distance <= abs(other.middle - middle) for other in others.values())
        if low - _MARGIN <= place.middle <= high + _MARGIN or is_nearest:
            return True
        before = max((other.end for number, other in others.items() if number < index), default=-math.inf)
        after = min((other.start for number, other in others.items() if number > index), default=math.inf)
        return before < middle < after


@dataclass(frozen=True, slots=True)
class _Places:
    """The places of the rows and columns, from the words that occur once in table and evidence."""

    rows: _Axis
    columns: _Axis

    @classmethod
    def of(cls, tokens: Sequence[_Token], readings: Readings) -> _Places:
        """Return the places; none if there are few such words."""
        counts, counts_read = Counter(token.text for token in tokens), Counter(text for text, _ in readings)
        once = {text: word.bbox for text, word in readings if counts_read[text] == 1}
        placed = [
            (token.cell, once[token.text])
            for token in tokens
            if token.is_in_one and counts[token.text] == 1 and token.text in once
        ]
        rows: dict[int, dict[Cell, list[Edges]]] = defaultdict(lambda: defaultdict(list))
        columns: dict[int, dict[Cell, list[Edges]]] = defaultdict(lambda: defaultdict(list))
        for cell, (x0, y0, x1, y1) in placed if len(placed) >= _MIN_PLACED else ():
            rows[cell.rows.start][cell].append((y0, y1))
            columns[cell.columns.start][cell].append((x0, x1))
        return cls(_Axis(rows), _Axis(columns))

    def has(self, cell: Cell) -> bool:
        """Return whether the places of the cell's rows and columns are known."""
        return self.rows.has(cell, cell.rows) and self.columns.has(cell, cell.columns)

    def is_near(self, cell: Cell, word: EvidenceWord) -> bool:
        """Return whether the word is in a row and in a column of the cell."""
        x0, y0, x1, y1 = word.bbox
        return self.rows.can_hold(cell, cell.rows, y0, y1) and self.columns.can_hold(cell, cell.columns, x0, x1)


def _check(
    index: int,
    token: _Token,
    readings: Readings,
    places: _Places,
    bbox: Rectangle,
) -> Finding | None:
    """Return the finding about a word of a cell, or None if the evidence confirms it in the place of the cell."""
    matches = [word for text, word in readings if text == token.text or (len(token.text) > 2 and token.text in text)]
    if any(places.is_near(token.cell, word) for word in matches):
        return None
    near = [word for _, word in readings if places.has(token.cell) and places.is_near(token.cell, word)]
    if token.is_number:
        return _number_finding(index, token, near, matches, bbox)
    alike = process.extractOne(token.text, [plain(word.text) for word in near], scorer=fuzz.ratio, score_cutoff=_ALIKE)
    if alike or len(token.text) < 3:
        return None
    if any(words and max(word.score for word in words) < MIN_SCORE for words in (near, matches)):
        return None
    if not matches and process.extractOne(
        token.text, [text for text, _ in readings], scorer=fuzz.partial_ratio, score_cutoff=_ALIKE
    ):
        return None
    return Finding("TEXT_UNSUPPORTED", token.shown, bounds(near) if near else bbox, index, len(token.text))


def _number_finding(
    index: int, token: _Token, near: Sequence[EvidenceWord], matches: Sequence[EvidenceWord], bbox: Rectangle
) -> Finding | None:
    read = [
        word for word in near if digits(word.text) and word.score >= MIN_NUMBER_SCORE and plain(word.text).isdigit()
    ]
    if not read and not matches:
        return None  # nothing certain is read in the cell's place
    if not read and matches:
        # The number is on the page, but in the place of another cell.
        if max(word.score for word in matches) < MIN_NUMBER_SCORE or len(token.text) < 2:
            return None
        return Finding("NUMBERS_DIFFER", token.shown, bounds(matches[:1]), index, len(token.text))
    joined = "".join(digits(word.text) for word in read)
    if token.text in joined:
        return None
    reading = " ".join(word.text for word in read)
    return Finding("NUMBERS_DIFFER", f"{token.shown} / {reading}", bounds(read), index, len(token.text))
