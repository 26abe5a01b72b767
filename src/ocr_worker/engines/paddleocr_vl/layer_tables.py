"""Digits of a table that the model read wrongly, replaced by those of the text layer.

The model's table is right about rows and columns, and the layer about digits. A cell is corrected only if it can be no
other cell of the layer: it has the same text but for digits, none of the two has an exact counterpart, and no other
cell of either side is a candidate. All functions are pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from ocr_worker.engines.paddleocr_vl.composing import Row, rows_of
from ocr_worker.engines.paddleocr_vl.layer_words import LayerWord

_CELL = re.compile(r"(<t[dh][^>]*>)([^<>&]*)(?=</t[dh]>)")
_DIGITS = re.compile(r"\d+")
_COLUMN_GAP = 0.8  # heights of a word between two cells of a row, at least
_ALIKE = 0.5  # similarity of the digits of two forms of one cell, at least


def cells_of(words: Sequence[LayerWord]) -> list[str]:
    """Return the texts of the cells: words of a row that are no farther apart than words of a sentence."""
    cells: list[list[LayerWord]] = []
    for row in rows_of(words):
        for i, word in enumerate(row.words):
            previous = row.words[i - 1] if i else None
            if previous and word.box[0] - previous.box[2] < _COLUMN_GAP * word.height:
                cells[-1].append(word)
            else:
                cells.append([word])
    return [Row(cell).text for cell in cells]


def fix_digits(html: str, cells: Sequence[str]) -> str:
    """Return the table with the digits of the layer. html: the model's table. cells: those of the layer."""
    texts = [_plain(match[2]) for match in _CELL.finditer(html)]
    wrong = list((Counter(texts) - Counter(map(_plain, cells))).elements())
    unused = list((Counter(map(_plain, cells)) - Counter(texts)).elements())
    fixes: dict[str, str] = {}
    for text in wrong:
        candidates = [cell for cell in unused if _may_be(text, cell)]
        if len(candidates) == 1 and sum(_may_be(other, candidates[0]) for other in wrong) == 1:
            fixes[text] = candidates[0]
    fixes = {text: cell for text, cell in fixes.items() if texts.count(text) == 1}
    return _CELL.sub(lambda match: match[1] + fixes.get(_plain(match[2]), match[2]), html)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _may_be(text: str, cell: str) -> bool:
    """Return whether the two are one cell, with different digits."""
    if _DIGITS.sub("0", text) != _DIGITS.sub("0", cell) or text == cell:
        return False
    digits, cell_digits = ("".join(_DIGITS.findall(each)) for each in (text, cell))
    return SequenceMatcher(None, digits, cell_digits, autojunk=False).ratio() >= _ALIKE
