"""Blocks and Markdown from regions in reading order. Pure."""

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

_HEADS = {"doc_title": "# ", "paragraph_title": "## "}


@dataclass(frozen=True, slots=True)
class Passage:
    """A region as it is written: `content` for its block, `markdown` for the text (empty: left out of it)."""

    region: Region
    content: str
    markdown: str
    figure: str | None = None


def write_regions(regions: Sequence[Region], rules: Rules, page: int) -> list[Passage]:
    """The regions' passages, in the order given. page: its number, for the figures' names."""
    passages, figures = [], 0
    for region in regions:
        figures += region.label == "image"
        passages.append(_passage(region, rules, figure_name(page, figures)))
    return passages


def join_passages(passages: Sequence[Passage]) -> str:
    """The page's Markdown; a sentence that goes on in the next column is whole again."""
    parts: list[str] = []
    open_text = False
    for passage in passages:
        if not passage.markdown:
            continue
        is_text = passage.region.label == "text"
        if is_text and open_text and _goes_on(parts[-1], passage.markdown):
            parts[-1] = joined(parts[-1], passage.markdown)
        else:
            parts.append(passage.markdown)
        open_text = is_text
    return "\n\n".join(parts)


def _passage(region: Region, rules: Rules, name: str) -> Passage:
    if region.label == "table":
        cells = find_cells(region.box, region.lines, rules)
        return Passage(region, to_html(cells), to_markdown(cells))
    texts = paragraphs(region.lines)
    if region.label == "image":
        words = " ".join(texts)
        return Passage(region, "\n".join(texts), f"![{words.translate(_NO_BRACKETS)}]({name})", name)
    if region.label in _HEADS:
        title = " ".join(texts)
        return Passage(region, title, _HEADS[region.label] + title)
    content = "\n\n".join(texts)
    return Passage(region, content, "" if region.label in FURNITURE else content)


_NO_BRACKETS = str.maketrans({"[": "(", "]": ")"})


def _goes_on(above: str, below: str) -> bool:
    """Whether `above` breaks off in mid-sentence and `below` begins in mid-sentence."""
    last = above[-1:]
    return (last.isalpha() or last in ",-") and below[:1].islower()


def figure_boxes(passages: Sequence[Passage]) -> list[tuple[str, Box]]:
    """Names and boxes of the figures."""
    return [(passage.figure, passage.region.box) for passage in passages if passage.figure]
