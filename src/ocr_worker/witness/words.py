"""Text in the form in which it is compared: letters and digits without case, accents and spaces, with their places.

The small reader leaves out spaces and accents, and confuses signs that differ in size only; a comparison must not see
these. `Flat` keeps for each remaining character the word that it comes from.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

# Only the tags that engines write: a text may have anything in angle brackets, such as <your name>.
_TAG = re.compile(
    r"</?(?:a|b|body|br|caption|code|col|colgroup|del|div|em|font|h[1-6]|html|i|img|ins|li|mark|ol|p|pre|s|small|span|strong"
    r"|sub|sup|table|tbody|td|tfoot|th|thead|tr|u|ul)(?:\s[^<>]*=[^<>]*)?\s*/?>",
    re.I,
)
_CELL = re.compile(r"<t[dh]\b([^>]*)>(.*?)</t[dh]>", re.S | re.I)
_ROW = re.compile(r"<tr[^>]*>(.*?)</tr>", re.S | re.I)
_LATEX = re.compile(r"\\[a-zA-Z]+|[{}$^_&\\]")
NUMBER = re.compile(r"\d(?:[\d.,' \u00a0\u2009]*\d)?")
_MAX_SPAN = 100  # rows or columns of a cell; an engine that invents may write any number


def plain(text: str) -> str:
    """Return the text's letters and digits in lower case, without accents."""
    if text.isascii():  # the same in a fifth of the time
        return "".join(filter(str.isalnum, text.lower()))
    decomposed = unicodedata.normalize("NFKD", text)
    base = "".join(character for character in decomposed if not unicodedata.combining(character))
    return "".join(character for character in unicodedata.normalize("NFKC", base).casefold() if character.isalnum())


def text_of(label: str, content: str) -> str:
    """Return a block's words: without the tags of a table and the commands of a formula."""
    if "<" in content:
        content = html.unescape(_TAG.sub(" ", content))
    return _LATEX.sub(" ", content) if "formula" in label else content


class Cell(NamedTuple):
    """A cell of a table: its text, and the indices of the rows and the columns that it covers."""

    text: str
    rows: range
    columns: range


def table_cells(content: str) -> list[Cell]:
    """Return the cells of an HTML table, row by row."""
    cells: list[Cell] = []
    taken: set[tuple[int, int]] = set()
    for row, row_content in enumerate(_ROW.findall(content)):
        column = 0
        for attributes, text in _CELL.findall(row_content):
            while (row, column) in taken:
                column += 1
            rows = range(row, row + _span("rowspan", attributes))
            columns = range(column, column + _span("colspan", attributes))
            cells.append(Cell(html.unescape(_TAG.sub(" ", text)).strip(), rows, columns))
            taken.update(product(rows, columns))
    return cells


def _span(name: str, attributes: str) -> int:
    match = re.search(rf"{name}\s*=\s*[\"']?(\d+)", attributes, re.I)
    return min(max(1, int(match[1])), _MAX_SPAN) if match else 1


@dataclass(frozen=True, slots=True)
class Flat:
    """A text as one string of plain characters. owners: for each of them, the index of its word."""

    text: str
    owners: tuple[int, ...]

    @classmethod
    def of(cls, words: Sequence[str]) -> Flat:
        """Return the words without what is between them."""
        characters: list[str] = []
        owners: list[int] = []
        for index, word in enumerate(words):
            stripped = plain(word)
            characters.append(stripped)
            owners += [index] * len(stripped)
        return cls("".join(characters), tuple(owners))


def digits(text: str) -> str:
    """Return the digits of a number: its separators are too small to be witnessed."""
    return "".join(str(unicodedata.digit(character)) for character in text if character.isdigit())
