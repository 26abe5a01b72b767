"""Lines of text: the unit that all later steps of the engine work on.

A `Line` comes from the page's text layer or from the recognition of the page image, with the boxes of its words if
they are known. `rows` groups lines that are beside one another, and `split_at` cuts one line at given x. Paragraphs
are not formed here but in `text`. All functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from ocr_worker.engines.embedded.geometry import Box, bounds, y_overlap
from ocr_worker.engines.embedded.thresholds import THRESHOLDS
from ocr_worker.engines.text_layer.joins import LineEnd
from ocr_worker.wire.schema import TextSource


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line, or one character in scripts without spaces. font: see `TextWord`; 0 for words read."""

    text: str
    box: Box
    font: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text.

    score: the recognizer's confidence, 0 to 1; 1 for a line of a text layer. words: may be empty.
    is_from_text_layer: taken from the page's text layer, not read from the page image. is_repeated: see `TextLine`.
    outline: of a line at an angle to the page, its corners (x, y), clockwise from the top left one; empty for all other
    lines. end: whether a space follows the line in a text layer that keeps spaces at line ends. is_bold: see `bold`.
    is_underlined: see `underlines`. is_field: a field of a form with its label, see `combs`.
    doubtful_marks: letters of the text whose mark the recognizer doubts; see `letter_marks`.
    """

    text: str
    box: Box
    score: float = 1.0
    words: tuple[Word, ...] = ()
    is_from_text_layer: bool = False
    is_repeated: bool = False
    outline: tuple[tuple[float, float], ...] = ()
    end: LineEnd = "unknown"
    is_bold: bool = False
    is_underlined: bool = False
    is_field: bool = False
    doubtful_marks: str = ""

    @property
    def is_emphasized(self) -> bool:
        """True for a line that is bold or underlined, as titles are."""
        return self.is_bold or self.is_underlined

    def moved(self, move: Callable[[Box], Box]) -> Line:
        """Return the line with its box and those of its words moved."""
        words = tuple(replace(word, box=move(word.box)) for word in self.words)
        return replace(self, box=move(self.box), words=words)


def trim_symbols(line: Line) -> Line:
    """Return a line of the text layer as high as its words, without bullets and other symbols that are higher.

    The font of a bullet may state far more height than that of the words, which says nothing about the line.
    """
    worded = [word.box for word in line.words if any(map(str.isalnum, word.text))]
    if not worded or not line.is_from_text_layer or line.outline or is_vertical(line):
        return line
    box = bounds(worded)
    is_level = all(y_overlap(word.box, box) > 0 for word in line.words)
    if not is_level or line.box.height < THRESHOLDS.tall_symbol * box.height:
        return line
    return line.moved(lambda part: part._replace(y0=max(part.y0, box.y0), y1=min(part.y1, box.y1)))


def text_source(lines: Sequence[Line]) -> TextSource:
    """Return the origin of these lines' text."""
    origins = {line.is_from_text_layer for line in lines}
    return "both" if len(origins) > 1 else "text_layer" if True in origins else "picture"


def is_vertical(line: Line) -> bool:
    """Return whether the line runs up or down the page: much higher than wide, and more than one character."""
    is_tall = line.box.height >= THRESHOLDS.tall_line * line.box.width
    return is_tall and len(line.text) >= THRESHOLDS.min_vertical_text


def line_height(lines: Sequence[Line]) -> float:
    """Return the median height of these lines in pixels; 0 without lines."""
    return median(min(line.box.height, line.box.width) for line in lines) if lines else 0.0


def letter_height(row: Sequence[Line]) -> float:
    """Return the median height of the row's words in pixels: a word with raised text is higher than the others."""
    return median(box.height for line in row for box in ([word.box for word in line.words] or [line.box]))


def rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines grouped into rows: rows from top to bottom, the lines of each from left to right."""
    groups: list[list[Line]] = []
    row = Box(0, 0, 0, 0)  # around the last group
    for line in sorted(lines, key=lambda line: line.box.center[1]):
        if groups and _is_in_row(groups[-1], row, line):
            groups[-1].append(line)
            row = bounds((row, line.box))
        else:
            groups.append([line])
            row = line.box
    return [sorted(group, key=lambda line: line.box.x0) for group in groups]


def _is_in_row(row: Sequence[Line], row_box: Box, line: Line) -> bool:
    """Return whether the line is level with the row and hardly overlaps its lines from left to right."""
    x0, _, x1, _ = line.box
    height = line.box.height
    if y_overlap(row_box, line.box) <= THRESHOLDS.row_overlap * min(row_box.height, height):
        return False
    return all(min(x1, other.box.x1) - max(x0, other.box.x0) < height for other in row)


def is_inside(line: Line, boxes: Iterable[Box]) -> bool:
    """Return whether the middle of the line is in one of the boxes, such as those of tables."""
    return any(box.contains(line.box.center) for box in boxes)


def are_level(a: Line, b: Line) -> bool:
    """Return whether two lines are beside one another, or would be."""
    return y_overlap(a.box, b.box) > THRESHOLDS.row_overlap * min(a.box.height, b.box.height)


def join_lines(parts: Sequence[Line]) -> Line:
    """Return the lines of a row as one, with the score of the most uncertain one."""
    words = tuple(word for part in parts for word in part.words or (Word(part.text, part.box),))
    return replace(
        parts[-1],
        text=" ".join(part.text for part in parts),
        box=bounds(part.box for part in parts),
        words=words,
        score=min(part.score for part in parts),
        is_from_text_layer=all(part.is_from_text_layer for part in parts),
    )


def chains(lines: Iterable[Line], continues: Callable[[Line, Line], bool]) -> list[list[Line]]:
    """Return the lines from top to bottom in chains, such as columns: each in the first whose last line it continues.

    continues: called with the last line of a chain, and with a line that is not above it.
    """
    all_chains: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.box.y0):
        chain = next((chain for chain in all_chains if continues(chain[-1], line)), None)
        if chain:
            chain.append(line)
        else:
            all_chains.append([line])
    return all_chains


def split_at(line: Line, xs: Sequence[float]) -> list[Line]:
    """Return the parts of the line between these x; a word belongs to the part that contains its middle.

    A line without the boxes of its words is cut at a space. Its characters then count as equally wide.
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
    pieces = [
        replace(line, text=text, box=bounds(word.box for word in part), words=tuple(part), end="unknown")
        for text, part in zip(texts, filled, strict=True)
        if text
    ]
    return [*pieces[:-1], *(replace(last, end=line.end) for last in pieces[-1:])]


def _equal_words(line: Line) -> tuple[Word, ...]:
    """Return the words of the line's text, with boxes as if all its characters were equally wide."""
    step = line.box.width / max(1, len(line.text))
    words, start = [], 0
    for text in line.text.split():
        start = line.text.index(text, start)
        end = start + len(text)
        words.append(Word(text, line.box._replace(x0=line.box.x0 + start * step, x1=line.box.x0 + end * step)))
        start = end
    return tuple(words)


def _texts(text: str, parts: Sequence[Sequence[Word]]) -> list[str]:
    """Return the stretch of `text` that each part's words occupy; together the stretches are the complete text."""
    starts, position = [], 0
    for part in parts:
        # A word that is not in the text (find returns -1) begins where the part before it ends.
        position = max(position, text.find(part[0].text, position))
        starts.append(position)
        position += sum(len(word.text) for word in part)
    starts[0] = 0
    return [text[start:end].strip() for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
