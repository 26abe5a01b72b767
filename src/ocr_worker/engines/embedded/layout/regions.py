"""Regions: the layout model's detections, filled with the lines of the page.

`fill_regions` puts every line into exactly one region. It drops doubles among the detections, adopts lines at the edge
of a text, cuts prose at the gutters of `columns`, and separates titles and the labels of forms. `group_captions` keeps
figures and their captions together for the reading order. Tables are corrected before, in `tables/`, and page furniture
is labeled after, in `furniture/`. All functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from ocr_worker.engines.embedded.geometry import Box, BoxIndex, bounds, covered, x_overlap, y_overlap
from ocr_worker.engines.embedded.layout.charts import has_scale
from ocr_worker.engines.embedded.layout.columns import find_column_gutters, split_by_gutter
from ocr_worker.engines.embedded.layout.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.lines import Line, is_vertical, letter_height, line_height, rows
from ocr_worker.engines.embedded.marks import find_marked

# PaddleOCR-VL's label for each label of the layout model (CDLA's). A table's title is a figure's title there.
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
# A title begins with a capital, perhaps after its number, has at most eight words, and ends without a stop.
TITLE = re.compile(r"(\d+(\.\d+)*\.?\s+)?[A-Z]\S*(\s\S+){0,7}(?<![.,;:!-])")
# "(1) Title", "2.1 Title", in any script.
_NUMBERED_TITLE = re.compile(r"\(?\d{1,2}(?:\.\d{1,2})*[.)]?\s+\W*[^\W\d_].*(?<![.,;:!?。])")
CAPTIONED = ("image", "table")
_TEXTS = ("text", "reference_content")
PROSE = (*_TEXTS, "paragraph_title")
_FURNITURE = ("header", "footer")


@dataclass(frozen=True, slots=True)
class Detection:
    """A region as the layout model detected it.

    label: one of PaddleOCR-VL's labels. score: the model's certainty, 0 to 1.
    """

    label: str
    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the page that is read as a unit.

    label: one of PaddleOCR-VL's labels. score: the layout model's certainty of it, 0 to 1; 0 for a label of our own.
    is_separate: its text is never joined with the text of another region.
    """

    label: str
    box: Box
    lines: tuple[Line, ...] = ()
    score: float = 0.0
    is_separate: bool = False

    def with_lines(self, lines: tuple[Line, ...]) -> Region:
        """Return the region with these lines instead, and the box around them."""
        return replace(self, box=bounds(line.box for line in lines), lines=lines)


def fill_regions(lines: Sequence[Line], detections: Sequence[Detection]) -> list[Region]:
    """Return regions that contain each line once: the detections with their lines, and groups of the other lines.

    Of detections that overlap, the most certain is used. A detected figure that is text is dropped. A line that runs up
    the page, or at an angle to it, is in a figure or table, or in a region of its own: beside horizontal text it is no
    part of a paragraph.
    """
    kept = _drop_doubles(detections)
    kept = [detection for detection in kept if detection.label != "image" or is_picture(detection, lines)]
    photos = [detection for detection in kept if detection.label == "image" and _is_photo_of_text(detection, lines)]
    kept = [detection for detection in kept if detection not in photos]
    members: list[list[Line]] = [[] for _ in kept]
    leftover: list[Line] = []
    apart = _find_vertical(lines) | {id(line) for line in lines if line.outline}
    notes: list[Line] = []
    digits = THRESHOLDS.share_digits
    index = BoxIndex([detection.box for detection in kept])
    for line in lines:
        shares = {i: covered(line.box, kept[i].box) for i in index.near(line.box.y0, line.box.y1)}
        best = max(shares, key=lambda i: (round(shares[i], digits), -kept[i].box.area), default=None)
        if best is not None and shares[best] < THRESHOLDS.line_in_region:
            best = _find_furniture_in(line, [(i, kept[i]) for i in shares])
        if id(line) in apart and (best is None or kept[best].label not in CAPTIONED):
            notes.append(line)
        else:
            (leftover if best is None else members[best]).append(line)
    leftover = _adopt(leftover, kept, members)
    regions = [
        _region(detection, content)
        for detection, content in zip(kept, members, strict=True)
        if content or detection.label == "image"
    ]
    regions += [_region(photo, ()) for photo in photos]
    loose = [Region("text", bounds(line.box for line in group), tuple(group)) for group in group_lines(leftover)]
    prose = [line for region in [*regions, *loose] if region.label in PROSE for line in region.lines]
    columns = split_columns([*regions, *loose], find_column_gutters(prose))
    divided = divide_around(merge_interleaved(unnest(columns)))
    sized = [part for region in divided for part in split_sizes(region)]
    sized = [part for region in sized for part in split_numbered_titles(region)]
    sized = [part for region in sized for part in split_centered(region)]
    titled = [part for region in sized for part in split_title(region)]
    parts = [part for region in titled for part in split_labels(region, titled)]
    return [*parts, *(Region("text", note.box, (note,), is_separate=True) for note in notes)]


def _find_furniture_in(line: Line, detections: Iterable[tuple[int, Detection]]) -> int | None:
    """Return the number of the header or footer that was detected within the line, often only at its page number.

    detections: with their numbers.
    """
    inside = [
        (detection.score, number)
        for number, detection in detections
        if detection.label in _FURNITURE and covered(detection.box, line.box) > THRESHOLDS.furniture_in_line
    ]
    return max(inside)[1] if inside else None


def _find_vertical(lines: Sequence[Line]) -> set[int]:
    """Return the ids of the lines that run up or down the page; none on a page where most lines do, as in Japanese."""
    vertical = {id(line) for line in lines if is_vertical(line)}
    return vertical if len(vertical) < THRESHOLDS.max_vertical * len(lines) else set()


def group_lines(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines in groups: lines of similar height that are close below one another."""
    from_top = sorted(lines, key=lambda line: line.box.y0)
    index = BoxIndex([line.box for line in from_top])
    group_of: list[list[int]] = []  # the group of each line, which has the indices of its lines
    for i, line in enumerate(from_top):
        above = (group_of[other] for other in _find_neighbors(line, from_top, index) if other < i)
        first, *others = sorted({group[-1]: group for group in above}.values(), key=lambda group: group[-1]) or [[]]
        for group in others:
            first += group
            for member in group:
                group_of[member] = first
        first.append(i)
        group_of.append(first)
    groups = {group[-1]: group for group in group_of}
    return [[from_top[i] for i in groups[last]] for last in sorted(groups)]


def split_columns(regions: Iterable[Region], gutters: Iterable[Box]) -> list[Region]:
    """Return the regions, prose cut where it is on both sides of a gutter."""
    parts = list(regions)
    for gutter in gutters:
        parts = [part for region in parts for part in _cut(region, gutter)]
    return parts


def _cut(region: Region, gutter: Box) -> list[Region]:
    box = region.box
    is_crossed = box.x0 < gutter.x0 and gutter.x1 < box.x1 and y_overlap(box, gutter) > 0
    if region.label not in PROSE or not is_crossed:
        return [region]
    groups = [group for part in split_by_gutter(region.lines, gutter) for group in group_lines(part)]
    return [Region(region.label, bounds(line.box for line in group), tuple(group)) for group in groups]


def unnest(regions: Sequence[Region]) -> list[Region]:
    """Return the regions without any inside a text: an inner text joins the outer one, and a title divides it."""
    kept: list[Region] = []
    for region in sorted(regions, key=lambda region: -region.box.area):
        outer = next((i for i, other in enumerate(kept) if _contains(other, region)), None)
        if outer is None:
            kept.append(region)
        elif region.label == "text":
            kept[outer] = kept[outer].with_lines(kept[outer].lines + region.lines)
        else:
            kept[outer : outer + 1] = _divide(kept[outer], region.box.center[1])
            kept.append(region)
    return kept


def merge_interleaved(regions: Sequence[Region]) -> list[Region]:
    """Return the regions, texts of which rows alternate joined: their detections overlapped, and are one text."""
    merged: list[Region] = []
    for region in regions:
        while other := next((other for other in merged if _are_interleaved(other, region)), None):
            merged.remove(other)
            region = replace(region.with_lines(other.lines + region.lines), label="text")
        merged.append(region)
    return merged


def _are_interleaved(a: Region, b: Region) -> bool:
    """Return whether a row of one text is between rows of the other, and none is beside a row of the other."""
    if a.label not in _TEXTS or b.label not in _TEXTS:
        return False
    if x_overlap(a.box, b.box) <= THRESHOLDS.one_column * min(a.box.width, b.box.width):
        return False
    upper, lower = sorted((a, b), key=lambda region: min(line.box.center[1] for line in region.lines))
    last = max(line.box.center[1] for line in upper.lines)
    if all(line.box.center[1] > last for line in lower.lines):
        return False
    members = {id(line) for line in a.lines}
    return all(len({id(line) in members for line in row}) == 1 for row in rows(a.lines + b.lines))


def divide_at(regions: Iterable[Region], boxes: Sequence[Box]) -> list[Region]:
    """Return the regions, texts divided where one of the boxes is between two of their rows."""
    return [part for region in regions for part in _divided(region, boxes)]


def _divided(region: Region, boxes: Sequence[Box]) -> list[Region]:
    near = [box for box in boxes if x_overlap(box, region.box) > 0]
    if region.label not in _TEXTS or not near:
        return [region]
    parts: list[list[list[Line]]] = []
    middle = float("-inf")
    for row in rows(region.lines):
        above, middle = middle, bounds(line.box for line in row).center[1]
        if not parts or any(above < box.center[1] < middle for box in near):
            parts.append([])
        parts[-1].append(row)
    return [_with_rows(region, part) for part in parts]


def divide_around(regions: Sequence[Region]) -> list[Region]:
    """Return the regions, a text with lines above and below another text divided where that text is between them."""
    parts = list(regions)
    for inner in regions:
        if inner.label in PROSE:
            parts = [part for region in parts for part in _divide_around(region, inner)]
    return parts


def _divide_around(region: Region, inner: Region) -> list[Region]:
    shared = x_overlap(region.box, inner.box)
    if region.label != "text" or region is inner or shared < THRESHOLDS.stacked_width * region.box.width:
        return [region]
    middle = inner.box.center[1]
    is_beside = any(inner.box.y0 < line.box.center[1] < inner.box.y1 for line in region.lines)
    is_around = region.box.y0 < middle < region.box.y1
    return _divide(region, middle) if is_around and not is_beside else [region]


def _contains(outer: Region, inner: Region) -> bool:
    is_prose = outer.label in _TEXTS and inner.label in PROSE
    return is_prose and len(outer.lines) > 1 and covered(inner.box, outer.box) > THRESHOLDS.nested_region


def _divide(region: Region, y: float) -> list[Region]:
    """Return the region's lines above `y` and below it, each as a region."""
    parts = ([line for line in region.lines if (line.box.center[1] < y) is is_above] for is_above in (True, False))
    return [replace(region, lines=tuple(part), box=bounds(line.box for line in part)) for part in parts if part]


def group_captions(regions: Sequence[Region]) -> list[list[Region]]:
    """Return units of regions: figures and tables with the captions next to them, all other regions alone.

    The regions of a unit are sorted from top to bottom.
    """
    units = [[region] for region in regions if region.label != "figure_title"]
    for caption in (region for region in regions if region.label == "figure_title"):
        nearest = min(
            (unit for unit in units if any(_is_caption(caption, region) for region in unit)),
            key=lambda unit: min(-y_overlap(region.box, caption.box) for region in unit if region.label in CAPTIONED),
            default=None,
        )
        if nearest is None:
            units.append([caption])
        else:
            nearest.append(caption)
    return [sorted(unit, key=lambda region: region.box.y0) for unit in units]


def _is_caption(caption: Region, region: Region) -> bool:
    """Return whether the caption is close above or below the region, and the region is a figure or table."""
    height = line_height(caption.lines)
    min_shared = THRESHOLDS.caption_overlap * min(region.box.width, caption.box.width)
    return (
        region.label in CAPTIONED
        and x_overlap(region.box, caption.box) > min_shared
        and -y_overlap(region.box, caption.box) < THRESHOLDS.max_caption_gap * height
    )


def split_sizes(region: Region) -> list[Region]:
    """Return the region's first rows apart if they are larger than all below: a title over a subtitle or a text."""
    if region.label not in ("text", "paragraph_title"):
        return [region]
    stacked = rows(region.lines)
    heights = [letter_height(row) for row in stacked]
    ratio = _least_ratio(region)
    for end in range(1, len(stacked)):
        if min(heights[:end]) > ratio * max(heights[end:]):
            first = _with_rows(region, stacked[:end])
            return [first, *split_sizes(replace(_with_rows(region, stacked[end:]), label="text"))]
    return [region]


def split_numbered_titles(region: Region) -> list[Region]:
    """Return the region divided at rows that are titles: numbered, and in letters larger than the row below.

    Only letters of a text layer are measured. The number alone is no sign, because items of a list have it as well.
    """
    stacked = rows(region.lines)
    if region.label != "text" or not all(line.is_from_text_layer for line in region.lines):
        return [region]
    titles = [i for i, (row, below) in enumerate(pairwise(stacked)) if _is_numbered_title(row, below)]
    titles = [i for i in titles if i == 0 or letter_height(stacked[i]) > letter_height(stacked[i - 1])]
    parts, start = [], 0
    for i in titles:
        parts += [_with_rows(region, stacked[start:i])] if i > start else []
        parts.append(replace(_with_rows(region, stacked[i : i + 1]), label="paragraph_title"))
        start = i + 1
    return [*parts, _with_rows(region, stacked[start:])] if titles else [region]


def _is_numbered_title(row: Sequence[Line], below: Sequence[Line]) -> bool:
    text = " ".join(line.text for line in row)
    is_larger = letter_height(row) > THRESHOLDS.larger_number_row * letter_height(below)
    return is_larger and bool(_NUMBERED_TITLE.fullmatch(text)) and len(text) <= THRESHOLDS.max_numbered_title


def _least_ratio(region: Region) -> float:
    """Return the least ratio of the heights of rows in two sizes: those of a text layer are exact."""
    if not all(line.is_from_text_layer for line in region.lines):
        return THRESHOLDS.max_size_ratio
    return THRESHOLDS.larger_title_rows if region.label == "paragraph_title" else THRESHOLDS.larger_rows


def _with_rows(region: Region, stacked: Sequence[Sequence[Line]]) -> Region:
    return region.with_lines(tuple(line for row in stacked for line in row))


def split_title(region: Region) -> list[Region]:
    """Return the region's first line separately if it is a title over a paragraph: short, without a full stop."""
    stacked = rows(region.lines)
    if region.label != "text" or len(stacked) < 2 or len(stacked[0]) > 1:
        return [region]
    (first_line,), second_row = stacked[0], stacked[1]
    is_capital = first_line.text.isupper() and len(first_line.text) >= THRESHOLDS.min_capitals
    width = region.box.width
    is_short = first_line.box.x1 < region.box.x1 - THRESHOLDS.title_room * width
    is_full = bounds(line.box for line in second_row).x1 > region.box.x1 - THRESHOLDS.full_row_room * width
    is_emphasized = first_line.is_emphasized and not any(line.is_emphasized for line in second_row)
    heights = [letter_height(row) for row in stacked]
    is_larger = is_emphasized and heights[0] > THRESHOLDS.larger_title_rows * max(heights[1:])
    is_over_list = is_emphasized and find_marked([" ".join(line.text for line in second_row)])[0]
    is_above = is_over_list or (is_short and (is_full or is_larger))
    if not is_above or not (is_capital or is_emphasized or len(stacked) >= THRESHOLDS.min_title_rows):
        return [region]
    if not TITLE.fullmatch(first_line.text):
        return [region]
    rest = tuple(line for row in stacked[1:] for line in row)
    return [
        Region("paragraph_title", first_line.box, (first_line,)),
        replace(region, box=bounds(line.box for line in rest), lines=rest),
    ]


def split_centered(region: Region) -> list[Region]:
    """Return the region divided around its centered rows, if all its other rows are those of prose.

    Old books and newspapers set the titles of their parts so, in letters of the text's size and at its distance. A row
    of a sentence has not as much white at its left as at its right.
    """
    stacked = rows(region.lines)
    if region.label != "text" or len(stacked) < THRESHOLDS.min_prose_rows:
        return [region]
    height = line_height(region.lines)
    centered = [_is_row_centered(row, region.box, height) for row in stacked]
    filled = sum(bounds(line.box for line in row).width > THRESHOLDS.prose_row * region.box.width for row in stacked)
    if not any(centered) or filled < THRESHOLDS.filled_prose * len(stacked):
        return [region]
    parts, start = [], 0
    for end in range(1, len(stacked) + 1):
        if end == len(stacked) or centered[end] != centered[start]:
            parts.append(replace(_with_rows(region, stacked[start:end]), is_separate=centered[start]))
            start = end
    return parts


def _is_row_centered(row: Sequence[Line], text: Box, height: float) -> bool:
    """Return whether the row has much white, and the same, at both its sides. height: of a line, in pixels."""
    box = bounds(line.box for line in row)
    left, right = box.x0 - text.x0, text.x1 - box.x1
    is_title = row[0].text[:1].isupper() and len(row) == 1
    is_capital = row[0].text.isupper() and len(row[0].text) >= THRESHOLDS.min_capitals
    white = (THRESHOLDS.capital_white if is_capital else THRESHOLDS.centered_white) * height
    return is_title and min(left, right) > white and abs(left - right) < THRESHOLDS.uneven_row * height


def split_labels(region: Region, others: Sequence[Region]) -> list[Region]:
    """Return the region's lines one by one if they are labels of a form: most have a one-line value beside them.

    Labels are short. Lines of prose have no values, whatever is in the margin beside them.
    """
    if region.label != "text" or len(region.lines) < 2:
        return [region]
    if median(len(line.text.split()) for line in region.lines) > THRESHOLDS.max_label_words:
        return [region]
    values = [other.lines[0] for other in others if other.label == "text" and len(other.lines) == 1]
    labels = sum(any(_is_value(line, value) for value in values) for line in region.lines)
    if labels < THRESHOLDS.min_labels or labels < THRESHOLDS.labels_with_value * len(region.lines):
        return [region]
    return [replace(region, box=line.box, lines=(line,)) for line in region.lines]


def _is_value(label: Line, value: Line) -> bool:
    """Return whether the value is level with the label, of a similar height and at its right."""
    low, high = sorted((label.box.height, value.box.height))
    is_level = y_overlap(label.box, value.box) > THRESHOLDS.value_overlap * label.box.height
    return value.box.x0 >= label.box.x1 and is_level and high <= THRESHOLDS.max_size_ratio * low


def _drop_doubles(detections: Iterable[Detection]) -> list[Detection]:
    """Return the detections without those that overlap a more certain one, the most certain first."""
    kept: list[Detection] = []
    limit = THRESHOLDS.same_detection
    for detection in sorted(detections, key=lambda detection: -detection.score):
        box = detection.box
        if all(max(covered(box, other.box), covered(other.box, box)) < limit for other in kept):
            kept.append(detection)
        else:
            kept = _resolve_double(kept, detection)
    return kept


def _resolve_double(kept: list[Detection], double: Detection) -> list[Detection]:
    """Return the detections to keep: a table replaces the smaller tables inside it, any other double is dropped."""
    inside = [other for other in kept if covered(other.box, double.box) >= THRESHOLDS.same_detection]
    if inside and all(other.label == double.label == "table" for other in inside):
        return [other for other in kept if other not in inside] + [double]
    return kept


def is_picture(figure: Detection, lines: Sequence[Line]) -> bool:
    """Return whether the figure is a chart, or a picture with some words, and not text."""
    if has_scale(figure.box, lines):
        return True
    inside = [line for line in lines if covered(line.box, figure.box) > THRESHOLDS.line_in_figure]
    if sum(line.box.area for line in inside) > THRESHOLDS.max_text_in_figure * figure.box.area:
        return False
    if len(inside) < THRESHOLDS.min_lines_to_doubt:
        return True
    words = sum(len(line.text.split()) for line in inside)
    has_most_lines = len(inside) >= THRESHOLDS.most_lines * len(lines)
    limit = THRESHOLDS.axis_words if has_most_lines else THRESHOLDS.sentence_words
    return figure.score >= THRESHOLDS.certain_figure and words < limit * len(inside)


def _is_photo_of_text(picture: Detection, lines: Sequence[Line]) -> bool:
    """Return whether the picture has all text of the page, in lines below one another, such as a photographed note.

    Its text is the page's text, not only the alternative text of the picture.
    """
    return (
        all(covered(line.box, picture.box) > THRESHOLDS.line_in_figure for line in lines)
        and sum(len(line.text.split()) for line in lines) >= THRESHOLDS.words_in_photo * len(lines)
        and _has_stacked(lines)
        and not has_scale(picture.box, lines)
    )


def _has_stacked(lines: Sequence[Line]) -> bool:
    """Return whether a line is right below another."""
    index = BoxIndex([line.box for line in lines])
    return any(
        lines[i] is not line and not _are_in_one_row(lines[i], line)
        for line in lines
        for i in _find_neighbors(line, lines, index)
    )


def _adopt(leftover: Sequence[Line], detections: Sequence[Detection], members: list[list[Line]]) -> list[Line]:
    """Add lines at the edge of a text to that text, whose box is often a little tight; return the other lines.

    A line that is clearly closer to another of these lines than to the text continues that line: a title below a
    paragraph does not take the paragraph's last line.
    """
    others: list[Line] = []
    texts = [content for detection, content in zip(detections, members, strict=True) if detection.label == "text"]
    lines = [*leftover, *(line for content in texts for line in content)]
    index = BoxIndex([line.box for line in lines])
    text_of = {id(line): number for number, content in enumerate(texts) for line in content}
    loose = set(map(id, leftover))
    for line in sorted(leftover, key=lambda line: line.box.y0):
        near = [other for i in _find_neighbors(line, lines, index) if (other := lines[i]) is not line]
        number = min((text_of[id(other)] for other in near if id(other) in text_of), default=None)
        distance = _distance(line, [other for other in near if text_of.get(id(other)) == number])
        limit = distance - THRESHOLDS.clearly_closer * line.box.height
        if number is None or _distance(line, [other for other in near if id(other) in loose]) < limit:
            others.append(line)
        else:
            texts[number].append(line)
            text_of[id(line)] = number
    return others


def _distance(line: Line, neighbors: Sequence[Line]) -> float:
    """Return the white between the line and the nearest of its neighbors, in pixels."""
    return min((-y_overlap(other.box, line.box) for other in neighbors), default=float("inf"))


def _find_neighbors(line: Line, lines: Sequence[Line], index: BoxIndex) -> list[int]:
    """Return the indices of the lines that look like neighbors of the line. index: of their boxes."""
    reach = THRESHOLDS.max_line_gap * line.box.height
    near = index.near(line.box.y0 - reach, line.box.y1 + reach)
    return [i for i in near if _are_neighbors(lines[i], line)]


def _are_neighbors(a: Line, b: Line) -> bool:
    """Return whether two lines look like neighbors in a paragraph: close, of one size, stacked or side by side."""
    low, high = sorted((a.box.height, b.box.height))
    shared_x, shared_y = x_overlap(a.box, b.box), y_overlap(a.box, b.box)
    if high > THRESHOLDS.max_size_ratio * low or -shared_y > THRESHOLDS.max_line_gap * low:
        return False
    if _are_in_one_row(a, b):
        return -THRESHOLDS.max_row_distance * low < shared_x < THRESHOLDS.max_row_overlap * low
    is_stacked = shared_x > THRESHOLDS.stacked_width * min(a.box.width, b.box.width)
    return is_stacked and shared_y < THRESHOLDS.max_stacked_overlap * low


def _are_in_one_row(a: Line, b: Line) -> bool:
    return y_overlap(a.box, b.box) > THRESHOLDS.same_row_overlap * min(a.box.height, b.box.height)


def _region(detection: Detection, lines: Sequence[Line]) -> Region:
    """Return the region of the detection: as large as its lines, and a figure or table also as large as detected."""
    text_box = bounds(line.box for line in lines) if lines else detection.box
    box = bounds((text_box, detection.box)) if detection.label in ("image", "table") else text_box
    return Region(detection.label, box, tuple(lines), detection.score)
