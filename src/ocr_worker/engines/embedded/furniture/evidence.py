"""Evidence that a row at the page's edge is page furniture and not the page's text.

`evidence_points` adds points for a line that comes again on neighboring pages, for a page number, for white or a rule
between the row and the text, for closeness to the edge, and for typical words. It subtracts points for signs of the
page's own text, such as large letters. `furniture/__init__.py` compares the sum with what a row needs. Repetition is
seen only in files with a text layer.

Place alone proves nothing: a title, too, is in the first row of a page, with white below it, and the layout model calls
it a header with a score of 0.95. So a row also needs `has_evidence`: something that only furniture has. All functions
are pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from ocr_worker.engines.embedded.furniture.footnotes import has_note_mark
from ocr_worker.engines.embedded.furniture.headings import body_height
from ocr_worker.engines.embedded.furniture.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.furniture.words import (
    has_number_at_end,
    has_page_word,
    has_year_at_end,
    is_caption,
    is_enclosed_number,
    is_later_number,
    is_number,
    is_numbered_caption,
    is_published_matter,
    is_running_matter,
    is_section_heading,
    is_sum,
    is_within_sentence,
)
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.lines import Line, line_height
from ocr_worker.engines.text_layer.joins import is_right_to_left

_SENTENCE_ENDS = (".", "!", "?", "”", '"')
_OTHERS = ("table", "doc_title", "paragraph_title", "figure_title")  # labels of regions that are no furniture


@dataclass(frozen=True, slots=True)
class Body:
    """Measures of the page's body text: its box, line height and line spacing in pixels.

    margin: free width beside the box on the narrower side, as a share of the page's width. character: mean width of a
    character in pixels. count: number of lines measured. page_count: number of all lines of the page.
    """

    box: Box
    height: float
    spacing: float
    margin: float
    character: float
    count: int
    page_count: int


class ProseRow(NamedTuple):
    """A filled row of a text, with the left and the right edge of that text in pixels."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Strip:
    """A row, or a few close rows, at the page's edge.

    regions: the region of each line. gap: distance to the text farther in, in line spacings; 1 within a
    paragraph. edge: distance from the page's edge to the middle of the strip, as a share of the page's height.
    has_rule: a long rule is between the strip and the text farther in. has_number_before: the page's number was found
    in another strip. is_foot: at the page's foot, else at its head. is_later_page: its foot has a number above 1.
    is_on_band: see `find_bands`. is_over_title: a title farther in has letters as large as the strip's.
    prose: the next row farther in, if it is a filled row of a text.
    """

    lines: tuple[Line, ...]
    regions: tuple[Region, ...]
    gap: float
    edge: float
    has_rule: bool
    has_number_before: bool
    is_foot: bool
    is_later_page: bool
    is_on_band: bool = False
    is_over_title: bool = False
    prose: ProseRow | None = None

    @property
    def text(self) -> str:
        """Text of the strip."""
        return " ".join(line.text for line in self.lines)


def measure_body(regions: Sequence[Region], width: int) -> Body:
    """Return the measures of most of the text, or of all lines if no region is text.

    width: of the page, in pixels.
    """
    filled = [region for region in regions if region.lines and region.label != "aside_text"]
    texts = [region.lines for region in filled if region.label in ("text", "reference_content")]
    texts = texts or [region.lines for region in filled]
    if not texts:
        return Body(Box(0, 0, 0, 0), 0.0, 0.0, 0.0, 0.0, 0, 0)
    height = body_height(regions) or line_height([line for lines in texts for line in lines])
    tops = [sorted(line.box.y0 for line in lines) for lines in texts]
    min_step, max_step = THRESHOLDS.min_step * height, THRESHOLDS.max_step * height
    steps = [low - top for column in tops for top, low in pairwise(column) if min_step < low - top < max_step]
    box = bounds(line.box for region in filled for line in region.lines)
    spacing = median(steps) if steps else THRESHOLDS.usual_spacing * height
    widths = [_character_width(line) for lines in texts for line in lines]
    margin = min(box.x0, width - box.x1) / width
    count = sum(len(region.lines) for region in filled)
    return Body(box, height, spacing, margin, median(widths), len(widths), count)


def has_evidence(strip: Strip, body: Body) -> bool:
    """Return whether something about the strip proves that it is furniture: not its place, but what only furniture has.

    That is a page number, a line that comes again on other pages, the same text at both ends, or typical words, in
    letters no larger than the body's: a large title stays, even on each page of a collection. No title is over the
    rest of a sentence that began on the page before. It is also a rule
    or the layout model's certain label, if the letters are smaller than the body's: those of titles never are. Clearly
    small letters between the page's edge and white suffice, except for captions. A page of a few lines has no body to
    compare with. See `_is_apart` for letters of the body's size.
    """
    if _has_huge_number(strip, body) or is_numbered_caption(strip.text):
        return False
    if strip.is_foot and any(is_sum(line.text) for line in strip.lines) and not has_page_word(strip.text):
        return _is_repeated(strip, body)
    if _is_running_band(strip, body):
        return True
    if _is_larger(strip, body):
        is_moderate = all(_is_moderate(line, body) for line in _worded(strip.lines))
        is_slight = all(line.box.height < THRESHOLDS.slightly_larger * body.height for line in _worded(strip.lines))
        is_apart = (is_slight or (strip.is_foot and is_moderate)) and _is_apart(strip, body)
        is_apart = is_apart or _has_far_number(strip, body)
        is_running = _is_repeated(strip, body) or _is_numbered_head(strip, body) or _is_running_title(strip, body)
        return is_apart or (is_moderate and is_running)
    is_numbered = number_points(strip.lines, body) >= THRESHOLDS.separate_number
    if is_numbered or is_published_matter(strip.text) or _has_equal_ends(strip.lines) or _is_repeated(strip, body):
        return True
    if is_caption(strip.text):
        return False
    if (
        _is_running_title(strip, body)
        or _is_catchword(strip, body)
        or _has_labeled_number(strip)
        or _is_apart(strip, body)
    ):
        return True
    if body.count <= THRESHOLDS.sparse_page:
        return False
    is_certain = all(_is_certain(region) for region in strip.regions)
    is_set_off = strip.has_rule or (is_certain and _is_lower(strip, body)) or _is_small_print(strip, body)
    return _is_narrower(strip, body) and is_set_off


def _has_huge_number(strip: Strip, body: Body) -> bool:
    """Return whether the strip has a number in letters so large that it is that of a chapter. None is at the foot."""
    heights = [line.box.height for line in strip.lines if is_number(line.text)]
    return not strip.is_foot and min(heights, default=0) > THRESHOLDS.huge * body.height


def _is_apart(strip: Strip, body: Body) -> bool:
    """Return whether the strip is in the margin of a full page as a reader sees it, whatever the size of its letters.

    At the foot there are no titles: the layout model takes a part of the strip for a footer and white sets it off, or
    white does and it has a number at an end, with little white if it is in capitals, or it is far from all text. At the
    head a title may look the same. So the foot must have the number of a later page, the letters are not bold, and the
    strip is over a rule, or over white if the model is certain of a header.
    """
    if body.page_count <= THRESHOLDS.sparse_page or strip.edge >= THRESHOLDS.near_edge:
        return False
    if strip.text.rstrip().endswith((":", "_")) or any(region.label in _OTHERS for region in strip.regions):
        return False  # a label whose value is written by hand, a row of a table, a title
    is_numbered = has_number_at_end(strip.text) and not has_year_at_end(strip.text)
    is_in_margin = body.margin > THRESHOLDS.cut_margin and (strip.edge < THRESHOLDS.at_edge or is_numbered)
    is_white = strip.gap >= THRESHOLDS.wide_gap and is_in_margin
    if strip.is_foot:
        is_labeled = any(_is_certain(region) for region in strip.regions)
        is_near = (is_labeled or is_capital(strip.text)) and is_numbered and strip.gap >= THRESHOLDS.some_gap
        return is_near or (is_white and (is_labeled or is_numbered or strip.gap >= THRESHOLDS.far_gap))
    if not strip.is_later_page or any(line.is_bold for line in strip.lines):
        return False
    is_certain = all(_is_certain(region) for region in strip.regions)
    return strip.gap >= THRESHOLDS.some_gap and (strip.has_rule or (is_certain and is_white))


def _is_numbered_head(strip: Strip, body: Body) -> bool:
    """Return whether the strip is a row over white with the number of a later page at the body's margin.

    The running head of a journal may be in larger letters than its small print. Bold letters are those of a title.
    """
    if strip.is_foot or any(line.is_bold for line in strip.lines) or not is_in_row(strip.lines):
        return False
    numbers = [line.box for line in strip.lines if is_number(line.text) and is_later_number(line.text)]
    is_at_margin = any(
        min(abs(number.x0 - body.box.x0), abs(number.x1 - body.box.x1)) < body.height for number in numbers
    )
    is_separate = number_points(strip.lines, body) >= THRESHOLDS.separate_number
    return len(strip.lines) > 1 and is_at_margin and is_separate and strip.gap >= THRESHOLDS.some_gap


def _is_running_band(strip: Strip, body: Body) -> bool:
    """Return whether the strip is a colored band with text at both its ends, whatever the size of its letters.

    A title has bands like that, too, but alone, and hardly on a later page. On such a page, a band with one text is
    no title if the page has another one that is as large. In a table, the rows follow closely.
    """
    is_free = strip.gap >= THRESHOLDS.some_gap and not any(region.label == "table" for region in strip.regions)
    is_later = strip.is_later_page or strip.is_foot
    is_head_over_title = strip.is_later_page and strip.is_over_title and strip.edge < THRESHOLDS.near_edge
    return strip.is_on_band and is_free and is_later and (is_in_parts(strip.lines, body) or is_head_over_title)


def _is_running_title(strip: Strip, body: Body) -> bool:
    """Return whether the strip looks like a running title, and the text below it continues the page before."""
    if strip.is_foot or strip.prose is None or not is_within_sentence(strip.prose.text):
        return False
    if is_section_heading(strip.text) or any(region.label in _OTHERS for region in strip.regions):
        return False
    if is_in_parts(strip.lines, body):
        return True
    # The first row of a text may end with a number, be in capitals, or be taken for a header, too: it fills its place.
    start, end = min(line.box.x0 for line in strip.lines), max(line.box.x1 for line in strip.lines)
    is_at_start = start - body.box.x0 < THRESHOLDS.indented_row * body.height
    is_filled = is_at_start and body.box.x1 - end < THRESHOLDS.filled_row * body.height
    is_labeled = any(region.label == "header" for region in strip.regions)
    is_title = is_capital(strip.text) or (
        strip.gap >= THRESHOLDS.some_gap and (is_labeled or has_number_at_end(strip.text))
    )
    return is_title and not is_filled


def _is_catchword(strip: Strip, body: Body) -> bool:
    """Return whether the strip is the first word of the next page at the right, as old books have it at the foot.

    It is below a row within a sentence; the last row of a text would begin at the left. The number of the sheet may be
    beside it, or be alone and less far right.
    """
    if not strip.is_foot or strip.prose is None or is_right_to_left(strip.text):
        return False
    if strip.prose.text.rstrip().endswith(_SENTENCE_ENDS):
        return False
    *marks, word = sorted(strip.lines, key=lambda line: line.box.x0)
    is_at_right = strip.prose.right - word.box.x1 < THRESHOLDS.catchword_room * body.height
    is_far = word.box.x0 > (strip.prose.left + strip.prose.right) / 2
    is_word = any(map(str.isalpha, word.text)) and " " not in word.text.strip()
    are_marks = all(len(line.text) <= THRESHOLDS.sheet_mark for line in marks)
    return is_far and is_word and are_marks and (is_at_right or len(word.text) <= THRESHOLDS.sheet_mark)


def is_beside_sentence(strip: Strip, body: Body) -> bool:
    """Return whether the text beside the strip shows that it is furniture, at whatever place of the picture."""
    return _is_running_title(strip, body) or _is_catchword(strip, body) or _is_centered_number(strip, body)


def _has_far_number(strip: Strip, body: Body) -> bool:
    """Return whether the row is a title in the middle and the number of a later page at an end.

    The number of a section is near its title. Bold letters are those of a title.
    """
    row = sorted(strip.lines, key=lambda line: line.box.x0)
    has_later_number = any(is_number(line.text) and is_later_number(line.text) for line in row)
    if not has_later_number or any(line.is_bold for line in row):
        return False
    if len(row) != 2 or number_points(row, body) < THRESHOLDS.separate_number or not is_in_parts(row, body):
        return False
    return any(_is_in_middle(line, body) for line in row if not is_number(line.text))


def _has_labeled_number(strip: Strip) -> bool:
    """Return whether the strip is a row with one number, all of whose words the layout model takes for furniture."""
    words = [region for line, region in zip(strip.lines, strip.regions, strict=True) if not is_number(line.text)]
    is_numbered = len(words) == len(strip.lines) - 1 and all(map(_is_certain, words))
    return bool(words) and is_numbered and not has_year_at_end(strip.lines[0].text)


def _is_small_print(strip: Strip, body: Body) -> bool:
    """Return whether the strip is near the page's edge, set off by white, in clearly small letters, and no footnote.

    The text layer has exact sizes. Letters that were read from the page image must be smaller to be clearly small.
    """
    gap = THRESHOLDS.some_gap if strip.edge < THRESHOLDS.at_edge else THRESHOLDS.wide_gap
    is_apart = strip.edge < THRESHOLDS.near_edge and strip.gap >= gap
    is_note = any(has_note_mark(line.text) for line in strip.lines)
    return is_apart and not is_note and _is_lower(strip, body, is_clear=True)


def is_like_furniture(strip: Strip, inner: Line | None, body: Body) -> bool:
    """Return whether the strip, which is not proven to be furniture, may be: it is then no part of a paragraph.

    inner: the next line of its region, farther in. Nothing is lost if the strip is no furniture: it is a paragraph.
    """
    if any(region.label in ("header", "footer") for region in strip.regions):
        return True
    if inner is not None and is_capital(strip.text) and not is_capital(inner.text) and _is_set_in(strip, body):
        return True
    is_wide = any(_is_wide(line, body) for line in strip.lines)
    if has_evidence(strip, body):
        return strip.gap >= THRESHOLDS.no_gap or not is_wide
    if is_wide or strip.text[:1].islower():
        return False
    is_apart = strip.gap >= THRESHOLDS.some_gap or strip.has_rule
    is_apart = is_apart or (strip.gap >= THRESHOLDS.no_gap and is_in_parts(strip.lines, body))
    is_smaller = inner is not None and all(
        line.box.height < THRESHOLDS.clearly_smaller * inner.box.height
        and _character_width(line) < THRESHOLDS.clearly_smaller * _character_width(inner)
        for line in _worded(strip.lines)
    )
    return is_apart or (is_smaller and _is_lower(strip, body))


def _is_set_in(strip: Strip, body: Body) -> bool:
    """Return whether the strip has as much white at its left as at its right, as rows of sentences do not."""
    text, box = bounds(region.box for region in strip.regions), bounds(line.box for line in strip.lines)
    left, right = box.x0 - text.x0, text.x1 - box.x1
    return min(left, right) > THRESHOLDS.set_in * body.height and abs(left - right) < body.height


def _is_repeated(strip: Strip, body: Body) -> bool:
    """Return whether the strip, or a part of its only row, comes again on other pages and is no row of a table."""
    lines = _worded(strip.lines) or strip.lines
    if not any(line.is_repeated for line in lines):
        return False
    if any(region.label == "table" for region in strip.regions):
        return False
    is_in_row = is_in_parts(strip.lines, body)
    if is_in_row and strip.gap < THRESHOLDS.some_gap:
        return False  # the heading of a table that was not recognized
    return is_in_row or all(line.is_repeated for line in lines)


def _is_certain(region: Region) -> bool:
    limits = {"header": THRESHOLDS.certain_header, "footer": THRESHOLDS.certain_footer}
    return region.score >= limits.get(region.label, float("inf"))


def _has_equal_ends(lines: Sequence[Line]) -> bool:
    """Return whether a row of three or more lines has the same text at both ends."""
    row = sorted(lines, key=lambda line: line.box.x0)
    return len(row) >= THRESHOLDS.min_equal_ends and row[0].text == row[-1].text


def _is_larger(strip: Strip, body: Body) -> bool:
    """Return whether a line has letters that are higher than the body's and no narrower.

    A line's box is a little high or low by chance, and low without letters that reach up or down.
    """
    return any(
        line.box.height > THRESHOLDS.larger * body.height and _character_width(line) > body.character
        for line in _worded(strip.lines)
    )


def _is_moderate(line: Line, body: Body) -> bool:
    """Return whether a line that comes again is no title: its letters are not much larger in both directions.

    A few fonts state twice the height of their letters.
    """
    limit = THRESHOLDS.larger_repeated
    return line.box.height <= limit * body.height or _character_width(line) <= limit * body.character


def _is_lower(strip: Strip, body: Body, *, is_clear: bool = False) -> bool:
    """Return whether all letters are lower than the body's; is_clear: beyond the chances of reading."""

    def limit(line: Line) -> float:
        if not is_clear:
            return THRESHOLDS.smaller
        return THRESHOLDS.clearly_smaller if line.is_from_text_layer else THRESHOLDS.clearly_smaller_read

    return all(line.box.height < limit(line) * body.height for line in _worded(strip.lines))


def _is_narrower(strip: Strip, body: Body) -> bool:
    """Return whether there are letters, and all are narrower than the body's."""
    lines = _worded(strip.lines)
    return bool(lines) and all(_character_width(line) < THRESHOLDS.smaller * body.character for line in lines)


def _worded(lines: Sequence[Line]) -> list[Line]:
    """Return the lines that have enough letters for their size to count."""
    return [line for line in lines if sum(map(str.isalpha, line.text)) >= THRESHOLDS.min_letters]


def _character_width(line: Line) -> float:
    """Return the mean width of the line's characters in pixels; that of capitals as if they were small letters."""
    width = line.box.width / max(1, len(line.text))
    return width / THRESHOLDS.capital_width if is_capital(line.text) else width


def _is_wide(line: Line, body: Body) -> bool:
    return line.box.width > THRESHOLDS.wide_line * body.box.width


def evidence_points(strip: Strip, body: Body) -> float:
    """Return the evidence that the strip is page furniture, in points; negative: it is text of the page."""
    text = strip.text
    number = number_points(strip.lines, body)
    if strip.has_number_before and number < THRESHOLDS.page_word:
        number = min(number, THRESHOLDS.second_number)
    has_number = number > THRESHOLDS.clear_number
    is_section = number < THRESHOLDS.clear_number and is_section_heading(text)
    capitals = THRESHOLDS.numbered_capitals_points if has_number else THRESHOLDS.capitals_points
    is_wide = any(_is_wide(line, body) for line in strip.lines)
    is_repeated = _is_repeated(strip, body)
    is_any_size = is_repeated or _is_running_band(strip, body) or _has_far_number(strip, body)
    size = 0.0 if is_any_size else size_points(strip.lines, body)
    is_centered, is_catchword = _is_centered_number(strip, body), _is_catchword(strip, body)
    is_running_title = _is_running_title(strip, body)
    least_gap = 0.0 if is_centered or is_catchword or is_running_title else THRESHOLDS.no_gap_points
    label = label_points(frozenset(region.label for region in strip.regions))
    return (
        number
        + THRESHOLDS.centered_number * is_centered
        + max(gap_points(strip.gap), least_gap)
        + edge_points(strip.edge, body.margin)
        + size / (THRESHOLDS.number_divisor if has_number else 1)
        + (max(0.0, label) if is_repeated else label)
        + THRESHOLDS.certain_points * all(_is_certain(region) for region in strip.regions)
        + THRESHOLDS.ruled_points * (strip.has_rule or strip.is_on_band)
        + THRESHOLDS.repeated_points * (is_repeated or is_running_title or is_catchword)
        + THRESHOLDS.running_points * is_running_matter(text)
        + capitals * is_capital(text)
        + THRESHOLDS.parts_points * is_in_parts(strip.lines, body)
        + THRESHOLDS.wide_points * is_wide
        + THRESHOLDS.sentence_points * is_sentence(text.rstrip(".") if has_number else text)
        + THRESHOLDS.section_points * is_section
    )


def _is_centered_number(strip: Strip, body: Body) -> bool:
    """Return whether the strip is a lone number below the middle of a text, where no sentence ends."""
    is_lone = len(strip.lines) == 1 and (is_number(strip.text) or is_enclosed_number(strip.text))
    return is_lone and strip.is_foot and strip.prose is not None and _is_in_middle(strip.lines[0], body)


def _is_in_middle(line: Line, body: Body) -> bool:
    """Return whether the middle of the line is about that of the body."""
    return abs(line.box.center[0] - body.box.center[0]) < THRESHOLDS.middle * body.box.width


def number_points(lines: Sequence[Line], body: Body) -> float:
    """Return the points for a page number: most with its word, fewer alone or at an end of the row, least in a line."""
    if len(lines) == 1 and is_enclosed_number(lines[0].text) and _is_in_middle(lines[0], body):
        return THRESHOLDS.separate_number
    if any(has_page_word(line.text) for line in lines):
        return THRESHOLDS.page_word
    numbers = [line for line in lines if is_number(line.text)]
    words = [line for line in lines if line not in numbers]
    if words and any(line.text.rstrip().endswith(".") and line.box.x0 < words[0].box.x0 for line in numbers):
        return 0.0  # "2." before the title of a section
    row = sorted(lines, key=lambda line: line.box.x0)
    # The same number may have been read twice, from the text layer and from the page image.
    if len({line.text for line in numbers}) == 1 and len(words) <= THRESHOLDS.max_words_beside:
        number, distance = bounds(line.box for line in numbers), THRESHOLDS.number_distance * body.height
        if all(word.box.x0 - number.x1 > distance for word in words) or all(
            number.x0 - word.box.x1 > distance for word in words
        ):
            return THRESHOLDS.separate_number
    if len(numbers) == len(lines) == 2 or _are_facing(row):
        return THRESHOLDS.separate_number
    is_short = len(lines) <= THRESHOLDS.max_lines_with_number
    return THRESHOLDS.number_in_line if is_short and any(has_number_at_end(line.text) for line in lines) else 0.0


def _are_facing(row: Sequence[Line]) -> bool:
    """Return whether the row begins and ends with the numbers of two facing pages, which were scanned as one."""
    ends = (row[0].text.strip(), row[-1].text.strip())
    return all(map(str.isdecimal, ends)) and int(ends[1]) == int(ends[0]) + 1


def gap_points(gap: float) -> float:
    """Return the points for white between the strip and the text farther in. gap: in line spacings."""
    if gap < THRESHOLDS.no_gap:
        return THRESHOLDS.no_gap_points
    if gap < THRESHOLDS.some_gap:
        return 0.0
    return THRESHOLDS.some_gap_points if gap < THRESHOLDS.wide_gap else THRESHOLDS.wide_gap_points


def edge_points(edge: float, margin: float) -> float:
    """Return the points for closeness to the edge of the sheet, where little text is set; fewer if it was cut.

    edge: distance from the edge as a share of the page's height. margin: see `Body`.
    """
    points = 0.0
    if edge < THRESHOLDS.at_edge:
        points = THRESHOLDS.at_edge_points
    elif edge < THRESHOLDS.near_edge:
        points = THRESHOLDS.near_edge_points
    return points if margin > THRESHOLDS.cut_margin else points / THRESHOLDS.cut_divisor


def size_points(lines: Sequence[Line], body: Body) -> float:
    """Return the points for the size of the letters: titles and letterheads are large, furniture is often small."""
    heights = [line.box.height for line in _worded(lines)]
    if not heights or not body.height:
        return 0.0
    size = max(heights) / body.height
    if size > THRESHOLDS.huge:
        return THRESHOLDS.huge_points
    if size > THRESHOLDS.large:
        return THRESHOLDS.large_points
    return THRESHOLDS.small_points if size < THRESHOLDS.small else 0.0


def label_points(labels: frozenset[str]) -> float:
    """Return the points for the layout model's labels of the strip's regions.

    The model calls many titles headers, but it recognizes nearly every table.
    """
    if labels & {"header", "footer"}:
        return THRESHOLDS.header_points
    if "table" in labels:
        return THRESHOLDS.table_points
    return THRESHOLDS.title_points if "paragraph_title" in labels else 0.0


def is_capital(text: str) -> bool:
    """Return whether the text is in capitals, as running titles of old books are."""
    return text.isupper() and sum(map(str.isalpha, text)) >= THRESHOLDS.min_capitals


def is_in_parts(lines: Sequence[Line], body: Body) -> bool:
    """Return whether the row has two or three parts with much white between them."""
    row = sorted((line.box for line in lines), key=lambda box: box.x0)
    gaps = [right.x0 - left.x1 for left, right in pairwise(row)]
    return 1 <= len(gaps) < THRESHOLDS.max_parts and max(gaps) > THRESHOLDS.part_gap * body.box.width


def is_in_row(lines: Sequence[Line]) -> bool:
    """Return whether the middle of each line is at the height of the others."""
    low, high = max(line.box.y0 for line in lines), min(line.box.y1 for line in lines)
    return all(low < line.box.center[1] < high for line in lines)


def is_sentence(text: str) -> bool:
    """Return whether the text is part of a sentence rather than a title."""
    is_continued = len(text.split()) >= THRESHOLDS.min_sentence_words and text[:1].islower()
    return is_continued or (text.rstrip()[-1:] in ".,;:-" and not is_number(text))
