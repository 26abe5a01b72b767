"""Titles, by the size and the words of a region, and text that the layout model mistook for something else.

`correct_label` corrects references, formulas and titles that have no sign of being one. `label_headings` finds titles
among the texts, one of them perhaps at the head of the page, and the title of the document among the titles.
Headers and footers are recognized in `evidence`. All functions are pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from ocr_worker.engines.embedded.furniture.false_titles import LEADER, LONG_WORD, is_author, is_first_row, is_no_title
from ocr_worker.engines.embedded.furniture.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.furniture.words import (
    is_later_number,
    is_numbered_caption,
    is_running_matter,
    is_salutation,
)
from ocr_worker.engines.embedded.geometry import Box, bounds, y_overlap
from ocr_worker.engines.embedded.layout.regions import TITLE, Region
from ocr_worker.engines.embedded.lines import letter_height, line_height, rows
from ocr_worker.engines.embedded.marks import SECTION_NUMBER

_REFERENCE = re.compile(r"\[\d+\]|\d{1,3}\.\s+[A-Z]")
_FORMULA = re.compile(r"[=<>≤≥≈∑∫√±×^∂∈→]")
_NUMBER = re.compile(r"\(?\d{1,2}(?:\.\d{1,2})*[.)]?")  # of a section, apart from its title
_PART_TITLE = re.compile(r"\d{1,2}(?:\.\d{1,2})+\.?\s+[^\W\d_].*(?<![.,;:])")  # "3.1 Title"
_CAPITAL_PART = re.compile(r"(?:[IVX]+|[A-Z]|\d{1,2})\.\s+[A-ZÀ-Þ][A-ZÀ-Þ\s,&/:’'-]{3,}")  # "II. BASICS OF MILLING"
_NUMBERED = ("text", "paragraph_title")
_NO_TEXT = ("header", "footer", "number", "footnote", "aside_text", "image")
_BEGINNING = re.compile(r"[\"'“«„(§\d.\s)]*[^\W\d_]")  # of a title: no box to tick, no bullet


def body_height(regions: Sequence[Region]) -> float:
    """Return the line height of most of the text in pixels; 0 without text. Tables are often in smaller letters."""
    heights = [
        line.box.height
        for region in regions
        if region.label in ("text", "reference_content")
        for line in region.lines
        for _ in range(max(1, len(line.text) // THRESHOLDS.characters_per_vote))
    ]
    return median(heights) if heights else 0.0


def correct_label(region: Region) -> Region:
    """Return the region with the label that its text allows: not each is a reference, a formula or a title."""
    if region.label == "reference_content" and not any(_REFERENCE.match(line.text) for line in region.lines):
        return replace(region, label="text")
    text = " ".join(line.text for line in region.lines)
    if region.label == "display_formula" and not _FORMULA.search(text):
        return replace(region, label="text")
    if region.label == "paragraph_title" and _FORMULA.search(text) and not LONG_WORD.search(text):
        return replace(region, label="display_formula")
    if region.label == "paragraph_title" and _is_sentence(text):
        return replace(region, label="text")
    return region


def _is_sentence(text: str) -> bool:
    """Return whether the text ends like a sentence and is long or begins in the middle, or has a dotted leader."""
    is_long = len(text) > THRESHOLDS.max_sentence_title
    is_sentence = text.endswith(".") and (is_long or text[:1].islower())
    return is_sentence or bool(LEADER.search(text))


def label_headings(regions: Sequence[Region], height: int, body: float) -> list[Region]:
    """Return the regions with titles labeled. height: of the page; body: of a line of text, both in pixels."""
    joined = _join_numbers(regions)
    labeled = [_label_by_size(region, body) for region in joined]
    labeled = [_label_by_position(region, labeled, body) for region in labeled]
    head = _find_title_at_head(labeled, body)
    labeled = [replace(region, label="paragraph_title") if region is head else region for region in labeled]
    labeled = _correct_false_titles(labeled, body)
    labeled = _join_title_rows(labeled)
    title = _find_document_title(labeled, height, body)
    return [replace(region, label="doc_title") if region is title else region for region in labeled]


def _join_numbers(regions: Sequence[Region]) -> list[Region]:
    """Return the regions, each lone number joined with the text that begins right beside it, as in a colored box."""
    numbers = [region for region in regions if region.label in _NUMBERED and _is_lone_number(region)]
    joined = [region for region in regions if not any(region is number for number in numbers)]
    for number in numbers:
        i = next((i for i, text in enumerate(joined) if text.label in _NUMBERED and _is_beside(number, text)), None)
        if i is None:
            joined.append(number)
        else:
            joined[i] = joined[i].with_lines((*number.lines, *joined[i].lines))
    return joined


def _is_lone_number(region: Region) -> bool:
    return len(region.lines) == 1 and bool(_NUMBER.fullmatch(region.lines[0].text))


def _is_beside(number: Region, text: Region) -> bool:
    """Return whether the first row of the text is close at the right of the number, and of about its size."""
    if not text.lines:
        return False
    first = min(text.lines, key=lambda line: line.box.y0).box
    low, high = sorted((number.box.height, first.height))
    is_level = y_overlap(number.box, first) > THRESHOLDS.row_overlap * low and high < THRESHOLDS.number_size * low
    return is_level and 0 <= first.x0 - number.box.x1 < THRESHOLDS.number_gap * high


def _label_by_size(region: Region, body: float) -> Region:
    """Return the region, labeled as a title if it is short text in large letters."""
    if region.label not in ("text", "figure_title") or not region.lines or not body:
        return region
    if len(region.lines) > THRESHOLDS.max_title_lines:
        return region
    sizes = [min(line.box.height, line.box.width) for line in region.lines]
    is_large = median(sizes) > THRESHOLDS.title_size * body and min(sizes) > THRESHOLDS.min_title_size * body
    has_words = any(
        len(line.text) >= THRESHOLDS.min_title_text and _BEGINNING.match(line.text) for line in region.lines
    )
    return replace(region, label="paragraph_title") if is_large and has_words else region


def _label_by_position(region: Region, others: Sequence[Region], body: float) -> Region:
    """Return the region, labeled as a title if it is a short line right above wider text with the same left edge.

    A bold or underlined title may be as wide as the text, farther above it, and in a script without capitals. Whatever
    is below, such a line is a title with a number such as 3.1.
    """
    if region.label != "text" or len(rows(region.lines)) != 1:
        return region
    *number, last = rows(region.lines)[0]
    if len(number) > 1 or not all(_NUMBER.fullmatch(line.text) for line in number):
        return region
    text = " ".join(line.text for line in (*number, last))
    if _is_in_centered_capitals(region, others, body):
        return replace(region, label="paragraph_title")
    if not TITLE.fullmatch(text) and not (is_emphasized(region) and _reads_like_title(region)):
        return region
    is_part = is_emphasized(region) and bool(_PART_TITLE.fullmatch(text)) and len(text) <= THRESHOLDS.max_sentence_title
    is_capital = bool(_CAPITAL_PART.fullmatch(text)) and any(_is_over(region, other, body) for other in others)
    is_title = (
        is_part
        or is_capital
        or any(_is_headed(other, region, body) or _is_over_table(region, other, body) for other in others)
    )
    return replace(region, label="paragraph_title") if is_title else region


def _is_in_centered_capitals(region: Region, others: Sequence[Region], body: float) -> bool:
    """Return whether the row is in capitals, perhaps with a stop, and over the middle of a text that is wider.

    So old books and newspapers set titles in letters of the text's size. The first row of a page may be its header.
    """
    text = " ".join(line.text for line in region.lines)
    is_capital = text.isupper() and sum(map(str.isalpha, text)) >= THRESHOLDS.min_capitals
    if not is_capital or text[-1:] in ",;:-" or is_numbered_caption(text) or is_running_matter(text):
        return False
    if not any(other.box.y1 <= region.box.y0 + body / 2 for other in others if other.label not in _NO_TEXT):
        return False
    return any(
        _is_over(region, other, body)
        and _is_centered_over(region.box, other.box, body)
        and not other.lines[0].text.isupper()
        for other in others
    )


def _is_centered_over(title: Box, text: Box, body: float) -> bool:
    """Return whether the title has white at both sides, and about as much at its left as at its right."""
    is_even = abs(title.center[0] - text.center[0]) < THRESHOLDS.set_in * body
    return is_even and (text.width - title.width) / 2 > body


def _is_over(title: Region, text: Region, body: float) -> bool:
    """Return whether a text of several lines is right below the possible title, which may be centered over it."""
    is_below = 0 <= text.box.y0 - title.box.y1 + body / 2 < THRESHOLDS.bold_title_gap * body
    is_within = text.box.x0 - body < title.box.x0 and title.box.x1 < text.box.x1 + body
    return text.label == "text" and len(text.lines) > 2 and is_below and is_within


def _is_over_table(title: Region, table: Region, body: float) -> bool:
    """Return whether the possible title is bold, and right above a table in smaller letters, as in a menu."""
    if table.label != "table" or not is_emphasized(title):
        return False
    size = letter_height(table.lines) if table.lines else body
    is_large = letter_height(title.lines) > THRESHOLDS.larger_title * size
    is_below = 0 <= table.box.y0 - title.box.y1 < THRESHOLDS.bold_title_gap * body
    is_within = table.box.x0 - body < title.box.x0 and title.box.x1 < table.box.x1 + body
    return is_large and is_below and is_within and not is_numbered_caption(title.lines[0].text)


def _is_headed(text: Region, title: Region, body: float) -> bool:
    """Return whether a text of several lines, not emphasized itself, is right below the possible title.

    An emphasized title may be centered over the text, or have another one right below. If it is also larger, the text
    may be a single line, and narrower.
    """
    gap, width, min_lines = THRESHOLDS.title_gap, THRESHOLDS.title_width, 2
    is_aligned = abs(text.box.x0 - title.box.x0) < THRESHOLDS.title_indent * body
    if is_emphasized(title):
        gap, width = THRESHOLDS.bold_title_gap, 1.0
        min_lines = 1 if letter_height(title.lines) > THRESHOLDS.larger_title * body else 2
        is_aligned = is_aligned or abs(text.box.center[0] - title.box.center[0]) < body
    is_text = text.label == "text" and len(text.lines) >= min_lines and not is_emphasized(text)
    is_wider = is_text and title.box.width < width * text.box.width
    return (
        (is_wider or (is_text and min_lines == 1) or (is_emphasized(title) and text.label == "paragraph_title"))
        and is_aligned
        and -THRESHOLDS.title_overlap * body < text.box.y0 - title.box.y1 < gap * body
    )


def _correct_false_titles(regions: Sequence[Region], body: float) -> list[Region]:
    """Return the regions, titles that are none as text, or as the first row of the text below; see `false_titles`."""
    corrected = list(regions)
    for title in regions:
        if title.label != "paragraph_title" or not title.lines:
            continue
        text = next((other for other in corrected if is_first_row(title, other, is_emphasized(title))), None)
        if text is not None:
            corrected[corrected.index(text)] = text.with_lines((*title.lines, *text.lines))
            corrected.remove(title)
            continue
        words = " ".join(line.text for line in title.lines)
        is_large = letter_height(title.lines) > THRESHOLDS.larger_title * body
        if is_no_title(words, is_emphasized(title) or is_large):
            corrected[corrected.index(title)] = replace(title, label="text")
        elif is_author(title, regions):
            corrected[corrected.index(title)] = replace(title, label="text", is_separate=True)
    return corrected


def _join_title_rows(regions: Sequence[Region]) -> list[Region]:
    """Return the regions, a title joined with the one right below that continues it in lower case at the same size."""
    joined: list[Region] = []
    for region in sorted(regions, key=lambda region: region.box.y0):
        above = next((i for i, title in enumerate(joined) if _continues_title(title, region)), None)
        if above is None:
            joined.append(region)
        else:
            joined[above] = joined[above].with_lines((*joined[above].lines, *region.lines))
    return joined


def _continues_title(title: Region, region: Region) -> bool:
    if not (title.label == region.label == "paragraph_title" and region.lines[0].text[:1].islower()):
        return False
    height, other_height = line_height(title.lines), line_height(region.lines)
    white = region.box.y0 - title.box.y1
    is_close = abs(white) < THRESHOLDS.title_row_white * height and abs(region.box.x0 - title.box.x0) < height
    return is_close and max(height, other_height) < THRESHOLDS.same_title_size * min(height, other_height)


def is_emphasized(region: Region) -> bool:
    """Return whether all lines of the region are bold or underlined, but for a number before a title, as in a box."""
    lines = [line for line in region.lines if not _NUMBER.fullmatch(line.text)]
    return bool(lines) and all(line.is_emphasized for line in lines)


def _find_title_at_head(regions: Sequence[Region], body: float) -> Region | None:
    """Return the first text of the page if it is alone in its row and a title: large, emphasized or centered.

    There is white below it. body: line height of the body text, in pixels.
    """
    ordered = sorted((region for region in regions if region.label not in _NO_TEXT), key=lambda region: region.box.y0)
    if len(ordered) < 2 or ordered[0].label != "text" or not _reads_like_title(ordered[0]):
        return None
    first, *others = ordered
    if any(is_salutation(line.text) for region in others for line in region.lines):
        return None
    white = others[0].box.y0 - first.box.y1
    is_alone = all(y_overlap(first.box, region.box) <= 0 for region in others)
    is_large = is_emphasized(first) or line_height(first.lines) > THRESHOLDS.head_title_size * body
    text = bounds(region.box for region in others)
    if not is_alone or white < THRESHOLDS.head_title_white * body:
        return None
    is_later = any(
        is_later_number(line.text) for region in regions if region.label in _NO_TEXT for line in region.lines
    )
    is_small = line_height(first.lines) < THRESHOLDS.smaller * body
    is_plain = not (is_later or is_small) and _is_plain_title(first, others[: THRESHOLDS.next_texts], text)
    return first if is_large or is_plain or _is_centered(first.box, text, body) else None


def _is_plain_title(first: Region, below: Sequence[Region], text: Box) -> bool:
    """Return whether the page's first row is the title of its text, though it is not larger: short, and over prose.

    below: the next regions. text: the box of all the page's other text.
    """
    words = " ".join(line.text for line in first.lines)
    is_title = bool(TITLE.fullmatch(words)) and len(words.split()) > 1 and words[:1].isalpha()
    is_short = len(rows(first.lines)) == 1 and first.box.width < THRESHOLDS.title_width * text.width
    prose = [region for region in below if region.label == "text" and len(region.lines) > 1]
    is_wide = any(line.box.width > THRESHOLDS.title_width * text.width for region in prose for line in region.lines[:2])
    return is_title and is_short and is_wide


def _reads_like_title(region: Region) -> bool:
    text = " ".join(line.text for line in region.lines)
    is_short = len(region.lines) <= THRESHOLDS.max_title_lines and text[-1:] not in ".,;:-"
    return is_short and bool(_BEGINNING.match(text)) and not text[:1].islower() and not is_running_matter(text)


def _is_centered(box: Box, text: Box, height: float) -> bool:
    """Return whether the box is in the middle of the text and clearly narrower. height: of a body line, in pixels."""
    indents = (box.x0 - text.x0, text.x1 - box.x1)
    is_even = abs(indents[0] - indents[1]) < THRESHOLDS.uneven_center * text.width
    return is_even and min(indents) > THRESHOLDS.center_indent * height


def _find_document_title(regions: Sequence[Region], height: int, body: float) -> Region | None:
    """Return the title in the largest letters in the upper part of the page, if it is clearly larger than the others.

    That of a numbered section is none.

    height: of the page, in pixels. body: of a line of text, in pixels.
    """
    max_y = THRESHOLDS.document_title_depth * height
    titles = [region for region in regions if region.label == "paragraph_title" and region.box.y0 < max_y]
    if not titles:
        return None
    largest = max(titles, key=lambda region: line_height(region.lines))
    size = line_height(largest.lines)
    others = [line_height(region.lines) for region in titles if region is not largest]
    is_larger = size > THRESHOLDS.document_title_size * max([body, *others])
    return largest if is_larger and not SECTION_NUMBER.match(largest.lines[0].text) else None
