"""Columns of a table from the alignment of its words.

`find_rows` cuts lines into fragments, row by row. `find_gutters` finds the white between columns: x where no more than
a few rows have text. `place` and `place_headings` put a row's fragments in their columns. Numbers and their signs are
known by `is_number` and `is_sign`. Rules play no part here. All functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

import numpy as np

from ocr_worker.engines.embedded.geometry import Box, bounds, overlap
from ocr_worker.engines.embedded.lines import Line, Word, line_height, rows, split_at
from ocr_worker.engines.embedded.marks import BULLET
from ocr_worker.engines.embedded.tables.thresholds import THRESHOLDS

Span = tuple[float, float]  # start and end, in pixels
_CURRENCY = (
    r"(AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RON|SEK|SGD|THB|TRY|USD?|ZAR|"
    r"Fr\.|Kč|kr\.?|Rs\.?|zł)"
)
_NUMBER = re.compile(
    rf"(?=.*\d)({_CURRENCY}\s?)?[\d\s.,:/()\[\]%±+<>~≈$€£¥*†‡'’`´·×–—−-]+([a-c]|{_CURRENCY})?|[-–—−.]{{1,3}}|n/?a"
    r"|[$€£¥]?\d[\d.,]*[.,]\d\d ?[A-Z]",  # with the letter of its tax rate
    re.IGNORECASE,
)
_SYMBOL_BEFORE = re.compile(r"([$€£¥(]|US\$|[<>≤≥~±−–-])\s*")
_SYMBOL_AFTER = re.compile(r"[)%*†‡]+")
_DASHES = re.compile(r"[-–—−.]{1,3}")
# `1 234 567` is one number, `12 (3.4%)` a number with its share, `5.6 ± 0.7` one with its error.
# `(055) 555-0199` is a phone number.
_GROUP, _GROUPS_BEFORE = re.compile(r"\d{3}(\D.*)?"), re.compile(r"[^\d]*\d{1,3}")
_AREA_CODE, _PHONE = re.compile(r"\(\d{2,5}\)"), re.compile(r"\d{3,4}-\d{3,4}")
_ADDED, _ADDING = "([±%", "±+/×<>≤≥~≈$€£¥("
_DOTS = re.compile(r"[.·∙…\s]+")
# At least four dots, or two at the end of the line, where a leader is often misread.
_LEADER = re.compile(r"\s*(?:[.·∙…]\s?){4,}|\s*(?:[.·∙…]\s?){2,}$")


@dataclass(frozen=True, slots=True)
class Piece:
    """A text in a row from column `first` to column `last`, counted from 0."""

    line: Line
    first: int
    last: int


def tighten(lines: Sequence[Line]) -> list[Line]:
    """Return the lines as high and as wide as their letters.

    Outlines that were found on an image reach into the lines beside them.
    """
    widths = [word.box.width / len(word.text) for line in lines for word in line.words if word.text]
    height = line_height(lines)
    scale = min(1.0, THRESHOLDS.max_height_per_width * median(widths) / height) if widths and height else 1.0
    return [replace(line, box=_tight_box(line, scale)) for line in lines]


def _tight_box(line: Line, scale: float) -> Box:
    x0, y0, x1, y1 = line.box
    if line.words:
        x0, x1 = min(word.box.x0 for word in line.words), max(word.box.x1 for word in line.words)
    trim = (1 - scale) * (y1 - y0) / 2
    return Box(x0, y0 + trim, x1, y1 - trim)


def join_bullets(line: Line) -> Line:
    """Return the line, the bullet at its beginning joined with the word beside it: an item has no column for it."""
    if len(line.words) < 2 or not BULLET.fullmatch(line.words[0].text):
        return line
    bullet, word, *others = line.words
    gap = word.box.x0 - bullet.box.x1
    if not word.text[0].isalnum() or gap > THRESHOLDS.bullet_gap * line.box.height:
        return line
    item = replace(word, text=f"{bullet.text} {word.text}", box=bounds((bullet.box, word.box)))
    return replace(line, words=(item, *others))


def is_number(text: str) -> bool:
    """Return whether the text is a number as in tables: `$ 1,234`, `CHF 1'234`, `(5.6)`, `12%`, or a dash instead."""
    return _NUMBER.fullmatch(text.strip()) is not None


def is_sign(text: str) -> bool:
    """Return whether the text is a sign without its number: of a currency, of percent, or the like."""
    return bool(_SYMBOL_BEFORE.fullmatch(text) or _SYMBOL_AFTER.fullmatch(text))


def find_rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Return rows of fragments, from top to bottom: lines cut at wide gaps and at dotted leaders."""
    parts = [piece for line in lines for part in split_at_leaders(line) for piece in _split_at_gaps(part)]
    return rows(parts)


def count_sums(line_rows: Sequence[Sequence[Line]]) -> int:
    """Count the rows at the end that are sums: a label far from the left edge and a number.

    Their labels are often set across columns, so that they show none.
    """
    if not line_rows:
        return 0
    box = bounds(line.box for row in line_rows for line in row)
    first = box.x0 + THRESHOLDS.sum_indent * box.width
    sums = [
        len(row) == 2 and row[0].box.x0 > first and not is_number(row[0].text) and is_number(row[1].text)
        for row in line_rows
    ]
    return next((i for i, is_sum in enumerate(reversed(sums)) if not is_sum), len(sums))


def find_gutters(line_rows: Sequence[Sequence[Line]], height: float) -> list[float]:
    """Return the middles of the white stretches between columns, which run down through nearly all of the rows.

    height: of a line, in pixels.
    """
    spans = [_text_spans(row, height) for row in line_rows]
    if not spans:
        return []
    left, right = min(row[0][0] for row in spans), max(row[-1][1] for row in spans)
    # A row with a single text, long or in the middle, shows no columns: the heading of a section, a note.
    column_rows = [row for row in spans if len(row) > 1 or not _is_heading(row[0], left, right, height)]
    most = int(THRESHOLDS.max_crossing_rows * len(column_rows))
    stretches: list[Span] = []
    for start, end in _white_stretches(column_rows, left, right, most):
        if end - start > THRESHOLDS.min_gutter * height:
            stretches += _without_sparse_column((start, end), column_rows, height)
    wide = [(start, end) for start, end in stretches if _separates((start, end), column_rows, height)]
    headings = [row for row, stretch in zip(line_rows, spans, strict=True) if stretch not in column_rows]
    narrow = _find_narrow_gutters([row for row in line_rows if row not in headings or _lists(row)], wide, height)
    fine = [_text_spans(row, height, is_apart=_are_numbers) for row in line_rows]
    gutters = sorted([*(_clearest(stretch, fine) for stretch in wide), *(sum(stretch) / 2 for stretch in narrow)])
    return _without_symbols(gutters, line_rows)


def _clearest(stretch: Span, rows: Sequence[Sequence[Span]]) -> float:
    """Return the middle of the widest part of a white stretch that the fewest rows cross.

    A total or a heading is often wider than its column, and reaches into the white beside it.
    """
    start, end = stretch
    crossings = np.zeros(max(1, round(end - start)), int)
    for left, right in (span for row in rows for span in row):
        if left < end and right > start:
            crossings[max(0, round(left - start)) : max(0, round(right - start))] += 1
    clear = np.flatnonzero(crossings == crossings.min())
    widest = max(np.split(clear, np.flatnonzero(np.diff(clear) > 1) + 1), key=len)
    return start + (float(widest[0]) + float(widest[-1]) + 1) / 2


def _are_numbers(left: Word, right: Word) -> bool:
    """Return whether the words are two numbers."""
    return is_number(left.text) and is_number(right.text) and not _are_one_number(left, right)


def _find_narrow_gutters(line_rows: Sequence[Sequence[Line]], wide: Sequence[Span], height: float) -> list[Span]:
    """Return the white stretches between columns of numbers that are no wider than the space between two words.

    wide: the stretches of the other gutters. Such columns are visible because number is below number in row after row.
    """
    word_rows = [words for row in line_rows if len(words := _words(row)) > 1]
    if len(word_rows) < THRESHOLDS.min_rows_for_pairs:
        return []
    left, right = min(row[0].box.x0 for row in word_rows), max(row[-1].box.x1 for row in word_rows)
    most = int(THRESHOLDS.max_crossing_rows * len(word_rows))
    white = _white_stretches([[(word.box.x0, word.box.x1) for word in row] for row in word_rows], left, right, most)
    candidates = [
        (start, end)
        for start, end in white
        if end - start >= THRESHOLDS.narrow_gutter * height
        and all(overlap(start, end, *other) <= 0 for other in wide)
        and _parts_numbers((start + end) / 2, word_rows, height)
    ]
    edges = sorted([left, right, *(sum(gutter) / 2 for gutter in (*wide, *candidates))])
    return [gutter for gutter in candidates if _is_between_columns(sum(gutter) / 2, edges, word_rows)]


def _lists(row: Sequence[Line]) -> bool:
    """Return whether the row is several numbers, perhaps so close together that they look like a single text."""
    return _count_numbers(_words(row)) > 1


def _count_numbers(words: Sequence[Word]) -> int:
    """Count the numbers, without dashes instead of numbers."""
    return sum(is_number(word.text) and not _DASHES.fullmatch(word.text) for word in words)


def _white_stretches(spans: Sequence[Sequence[Span]], left: float, right: float, most: int) -> list[Span]:
    """Return the stretches from `left` to `right` that no more than `most` of the rows of spans cross."""
    crossings = np.zeros(int(right - left) + 2, int)
    for start, end in (span for row in spans for span in row):
        crossings[int(start - left) : int(end - left) + 1] += 1
    white = np.flatnonzero(crossings <= most)
    runs = np.split(white, np.flatnonzero(np.diff(white) > 1) + 1)
    inner = [run for run in runs if len(run) and run[0] > 0 and run[-1] < len(crossings) - 2]
    return [(left + float(run[0]), left + float(run[-1]) + 1) for run in inner]


def _is_between_columns(x: float, edges: Sequence[float], word_rows: Sequence[Sequence[Word]]) -> bool:
    """Return whether most rows of numbers have words right beside the gutter at `x`, up to the edges on both sides.

    Other rows, such as totals and headings of sections, say nothing, unless few rows have several numbers.
    """
    i = edges.index(x)
    numeric = [row for row in word_rows if _count_numbers(row) > 1]
    rows_of_table = numeric if len(numeric) >= THRESHOLDS.numeric_rows * len(word_rows) else word_rows
    sides = ((edges[i - 1], x), (x, edges[i + 1]))
    filled = (sum(any(a < word.box.center[0] < b for word in row) for row in rows_of_table) for a, b in sides)
    return min(filled) >= THRESHOLDS.filled_beside * len(rows_of_table)


def _words(row: Sequence[Line]) -> list[Word]:
    """Return the words of the row from left to right; a line without words counts as one."""
    words = [word for line in row for word in line.words or (Word(line.text, line.box),)]
    return sorted(words, key=lambda word: word.box.x0)


def _parts_numbers(x: float, word_rows: Sequence[Sequence[Word]], height: float) -> bool:
    """Return whether nearly all rows have two cells around `x`: two numbers, or texts that are apart."""
    pairs = [pair for row in word_rows if (pair := _words_around(row, x)) and not _has_dash(pair)]
    numbers = [pair for pair in pairs if is_number(pair[0].text) and is_number(pair[1].text)]
    groups = sum(_are_one_number(*pair) for pair in numbers)
    is_one = groups > THRESHOLDS.max_groups * len(numbers)
    apart = sum((pair in numbers and not is_one) or _are_cells(*pair, height) for pair in pairs)
    return apart >= max(THRESHOLDS.min_rows_for_pairs, THRESHOLDS.number_pairs * len(pairs))


def _has_dash(pair: tuple[Word, Word]) -> bool:
    """Return whether a word is a dash: a missing number, or the middle of a range."""
    return any(_DASHES.fullmatch(word.text) for word in pair)


def _are_one_number(left: Word, right: Word) -> bool:
    """Return whether two numbers may be one, or one with its share or its error."""
    is_group = _GROUP.fullmatch(right.text) is not None and _GROUPS_BEFORE.fullmatch(left.text) is not None
    is_phone = _AREA_CODE.fullmatch(left.text) is not None and _PHONE.fullmatch(right.text) is not None
    return is_group or is_phone or right.text[0] in _ADDED or left.text[-1] in _ADDING


def _are_cells(left: Word, right: Word, height: float) -> bool:
    """Return whether the white between the words is that between two cells; less is enough before a number."""
    gap = right.box.x0 - left.box.x1
    return gap > (THRESHOLDS.word_gap if is_number(right.text) else THRESHOLDS.cell_gap) * height


def _is_heading(span: Span, left: float, right: float, height: float) -> bool:
    start, end = span
    is_wide = end - start >= THRESHOLDS.section_width * (right - left)
    return is_wide or abs(start + end - left - right) < height


def place(
    row: Sequence[Line], gutters: Sequence[float], height: float, gap: float = THRESHOLDS.word_gap
) -> list[Piece]:
    """Return the row's fragments, each in its columns, cut at gutters where they are two cells.

    gap: between words at a gutter, in line heights, above which they are two cells.
    """
    pieces = []
    for line in row:
        for part in split_at(line, [gutter for gutter in gutters if _is_cut(line, gutter, height, gap)]):
            slack = min(THRESHOLDS.gutter_slack * height, THRESHOLDS.narrow_slack * part.box.width)
            first = sum(gutter < part.box.x0 + slack for gutter in gutters)
            last = sum(gutter < part.box.x1 - slack for gutter in gutters)
            pieces.append(Piece(part, first, max(first, last)))
    for i in range(1, len(pieces)):
        pieces[i - 1], pieces[i] = _unshare_column(pieces[i - 1], pieces[i])
    return pieces


def _unshare_column(left: Piece, right: Piece) -> tuple[Piece, Piece]:
    """Return both without a column that both claim: the piece with another column only reaches into it."""
    if left.last == right.first:
        if right.last > right.first:
            return left, replace(right, first=right.first + 1)
        if left.last > left.first:
            return replace(left, last=left.last - 1), right
    return left, right


def place_headings(row: Sequence[Line], gutters: Sequence[float], height: float) -> list[Piece]:
    """Place the headings right above the columns, as `place` does.

    Headings are closer to each other than cells, so every gap counts if this gives each column a heading. Years and the
    like can be wider than their columns of small numbers: they are placed word by word.
    """
    if uncut := place_uncut(row, gutters):
        return uncut
    pieces = place(row, gutters, height, 0.0)
    if len({piece.first for piece in pieces if piece.first == piece.last}) == len(gutters) + 1:
        return pieces
    return _place_years(row, gutters) or place(row, gutters, height)


def place_uncut(row: Sequence[Line], gutters: Sequence[float]) -> list[Piece]:
    """Return the row's texts uncut, if there is exactly one for each column, or for each but the first; else nothing.

    Each belongs to the column that it is over most: a heading may be wider than its column of numbers.
    """
    if len(row) < max(2, len(gutters)):
        return []
    columns = list(pairwise([float("-inf"), *gutters, float("inf")]))
    shares = [[overlap(line.box.x0, line.box.x1, *column) for column in columns] for line in row]
    nearest = [share.index(max(share)) for share in shares]
    if nearest not in (list(range(len(columns))), list(range(1, len(columns)))):
        return []
    return [Piece(line, column, column) for line, column in zip(row, nearest, strict=True)]


def _place_years(row: Sequence[Line], gutters: Sequence[float]) -> list[Piece]:
    """Return the words of the row, each in the column of its middle, if each column but the first has one with figures.

    Returns nothing for other rows, such as a phrase over several columns.
    """
    parts = [part for line in row for part in split_at(line, gutters)]
    columns = [sum(gutter < part.box.center[0] for gutter in gutters) for part in parts]
    years = [(part, column) for part, column in zip(parts, columns, strict=True) if column]
    are_years = all(" " not in part.text and any(map(str.isdigit, part.text)) for part, _ in years)
    if not are_years or [column for _, column in years] != list(range(1, len(gutters) + 1)):
        return []
    return [Piece(part, column, column) for part, column in zip(parts, columns, strict=True)]


def split_at_leaders(line: Line) -> list[Line]:
    """Return the line's parts before and after leaders (`.....`), which are no text."""
    if _DOTS.fullmatch(line.text):
        return []
    leaders = list(_LEADER.finditer(line.text))
    if not leaders:
        return [line]
    edges = _character_edges(line)
    parts, at = [], 0
    for start, end in [*((match.start(), match.end()) for match in leaders), (len(line.text), len(line.text))]:
        text = line.text[at:start].strip()
        if text:
            box = line.box._replace(x0=edges[at], x1=max(edges[at] + 1, edges[start]))
            inside = tuple(
                word for word in line.words if box.x0 <= word.box.center[0] <= box.x1 and "..." not in word.text
            )
            words = inside if "".join(word.text for word in inside) == text.replace(" ", "") else ()
            parts.append(replace(line, text=text, box=box, words=words))
        at = end
    return parts


def _character_edges(line: Line) -> list[float]:
    """Return the x at which each character begins, and the end of the last; a word's characters are equally wide."""
    edges = list(np.linspace(line.box.x0, line.box.x1, len(line.text) + 1))
    at = 0
    for word in line.words:
        start = line.text.find(word.text, at)
        if start < 0:
            break
        at = start + len(word.text)
        edges[start : at + 1] = list(np.linspace(word.box.x0, word.box.x1, len(word.text) + 1))
    return [float(edge) for edge in edges]


def _split_at_gaps(line: Line) -> list[Line]:
    """Return the line's parts, cut where the gap between two words is as wide as the line is high."""
    gaps = [
        (left.box.x1 + right.box.x0) / 2
        for left, right in zip(line.words, line.words[1:], strict=False)
        if right.box.x0 - left.box.x1 > THRESHOLDS.cell_gap * line.box.height
    ]
    return split_at(line, gaps)


def _text_spans(
    row: Sequence[Line], height: float, is_apart: Callable[[Word, Word], bool] = lambda left, right: False
) -> list[Span]:
    """Return the stretches of x that the row's words cover; words with less than a word's gap share a stretch.

    is_apart: whether two words beside one another are two cells, however close they are.
    """
    spans: list[Span] = []
    before: Word | None = None
    for word in _words(row):
        x0, x1 = word.box.x0, word.box.x1
        is_near = before is not None and x0 - spans[-1][1] < THRESHOLDS.word_gap * height
        if before is not None and is_near and not is_apart(before, word):
            spans[-1] = spans[-1][0], max(spans[-1][1], x1)
        else:
            spans.append((x0, x1))
        before = word
    return spans


def _without_sparse_column(stretch: Span, column_rows: Sequence[Sequence[Span]], height: float) -> list[Span]:
    """Return the white stretch, split in two if it contains a column that only few rows fill.

    A word in the middle of a phrase is no column, wherever the words around it happen to be.
    """
    margin = THRESHOLDS.min_gutter * height
    inside = [
        Box(row[i][0], 0, row[i][1], 1)
        for row in column_rows
        for i in range(len(row))
        if stretch[0] + margin <= row[i][0] and row[i][1] <= stretch[1] - margin and _is_apart(row, i, height)
    ]
    if not inside:
        return [stretch]
    column = bounds(inside)
    return [(stretch[0], column.x0), (column.x1, stretch[1])]


def _is_apart(row: Sequence[Span], i: int, height: float) -> bool:
    """Return whether a stretch of the row is as far from its neighbors as cells are."""
    gaps = [b[0] - a[1] for a, b in pairwise(row[max(0, i - 1) : i + 2])]
    return all(gap > THRESHOLDS.cell_gap * height for gap in gaps)


def _separates(gutter: Span, column_rows: Sequence[Sequence[Span]], height: float) -> bool:
    """Return whether at least two rows have text on both sides of the gutter; with few, it must be wider."""
    middle = sum(gutter) / 2
    gaps = [
        min(start for start, _ in row if start > middle) - max(end for _, end in row if end < middle)
        for row in column_rows
        if any(start > middle for start, _ in row) and any(end < middle for _, end in row)
    ]
    if len(gaps) < THRESHOLDS.min_gutter_rows:
        return len(column_rows) < THRESHOLDS.min_rows_for_pairs and bool(gaps)
    is_sparse = len(gaps) < THRESHOLDS.min_narrow_gutter_rows
    return min(gaps) > (THRESHOLDS.cell_gap if is_sparse else THRESHOLDS.min_gutter) * height


def _without_symbols(gutters: list[float], line_rows: Sequence[Sequence[Line]]) -> list[float]:
    """Return the gutters, without those that only separate a currency or percent sign from its number."""
    pairs: dict[int, list[bool]] = {}
    for row in line_rows:
        columns = [sum(gutter < line.box.center[0] for gutter in gutters) for line in row]
        for left, right, a, b in zip(row, row[1:], columns, columns[1:], strict=False):
            if b == a + 1:
                sign = _SYMBOL_BEFORE.fullmatch(left.text) or _SYMBOL_AFTER.fullmatch(right.text)
                pairs.setdefault(a, []).append(sign is not None)
    return [gutter for j, gutter in enumerate(gutters) if not all(pairs.get(j, [False]))]


def _is_cut(line: Line, gutter: float, height: float, gap: float) -> bool:
    """Return whether the line is two cells at the gutter, not one that reaches over it."""
    slack = THRESHOLDS.gutter_slack * height
    if not line.box.x0 + slack < gutter < line.box.x1 - slack:
        return False
    pair = _words_around(line.words, gutter)
    if pair is None:
        return not line.words and " " in line.text
    left, right = pair
    if left.box.x1 > gutter + slack or right.box.x0 < gutter - slack:
        return False
    are_numbers = is_number(left.text) and is_number(right.text)
    return right.box.x0 - left.box.x1 > gap * height or are_numbers


def _words_around(words: Sequence[Word], x: float) -> tuple[Word, Word] | None:
    for left, right in pairwise(words):
        if left.box.center[0] < x < right.box.center[0]:
            return left, right
    return None
