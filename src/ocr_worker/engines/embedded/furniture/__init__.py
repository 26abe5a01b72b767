"""Page furniture: headers, footers, page numbers, footnotes and marginal notes, and the titles of the page.

What is furniture may be left out of the Markdown, and to leave out a title is worse than to keep a running head. A page
is parsed alone; the lines of a text layer say whether they come again on other pages. `label_by_place` takes rows off
the page from its upper and lower edge inwards, as long as the `evidence` proves that they are not the page's text. A
row at the edge that only looks like furniture stays, as a region of its own. `words` knows typical texts, `margins`
finds vertical text and line numbers, `footnotes` and `headings` label the remaining text. All functions are pure;
lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ocr_worker.engines.embedded.furniture.evidence import (
    Body,
    ProseRow,
    Strip,
    evidence_points,
    has_evidence,
    is_beside_sentence,
    is_like_furniture,
    measure_body,
    number_points,
)
from ocr_worker.engines.embedded.furniture.footnotes import label_footnotes
from ocr_worker.engines.embedded.furniture.headings import correct_label, label_headings
from ocr_worker.engines.embedded.furniture.margins import find_line_numbers, is_marginal_text
from ocr_worker.engines.embedded.furniture.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.furniture.words import (
    has_number_at_end,
    has_page_word,
    is_enclosed_number,
    is_later_number,
    is_number,
    is_salutation,
)
from ocr_worker.engines.embedded.geometry import Box, bounds, x_overlap, y_overlap
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line, line_height
from ocr_worker.engines.embedded.underlines import without_underlines

FURNITURE = ("header", "footer", "number", "footnote", "aside_text")
TITLES = ("doc_title", "paragraph_title")
_GRAPHIC = ("image", "algorithm")  # labels of regions that no line at the page's edge belongs to
_MERGED = ("text", "reference_content", "header", "footer")  # labels of regions that may merge furniture with text


@dataclass(frozen=True, slots=True)
class _EdgeView:
    """The page from one of its edges inwards; from its foot, it is upside down.

    regions: region of each line. across: long rules. letter: number of lines above a letter's salutation. is_foot: from
    its foot. bands: see `find_bands`. is_later_page: its foot has a number above 1.
    """

    lines: list[Line]
    regions: list[Region]
    pictures: list[Box]
    across: list[Box]
    height: int
    letter: int
    is_foot: bool
    is_later_page: bool
    bands: list[Box]


def label_by_place(
    regions: Sequence[Region],
    width: int,
    height: int,
    rules: Rules,
    *,
    bands: Sequence[Box] = (),
    is_strip: bool = False,
) -> list[Region]:
    """Return the regions, labeled by their size, words and place; lines that are furniture become regions.

    width, height: of the page, in pixels. bands: see `find_bands`. is_strip: a receipt or a screenshot, which has no
    page furniture: what is at its ends is its text.
    """
    if is_strip:
        corrected = [correct_label(region) for region in regions]
        return label_headings(corrected, height, measure_body(corrected, width).height)
    corrected = [
        replace(region, label="aside_text") if is_marginal_text(region, width) else correct_label(region)
        for region in regions
    ]
    body = measure_body(corrected, width)
    parts = [part for region in _separate_edges(corrected, body, rules, bands, height) for part in region]
    separators = without_underlines(rules, [line for region in parts for line in region.lines])
    with_notes = label_footnotes(parts, separators, body.height, body.spacing)
    return label_headings(with_notes, height, body.height)


def _separate_edges(
    regions: Sequence[Region], body: Body, rules: Rules, bands: Sequence[Box], height: int
) -> list[list[Region]]:
    """Return the parts of each region: its furniture, and the remaining lines."""
    searched = [region for region in regions if region.label not in (*_GRAPHIC, "aside_text")]
    line_numbers = find_line_numbers([line for region in searched if region.label != "table" for line in region.lines])
    taken = {id(line): "aside_text" for line in line_numbers}
    lines = [(line, region) for region in searched for line in region.lines if id(line) not in taken]
    lines.sort(key=lambda entry: entry[0].box.center[1])
    foot = _view_from_edge(lines[::-1], regions, body, rules, bands, height, is_foot=True)
    is_later_page = any(is_later_number(line.text) for line in foot.lines[: _count_furniture(foot, body, False)[0]])
    head = _view_from_edge(lines, regions, body, rules, bands, height, is_foot=False, is_later_page=is_later_page)
    has_number = False
    for label, view, inwards in (("header", head, lines), ("footer", foot, lines[::-1])):
        count, has_number = _count_furniture(view, body, has_number)
        for line, _ in inwards[:count]:
            taken.setdefault(id(line), label)
        for line, _ in inwards[count : _end_of_separate_rows(view, count, body, has_number)]:
            taken.setdefault(id(line), "text")
    for line, region in lines:
        if region.label != "table" and has_page_word(line.text, is_alone=True):
            share = line.box.center[1] / height
            depth = THRESHOLDS.max_depth
            side = "header" if share < depth else "footer" if share > 1 - depth else None
            if side:
                taken[id(line)] = side
    return [_split_region(region, taken) for region in regions]


def _split_region(region: Region, taken: dict[int, str]) -> list[Region]:
    """Return the region's furniture, the row of it that is separate, and the rest of it.

    taken: labels of the lines that are furniture, by their id; "text" for a line that is separate.
    """
    parts: list[Region] = []
    for label in ("header", "footer", "aside_text", "text"):
        lines = tuple(line for line in region.lines if taken.get(id(line)) == label)
        if lines:
            box = bounds(line.box for line in lines)
            parts.append(Region(_furniture_label(label, lines), box, lines, is_separate=label == "text"))
    rest = tuple(line for line in region.lines if id(line) not in taken)
    if rest or not region.lines:
        is_denied = region.label in ("header", "footer")
        label = "text" if is_denied else region.label
        is_unchanged = len(rest) == len(region.lines) or label in ("image", "table")
        box = region.box if is_unchanged else bounds(line.box for line in rest)
        parts.append(Region(label, box, rest, region.score, is_separate=is_denied))
    return parts


def _furniture_label(label: str, lines: Sequence[Line]) -> str:
    """Return the label, or "number" for a header or footer that is only a page number."""
    is_only_number = all(
        is_number(line.text) or is_enclosed_number(line.text) or has_page_word(line.text, is_alone=True)
        for line in lines
    )
    return "number" if is_only_number and label in ("header", "footer") else label


def _view_from_edge(
    lines: Sequence[tuple[Line, Region]],
    regions: Sequence[Region],
    body: Body,
    rules: Rules,
    bands: Sequence[Box],
    height: int,
    *,
    is_foot: bool,
    is_later_page: bool = False,
) -> _EdgeView:
    """Return the page from its upper edge, or upside down from its foot. lines: with their regions, edge first."""

    def flip(box: Box) -> Box:
        return Box(box.x0, height - box.y1, box.x1, height - box.y0) if is_foot else box

    upper = [line for line, _ in lines if line.box.y1 < THRESHOLDS.letter_head * height]
    return _EdgeView(
        lines=[replace(line, box=flip(line.box)) for line, _ in lines],
        regions=[region for _, region in lines],
        pictures=[flip(region.box) for region in regions if region.label in _GRAPHIC],
        across=[flip(rule) for rule in _find_long_rules(regions, rules, body)],
        height=height,
        letter=0 if is_foot else _count_letter_head(upper),
        is_foot=is_foot,
        is_later_page=is_later_page,
        bands=[flip(band) for band in bands],
    )


def _count_letter_head(lines: Sequence[Line]) -> int:
    """Return how many of the page's first lines are above a salutation; 0 without a salutation."""
    return next((i for i, line in enumerate(lines) if is_salutation(line.text)), 0)


def _find_long_rules(regions: Sequence[Region], rules: Rules, body: Body) -> list[Box]:
    """Return the rules nearly as wide as the text that belong to no table."""
    tables = [region.box.grown(body.height) for region in regions if region.label == "table"]
    long = [rule for rule in rules.across if rule.width > THRESHOLDS.long_rule * body.box.width]
    return [rule for rule in long if not any(table.contains(rule.center) for table in tables)]


def _count_furniture(view: _EdgeView, body: Body, has_number: bool) -> tuple[int, bool]:
    """Return how many lines at the edge are furniture, and whether the page's number has been found.

    has_number: the number was found at the other edge.
    """
    count = 0
    for row in range(THRESHOLDS.max_rows):
        for joined_rows, end in enumerate(_row_ends(view.lines, count, body)):
            strip = _strip(view, count, end, body, has_number)
            required = _required_points(view, row, joined_rows, count, end, body)
            is_page = end == len(view.lines) and not view.pictures
            is_proven = has_evidence(strip, body) and evidence_points(strip, body) >= required
            depth = THRESHOLDS.max_photo_depth if is_beside_sentence(strip, body) else THRESHOLDS.max_depth
            if not is_page and strip.edge < depth and is_proven:
                has_number = has_number or number_points(strip.lines, body) > THRESHOLDS.clear_number
                count = end
                break
        else:
            break
    return count, has_number


def _end_of_separate_rows(view: _EdgeView, start: int, body: Body, has_number: bool) -> int:
    """Return where the close rows from `start` on end if they look like furniture in a text; else `start`."""
    for end in _row_ends(view.lines, start, body):
        if any(region.label not in _MERGED for region in view.regions[start:end]):
            break
        strip = _strip(view, start, end, body, has_number)
        rest = zip(view.lines[end:], view.regions[end:], strict=True)
        inner = next((line for line, region in rest if region is view.regions[start]), None)
        if strip.edge < THRESHOLDS.max_depth and is_like_furniture(strip, inner, body):
            return end
    return start


def _required_points(view: _EdgeView, row: int, joined_rows: int, start: int, end: int, body: Body) -> float:
    """Return the points that the strip of lines from `start` to `end` needs to be furniture.

    row: number of rows taken before. joined_rows: number of rows joined to the strip's first row.
    """
    points = (
        THRESHOLDS.enough
        + THRESHOLDS.enough_per_joined_row * joined_rows
        + THRESHOLDS.enough_on_sparse_page * (len(view.lines) <= THRESHOLDS.sparse_page)
        + THRESHOLDS.enough_above_salutation * (end <= view.letter)
    )
    if row:
        white = view.lines[start].box.y0 - view.lines[start - 1].box.y1
        is_close = white + body.height < THRESHOLDS.close_rows * body.spacing
        points += THRESHOLDS.enough_close if is_close else THRESHOLDS.enough_farther
    return points


def _row_ends(lines: Sequence[Line], start: int, body: Body) -> Iterator[int]:
    """Yield where the row that begins at `start` ends, then where the next close rows end, up to three rows."""
    end = start
    for _ in range(THRESHOLDS.max_joined_rows):
        if end >= len(lines):
            return
        row_start, box = end, lines[end].box
        while end < len(lines) and _is_level(box, lines[end].box):
            end += 1
        low = max(line.box.y1 for line in lines[row_start:end])
        yield end
        limit = THRESHOLDS.joined_rows * body.spacing
        if end < len(lines) and lines[end].box.y0 - low + body.height > limit:
            return


def _is_level(a: Box, b: Box) -> bool:
    return y_overlap(a, b) > THRESHOLDS.row_overlap * min(a.height, b.height)


def _strip(view: _EdgeView, start: int, end: int, body: Body, has_number: bool) -> Strip:
    """Return the lines from `start` to `end` with what the evidence needs to know about their place."""
    lines = tuple(view.lines[start:end])
    box = bounds(line.box for line in lines)
    inner = [*(line.box for line in view.lines[end:]), *view.pictures]
    if all(is_number(line.text) for line in lines) or (len(lines) == 1 and has_number_at_end(lines[0].text)):
        # A number in the corner, and a title with it, is unrelated to what is beside it.
        inner = [other for other in inner if x_overlap(box, other) > -body.height]
    nearest = min((other.y0 for other in inner if other.center[1] > box.y1), default=view.height)
    has_rule = any(
        box.center[1] < rule.y0 < box.y1 + THRESHOLDS.rule_distance * body.spacing
        and rule.y1 < nearest + THRESHOLDS.rule_slack * body.height
        and x_overlap(box, rule) > 0
        for rule in view.across
    )
    gap = (nearest - box.y1 + body.height) / body.spacing if body.spacing else 1.0
    return Strip(
        lines,
        tuple(view.regions[start:end]),
        gap,
        box.center[1] / view.height,
        has_rule,
        has_number_before=has_number,
        is_foot=view.is_foot,
        is_later_page=view.is_later_page,
        is_on_band=any(all(band.contains(line.box.center) for line in lines) for band in view.bands),
        prose=_find_prose(view, end, box),
        is_over_title=any(
            region.label in TITLES and line_height(region.lines) >= line_height(lines) for region in view.regions[end:]
        ),
    )


def _find_prose(view: _EdgeView, start: int, strip: Box) -> ProseRow | None:
    """Return the row that begins at `start` if it is a filled row of a text in line with the strip."""
    if start >= len(view.lines):
        return None
    first = view.lines[start].box
    level = [i for i in range(start, len(view.lines)) if _is_level(first, view.lines[i].box)]
    region = view.regions[min(level, key=lambda i: view.lines[i].box.x0)]
    row = sorted(
        (view.lines[i] for i in level if view.regions[i] is region),
        key=lambda line: line.box.x0,
    )
    box = bounds(line.box for line in row)
    is_filled = box.width > THRESHOLDS.wide_line * region.box.width and x_overlap(box, strip) > 0
    is_text = region.label == "text" and len(region.lines) >= THRESHOLDS.prose_lines
    has_capitals = any(map(str.isupper, "".join(line.text for line in region.lines)))
    if not (is_text and is_filled and has_capitals):
        return None
    return ProseRow(" ".join(line.text for line in row), region.box.x0, region.box.x1)
