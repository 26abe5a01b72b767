"""Columns of a table from how its words are aligned. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

import numpy as np

from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.lines import Line, Word, line_height, rows, split_at

# All as shares of the line height. Words closer than WORD_GAP belong together; a gap wider than FAR parts two cells.
WORD_GAP, FAR, MIN_GUTTER = 0.45, 1.0, 0.5
HEIGHT_OF_WIDTH = 2.2  # a line's height in widths of its characters, at most
CROSSED = 0.15  # of the rows may cross a gutter
_NUMBER = re.compile(r"(?=.*\d)(US)?[\d\s.,:/()\[\]%±+<>~≈$€£¥*†‡'’·×–—−-]+[a-c]?|[-–—−.]{1,3}|n/?a", re.IGNORECASE)
_SYMBOL_BEFORE = re.compile(r"([$€£¥(]|US\$|[<>≤≥~±−–-])\s*")
_SYMBOL_AFTER = re.compile(r"[)%*†‡]+")
_DOTS = re.compile(r"[.·∙…\s]+")
_LEADER = re.compile(r"\s*(?:[.·∙…]\s?){4,}|\s*(?:[.·∙…]\s?){2,}$")  # few at the end: read badly


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands in a row from column `first` to column `last`, counted from 0."""

    line: Line
    first: int
    last: int


def tightened(lines: Sequence[Line]) -> list[Line]:
    """The lines as high and as wide as their letters: outlines found on a picture reach into those beside them."""
    widths = [word.box.width / len(word.text) for line in lines for word in line.words if word.text]
    height = line_height(lines)
    scale = min(1.0, HEIGHT_OF_WIDTH * median(widths) / height) if widths and height else 1.0
    return [replace(line, box=_tight(line, scale)) for line in lines]


def _tight(line: Line, scale: float) -> Box:
    x0, y0, x1, y1 = line.box
    if line.words:
        x0, x1 = min(word.box.x0 for word in line.words), max(word.box.x1 for word in line.words)
    trim = (1 - scale) * (y1 - y0) / 2
    return Box(x0, y0 + trim, x1, y1 - trim)


def is_number(text: str) -> bool:
    """Whether it is a figure such as a table has them: `$ 1,234`, `(5.6)`, `12%`, or a dash in place of one."""
    return _NUMBER.fullmatch(text.strip()) is not None


def is_sign(text: str) -> bool:
    """Whether it is a currency's or a percent sign, or the like, without its number."""
    return bool(_SYMBOL_BEFORE.fullmatch(text) or _SYMBOL_AFTER.fullmatch(text))


def text_rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Rows of fragments, from top to bottom: lines cut at wide gaps and at dotted leaders."""
    parts = [piece for line in lines for part in without_leaders(line) for piece in _fragments(part)]
    return rows(parts)


def find_gutters(found: Sequence[Sequence[Line]], height: float) -> list[float]:
    """Middles of the white stretches that run down between columns, through nearly all of the rows."""
    spans = [_covered(row, height) for row in found]
    if not spans:
        return []
    left, right = min(row[0][0] for row in spans), max(row[-1][1] for row in spans)
    # A row with one text, long or in the middle, says nothing about columns: a section's heading, a note.
    telling = [row for row in spans if len(row) > 1 or not _is_heading(row[0], left, right, height)]
    crossed = np.zeros(int(right - left) + 2, int)
    for start, end in (span for row in telling for span in row):
        crossed[int(start - left) : int(end - left) + 1] += 1
    white = np.flatnonzero(crossed <= int(CROSSED * len(telling)))
    runs = np.split(white, np.flatnonzero(np.diff(white) > 1) + 1)
    gutters = []
    for run in runs:
        if len(run) >= MIN_GUTTER * height and run[0] > 0 and run[-1] < len(crossed) - 2:
            gutters += _cleared((left + float(run[0]), left + float(run[-1]) + 1), telling, height)
    kept = [gutter for gutter in gutters if _parts(gutter, telling, height)]
    return _without_symbols([(start + end) / 2 for start, end in kept], found)


def _is_heading(span: tuple[float, float], left: float, right: float, height: float) -> bool:
    start, end = span
    return end - start >= 0.4 * (right - left) or abs(start + end - left - right) < height


def place(row: Sequence[Line], gutters: Sequence[float], height: float, gap: float = WORD_GAP) -> list[Piece]:
    """The row's fragments, cut where they go on over a gutter as two cells do, each in its columns.

    gap: between words at a gutter, in line heights, from which on they are two cells.
    """
    placed = []
    for line in row:
        for part in split_at(line, [gutter for gutter in gutters if _is_cut(line, gutter, height, gap)]):
            slack = min(0.3 * height, 0.3 * part.box.width)
            first = sum(gutter < part.box.x0 + slack for gutter in gutters)
            last = sum(gutter < part.box.x1 - slack for gutter in gutters)
            placed.append(Piece(part, first, max(first, last)))
    for i in range(1, len(placed)):
        placed[i - 1], placed[i] = _unshared(placed[i - 1], placed[i])
    return placed


def _unshared(left: Piece, right: Piece) -> tuple[Piece, Piece]:
    """The two, without the column that both claim where one of them has another: it only reaches into this one."""
    if left.last == right.first:
        if right.last > right.first:
            return left, replace(right, first=right.first + 1)
        if left.last > left.first:
            return replace(left, last=left.last - 1), right
    return left, right


def place_heads(row: Sequence[Line], gutters: Sequence[float], height: float) -> list[Piece]:
    """As `place`, for the headings right above the columns: they stand closer, so all gaps count if each has one."""
    close = place(row, gutters, height, 0.0)
    if len({piece.first for piece in close if piece.first == piece.last}) == len(gutters) + 1:
        return close
    return place(row, gutters, height)


def without_leaders(line: Line) -> list[Line]:
    """The line's parts before and after leaders (`.....`), which only lead the eye."""
    if _DOTS.fullmatch(line.text):
        return []
    found = list(_LEADER.finditer(line.text))
    if not found:
        return [line]
    edges = _character_edges(line)
    parts, at = [], 0
    for start, end in [*((match.start(), match.end()) for match in found), (len(line.text), len(line.text))]:
        text = line.text[at:start].strip()
        if text:
            box = line.box._replace(x0=edges[at], x1=max(edges[at] + 1, edges[start]))
            inside = tuple(
                word for word in line.words if box.x0 <= word.box.center[0] <= box.x1 and "..." not in word.text
            )
            known = inside if "".join(word.text for word in inside) == text.replace(" ", "") else ()
            parts.append(replace(line, text=text, box=box, words=known))
        at = end
    return parts


def _character_edges(line: Line) -> list[float]:
    """The x at which each character begins, and the end of the last; those of a word are taken as equally wide."""
    edges = list(np.linspace(line.box.x0, line.box.x1, len(line.text) + 1))
    at = 0
    for word in line.words:
        start = line.text.find(word.text, at)
        if start < 0:
            break
        at = start + len(word.text)
        edges[start : at + 1] = list(np.linspace(word.box.x0, word.box.x1, len(word.text) + 1))
    return [float(edge) for edge in edges]


def _fragments(line: Line) -> list[Line]:
    """The line, cut where the gap between two words is as wide as the line is high."""
    gaps = [
        (left.box.x1 + right.box.x0) / 2
        for left, right in zip(line.words, line.words[1:], strict=False)
        if right.box.x0 - left.box.x1 > FAR * line.box.height
    ]
    return split_at(line, gaps)


def _covered(row: Sequence[Line], height: float) -> list[tuple[float, float]]:
    """The stretches of x that the row's words cover, those only a word's gap apart together."""
    boxes = sorted((box for line in row for box in _word_boxes(line)), key=lambda box: box.x0)
    spans: list[tuple[float, float]] = []
    for box in boxes:
        if spans and box.x0 - spans[-1][1] < WORD_GAP * height:
            spans[-1] = spans[-1][0], max(spans[-1][1], box.x1)
        else:
            spans.append((box.x0, box.x1))
    return spans


def _word_boxes(line: Line) -> list[Box]:
    return [word.box for word in line.words] or [line.box]


def _cleared(
    run: tuple[float, float], telling: Sequence[Sequence[tuple[float, float]]], height: float
) -> list[tuple[float, float]]:
    """The white stretch, in two where a column stands in it that only few rows fill."""
    inside = [
        Box(start, 0, end, 1)
        for row in telling
        for start, end in row
        if run[0] + MIN_GUTTER * height <= start and end <= run[1] - MIN_GUTTER * height
    ]
    if not inside:
        return [run]
    column = bounds(inside)
    return [(run[0], column.x0), (column.x1, run[1])]


def _parts(gutter: tuple[float, float], telling: Sequence[Sequence[tuple[float, float]]], height: float) -> bool:
    """Whether rows stand on both sides of it, at least two; where few do, the white must be wider."""
    middle = sum(gutter) / 2
    gaps = [
        min(start for start, _ in row if start > middle) - max(end for _, end in row if end < middle)
        for row in telling
        if any(start > middle for start, _ in row) and any(end < middle for _, end in row)
    ]
    if len(gaps) < 2:
        return len(telling) < 3 and bool(gaps)
    return min(gaps) > (FAR if len(gaps) < 4 else MIN_GUTTER) * height


def _without_symbols(gutters: list[float], found: Sequence[Sequence[Line]]) -> list[float]:
    """The gutters, without those that only part a currency or a percent sign from its number."""
    pairs: dict[int, list[bool]] = {}
    for row in found:
        columns = [sum(gutter < line.box.center[0] for gutter in gutters) for line in row]
        for left, right, a, b in zip(row, row[1:], columns, columns[1:], strict=False):
            if b == a + 1:
                sign = _SYMBOL_BEFORE.fullmatch(left.text) or _SYMBOL_AFTER.fullmatch(right.text)
                pairs.setdefault(a, []).append(sign is not None)
    return [gutter for j, gutter in enumerate(gutters) if not all(pairs.get(j, [False]))]


def _is_cut(line: Line, gutter: float, height: float, gap: float) -> bool:
    """Whether the line is two cells there, not one that reaches over the gutter."""
    if not line.box.x0 + 0.3 * height < gutter < line.box.x1 - 0.3 * height:
        return False
    pair = _around(line.words, gutter)
    if pair is None:
        return not line.words and " " in line.text
    left, right = pair
    if left.box.x1 > gutter + 0.3 * height or right.box.x0 < gutter - 0.3 * height:
        return False
    numbers = is_number(left.text) and is_number(right.text)
    return right.box.x0 - left.box.x1 > gap * height or numbers


def _around(words: Sequence[Word], x: float) -> tuple[Word, Word] | None:
    for left, right in pairwise(words):
        if left.box.center[0] < x < right.box.center[0]:
            return left, right
    return None
