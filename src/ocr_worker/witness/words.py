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

_TAG = re.compile(r"<[^>]*>")
_CELL = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.S | re.I)
_ROW = re.compile(r"<tr[^>]*>(.*?)</tr>", re.S | re.I)
_LATEX = re.compile(r"\\[a-zA-Z]+|[{}$^_&\\]")
NUMBER = re.compile(r"\d(?:[\d.,' \u00a0\u2009]*\d)?")
_LATIN_LETTERS = 0x250  # code points below it are the Latin letters that the small reader was measured on


def plain(text: str) -> str:
    """Return the text's letters and digits in lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", text)
    base = "".join(character for character in decomposed if not unicodedata.combining(character))
    return "".join(character for character in unicodedata.normalize("NFKC", base).casefold() if character.isalnum())


def text_of(label: str, content: str) -> str:
    """Return a block's words: without the tags of a table and the commands of a formula."""
    if "<" in content:
        content = html.unescape(_TAG.sub(" ", content))
    return _LATEX.sub(" ", content) if "formula" in label else content


def table_rows(content: str) -> list[list[str]]:
    """Return the cells' texts of an HTML table, row by row."""
    return [
        [html.unescape(_TAG.sub(" ", cell)).strip() for cell in _CELL.findall(row)] for row in _ROW.findall(content)
    ]


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
