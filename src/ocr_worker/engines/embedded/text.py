"""Paragraphs from lines.

`split_paragraphs` joins the rows between two beginnings, which `beginnings` finds. `joined` decides what a hyphen at
the end of a line means. Text of scripts that run from right to left is mirrored first, so that the same rules apply.
All functions are pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

from ocr_worker.characters import is_wide
from ocr_worker.engines.embedded.beginnings import find_beginnings
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.line_ends import breaks_words as find_broken_words
from ocr_worker.engines.embedded.line_ends import ends_in_word, has_no_spaces, is_hangul
from ocr_worker.engines.embedded.lines import Line, LineEnd, line_height, rows
from ocr_worker.engines.embedded.marks import BULLET
from ocr_worker.engines.embedded.thresholds import THRESHOLDS

_FRACTION = re.compile(r"(?<=\d)\s*\u2044\s*(?=\d)")
_HYPHENS = "-\u2010\u00ad"
_WORD = re.compile(r"\w+(?:[-\u2010]\w+)*")
# First parts that English joins with a hyphen which stays where the line breaks after it.
_COMPOUND_STARTS = frozenset(
    ["well", "non", "self", "half", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
)
# Parts that have a hyphen only before the vowel that they end in, as in "re-entry".
_PREFIXES = frozenset(["co", "re", "pre", "anti", "semi", "multi"])


class Paragraph(NamedTuple):
    """A paragraph or a list item. mark: "- " if the item has a bullet, else empty."""

    mark: str
    text: str


def paragraphs(lines: Sequence[Line]) -> list[str]:
    """Return the lines' text as paragraphs and list items, in reading order, with "- " in place of bullets."""
    return [mark + text for mark, text in split_paragraphs(lines)]


def split_paragraphs(lines: Sequence[Line]) -> list[Paragraph]:
    """Return the lines' text as paragraphs and list items, in reading order, joined and without hyphenation."""
    if not lines:
        return []
    if is_right_to_left("".join(line.text for line in lines)):
        # A mirror image of such text has its margins and its first words where left-to-right text has them.
        lines = [replace(line, box=_mirrored(line.box), words=()) for line in lines]
    words = frozenset(word.casefold() for line in lines for word in _WORD.findall(line.text))
    stacked = rows(lines)
    row_texts = [_close_fractions(" ".join(line.text for line in row)) for row in stacked]
    is_usual = find_broken_words(row_texts, words)
    ends: list[LineEnd] = ["unknown", *row_ends(stacked)[:-1]]  # of the row above
    texts: list[str] = []
    for text, end, begins in zip(row_texts, ends, find_beginnings(stacked), strict=True):
        if begins and not (texts and _is_broken_word(texts[-1], text)):
            texts.append(text)
        else:
            texts[-1] = joined(texts[-1], text, words, end, breaks_words=is_usual)
    return [_split_bullet(text) for text in texts]


def _split_bullet(text: str) -> Paragraph:
    bullet = BULLET.match(text)
    return Paragraph("- ", text[bullet.end() :]) if bullet else Paragraph("", text)


def row_text(row: Sequence[Line]) -> str:
    """Return the text of lines that are beside one another; right-to-left scripts begin at the right."""
    texts = [line.text for line in row]
    if is_right_to_left("".join(texts)):
        texts.reverse()
    return _close_fractions(" ".join(texts))


def row_ends(stacked: Sequence[Sequence[Line]]) -> list[LineEnd]:
    """Return the end of each row of a text. A row that is not filled ends where its writer began a new line."""
    lines = [line for row in stacked for line in row]
    right = max(line.box.x1 for line in lines)
    room = THRESHOLDS.filled_room * line_height(lines)
    return ["unknown" if right - row[-1].box.x1 > room else row[-1].end for row in stacked]


def _close_fractions(text: str) -> str:
    """Return the text without spaces around fraction slashes: a small numerator is set apart from its slash."""
    return _FRACTION.sub("\u2044", text)


def _mirrored(box: Box) -> Box:
    return Box(-box.x1, box.y0, -box.x0, box.y1)


def joined(
    above: str,
    below: str,
    words: Collection[str] = (),
    end: LineEnd = "unknown",
    *,
    breaks_words: bool = False,
) -> str:
    """Return two lines of a paragraph as one: without the hyphen of a broken word, and without a space in Chinese.

    words: those of the text around, in lower case; a word that occurs there with or without its hyphen keeps that form.
    end: of the first line. breaks_words: whether lines of this text end within Korean words.
    """
    if _is_broken_word(above, below):
        return (above if _keeps_hyphen(above, below, words) else above[:-1]) + below
    if len(above) > 1 and above[-1] == "-" and above[-2].isalnum() and below[:1].isalnum():
        return above + below
    if above and below and _is_written_solid(above[-1]) and _is_written_solid(below[0]):
        return above + below
    if end != "unknown" and (is_hangul(above[-1:]) or is_hangul(below[:1])):
        return above + (" " if end == "space" else "") + below
    if ends_in_word(above, below, words, is_usual=breaks_words):
        return above + below
    return f"{above} {below}"


def _is_broken_word(above: str, below: str) -> bool:
    """Return whether a hyphen after a letter ends the line, and the next one begins in lower case."""
    return (
        len(above) > 1 and above[-1] in _HYPHENS and above[-2].isalpha() and below[:1].isalpha() and below[0].islower()
    )


def _keeps_hyphen(above: str, below: str, words: Collection[str]) -> bool:
    """Return whether the hyphen at the line's end is part of the word, as in "well-known"."""
    if above[-1] == "\u00ad":
        return False
    start, end = str(_WORD.findall(above)[-1]).casefold(), str(_WORD.findall(below)[0]).casefold()
    if start + end in words or f"{start}-{end}" in words:
        return start + end not in words
    first = re.split("[-\u2010]", start)[-1]
    if first in _PREFIXES:
        return first.endswith(end[0])
    # Hyphenation leaves at least two letters.
    return len(first) == 1 or first in _COMPOUND_STARTS


def is_right_to_left(text: str) -> bool:
    """Return whether most letters of the text are of a script that runs from right to left."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    return sum(kind in ("R", "AL") for kind in kinds) > sum(kind == "L" for kind in kinds)


def _is_written_solid(character: str) -> bool:
    """Return whether the character's script has no spaces between words: Chinese and Thai, but not Korean."""
    return has_no_spaces(character) or (is_wide(character) and not is_hangul(character))
