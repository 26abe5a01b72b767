"""What a region is by its size and words: titles, and text that was mistaken for more. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from ocr_worker.engines.embedded.layout.regions import TITLE, Region
from ocr_worker.engines.embedded.lines import line_height

_REFERENCE = re.compile(r"\[\d+\]|\d{1,3}\.\s+[A-Z]")
_FORMULA = re.compile(r"[=<>≤≥≈∑∫√±×^∂∈→]")
_LEADER = re.compile(r"(?:\.\s?){4,}|…{2,}")
_LONGEST_TITLE = 60  # characters, of one that ends like a sentence
_TITLE_SIZE, _LEAST_TITLE_SIZE = 1.3, 1.1  # of the body's line height: a title's lines, and its lowest line
_BEGINS = re.compile(r"[\"'“«„(§\d.\s)]*[^\W\d_]")  # no box to tick, no bullet


def body_height(regions: Sequence[Region]) -> float:
    """The line height of most of the text, in pixels; 0 for none."""
    heights = [
        line.box.height
        for region in regions
        if region.label in ("text", "reference_content")
        for line in region.lines
        for _ in range(max(1, len(line.text) // 10))
    ]
    return median(heights) if heights else 0.0


def plain_kind(region: Region) -> Region:
    """The region, as text where the model mistook it for more."""
    if region.label == "reference_content" and not any(_REFERENCE.match(line.text) for line in region.lines):
        return replace(region, label="text")
    text = " ".join(line.text for line in region.lines)
    if region.label == "display_formula" and not _FORMULA.search(text):
        return replace(region, label="text")
    if region.label == "paragraph_title" and _is_no_title(text):
        return replace(region, label="text")
    return region


def _is_no_title(text: str) -> bool:
    """Whether the text ends like a sentence, being long or begun in the middle, or leads with dots to a page."""
    sentence = text.endswith(".") and (len(text) > _LONGEST_TITLE or text[:1].islower())
    return sentence or bool(_LEADER.search(text))


def label_headings(regions: Sequence[Region], height: int, body: float) -> list[Region]:
    """The regions, titles labelled as such. height: of the page; body: of a line of text, both in pixels."""
    sized = [_headed(_sized(region, body), regions, body) for region in regions]
    title = _document_title(sized, height, body)
    return [replace(region, label="doc_title") if region is title else region for region in sized]


def _sized(region: Region, body: float) -> Region:
    """Short text in large letters is a title."""
    if region.label not in ("text", "figure_title") or not region.lines or not body or len(region.lines) > 3:
        return region
    sizes = [min(line.box.height, line.box.width) for line in region.lines]
    large = median(sizes) > _TITLE_SIZE * body and min(sizes) > _LEAST_TITLE_SIZE * body
    words = any(len(line.text) > 2 and _BEGINS.match(line.text) for line in region.lines)
    return replace(region, label="paragraph_title") if large and words else region


def _headed(region: Region, others: Sequence[Region], body: float) -> Region:
    """A short line by itself, right above text that begins where it begins and is wider, is a title."""
    if region.label != "text" or len(region.lines) != 1 or not TITLE.fullmatch(region.lines[0].text):
        return region
    box = region.box
    heads = any(
        other.label == "text"
        and len(other.lines) > 1
        and abs(other.box.x0 - box.x0) < 1.5 * body
        and -0.3 * body < other.box.y0 - box.y1 < 1.5 * body
        and box.width < 0.7 * other.box.width
        for other in others
    )
    return replace(region, label="paragraph_title") if heads else region


def _document_title(regions: Sequence[Region], height: int, body: float) -> Region | None:
    """The title in the largest letters of those in the upper part, when it is clearly larger than the others."""
    titles = [region for region in regions if region.label == "paragraph_title" and region.box.y0 < 0.4 * height]
    if not titles:
        return None
    largest = max(titles, key=lambda region: line_height(region.lines))
    size = line_height(largest.lines)
    others = [line_height(region.lines) for region in titles if region is not largest]
    return largest if size > 1.15 * max([body, *others]) else None
