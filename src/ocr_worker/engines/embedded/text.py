"""Paragraphs from lines: where one ends, what a hyphen at a line's end was, which way a line runs. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from ocr_worker.characters import is_wide
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.lines import Line, line_height, rows

_LIST_ITEM = re.compile(r"([•●▪■◦‣·*–—-]|\(?(\d{1,3}|[a-zA-Z])[.)])\s+\S")
_BULLET = re.compile(r"[•●▪■◦‣·]\s*")
_SENTENCE_END = (".", "!", "?", ":", ";", "。", "！", "？", "：", "”", '"', ")")


def paragraphs(lines: Sequence[Line]) -> list[str]:
    """The lines' text as paragraphs and list items, in reading order, lines joined and hyphenation undone."""
    if not lines:
        return []
    if is_right_to_left("".join(line.text for line in lines)):
        # Seen in a mirror such text has its margins and its first words where ours has.
        lines = [replace(line, box=_mirrored(line.box), words=()) for line in lines]
    whole, height = bounds(line.box for line in lines), line_height(lines)
    found: list[str] = []
    above: list[Line] | None = None
    for row in rows(lines):
        text = " ".join(line.text for line in row)
        if above is None or _LIST_ITEM.match(text) or _begins(above, row, whole.x0, whole.x1, height):
            found.append(text)
        else:
            found[-1] = joined(found[-1], text)
        above = row
    return [_BULLET.sub("- ", text, count=1) if _BULLET.match(text) else text for text in found]


def row_text(row: Sequence[Line]) -> str:
    """The text of lines that stand beside one another; those of right-to-left scripts from the right."""
    texts = [line.text for line in row]
    if is_right_to_left("".join(texts)):
        texts.reverse()
    return " ".join(texts)


def _mirrored(box: Box) -> Box:
    return Box(-box.x1, box.y0, -box.x0, box.y1)


def joined(above: str, below: str) -> str:
    """Two lines of a paragraph as one: a hyphen that only broke the word is gone, and Chinese gets no space."""
    if len(above) > 1 and above[-1] in "-\u2010\u00ad" and above[-2].isalpha() and below[:1].islower():
        return above[:-1] + below
    if len(above) > 1 and above[-1] == "-" and above[-2].isalnum() and below[:1].isalnum():
        return above + below
    if above and below and _is_written_solid(above[-1]) and _is_written_solid(below[0]):
        return above + below
    return f"{above} {below}"


def is_right_to_left(text: str) -> bool:
    """Whether most of its letters are of a script that runs from right to left."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    return sum(kind in ("R", "AL") for kind in kinds) > sum(kind == "L" for kind in kinds)


def _is_written_solid(character: str) -> bool:
    """Return whether the character's script has no spaces between words: Chinese and Japanese, but not Korean."""
    return is_wide(character) and not "\uac00" <= character <= "\ud7a3"


def _begins(above: Sequence[Line], row: Sequence[Line], left: float, right: float, height: float) -> bool:
    """Whether a paragraph begins with `row`: more white above it, an indent, or a line above that ended early."""
    upper, lower = bounds(line.box for line in above), bounds(line.box for line in row)
    if lower.y0 - upper.y1 > 0.9 * height:
        return True
    indented = lower.x0 - max(left, upper.x0) > 0.8 * height and right - lower.x1 < 0.3 * (right - left)
    if indented and upper.x0 - left < 0.5 * height:
        return True
    # The word would have fitted into the line above, had it been of the same paragraph.
    words = row[0].words
    first = words[0].box.width if words else lower.width * len(row[0].text.split()[0]) / len(row[0].text)
    ended = above[-1].text.endswith(_SENTENCE_END)
    room = max(2 * first, (0.2 if ended else 0.4) * (right - left))
    return right - upper.x1 > room and lower.x0 - left < 0.5 * height
