"""Regions: what the layout model saw, filled with the lines that were read. Every line ends in exactly one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ocr_worker.engines.embedded.geometry import Box, bounds, covered, x_overlap, y_overlap
from ocr_worker.engines.embedded.layout.columns import gutters, split_at
from ocr_worker.engines.embedded.lines import Line, line_height, rows

# The layout model's words (CDLA's) in PaddleOCR-VL's. A table's title is a figure's title there.
LABELS = {
    "text": "text",
    "title": "paragraph_title",
    "figure": "image",
    "figure_caption": "figure_title",
    "table": "table",
    "table_caption": "figure_title",
    "header": "header",
    "footer": "footer",
    "reference": "reference_content",
    "equation": "display_formula",
}
# A title begins with a capital, perhaps after its number, has few words, and ends without a stop.
TITLE = re.compile(r"(\d+(\.\d+)*\.?\s+)?[A-Z]\S*(\s\S+){0,7}(?<![.,;:!-])")
CAPTIONED = ("image", "table")
PROSE = ("text", "reference_content", "paragraph_title")
# What counts as picture with some words in it, not as text that the model took for a picture: at most this share of
# its area; and where it holds some lines, the model's certainty, and fewer words a line than sentences have, or, where
# it holds most of the page's lines, than a chart's axes have.
MAX_TEXT_IN_FIGURE = 0.3
MIN_WRITTEN, SURE_PICTURE, SENTENCES = 5, 0.6, 3.0
MOST, LABELS_ONLY = 0.6, 1.5


@dataclass(frozen=True, slots=True)
class Detection:
    """A region as the layout model sees it; `label` is one of PaddleOCR-VL's words."""

    label: str
    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the page that is read as one; `label` is one of PaddleOCR-VL's words."""

    label: str
    box: Box
    lines: tuple[Line, ...] = ()


def fill_regions(lines: Sequence[Line], detections: Sequence[Detection]) -> list[Region]:
    """Regions that hold each line once: the detections with the lines they cover, and what is left over by itself.

    Of detections that lie over one another the more certain counts. A figure that is text is no figure.
    """
    kept = _without_doubles(detections)
    kept = [seen for seen in kept if seen.label != "image" or _is_picture(seen, lines)]
    members: list[list[Line]] = [[] for _ in kept]
    left: list[Line] = []
    for line in lines:
        shares = [covered(line.box, seen.box) for seen in kept]
        best = max(range(len(kept)), key=lambda i: (round(shares[i], 1), -kept[i].box.area), default=None)
        (left if best is None or shares[best] < 0.5 else members[best]).append(line)
    left = _adopt(left, kept, members)
    regions = [_region(seen, own) for seen, own in zip(kept, members, strict=True) if own or seen.label == "image"]
    loose = [Region("text", bounds(line.box for line in group), tuple(group)) for group in group_lines(left)]
    prose = [line for region in [*regions, *loose] if region.label in PROSE for line in region.lines]
    columns = split_columns([*regions, *loose], gutters(prose))
    titled = [part for region in unnested(columns) for part in split_title(region)]
    return [part for region in titled for part in split_labels(region, titled)]


def group_lines(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines that stand close under one another in one size, together."""
    groups: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.box.y0):
        near = [group for group in groups if any(_continues(other, line) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([member for group in near for member in group] + [line])
    return groups


def split_columns(regions: Iterable[Region], between: Iterable[Box]) -> list[Region]:
    """The regions, those of prose cut where they lie on both sides of a gutter."""
    parts = list(regions)
    for gutter in between:
        parts = [part for region in parts for part in _cut(region, gutter)]
    return parts


def _cut(region: Region, gutter: Box) -> list[Region]:
    box = region.box
    crossed = box.x0 < gutter.x0 and gutter.x1 < box.x1 and y_overlap(box, gutter) > 0
    if region.label not in PROSE or not crossed:
        return [region]
    groups = [group for part in split_at(region.lines, gutter) for group in group_lines(part)]
    return [Region(region.label, bounds(line.box for line in group), tuple(group)) for group in groups]


def unnested(regions: Sequence[Region]) -> list[Region]:
    """The regions, none of text inside another: such text joins the other, and a title parts it."""
    kept: list[Region] = []
    for region in sorted(regions, key=lambda region: -region.box.area):
        around = next((i for i, other in enumerate(kept) if _holds(other, region)), None)
        if around is None:
            kept.append(region)
        elif region.label == "text":
            lines = kept[around].lines + region.lines
            kept[around] = replace(kept[around], lines=lines, box=bounds(line.box for line in lines))
        else:
            kept[around : around + 1] = _parted(kept[around], region.box.center[1])
            kept.append(region)
    return kept


def _holds(outer: Region, inner: Region) -> bool:
    prose = outer.label in ("text", "reference_content") and inner.label in PROSE
    return prose and len(outer.lines) > 1 and covered(inner.box, outer.box) > 0.7


def _parted(region: Region, y: float) -> list[Region]:
    parts = ([line for line in region.lines if (line.box.center[1] < y) is above] for above in (True, False))
    return [replace(region, lines=tuple(part), box=bounds(line.box for line in part)) for part in parts if part]


def group_captions(regions: Sequence[Region]) -> list[list[Region]]:
    """Each region by itself, but figures and tables together with the captions next to them, from top to bottom."""
    units = [[region] for region in regions if region.label != "figure_title"]
    for caption in (region for region in regions if region.label == "figure_title"):
        near = min(
            (unit for unit in units if any(_captioned(region, caption) for region in unit)),
            key=lambda unit: min(-y_overlap(region.box, caption.box) for region in unit if region.label in CAPTIONED),
            default=None,
        )
        if near is None:
            units.append([caption])
        else:
            near.append(caption)
    return [sorted(unit, key=lambda region: region.box.y0) for unit in units]


def _captioned(region: Region, caption: Region) -> bool:
    """Whether the caption stands close above or below the figure or table."""
    height = line_height(caption.lines)
    return (
        region.label in CAPTIONED
        and x_overlap(region.box, caption.box) > 0.5 * min(region.box.width, caption.box.width)
        and -y_overlap(region.box, caption.box) < 2.5 * height
    )


def split_title(region: Region) -> list[Region]:
    """The region's first line by itself, where it is a title over a paragraph: short, without a full stop."""
    stacked = rows(region.lines)
    if region.label != "text" or len(stacked) < 2 or len(stacked[0]) > 1:
        return [region]
    (first,), second = stacked[0], stacked[1]
    capitals = first.text.isupper() and len(first.text) > 3
    short = first.box.x1 < region.box.x1 - 0.4 * region.box.width
    full = bounds(line.box for line in second).x1 > region.box.x1 - 0.12 * region.box.width
    if not short or not full or not (capitals or len(stacked) > 2) or not TITLE.fullmatch(first.text):
        return [region]
    rest = tuple(line for row in stacked[1:] for line in row)
    return [
        Region("paragraph_title", first.box, (first,)),
        replace(region, box=bounds(line.box for line in rest), lines=rest),
    ]


def split_labels(region: Region, others: Sequence[Region]) -> list[Region]:
    """The region's lines one by one, where they are a form's labels: most have a value of one line beside them."""
    if region.label != "text" or len(region.lines) < 2:
        return [region]
    values = [other.lines[0] for other in others if other.label == "text" and len(other.lines) == 1]
    beside = sum(any(_is_value(line, value) for value in values) for line in region.lines)
    if beside < 2 or beside < 0.5 * len(region.lines):
        return [region]
    return [replace(region, box=line.box, lines=(line,)) for line in region.lines]


def _is_value(label: Line, value: Line) -> bool:
    return value.box.x0 >= label.box.x1 and y_overlap(label.box, value.box) > 0.5 * label.box.height


def _without_doubles(detections: Iterable[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for seen in sorted(detections, key=lambda seen: -seen.score):
        if all(max(covered(seen.box, other.box), covered(other.box, seen.box)) < 0.7 for other in kept):
            kept.append(seen)
        else:
            kept = _settle(kept, seen)
    return kept


def _settle(kept: list[Detection], seen: Detection) -> list[Detection]:
    """A detection that holds smaller ones of its own kind takes their place; any other double is dropped."""
    inside = [other for other in kept if covered(other.box, seen.box) >= 0.7]
    if inside and all(other.label == seen.label == "table" for other in inside):
        return [other for other in kept if other not in inside] + [seen]
    return kept


def _is_picture(seen: Detection, lines: Sequence[Line]) -> bool:
    """Whether it is a picture with some words in it, as on a chart's axes, and not text with a picture behind it."""
    inside = [line for line in lines if covered(line.box, seen.box) > 0.5]
    if sum(line.box.area for line in inside) > MAX_TEXT_IN_FIGURE * seen.box.area:
        return False
    if len(inside) < MIN_WRITTEN:
        return True
    words = sum(len(line.text.split()) for line in inside)
    most = SENTENCES if len(inside) < MOST * len(lines) else LABELS_ONLY
    return seen.score >= SURE_PICTURE and words < most * len(inside)


def _adopt(left: Sequence[Line], seen: Sequence[Detection], members: list[list[Line]]) -> list[Line]:
    """Gives lines at the edge of a text to that text, whose box is often a little tight; returns the others."""
    alone: list[Line] = []
    for line in sorted(left, key=lambda line: line.box.y0):
        near = [
            own
            for detection, own in zip(seen, members, strict=True)
            if detection.label == "text" and any(_continues(other, line) for other in own)
        ]
        (near[0] if near else alone).append(line)
    return alone


def _continues(a: Line, b: Line) -> bool:
    """Whether two lines look like neighbours in one paragraph: close, one above or beside the other, of one size."""
    low, high = sorted((a.box.height, b.box.height))
    if high > 1.5 * low or -y_overlap(a.box, b.box) > 0.7 * low:
        return False
    if y_overlap(a.box, b.box) > 0.6 * low:
        return -1.5 * low < x_overlap(a.box, b.box) < 0.5 * low
    return x_overlap(a.box, b.box) > 0.5 * min(a.box.width, b.box.width) and y_overlap(a.box, b.box) < 0.5 * low


def _region(seen: Detection, lines: Sequence[Line]) -> Region:
    own = bounds(line.box for line in lines) if lines else seen.box
    box = bounds((own, seen.box)) if seen.label in ("image", "table") else own
    return Region(seen.label, box, tuple(lines))
