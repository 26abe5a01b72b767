"""Page furniture: what a page carries at its head, foot and margins beside its text. Pure.

A page is seen alone, so nothing tells what repeats. Rows are taken off the page from its edge inwards as long as the
evidence for each, summed up in points, says that it is not the page's own text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from ocr_worker.engines.embedded.footnotes import label_footnotes
from ocr_worker.engines.embedded.furniture_words import (
    has_page_word,
    is_number,
    is_running_matter,
    is_salutation,
    is_section_heading,
    number_at_end,
)
from ocr_worker.engines.embedded.geometry import Box, bounds, x_overlap, y_overlap
from ocr_worker.engines.embedded.headings import body_height, label_headings, plain_kind
from ocr_worker.engines.embedded.lines import Line, line_height
from ocr_worker.engines.embedded.regions import Region
from ocr_worker.engines.embedded.rules import Rules

FURNITURE = ("header", "footer", "number", "footnote", "aside_text")
TITLES = ("doc_title", "paragraph_title")
ENOUGH = 3.0  # points; what `evidence` sums up to
_MIN_BODY = 8  # lines; on a page with fewer there must be a point more
_MOST_ROWS = 4  # at one edge
_DEEPEST = 0.2  # of the page's height; no furniture stands further in
_TOGETHER = 1.35  # line spacings; rows no further apart are taken as one where one alone does not tell


@dataclass(frozen=True, slots=True)
class Body:
    """The page's text as furniture differs from it: its box, line height and line spacing in pixels."""

    box: Box
    height: float
    spacing: float


@dataclass(frozen=True, slots=True)
class Strip:
    """A row, or a few close ones, at the page's edge.

    labels: of the regions its lines are in. gap: from it to the text further in, in line spacings; 1 within a
    paragraph. edge: from the page's edge to its middle, as a share of the page's height. ruled: a long rule between it
    and the text further in.
    """

    lines: tuple[Line, ...]
    labels: frozenset[str]
    gap: float
    edge: float
    ruled: bool


def label_by_place(regions: Sequence[Region], width: int, height: int, rules: Rules) -> list[Region]:
    """The regions with what their size and place tell about them; lines that are furniture stand by themselves.

    width, height: of the page, in pixels.
    """
    plain = [plain_kind(region, width) for region in regions]
    body = body_of(plain)
    parted = [part for region in _without_edges(plain, body, height, rules) for part in region]
    noted = label_footnotes(parted, rules, body.height, body.spacing)
    return label_headings(noted, height, body.height)


def body_of(regions: Sequence[Region]) -> Body:
    """The measures of most of the text; of whatever there is, where no region is text."""
    texts = [region.lines for region in regions if region.label in ("text", "reference_content") and region.lines]
    texts = texts or [region.lines for region in regions if region.lines]
    if not texts:
        return Body(Box(0, 0, 0, 0), 0.0, 0.0)
    height = body_height(regions) or line_height([line for lines in texts for line in lines])
    tops = [sorted(line.box.y0 for line in lines) for lines in texts]
    steps = [low - top for column in tops for top, low in pairwise(column) if 0.8 * height < low - top < 4 * height]
    box = bounds(line.box for region in regions if region.label != "aside_text" for line in region.lines)
    return Body(box, height, median(steps) if steps else 1.4 * height)


def evidence(strip: Strip, body: Body) -> float:
    """How much says that the strip is furniture, in points; negative: text of the page's own."""
    text = " ".join(line.text for line in strip.lines)
    number = by_number(strip.lines, body)
    return (
        number
        + by_gap(strip.gap)
        + by_edge(strip.edge)
        + by_size(strip.lines, body)
        + by_label(strip.labels)
        + 2.0 * strip.ruled
        + 1.5 * is_running_matter(text)
        + (2.0 if number > 2 else 0.5) * is_capital(text)
        + 1.0 * in_parts(strip.lines, body)
        - 1.5 * any(line.box.width > 0.8 * body.box.width for line in strip.lines)
        - 1.0 * is_sentence(text)
        - 3.0 * is_section_heading(text)
    )


def by_number(lines: Sequence[Line], body: Body) -> float:
    """A page's number says most with its word, or by itself, or apart at an end of the row; less within a line."""
    row = sorted(lines, key=lambda line: line.box.x0)
    if any(has_page_word(line.text) for line in row):
        return 3.0
    numbers = [line for line in row if is_number(line.text)]
    if len(numbers) == len(row) <= 2:
        return 2.5
    apart = [right.box.x0 - left.box.x1 > 1.5 * body.height for left, right in pairwise(row)]
    first, last = row[0] in numbers, row[-1] in numbers
    if len(row) <= 4 and len(numbers) == 1 and ((first and apart[0]) or (last and apart[-1])):
        return 2.5
    return 1.0 if len(row) <= 2 and any(number_at_end(line.text) for line in row) else 0.0


def by_gap(gap: float) -> float:
    """White between the strip and the text says that they do not belong together. gap: in line spacings."""
    return -1.5 if gap < 1.3 else 0.0 if gap < 1.6 else 1.0 if gap < 2.2 else 2.0


def by_edge(edge: float) -> float:
    """Little text is set so close to the edge of the sheet. edge: a share of the page's height."""
    return 2.0 if edge < 0.06 else 1.0 if edge < 0.085 else 0.0


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
    return len(text.split()) > 5 and (text.rstrip()[-1:] in ".,;:-" or text[:1].islower())


def _without_edges(regions: Sequence[Region], body: Body, height: int, rules: Rules) -> list[list[Region]]:
    """For each region its parts: what is furniture of it, and what is left."""
    taken: dict[int, str] = {}
    for label, flip in (("header", False), ("footer", True)):
        for line in _furniture_lines(regions, body, height, rules, flip):
            taken.setdefault(id(line), label)
    return [_parted(region, taken) for region in regions]


def _parted(region: Region, taken: dict[int, str]) -> list[Region]:
    parts: list[Region] = []
    for label in ("header", "footer"):
        lines = tuple(line for line in region.lines if taken.get(id(line)) == label)
        if lines:
            number = all(is_number(line.text) or has_page_word(line.text, whole=True) for line in lines)
            parts.append(Region("number" if number else label, bounds(line.box for line in lines), lines))
    rest = tuple(line for line in region.lines if id(line) not in taken)
    if rest or not region.lines:
        label = "text" if region.label in ("header", "footer") else region.label
        whole = len(rest) == len(region.lines) or label in ("image", "table")
        parts.append(Region(label, region.box if whole else bounds(line.box for line in rest), rest))
    return parts


def _furniture_lines(regions: Sequence[Region], body: Body, height: int, rules: Rules, flip: bool) -> Iterator[Line]:
    """The lines at the page's head that are furniture; at its foot, when all is seen upside down."""

    def seen(box: Box) -> Box:
        return Box(box.x0, height - box.y1, box.x1, height - box.y0) if flip else box

    plain = [(line, region.label) for region in regions for line in region.lines
             if region.label not in ("image", "aside_text")]  # fmt: skip
    plain.sort(key=lambda entry: seen(entry[0].box).center[1])
    page = _Page(
        lines=[replace(line, box=seen(line.box)) for line, _ in plain],
        labels=[label for _, label in plain],
        pictures=[seen(region.box) for region in regions if region.label == "image"],
        across=[seen(rule) for rule in _long_rules(regions, rules, body)],
        height=height,
    )
    letter = 0 if flip else next((i for i, line in enumerate(page.lines) if is_salutation(line.text)), 0)
    yield from (line for line, _ in plain[: _count(page, body, letter)])


def _long_rules(regions: Sequence[Region], rules: Rules, body: Body) -> list[Box]:
    """Rules nearly as wide as the text that are no table's."""
    tables = [region.box.grown(body.height) for region in regions if region.label == "table"]
    long = [rule for rule in rules.across if rule.width > 0.6 * body.box.width]
    return [rule for rule in long if not any(table.contains(rule.center) for table in tables)]


@dataclass(frozen=True, slots=True)
class _Page:
    """A page's lines from its edge inwards, each with its region's label, and what else stands between them."""

    lines: list[Line]
    labels: list[str]
    pictures: list[Box]
    across: list[Box]
    height: int


def _count(page: _Page, body: Body, letter: int) -> int:
    """How many of the page's first lines are furniture. letter: those that head a letter, if any."""
    taken = 0
    for number in range(_MOST_ROWS):
        for end in _row_ends(page.lines, taken, body):
            strip = _strip(page, taken, end, body)
            enough = ENOUGH + (len(page.lines) <= _MIN_BODY) + 2 * (end <= letter)
            if number:
                close = (page.lines[taken].box.y0 - page.lines[taken - 1].box.y1) + body.height < 1.5 * body.spacing
                enough += 0.5 if close else 1.5
            if end < len(page.lines) and strip.edge < _DEEPEST and evidence(strip, body) >= enough:
                taken = end
                break
        else:
            break
    return taken


def _row_ends(lines: Sequence[Line], start: int, body: Body) -> Iterator[int]:
    """Where the row that begins at `start` ends; then, as long as the next one is close, where two and three end."""
    end = start
    for _ in range(3):
        if end >= len(lines):
            return
        first, last = lines[end].box, end
        while end < len(lines) and y_overlap(first, lines[end].box) > 0.4 * min(first.height, lines[end].box.height):
            end += 1
        low = max(line.box.y1 for line in lines[last:end])
        yield end
        if end < len(lines) and lines[end].box.y0 - low + body.height > _TOGETHER * body.spacing:
            return


def _strip(page: _Page, start: int, end: int, body: Body) -> Strip:
    lines = tuple(page.lines[start:end])
    box = bounds(line.box for line in lines)
    inner = [*(line.box for line in page.lines[end:]), *page.pictures]
    nearest = min((other.y0 for other in inner if other.center[1] > box.y1), default=box.y1)
    ruled = any(
        box.center[1] < rule.y0 and rule.y1 < nearest + 0.3 * body.height and x_overlap(box, rule) > 0
        for rule in page.across
    )
    gap = (nearest - box.y1 + body.height) / body.spacing if body.spacing else 1.0
    return Strip(lines, frozenset(page.labels[start:end]), gap, box.center[1] / page.height, ruled)
