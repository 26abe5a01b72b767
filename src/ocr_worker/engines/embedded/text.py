"""Paragraphs from lines.

`split_paragraphs` joins the rows between two beginnings, which `beginnings` finds (see `engines.text_layer.joins`).
Text of scripts that run from right to left is mirrored first, so that the same rules apply.
All functions are pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

from ocr_worker.engines.embedded.beginnings import find_beginnings
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.lines import Line, line_height, rows
from ocr_worker.engines.embedded.lists import BULLET_MARK
from ocr_worker.engines.embedded.marks import bullet_of
from ocr_worker.engines.embedded.thresholds import THRESHOLDS
from ocr_worker.engines.text_layer.joins import LineEnd, is_broken_word, is_right_to_left, joined, words_of
from ocr_worker.engines.text_layer.line_ends import breaks_words as find_broken_words

_FRACTION = re.compile(r"(?<=\d)\s*\u2044\s*(?=\d)")


class Paragraph(NamedTuple):
    """A paragraph or a list item. mark: "- " if the item has a bullet, else empty. box: its first row."""

    mark: str
    text: str
    box: Box


def paragraphs(lines: Sequence[Line], words: Collection[str] = ()) -> list[str]:
    """Return the lines' text as paragraphs and list items, in reading order, with "- " in place of bullets.

    words: those of the page, which show how a word that is broken at a line's end is written.
    """
    return [mark + text for mark, text, _ in split_paragraphs(lines, words)]


def split_paragraphs(lines: Sequence[Line], words: Collection[str] = ()) -> list[Paragraph]:
    """Return the lines' text as paragraphs and list items, in reading order, joined and without hyphenation.

    words: see `paragraphs`.
    """
    if not lines:
        return []
    if is_right_to_left("".join(line.text for line in lines)):
        # A mirror image of such text has its margins and its first words where left-to-right text has them.
        lines = [replace(line, box=_mirrored(line.box), words=()) for line in lines]
    words = words_of(line.text for line in lines).union(words)
    stacked = rows(lines)
    row_texts = [_close_fractions(" ".join(line.text for line in row)) for row in stacked]
    is_usual = find_broken_words(row_texts, words)
    ends: list[LineEnd] = ["unknown", *row_ends(stacked)[:-1]]  # of the row above
    texts: list[str] = []
    boxes: list[Box] = []
    for row, text, end, begins in zip(stacked, row_texts, ends, find_beginnings(stacked), strict=True):
        if begins and not (texts and is_broken_word(texts[-1], text)):
            texts.append(text)
            boxes.append(bounds(line.box for line in row))
        else:
            texts[-1] = joined(texts[-1], text, words, end, breaks_words=is_usual)
    bullets = [bullet_of(text, texts) for text in texts]
    return [
        Paragraph(BULLET_MARK if bullet else "", text.removeprefix(bullet), box)
        for text, bullet, box in zip(texts, bullets, boxes, strict=True)
    ]


def row_text(row: Sequence[Line]) -> str:
    """Return the text of lines that are beside one another; right-to-left scripts begin at the right."""
    texts = [line.text for line in row]
    if is_right_to_left("".join(texts)):
        texts.reverse()
    return _close_fractions(" ".join(texts))


def row_ends(stacked: Sequence[Sequence[Line]]) -> list[LineEnd]:
    """Return the end of each row of a text. A row that is not filled ends where its writer began a new line.

    So do all rows of a text that mostly does not fill them, such as an address.
    """
    lines = [line for row in stacked for line in row]
    right = max(line.box.x1 for line in lines)
    room = THRESHOLDS.filled_room * line_height(lines)
    are_filled = [right - row[-1].box.x1 <= room for row in stacked]
    if 2 * sum(are_filled[:-1]) < len(stacked) - 1:
        return ["unknown"] * len(stacked)
    return [row[-1].end if is_filled else "unknown" for row, is_filled in zip(stacked, are_filled, strict=True)]


def _close_fractions(text: str) -> str:
    """Return the text without spaces around fraction slashes: a small numerator is set apart from its slash."""
    return _FRACTION.sub("\u2044", text)


def _mirrored(box: Box) -> Box:
    return Box(-box.x1, box.y0, -box.x0, box.y1)
