"""Blocks and Markdown from regions in reading order.

`write_regions` makes a `Passage` of each region: the content of its block, and its Markdown. `join_passages` joins
these into the Markdown of the page. Page furniture has a block, but no Markdown. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocr_worker.engines.embedded.furniture import FURNITURE
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.tables import find_cells, to_html, to_markdown
from ocr_worker.engines.embedded.text import joined, paragraphs
from ocr_worker.pages import figure_name

_HEADING_MARKS = {"doc_title": "# ", "paragraph_title": "## "}
_NO_BRACKETS = str.maketrans({"[": "(", "]": ")"})


@dataclass(frozen=True, slots=True)
class Passage:
    """A region as it is written.

    content: of its block. markdown: its part of the page's Markdown; empty: none. figure: name of the figure's file.
    """

    region: Region
    content: str
    markdown: str
    figure: str | None = None


def write_regions(regions: Sequence[Region], rules: Rules, page: int) -> list[Passage]:
    """Return the passages of the regions, in the same order. page: its number, for the figures' names."""
    passages, figure_count = [], 0
    for region in regions:
        figure_count += region.label == "image"
        passages.append(_write_region(region, rules, figure_name(page, figure_count)))
    return passages


def join_passages(passages: Sequence[Passage]) -> str:
    """Return the page's Markdown; a sentence that continues in the next column is joined."""
    parts: list[str] = []
    is_after_text = False
    for passage in passages:
        if not passage.markdown:
            continue
        is_text = passage.region.label == "text"
        if is_text and is_after_text and _continues(parts[-1], passage.markdown):
            parts[-1] = joined(parts[-1], passage.markdown)
        else:
            parts.append(passage.markdown)
        is_after_text = is_text
    return "\n\n".join(parts)


def _write_region(region: Region, rules: Rules, name: str) -> Passage:
    if region.label == "table":
        cells = find_cells(region.box, region.lines, rules)
        return Passage(region, to_html(cells), to_markdown(cells))
    texts = paragraphs(region.lines)
    if region.label == "image":
        words = " ".join(texts)
        return Passage(region, "\n".join(texts), f"![{words.translate(_NO_BRACKETS)}]({name})", name)
    if region.label in _HEADING_MARKS:
        title = " ".join(texts)
        return Passage(region, title, _HEADING_MARKS[region.label] + title)
    content = "\n\n".join(texts)
    return Passage(region, content, "" if region.label in FURNITURE else content)


def _continues(above: str, below: str) -> bool:
    """Return whether `above` ends in mid-sentence and `below` begins in mid-sentence."""
    last_character = above[-1:]
    return (last_character.isalpha() or last_character in ",-") and below[:1].islower()


def figure_boxes(passages: Sequence[Passage]) -> list[tuple[str, Box]]:
    """Return the names and boxes of the figures."""
    return [(passage.figure, passage.region.box) for passage in passages if passage.figure]
