"""Page furniture: what a page carries at its head, foot and margins beside its text. Pure.

A page is seen alone, so nothing tells what repeats. Rows are taken off the page from its edge inwards as long as the
evidence says that they are not the page's own text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ocr_worker.engines.embedded.furniture.evidence import Body, Strip, body_of, by_number, evidence
from ocr_worker.engines.embedded.furniture.footnotes import label_footnotes
from ocr_worker.engines.embedded.furniture.headings import label_headings, plain_kind
from ocr_worker.engines.embedded.furniture.margins import line_numbers, runs_upwards
from ocr_worker.engines.embedded.furniture.words import has_page_word, is_number, is_salutation
from ocr_worker.engines.embedded.geometry import Box, bounds, x_overlap, y_overlap
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line

FURNITURE = ("header", "footer", "number", "footnote", "aside_text")
TITLES = ("doc_title", "paragraph_title")
_ENOUGH = 3.0  # points of evidence for the outermost row
# More is asked for: on a page of few lines; for a row further in, close to the last one or not; for each row that is
# taken together with one that does not tell by itself; for what stands above a letter's salutation.
_SPARSE, _CLOSE, _FURTHER, _EACH, _LETTER = 1.0, 0.5, 1.5, 0.5, 2.0
_MIN_BODY = 8  # lines
_MOST_ROWS = 4  # at one edge
_DEEPEST = 0.2  # of the page's height; no furniture stands further in
_TOGETHER = 1.35  # line spacings; rows no further apart may be taken together


@dataclass(frozen=True, slots=True)
class _Page:
    """A page's lines from its edge inwards, each with its region's label, and what else stands between them."""

    lines: list[Line]
    labels: list[str]
    pictures: list[Box]
    across: list[Box]
    height: int
    letter: int


def label_by_place(regions: Sequence[Region], width: int, height: int, rules: Rules) -> list[Region]:
    """The regions with what their size and place tell about them; lines that are furniture stand by themselves.

    width, height: of the page, in pixels.
    """
    plain = [replace(region, label="aside_text") if runs_upwards(region, width) else plain_kind(region)
             for region in regions]  # fmt: skip
    body = body_of(plain, width)
    parted = [part for region in _without_edges(plain, body, rules, height) for part in region]
    noted = label_footnotes(parted, rules, body.height, body.spacing)
    return label_headings(noted, height, body.height)


def _without_edges(regions: Sequence[Region], body: Body, rules: Rules, height: int) -> list[list[Region]]:
    """For each region its parts: what is furniture of it, and what is left."""
    free = [region for region in regions if region.label not in ("image", "aside_text")]
    counted = line_numbers([line for region in free if region.label != "table" for line in region.lines])
    taken = {id(line): "aside_text" for line in counted}
    lines = [(line, region.label) for region in free for line in region.lines if id(line) not in taken]
    lines.sort(key=lambda entry: entry[0].box.center[1])
    numbered = False
    for label, foot in (("header", False), ("footer", True)):
        inwards = lines[::-1] if foot else lines
        page = _seen(inwards, regions, body, rules, (height, foot))
        count, numbered = _count(page, body, numbered)
        for line, _ in inwards[:count]:
            taken.setdefault(id(line), label)
    for line, label in lines:
        if label != "table" and has_page_word(line.text, whole=True):
            share = line.box.center[1] / height
            side = "header" if share < _DEEPEST else "footer" if share > 1 - _DEEPEST else None
            if side:
                taken.setdefault(id(line), side)
    return [_parted(region, taken) for region in regions]


def _parted(region: Region, taken: dict[int, str]) -> list[Region]:
    parts: list[Region] = []
    for label in ("header", "footer", "aside_text"):
        lines = tuple(line for line in region.lines if taken.get(id(line)) == label)
        if lines:
            parts.append(Region(_word_for(label, lines), bounds(line.box for line in lines), lines))
    rest = tuple(line for line in region.lines if id(line) not in taken)
    if rest or not region.lines:
        label = "text" if region.label in ("header", "footer") else region.label
        whole = len(rest) == len(region.lines) or label in ("image", "table")
        parts.append(Region(label, region.box if whole else bounds(line.box for line in rest), rest))
    return parts


def _word_for(label: str, lines: Sequence[Line]) -> str:
    """The label, or "number" where a head or foot is nothing else."""
    numbers = all(is_number(line.text) or has_page_word(line.text, whole=True) for line in lines)
    return "number" if numbers and label != "aside_text" else label


def _seen(
    lines: Sequence[tuple[Line, str]], regions: Sequence[Region], body: Body, rules: Rules, side: tuple[int, bool]
) -> _Page:
    """The page from one of its edges; from its foot it is seen upside down. side: the page's height, and whether so."""
    height, foot = side

    def seen(box: Box) -> Box:
        return Box(box.x0, height - box.y1, box.x1, height - box.y0) if foot else box

    return _Page(
        lines=[replace(line, box=seen(line.box)) for line, _ in lines],
        labels=[label for _, label in lines],
        pictures=[seen(region.box) for region in regions if region.label == "image"],
        across=[seen(rule) for rule in _long_rules(regions, rules, body)],
        height=height,
        letter=0 if foot else _letter_head([line for line, _ in lines if line.box.y1 < 0.5 * height]),
    )


def _letter_head(lines: Sequence[Line]) -> int:
    """How many of the page's first lines stand above a salutation; 0 where there is none."""
    return next((i for i, line in enumerate(lines) if is_salutation(line.text)), 0)


def _long_rules(regions: Sequence[Region], rules: Rules, body: Body) -> list[Box]:
    """Rules nearly as wide as the text that are no table's."""
    tables = [region.box.grown(body.height) for region in regions if region.label == "table"]
    long = [rule for rule in rules.across if rule.width > 0.6 * body.box.width]
    return [rule for rule in long if not any(table.contains(rule.center) for table in tables)]


def _count(page: _Page, body: Body, numbered: bool) -> tuple[int, bool]:
    """How many of the page's first lines are furniture, and whether its number is found. numbered: it was before."""
    taken = 0
    for place in range(_MOST_ROWS):
        for more, end in enumerate(_row_ends(page.lines, taken, body)):
            strip = _strip(page, taken, end, body, numbered)
            enough = _ENOUGH + _EACH * more + _SPARSE * (len(page.lines) <= _MIN_BODY) + _LETTER * (end <= page.letter)
            if place:
                white = page.lines[taken].box.y0 - page.lines[taken - 1].box.y1
                enough += _CLOSE if white + body.height < 1.5 * body.spacing else _FURTHER
            all_of_it = end == len(page.lines) and not page.pictures
            if not all_of_it and strip.edge < _DEEPEST and evidence(strip, body) >= enough:
                numbered = numbered or by_number(strip.lines, body) > 2
                taken = end
                break
        else:
            break
    return taken, numbered


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


def _strip(page: _Page, start: int, end: int, body: Body, numbered: bool) -> Strip:
    lines = tuple(page.lines[start:end])
    box = bounds(line.box for line in lines)
    inner = [*(line.box for line in page.lines[end:]), *page.pictures]
    if all(is_number(line.text) for line in lines):
        # A number in the corner has nothing to do with what stands beside it.
        inner = [other for other in inner if x_overlap(box, other) > -body.height]
    nearest = min((other.y0 for other in inner if other.center[1] > box.y1), default=page.height)
    ruled = any(
        box.center[1] < rule.y0 < box.y1 + 1.5 * body.spacing
        and rule.y1 < nearest + 0.3 * body.height
        and x_overlap(box, rule) > 0
        for rule in page.across
    )
    gap = (nearest - box.y1 + body.height) / body.spacing if body.spacing else 1.0
    return Strip(lines, frozenset(page.labels[start:end]), gap, box.center[1] / page.height, ruled, numbered)
