"""Amounts at the ends of their rows, as on receipts and bills without rules.

A column of amounts far to the right looks like a column of the page, which would be read after all the texts that the
amounts belong to. `join_amounts` joins each amount with the text in its row. `has_amount_apart` tells rows that end
with an amount, each of which is a line of its own. Both are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word, are_level, chains, is_inside, join_lines
from ocr_worker.engines.embedded.thresholds import THRESHOLDS

_DIGITS = r"(?:\d{1,3}(?:[ ,.'’]\d{3})+|\d+)"
_CURRENCY = "[$€£¥₹₱₩]"
# A number with two decimals, or one with the sign of a currency; before and behind it a minus, a currency or its code,
# and the letter of a tax rate.
_AMOUNT = re.compile(
    rf"[-+−–(]?\s?(?:{_CURRENCY}|[A-Z]{{2,3}}\s|[A-Z]{{0,2}}\$)?\s?[-−–]?{_DIGITS}[.,]\d{{2}}\s?[-)]?"
    rf"(?:\s?(?:{_CURRENCY}|[%*]|[A-Z]{{1,3}}))?"
    rf"|{_CURRENCY}\s?{_DIGITS}(?:[.,]-)?|{_DIGITS}(?:[.,]-)?\s?{_CURRENCY}"
)


def join_amounts(lines: Sequence[Line], taken: Sequence[Box]) -> list[Line]:
    """Return the lines, each amount of a column joined with the text at its left in the same row.

    taken: boxes of tables, whose cells stay apart, and of pictures.
    """
    free = [line for line in lines if not line.outline and not is_inside(line, taken)]
    joined: dict[int, Line] = {}  # by the id of the first line of each row that is joined
    parts: set[int] = set()
    columns = chains((line for line in free if _AMOUNT.fullmatch(line.text)), _is_aligned)
    for column in (column for column in columns if len(column) >= THRESHOLDS.min_amounts):
        labeled = [(row, amount) for amount in column if (row := _texts_at_left(amount, free))]
        if len(labeled) < THRESHOLDS.labeled_amounts * len(column):
            continue
        for row, amount in labeled:
            if parts.isdisjoint(map(id, [*row, amount])):
                parts.update(map(id, [*row[1:], amount]))
                joined[id(row[0])] = join_lines([*row, amount])
    return [joined.get(id(line), line) for line in lines if id(line) not in parts]


def has_amount_apart(row: Sequence[Line]) -> bool:
    """Return whether the row is a text and, after much white, an amount. row: from left to right."""
    words = [word for line in row for word in line.words or (Word(line.text, line.box),)]
    height = max(line.box.height for line in row)
    gaps = [right.box.x0 - left.box.x1 for left, right in pairwise(words)]
    if not gaps or max(gaps) < THRESHOLDS.amount_gap * height:
        return False
    amount = words[gaps.index(max(gaps)) + 1 :]
    return _AMOUNT.fullmatch(" ".join(word.text for word in amount)) is not None


def _is_aligned(above: Line, amount: Line) -> bool:
    """Return whether the amount is below the other one, with an edge at the same x but for a small skew of the page."""
    reach = THRESHOLDS.aligned_amounts * min(above.box.height, amount.box.height)
    is_below = amount.box.center[1] > above.box.y1
    return is_below and (abs(above.box.x1 - amount.box.x1) < reach or abs(above.box.x0 - amount.box.x0) < reach)


def _texts_at_left(amount: Line, lines: Sequence[Line]) -> list[Line]:
    """Return the lines of the amount's row that are at its left, from left to right, if the nearest is a text.

    The row begins with the nearest line that is no number. None if another text follows the amount: it is in a column.
    """
    level = [line for line in lines if line is not amount and are_level(line, amount)]
    if any(line.box.x0 > amount.box.x0 for line in level):
        return []
    row: list[Line] = []
    for line in sorted((line for line in level if line.box.x1 <= amount.box.center[0]), key=lambda line: -line.box.x1):
        row.insert(0, line)
        if any(map(str.isalpha, line.text)) and not _AMOUNT.fullmatch(line.text):
            return row
    return []
