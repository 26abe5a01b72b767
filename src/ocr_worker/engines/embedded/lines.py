"""Lines of text, where they come from, and how they stand to one another. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from ocr_worker.engines.embedded.geometry import Box, bounds, y_overlap
from ocr_worker.wire.schema import TextSource


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line, or one character in scripts without spaces."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text. score: the recogniser's confidence, 0 to 1; 1 for a text layer's. words: may be empty.

    own: from the page's text layer, not read from the picture.
    """

    text: str
    box: Box
    score: float = 1.0
    words: tuple[Word, ...] = ()
    own: bool = False


def text_source(lines: Sequence[Line]) -> TextSource:
    """Where these lines' text came from."""
    origins = {line.own for line in lines}
    return "both" if len(origins) > 1 else "text_layer" if True in origins else "picture"


def line_height(lines: Sequence[Line]) -> float:
    """The usual height of these lines, in pixels; 0 for none."""
    return median(min(line.box.height, line.box.width) for line in lines) if lines else 0.0


def rows(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines that stand beside one another, together: rows from top to bottom, each from left to right."""
    found: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.box.center[1]):
        if found and _beside(found[-1], line):
            found[-1].append(line)
        else:
            found.append([line])
    return [sorted(row, key=lambda line: line.box.x0) for row in found]


def _beside(row: Sequence[Line], line: Line) -> bool:
    """Whether the line shares more than half of the lower one's height with the row, and none of its place."""
    box = bounds(other.box for other in row)
    shared = y_overlap(box, line.box)
    if shared <= 0.5 * min(box.height, line.box.height):
        return False
    return all(min(line.box.x1, other.box.x1) - max(line.box.x0, other.box.x0) < line.box.height for other in row)


def split_at(line: Line, xs: Sequence[float]) -> list[Line]:
    """The line's parts between these places; a word belongs to the part that holds its middle.

    A line whose words are unknown is cut between the characters of its text, taken as equally wide, at a space.
    """
    inside = sorted(x for x in xs if line.box.x0 < x < line.box.x1)
    if not inside:
        return [line]
    words = line.words or _equal_words(line)
    parts: list[list[Word]] = [[] for _ in range(len(inside) + 1)]
    for word in words:
        parts[sum(word.box.center[0] > x for x in inside)].append(word)
    filled = [part for part in parts if part]
    texts = _texts(line.text, filled)
    return [
        replace(line, text=text, box=bounds(word.box for word in part), words=tuple(part))
        for text, part in zip(texts, filled, strict=True)
        if text
    ]


def _equal_words(line: Line) -> tuple[Word, ...]:
    step = line.box.width / max(1, len(line.text))
    words, at = [], 0
    for text in line.text.split():
        at = line.text.index(text, at)
        words.append(
            Word(text, line.box._replace(x0=line.box.x0 + at * step, x1=line.box.x0 + (at + len(text)) * step))
        )
        at += len(text)
    return tuple(words)


def _texts(text: str, parts: Sequence[Sequence[Word]]) -> list[str]:
    """The stretch of `text` that each part's words take up; together they are the whole text."""
    starts, at = [], 0
    for part in parts:
        found = text.find(part[0].text, at)
        at = max(at, found)
        starts.append(at)
        at += sum(len(word.text) for word in part)
    starts[0] = 0
    return [text[start:end].strip() for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
