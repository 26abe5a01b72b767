"""Blocks and Markdown from regions in reading order.

`write_regions` makes a `Passage` of each region: the content of its block, and its parts of the Markdown.
`join_passages` joins these, and writes the Markdown of the page with the text escaped or not. A region with an ignored
label has a block, but no Markdown; `warn_of_left_out` warns if much of the page's text is in such regions. Raised and
lowered text without a form in Unicode is <sup> or <sub> in Markdown and tables, and plain in the content of other
blocks. All functions are pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from ocr_worker.characters import is_wide, to_markup, to_plain_text
from ocr_worker.engines.embedded.escaping import Place, Write
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.cards import innermost
from ocr_worker.engines.embedded.layout.charts import divide_labels
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import line_height, rows
from ocr_worker.engines.embedded.listings import LISTING, write_listing
from ocr_worker.engines.embedded.lists import Item, list_item, nest_items
from ocr_worker.engines.embedded.marks import SECTION_NUMBER
from ocr_worker.engines.embedded.tables import Cell, find_cells, part_titles, to_html, to_markdown
from ocr_worker.engines.embedded.text import paragraphs, row_ends, split_paragraphs
from ocr_worker.engines.embedded.thresholds import THRESHOLDS
from ocr_worker.engines.text_layer.joins import HYPHENS, joined, words_of
from ocr_worker.engines.text_layer.line_ends import has_no_spaces
from ocr_worker.pages import figure_name
from ocr_worker.wire.schema import PageWarning

_FLOATS = ("image", "table", "figure_title")  # what a sentence may continue below
_HEADING_MARKS = {"doc_title": "# ", "paragraph_title": "## "}
_PART = re.compile(r"\(\d{1,2}\)\s")
_LOWEST_LEVEL = 6  # of the headings of Markdown


class Part(NamedTuple):
    """A paragraph of the Markdown, before its text is escaped: the engine's own markup around text of the page.

    first_row: box of its first row, for paragraphs that may be items of lists.
    """

    text: str
    place: Place
    before: str = ""
    after: str = ""
    first_row: Box | None = None

    def write(self, write: Write) -> str:
        """Return the Markdown."""
        text = to_plain_text(self.text) if self.place == "alt" else self.text
        return self.before + write(text, self.place) + self.after


class ListingPart(NamedTuple):
    """A listing of the Markdown, which is not escaped: it is in a fence that it cannot end."""

    text: str

    def write(self, write: Write) -> str:
        """Return the Markdown."""
        longest = max((len(run) for run in re.findall("`+", self.text)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"{fence}\n{self.text}\n{fence}"


class TablePart(NamedTuple):
    """A table of the Markdown, before the text of its cells is escaped."""

    cells: Sequence[Cell]

    def write(self, write: Write) -> str:
        """Return the Markdown."""
        return to_markdown(self.cells, write)


AnyPart = Part | ListingPart | TablePart


@dataclass(frozen=True, slots=True)
class Passage:
    """A region as it is written.

    content: of its block, never escaped. parts: of the page's Markdown. figure: name of the figure's file.
    """

    region: Region
    content: str
    parts: Sequence[AnyPart]
    figure: str | None = None


def write_regions(regions: Sequence[Region], rules: Rules, page: int, ignored_labels: Collection[str]) -> list[Passage]:
    """Return the passages of the regions, in the same order.

    page: its number, for the figures' names. ignored_labels: labels of regions that get no Markdown.
    """
    words = _words_of_regions(regions)
    passages, figure_count = [], 0
    for region in regions:
        figure_count += region.label == "image"
        passage = _write_region(region, rules, words, figure_name(page, figure_count))
        passages.append(replace(passage, parts=[]) if region.label in ignored_labels else passage)
    return passages


def _words_of_regions(regions: Sequence[Region]) -> frozenset[str]:
    return words_of(line.text for region in regions for line in region.lines)


def warn_of_left_out(passages: Sequence[Passage]) -> list[PageWarning]:
    """Return a warning if more than a small share of the page's characters is not in the Markdown."""
    characters = {id(passage): sum(len(line.text) for line in passage.region.lines) for passage in passages}
    left_out = [passage for passage in passages if not passage.parts]
    share = sum(characters[id(passage)] for passage in left_out) / max(1, sum(characters.values()))
    if share <= THRESHOLDS.max_left_out:
        return []
    labels = ", ".join(sorted({passage.region.label for passage in left_out}))
    message = (
        f"{share:.0%} of the page's text is not in the Markdown, but in `blocks` with the labels {labels};"
        " `markdown_ignore_labels: []` keeps it"
    )
    return [PageWarning(code="TEXT_LEFT_OUT", message=message)]


def join_passages(passages: Sequence[Passage], write: Write, frames: Sequence[Box] = ()) -> str:
    """Return the page's Markdown; a sentence that continues in the next column, or below a figure, is joined.

    A figure, a table or a text apart, such as a note in the margin, that is within a sentence comes after its
    paragraph. Text is escaped after it is joined, so that no markup can form from two halves. frames: what is in a
    frame, such as an advertisement, is joined with nothing outside it, and a sentence outside may continue below it.
    """
    words = _words_of_regions([passage.region for passage in passages])
    parts: list[AnyPart] = []
    # By frame: the position of the last part of a text that may continue, and the text's region.
    last_texts: dict[Box | None, tuple[int, Region] | None] = {}
    for passage in passages:
        if not passage.parts:
            continue
        region = passage.region
        frame = innermost(frames, region.box)
        is_text = region.label == "text" and not region.is_separate
        first, *others = passage.parts
        position, upper = last_texts.get(frame) or (0, None)
        joined_part = _joined_parts(parts[position], first, upper, region, words) if is_text and upper else None
        if joined_part:
            parts[position] = joined_part
            parts += others
            last_texts[frame] = (len(parts) - 1 if others else position, region)
        else:
            parts += passage.parts
            if is_text:
                last_texts[frame] = (len(parts) - 1, region)
            elif region.label not in _FLOATS and not (region.label == "text" and region.is_separate):
                last_texts[frame] = None
    return to_markup("\n\n".join(part.write(write) for part in _nest_lists(parts)))


def _nest_lists(parts: Sequence[AnyPart]) -> list[AnyPart]:
    """Return the parts, the paragraphs of each list written with their levels."""
    nested: list[AnyPart] = []
    items = [_item_of(part) for part in parts]
    for is_list, run in groupby(range(len(parts)), key=lambda i: items[i] is not None):
        if not is_list:
            nested += [parts[i] for i in run]
            continue
        written = nest_items([item for i in run if (item := items[i])])
        nested += [Part(text, "paragraph", before) for before, text in written]
    return nested


def _item_of(part: AnyPart) -> Item | None:
    if not isinstance(part, Part) or part.first_row is None:
        return None
    return list_item(part.before, part.text, part.first_row)


def _write_region(region: Region, rules: Rules, words: Collection[str], name: str) -> Passage:
    if region.label == "table":
        cells = find_cells(region.box, region.lines, rules)
        titles, others = part_titles(cells)
        above = [Part(title, "paragraph") for title in titles]
        return Passage(region, to_markup(to_html(cells)), [*above, TablePart(others)])
    if region.label == LISTING:
        listing = to_plain_text(write_listing(region.lines))
        return Passage(region, listing, [ListingPart(listing)])
    if region.label == "image":
        texts = _texts_of_picture(region, words)
        figure = Part(" ".join(texts), "alt", "![", f"]({name})")
        return Passage(region, to_plain_text("\n".join(texts)), [figure], name)
    texts = paragraphs(region.lines, words)
    if region.label in _HEADING_MARKS:
        title = " ".join(texts)
        return Passage(region, to_plain_text(title), [Part(title, "heading", _heading_mark(region.label, title))])
    paragraphs_of_region = split_paragraphs(region.lines, words)
    parts = [Part(text, "paragraph", mark, first_row=box) for mark, text, box in paragraphs_of_region]
    return Passage(region, to_plain_text("\n\n".join(texts)), parts)


def _texts_of_picture(region: Region, words: Collection[str]) -> list[str]:
    """Return the texts of a picture: the numbers and the title of its upright axis, its other text, slanted names."""
    labels = divide_labels(region.box, region.lines)
    scale, slanted = (" ".join(line.text for line in group) for group in (labels.scale, labels.slanted))
    vertical = (" ".join(line.text for line in row) for row in rows(labels.vertical))
    texts = [scale, *vertical, *paragraphs(labels.upright, words), slanted]
    return [text for text in texts if text]


def _heading_mark(label: str, title: str) -> str:
    """Return the mark of the heading: "1.2 Title" and "(1) Title" are a level below "1 Title"."""
    if label == "paragraph_title" and _PART.match(title):
        return "### "
    number = SECTION_NUMBER.match(title)
    if label == "doc_title" or not number:
        return _HEADING_MARKS[label]
    return "#" * min(_LOWEST_LEVEL, 2 + number[1].count(".")) + " "


def _joined_parts(above: AnyPart, below: AnyPart, upper: Region, lower: Region, words: Collection[str]) -> Part | None:
    """Return the two paragraphs as one if the first ends in mid-sentence and the second begins in mid-sentence.

    upper, lower: their regions. words: those of the page.
    """
    if not isinstance(above, Part) or not isinstance(below, Part) or below.before:
        return None
    is_in_sentence = above.text[-1:].isalpha() or above.text.endswith((",", *HYPHENS))
    continues = below.text[:1].islower() and not _is_centered_over(upper, lower)
    if is_in_sentence and (continues or _continues_without_case(above.text, below.text, upper, lower)):
        return above._replace(text=joined(above.text, below.text, words, row_ends(rows(upper.lines))[-1]))
    return None


def _is_centered_over(upper: Region, lower: Region) -> bool:
    """Return whether a single row is right above the other text, but begins far from its margin, as a caption does."""
    indent = upper.box.x0 - lower.box.x0
    is_above = upper.box.y1 <= lower.box.y0 and upper.box.x0 < lower.box.x1
    return len(rows(upper.lines)) == 1 and is_above and indent > THRESHOLDS.caption_indent * upper.box.height


def _continues_without_case(above: str, below: str, upper: Region, lower: Region) -> bool:
    """Return whether a text in a script without capitals continues: its rows are filled, and the next is not set in."""
    if not all(c.isalpha() and (is_wide(c) or has_no_spaces(c)) for c in (above[-1], below[0])):
        return False
    upper_rows, lower_rows = rows(upper.lines), rows(lower.lines)
    height = line_height(upper.lines)
    is_filled = upper.box.x1 - upper_rows[-1][-1].box.x1 < THRESHOLDS.filled_room * height
    is_set_in = lower_rows[0][0].box.x0 - lower.box.x0 > THRESHOLDS.at_margin * height
    return min(len(upper_rows), len(lower_rows)) > 1 and is_filled and not is_set_in


def formula_warnings(regions: Sequence[Region]) -> list[PageWarning]:
    """Return the warning for a page with formulas, which this engine reads as text."""
    count = sum(region.label == "display_formula" for region in regions)
    if not count:
        return []
    message = (
        f"formulas on the page: {count}; they are the text that was read, and no LaTeX; compare them with the page"
    )
    return [PageWarning(code="FORMULA_AS_TEXT", message=message)]


def figure_boxes(passages: Sequence[Passage]) -> list[tuple[str, Box]]:
    """Return the names and boxes of the figures."""
    return [(passage.figure, passage.region.box) for passage in passages if passage.figure]
