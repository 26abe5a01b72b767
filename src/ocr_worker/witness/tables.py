"""Compare a table with the evidence in its box, cell by cell and by place.

The order in which a reader meets the words of a table says little: cells have several lines. So each cell's words are
looked for near the place that its row and column have. The places follow from the words that occur once only. A cell
whose words are elsewhere in the table is in the wrong place.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rapidfuzz import fuzz, process

from ocr_worker.witness.comparison import MIN_NUMBER_SCORE, MIN_SCORE, Agreement, bounds, compare_text
from ocr_worker.witness.evidence import EvidenceWord, Rectangle
from ocr_worker.witness.findings import Finding
from ocr_worker.witness.words import digits, plain

_ALIKE = 80  # similarity, 0 to 100, of a word and its reading
_MIN_PLACED = 4  # words that occur once, without which a table's places are unknown


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of a cell, in plain characters."""

    text: str
    row: int
    column: int
    shown: str

    @property
    def is_number(self) -> bool:
        return self.text.isdigit()


def compare_table(
    index: int, rows: Sequence[Sequence[str]], bbox: Rectangle, words: Sequence[EvidenceWord]
) -> Agreement:
    """Return the agreement of a table with the words of the evidence in its box."""
    tokens = [
        _Token(text, row, column, word)
        for row, cells in enumerate(rows)
        for column, cell in enumerate(cells)
        for word in cell.split()
        if (text := plain(word))
    ]
    base = compare_text(index, " ".join(token.shown for token in tokens), bbox, words)
    readings = [(plain(word.text), word) for word in words]
    row_places, column_places = _places(tokens, readings)
    findings: list[Finding] = []
    supported = 0
    for token in tokens:
        finding = _check(index, token, readings, row_places, column_places, bbox)
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


Readings = Sequence[tuple[str, EvidenceWord]]


def _places(tokens: Sequence[_Token], readings: Readings) -> tuple[Mapping[int, float], Mapping[int, float]]:
    """Return the y of the rows and the x of the columns, from the words that occur once in table and evidence."""
    counts = Counter(token.text for token in tokens)
    once = {text: word for text, word in readings if sum(other == text for other, _ in readings) == 1}
    ys, xs = defaultdict(list), defaultdict(list)
    for token in tokens:
        if counts[token.text] == 1 and token.text in once:
            x0, y0, x1, y1 = once[token.text].bbox
            ys[token.row].append((y0 + y1) / 2)
            xs[token.column].append((x0 + x1) / 2)
    if sum(map(len, ys.values())) < _MIN_PLACED:
        return {}, {}
    return {row: median(values) for row, values in ys.items()}, {
        column: median(values) for column, values in xs.items()
    }


def _nearest(places: Mapping[int, float], value: float) -> int:
    return min(places, key=lambda place: abs(places[place] - value))


def _is_near(token: _Token, word: EvidenceWord, rows: Mapping[int, float], columns: Mapping[int, float]) -> bool:
    x0, y0, x1, y1 = word.bbox
    is_in_row = token.row not in rows or _nearest(rows, (y0 + y1) / 2) == token.row
    is_in_column = (
        token.column not in columns
        or x0 - 3 <= columns[token.column] <= x1 + 3
        or (_nearest(columns, (x0 + x1) / 2) == token.column)
    )
    return is_in_row and is_in_column


def _check(
    index: int,
    token: _Token,
    readings: Readings,
    rows: Mapping[int, float],
    columns: Mapping[int, float],
    bbox: Rectangle,
) -> Finding | None:
    """Return the finding about a word of a cell, or None if the evidence confirms it in the place of the cell."""
    matches = [word for text, word in readings if text == token.text or (len(token.text) > 2 and token.text in text)]
    if any(_is_near(token, word, rows, columns) for word in matches):
        return None
    near = [word for _, word in readings if rows and columns and token.row in rows and token.column in columns
            and _is_near(token, word, rows, columns)]  # fmt: skip
    if token.is_number:
        return _number_finding(index, token, near, matches, bbox)
    alike = process.extractOne(token.text, [plain(word.text) for word in near], scorer=fuzz.ratio, score_cutoff=_ALIKE)
    if alike or len(token.text) < 3:
        return None
    if near and max(word.score for word in near) < MIN_SCORE:
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
