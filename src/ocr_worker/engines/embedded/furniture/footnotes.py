"""Footnotes: small print at the foot of a column that begins with a mark. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from ocr_worker.engines.embedded.geometry import Box, bounds, x_overlap
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import line_height, rows

_MARK = re.compile(r"(?:\(\d{1,3}\)|\[\d{1,3}\]|\d{1,3}|[*∗†‡§¶¹²³⁴-⁹]{1,3})\s*[^\W\d].*")
_SMALL = 0.9  # of the body's line height
_APART = 1.3  # line spacings between small print and the text above it
_SHORT_RULE = 0.55  # of the column's width; a longer one belongs to a table or a footer
_DEEPEST = 0.4  # of the text's height, from its foot
_BELOW = ("footer", "number", "footnote", "aside_text")


def label_footnotes(regions: Sequence[Region], rules: Rules, body: float, spacing: float) -> list[Region]:
    """The regions, footnotes labelled and parted from the text above them. body, spacing: of lines, in pixels."""
    if not regions or not spacing:
        return list(regions)
    page = bounds(region.box for region in regions)
    found: list[list[Region]] = [[region] for region in regions]
    # From the foot upwards, for a note may stand above another.
    for i in sorted(range(len(regions)), key=lambda i: -regions[i].box.y0):
        others = list(chain.from_iterable(parts for j, parts in enumerate(found) if j != i))
        if regions[i].label == "text" and _is_last(regions[i], others):
            found[i] = _parted(regions[i], others, rules, (body, spacing), page.y1 - _DEEPEST * page.height)
    return list(chain.from_iterable(found))


def _is_last(region: Region, others: Sequence[Region]) -> bool:
    """Whether nothing but notes and the page's foot stands below the region."""
    below = [other for other in others if other.box.y0 > region.box.center[1] and x_overlap(other.box, region.box) > 0]
    return all(other.label in _BELOW for other in below)


def _parted(
    region: Region, others: Sequence[Region], rules: Rules, measures: tuple[float, float], highest: float
) -> list[Region]:
    """The region's text and the notes below it, as far as there are such. measures: body height and line spacing;
    highest: where a note may begin, in pixels from the page's top."""
    column = [other.box for other in others if x_overlap(other.box, region.box) > 0]
    body, spacing = measures
    stacked = rows(region.lines)
    for start, row in enumerate(stacked):
        kept, lines = (tuple(chain.from_iterable(part)) for part in (stacked[:start], stacked[start:]))
        box = bounds(line.box for line in lines)
        if box.y0 < highest or not _MARK.fullmatch(" ".join(line.text for line in row)):
            continue
        above = [line.box for line in kept] or column
        ceiling = max((other.y1 for other in above if other.y1 < box.y0 + 0.5 * body), default=0.0)
        width = max(other.width for other in [*column, region.box])
        ruled = any(_sets_off(rule, box, ceiling, width, spacing) for rule in rules.across)
        apart = (box.y0 - ceiling + body) / spacing > _APART
        close = box.height < 1.2 * spacing * (len(stacked) - start)
        marked = bool(_MARK.fullmatch(row[0].text))
        if ruled or (marked and apart and close and line_height(lines) < _SMALL * body):
            note = replace(region, label="footnote", box=box, lines=lines)
            return [replace(region, box=bounds(line.box for line in kept), lines=kept), note] if kept else [note]
    return [region]


def _sets_off(rule: Box, box: Box, ceiling: float, width: float, spacing: float) -> bool:
    """Whether a short rule lies right above the box, at its left. width: of the column."""
    between = ceiling - 0.3 * spacing < rule.y0 < box.y0 + 0.3 * spacing and box.y0 - rule.y1 < 2 * spacing
    return between and rule.width < _SHORT_RULE * width and abs(rule.x0 - box.x0) < 2 * spacing
