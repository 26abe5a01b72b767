"""The text of a block, composed from words of the layer in the form in which PaddleOCR-VL writes it.

Words are grouped into rows, and rows are joined: by a space, without the hyphen of a broken word, without a space in
Chinese. A row that ends where the first word of the next one would have fitted is a line of its own, as in an address.
All functions are pure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby, pairwise

from ocr_worker.characters import is_wide
from ocr_worker.engines.paddleocr_vl.layer_words import LayerWord
from ocr_worker.engines.text_layer.joins import LineEnd, is_broken_word, is_right_to_left, joined
from ocr_worker.engines.text_layer.line_ends import breaks_words as find_broken_words

_LEVEL = 0.5  # share of the lower height that two parts of a row share
_ROOM = 0.5  # heights of a row that are left at its end beside the next word, before the row counts as ended
TITLES = frozenset(["doc_title", "paragraph_title", "figure_title", "header", "footer", "number"])
LISTS = frozenset(["content", "reference"])  # labels of blocks whose rows are entries


class Row:
    """Words beside one another. words: in reading order."""

    def __init__(self, words: Sequence[LayerWord]) -> None:
        self.words = list(words)

    @property
    def x0(self) -> float:
        """Left edge in pixels."""
        return min(word.box[0] for word in self.words)

    @property
    def x1(self) -> float:
        """Right edge in pixels."""
        return max(word.box[2] for word in self.words)

    @property
    def y0(self) -> float:
        """Upper edge in pixels."""
        return min(word.box[1] for word in self.words)

    @property
    def y1(self) -> float:
        """Lower edge in pixels."""
        return max(word.box[3] for word in self.words)

    @property
    def text(self) -> str:
        """Text with spaces between the words where the layer has them."""
        text = ""
        previous: LayerWord | None = None
        for word in self.words:
            text += _gap(previous, word) + word.text if previous else word.text
            previous = word
        return text


def compose(parts: Sequence[Sequence[LayerWord]], label: str, page_words: Collection[str]) -> str:
    """Return the text of a block, or of the blocks of a merged group.

    parts: the words of each block in the order of the layer. page_words: see `joined`.
    """
    is_rtl = is_right_to_left("".join(word.text for part in parts for word in part))
    texts = [_compose_block(rows_of(part, is_rtl=is_rtl), label, page_words, is_rtl=is_rtl) for part in parts if part]
    text = texts[0] if texts else ""
    for following in texts[1:]:
        text = joined(text, following, page_words)
    return text


def _compose_block(rows: Sequence[Row], label: str, page_words: Collection[str], *, is_rtl: bool) -> str:
    left, right = min(row.x0 for row in rows), max(row.x1 for row in rows)
    text = rows[0].text
    breaks_words = find_broken_words([row.text for row in rows], page_words)
    for row, following in pairwise(rows):
        is_entry = label in LISTS or (label not in TITLES and _is_ended(row, following, left, right, is_rtl=is_rtl))
        if is_entry and not is_broken_word(text, following.text):
            text += f"\n{following.text}"
        else:
            end = _end(row, left, right, is_rtl=is_rtl)
            text = joined(text, following.text, page_words, end, breaks_words=breaks_words)
    return text


def _end(row: Row, left: float, right: float, *, is_rtl: bool) -> LineEnd:
    """Return the end of a row. One that is not filled ends where its writer began a new line."""
    word = row.words[-1]
    room = row.x0 - left if is_rtl else right - row.x1
    return "unknown" if room > word.height else word.end


def _is_ended(row: Row, following: Row, left: float, right: float, *, is_rtl: bool) -> bool:
    """Return whether the first word of the next row would have fitted at the row's end."""
    word = following.words[0]
    room = row.x0 - left if is_rtl else right - row.x1
    return room > word.box[2] - word.box[0] + _ROOM * word.height


def rows_of(words: Sequence[LayerWord], *, is_rtl: bool = False) -> list[Row]:
    """Return the words in rows from top to bottom. Neighbors of one line of the layer stay together, in its order."""
    lines = [Row(list(group)) for _, group in groupby(words, lambda word: word.line)]
    rows: list[list[Row]] = []
    for line in sorted(lines, key=lambda line: line.y0 + line.y1):
        if rows and _is_level(rows[-1], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    for row in rows:
        row.sort(key=lambda line: -line.x1 if is_rtl else line.x0)
    return [Row([word for line in row for word in line.words]) for row in rows]


def _is_level(row: Sequence[Row], line: Row) -> bool:
    y0, y1 = min(other.y0 for other in row), max(other.y1 for other in row)
    shared = min(y1, line.y1) - max(y0, line.y0)
    return shared > _LEVEL * min(y1 - y0, line.y1 - line.y0)


def _gap(word: LayerWord, following: LayerWord) -> str:
    """Return what is between two neighbors of a row. Two lines of the layer are apart, except in Chinese."""
    if word.line == following.line:
        return " " if following.has_space_before else ""
    return "" if is_wide(word.text[-1]) and is_wide(following.text[0]) else " "
