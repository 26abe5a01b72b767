"""The text of a block as HTML in which the words of findings are marked. Pure.

A finding names words as the comparison saw them, without what is between them. So they are looked for by their letters
and digits only (`witness.words.plain`), and across the tags of a table. Of a table's HTML, only the cells and their
places are kept; all other text, tags included, is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import NamedTuple

from ocr_worker.batch.report_tables import escape_html
from ocr_worker.witness.words import plain

_TAGS = {"table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "b", "i", "sub", "sup"}
_EMPTY_TAGS = {"br"}
_SPANS = ("colspan", "rowspan")
_MAX_SPAN = re.compile(r"[1-9]\d{0,2}")
_TABLE = re.compile(r"<(table|tr|td)\b", re.I)


@dataclass(frozen=True, slots=True)
class Mark:
    """Words to mark.

    opening: HTML that begins the mark, which `</mark>` ends. continuation: the same, after a tag that divides the mark.
    is_last: of several places, the last is meant.
    """

    text: str
    opening: str
    continuation: str = "<mark>"
    is_last: bool = False


class _Piece(NamedTuple):
    """A tag as safe HTML, or text that is not escaped yet."""

    text: str
    is_tag: bool


class _Place(NamedTuple):
    """A stretch of marked text: from a character of a piece to another one, both included."""

    start: tuple[int, int]
    end: tuple[int, int]
    mark: Mark


def marked_html(content: str, marks: Sequence[Mark]) -> tuple[str, list[Mark]]:
    """Return the content as HTML with the marks, and the marks whose words are not in it."""
    pieces = _pieces(content) if _TABLE.search(content) else [_Piece(content, is_tag=False)]
    letters, owners = _letters(pieces)
    places: list[_Place] = []
    missing: list[Mark] = []
    used = [False] * len(letters)
    for mark in marks:
        start = _find(pieces, letters, owners, used, mark)
        if start is None:
            missing.append(mark)
            continue
        end = start + len(plain(mark.text))
        used[start:end] = [True] * (end - start)
        places.append(_Place(owners[start], owners[end - 1], mark))
    return _render(pieces, sorted(places, key=lambda place: place.start)), missing


# --------------------------------------------------------------------------- pieces


class _TableReader(HTMLParser):
    """Reader of a table's HTML into pieces. Every tag that it opens is closed in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[_Piece] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS | _EMPTY_TAGS:
            self.handle_data(self.get_starttag_text() or "")
            return
        spans = [(name, value) for name, value in attrs if name in _SPANS and value and _MAX_SPAN.fullmatch(value)]
        attributes = "".join(f' {name}="{value}"' for name, value in spans)
        self.pieces.append(_Piece(f"<{tag}{attributes}>", is_tag=True))
        if tag in _TAGS:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._open:
            return
        while True:
            last_tag = self._open.pop()
            self.pieces.append(_Piece(f"</{last_tag}>", is_tag=True))
            if last_tag == tag:
                return

    def handle_data(self, data: str) -> None:
        self.pieces.append(_Piece(data, is_tag=False))

    def finish(self) -> list[_Piece]:
        self.close()
        self.pieces += [_Piece(f"</{tag}>", is_tag=True) for tag in reversed(self._open)]
        return self.pieces


def _pieces(content: str) -> list[_Piece]:
    reader = _TableReader()
    reader.feed(content)
    return reader.finish()


# --------------------------------------------------------------------------- places


def _letters(pieces: Sequence[_Piece]) -> tuple[str, list[tuple[int, int]]]:
    """Return the letters and digits of all text, and for each the piece and the character that it comes from."""
    letters: list[str] = []
    owners: list[tuple[int, int]] = []
    for number, piece in enumerate(pieces):
        for index, character in enumerate("" if piece.is_tag else piece.text):
            stripped = plain(character)
            letters.append(stripped)
            owners += [(number, index)] * len(stripped)
    return "".join(letters), owners


def _find(
    pieces: Sequence[_Piece], letters: str, owners: Sequence[tuple[int, int]], used: Sequence[bool], mark: Mark
) -> int | None:
    """Return where the words of the mark begin, outside other marks; None: nowhere. A number is no part of another."""
    words = plain(mark.text)
    if not words:
        return None
    starts = [match.start() for match in re.finditer(f"(?={re.escape(words)})", letters)]
    free = [start for start in starts if not any(used[start : start + len(words)])]
    if words.isdigit():
        numbers = [start for start in free if _is_number(pieces, owners[start], owners[start + len(words) - 1])]
        free = numbers or free
    return (free[-1] if mark.is_last else free[0]) if free else None


def _is_number(pieces: Sequence[_Piece], start: tuple[int, int], end: tuple[int, int]) -> bool:
    """Return whether no digit is right before the first or right after the last of these digits."""
    before = pieces[start[0]].text[: start[1]][-1:]
    after = pieces[end[0]].text[end[1] + 1 : end[1] + 2]
    return not before.isdigit() and not after.isdigit()


# --------------------------------------------------------------------------- HTML


def _render(pieces: Sequence[_Piece], places: Sequence[_Place]) -> str:
    parts = []
    for number, piece in enumerate(pieces):
        if piece.is_tag:
            parts.append(piece.text)
            continue
        position = 0
        for place in places:
            if not place.start[0] <= number <= place.end[0]:
                continue
            start = place.start[1] if place.start[0] == number else 0
            end = place.end[1] + 1 if place.end[0] == number else len(piece.text)
            if not piece.text[start:end].strip():
                continue
            parts.append(escape_html(piece.text[position:start]))
            opening = place.mark.opening if place.start[0] == number else place.mark.continuation
            parts.append(f"{opening}{escape_html(piece.text[start:end])}</mark>")
            position = end
        parts.append(escape_html(piece.text[position:]))
    return "".join(parts)
