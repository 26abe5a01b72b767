"""What tells a page's furniture from its text: the evidence for a row at the page's edge, in points. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ocr_worker.engines.embedded.furniture.headings import body_height
from ocr_worker.engines.embedded.furniture.words import (
    has_page_word,
    is_number,
    is_running_matter,
    is_section_heading,
    number_at_end,
)
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.lines import Line, line_height


@dataclass(frozen=True, slots=True)
class Body:
    """The page's text as furniture differs from it: its box, line height and line spacing in pixels.

    margin: left free beside it, on the side where less is, as a share of the page's width.
    """

    box: Box
    height: float
    spacing: float
    margin: float


@dataclass(frozen=True, slots=True)
class Strip:
    """A row, or a few close ones, at the page's edge.

    labels: of the regions its lines are in. gap: from it to the text further in, in line spacings; 1 within a
    paragraph. edge: from the page's edge to its middle, as a share of the page's height. ruled: a long rule between it
    and the text further in. numbered: the page's number was found before.
    """

    lines: tuple[Line, ...]
    labels: frozenset[str]
    gap: float
    edge: float
    ruled: bool
    numbered: bool


def body_of(regions: Sequence[Region], width: int) -> Body:
    """The measures of most of the text; of whatever there is, where no region is text. width: of the page."""
    filled = [region for region in regions if region.lines and region.label != "aside_text"]
    texts = [region.lines for region in filled if region.label in ("text", "reference_content")]
    texts = texts or [region.lines for region in filled]
    if not texts:
        return Body(Box(0, 0, 0, 0), 0.0, 0.0, 0.0)
    height = body_height(regions) or line_height([line for lines in texts for line in lines])
    tops = [sorted(line.box.y0 for line in lines) for lines in texts]
    steps = [low - top for column in tops for top, low in pairwise(column) if 0.8 * height < low - top < 4 * height]
    box = bounds(line.box for region in filled for line in region.lines)
    spacing = median(steps) if steps else 1.4 * height
    return Body(box, height, spacing, min(box.x0, width - box.x1) / width)


def evidence(strip: Strip, body: Body) -> float:
    """How much says that the strip is furniture, in points; negative: text of the page's own."""
    text = " ".join(line.text for line in strip.lines)
    number = by_number(strip.lines, body)
    if strip.numbered and number < 3:
        number = min(number, 1.0)
    return (
        number
        + by_gap(strip.gap)
        + by_edge(strip.edge, body.margin)
        + by_size(strip.lines, body) / (2 if number > 2 else 1)
        + by_label(strip.labels)
        + 2.0 * strip.ruled
        + 1.5 * is_running_matter(text)
        + (2.0 if number > 2 else 0.5) * is_capital(text)
        + 1.0 * in_parts(strip.lines, body)
        - 1.5 * any(line.box.width > 0.8 * body.box.width for line in strip.lines)
        - 1.0 * is_sentence(text)
        - 3.0 * (number < 2 and is_section_heading(text))
    )


def by_number(lines: Sequence[Line], body: Body) -> float:
    """A page's number says most with its word, or by itself, or apart at an end of the row; less within a line."""
    if any(has_page_word(line.text) for line in lines):
        return 3.0
    numbers = [line for line in lines if is_number(line.text)]
    words = [line for line in lines if line not in numbers]
    # The same number may have been read twice, from the text layer and from the picture.
    if len({line.text for line in numbers}) == 1 and len(words) <= 3:
        number, clear = bounds(line.box for line in numbers), 1.5 * body.height
        if all(word.box.x0 - number.x1 > clear for word in words) or all(
            number.x0 - word.box.x1 > clear for word in words
        ):
            return 2.5
    if len(numbers) == len(lines) == 2:
        return 2.5
    return 1.0 if len(lines) <= 2 and any(number_at_end(line.text) for line in lines) else 0.0


def by_gap(gap: float) -> float:
    """White between the strip and the text says that they do not belong together. gap: in line spacings."""
    return -1.5 if gap < 1.3 else 0.0 if gap < 1.6 else 1.0 if gap < 2.2 else 2.0


def by_edge(edge: float, margin: float) -> float:
    """Little text is set so close to the edge of the sheet, unless the sheet was cut. Shares of height and width."""
    points = 2.0 if edge < 0.06 else 1.0 if edge < 0.085 else 0.0
    return points if margin > 0.04 else points / 2


def by_size(lines: Sequence[Line], body: Body) -> float:
    """Titles and letterheads are larger than the text, furniture often is smaller."""
    words = [line.box.height for line in lines if sum(map(str.isalpha, line.text)) > 2]
    if not words or not body.height:
        return 0.0
    size = max(words) / body.height
    return -4.0 if size > 1.4 else -2.0 if size > 1.2 else 0.5 if size < 0.85 else 0.0


def by_label(labels: frozenset[str]) -> float:
    """The layout model's word: it takes many a title for a header, and nearly every table for a table."""
    if labels & {"header", "footer"}:
        return 1.0
    return -2.0 if "table" in labels else -1.0 if "paragraph_title" in labels else 0.0


def is_capital(text: str) -> bool:
    """Whether the text is in capitals, as running titles of old books are."""
    return text.isupper() and sum(map(str.isalpha, text)) > 5


def in_parts(lines: Sequence[Line], body: Body) -> bool:
    """Whether the row falls into two or three parts with much white between them."""
    row = sorted((line.box for line in lines), key=lambda box: box.x0)
    gaps = [right.x0 - left.x1 for left, right in pairwise(row)]
    return 1 <= len(gaps) <= 2 and max(gaps) > 0.2 * body.box.width


def is_sentence(text: str) -> bool:
    """Whether the text is part of a sentence rather than a title."""
    begun = len(text.split()) > 5 and text[:1].islower()
    return begun or (text.rstrip()[-1:] in ".,;:-" and not is_number(text))
