"""Paragraphs from lines.

`split_paragraphs` joins the rows between two beginnings, which `beginnings` finds. `joined` decides what a hyphen at
the end of a line means. Text of scripts that run from right to left is mirrored first, so that the same rules apply.
All functions are pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ocr_worker.characters import is_wide
from ocr_worker.engines.embedded.beginnings import find_beginnings
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, rows
from ocr_worker.engines.embedded.marks import BULLET

_FRACTION = re.compile(r"(?<=\d)\s*\u2044\s*(?=\d)")


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
    stacked = rows(lines)
    texts: list[str] = []
    for row, begins in zip(stacked, find_beginnings(stacked), strict=True):
        text = _close_fractions(" ".join(line.text for line in row))
        if begins:
            texts.append(text)
        else:
            texts[-1] = joined(texts[-1], text)
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


def _close_fractions(text: str) -> str:
    """Return the text without spaces around fraction slashes: a small numerator is set apart from its slash."""
    return _FRACTION.sub("\u2044", text)


def _mirrored(box: Box) -> Box:
    return Box(-box.x1, box.y0, -box.x0, box.y1)


def joined(above: str, below: str) -> str:
    """Return two lines of a paragraph as one: without the hyphen of a broken word, and without a space in Chinese."""
    if len(above) > 1 and above[-1] in "-\u2010\u00ad" and above[-2].isalpha() and below[:1].islower():
        return above[:-1] + below
    if len(above) > 1 and above[-1] == "-" and above[-2].isalnum() and below[:1].isalnum():
        return above + below
    if above and below and _is_written_solid(above[-1]) and _is_written_solid(below[0]):
        return above + below
    return f"{above} {below}"


def is_right_to_left(text: str) -> bool:
    """Return whether most letters of the text are of a script that runs from right to left."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    return sum(kind in ("R", "AL") for kind in kinds) > sum(kind == "L" for kind in kinds)


def _is_written_solid(character: str) -> bool:
    """Return whether the character's script has no spaces between words: Chinese and Japanese, but not Korean."""
    return is_wide(character) and not "\uac00" <= character <= "\ud7a3"
