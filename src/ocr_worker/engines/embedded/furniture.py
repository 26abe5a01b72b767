"""What a region is by its size and place: titles, page furniture, text that runs up a margin. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import line_height
from ocr_worker.engines.embedded.regions import TITLE, Region

FURNITURE = ("header", "footer", "number", "footnote", "aside_text")
TITLES = ("doc_title", "paragraph_title")
_NUMBER = re.compile(r"[-–—\s|.]*(?:page|p\.|seite|s\.)?\s*(\d{1,4}|[ivxlc]{1,7}|\d{1,3}\s*-\s*\d{1,3})"
                     r"(\s*(?:of|/|von|sur|de)\s*\d{1,4})?[-–—\s|.]*", re.IGNORECASE)  # fmt: skip
_REFERENCE = re.compile(r"\[\d+\]|\d{1,3}\.\s+[A-Z]")
_FORMULA = re.compile(r"[=<>≤≥≈∑∫√±×^∂∈→]")
_MARGIN = 0.09  # of the page's height, at its top and at its bottom
_LONGEST_TITLE = 60  # characters, of one that ends like a sentence
_TITLE_SIZE = 1.3  # of the body's line height
_MIN_BODY = 8  # lines; below it a page is too sparse to tell its furniture by place


def label_by_place(regions: Sequence[Region], width: int, height: int) -> list[Region]:
    """The regions with what their size and place tell about them. width, height: of the page, in pixels."""
    body = _body_height(regions)
    placed = [_furniture(_kind(region, width), regions, height, body) for region in regions]
    sized = [_headed(_sized(region, body), placed, body) for region in placed]
    title = _document_title(sized, height, body)
    return [replace(region, label="doc_title") if region is title else region for region in sized]


def _body_height(regions: Sequence[Region]) -> float:
    """The line height of most of the text."""
    heights = [
        line.box.height
        for region in regions
        if region.label in ("text", "reference_content")
        for line in region.lines
        for _ in range(max(1, len(line.text) // 10))
    ]
    return median(heights) if heights else 0.0


def _kind(region: Region, width: int) -> Region:
    """Text that runs up a margin stands aside; what the model mistook for more than text is text."""
    tall = region.box.height > 3 * region.box.width and line_height(region.lines) * 2 > region.box.width
    if tall and not 0.1 * width < region.box.center[0] < 0.9 * width:
        return replace(region, label="aside_text")
    if region.label == "reference_content" and not any(_REFERENCE.match(line.text) for line in region.lines):
        return replace(region, label="text")
    text = " ".join(line.text for line in region.lines)
    if region.label == "display_formula" and not _FORMULA.search(text):
        return replace(region, label="text")
    if region.label == "paragraph_title" and len(text) > _LONGEST_TITLE and text.endswith("."):
        return replace(region, label="text")
    return region


def _furniture(region: Region, others: Sequence[Region], height: int, body: float) -> Region:
    if region.label not in ("text", "header", "footer", "paragraph_title", "reference_content") or not region.lines:
        return region
    top, bottom = region.box.y1 < _MARGIN * height, region.box.y0 > (1 - _MARGIN) * height
    edge = _outermost(region.box, [other.box for other in others if other is not region], body)
    text = " ".join(line.text for line in region.lines)
    if (top or bottom) and edge and _NUMBER.fullmatch(text):
        return replace(region, label="number")
    small = len(region.lines) <= 2 and line_height(region.lines) < min(1.2 * body, 0.03 * height)
    if region.label in ("header", "footer"):
        near = region.box.y1 < 0.2 * height if region.label == "header" else region.box.y0 > 0.8 * height
        return region if near and edge and small else replace(region, label="text")
    enough = sum(len(other.lines) for other in others) >= _MIN_BODY
    if (top or bottom) and edge and enough and small:
        return replace(region, label="header" if top else "footer")
    return region


def _outermost(box: Box, others: Sequence[Box], body: float) -> bool:
    """Whether all other regions lie on one side, above or below, with some white between, or beside it."""
    below = all(other.y0 - box.y1 > 0.8 * body for other in others if not _level(box, other))
    above = all(box.y0 - other.y1 > 0.8 * body for other in others if not _level(box, other))
    return below or above


def _level(a: Box, b: Box) -> bool:
    """Whether two boxes stand beside one another, as the two ends of a page's header do."""
    return max(a.height, b.height) < 3 * min(a.height, b.height) and min(a.y1, b.y1) > max(a.y0, b.y0)


def _sized(region: Region, body: float) -> Region:
    """Short text in large letters is a title."""
    if region.label not in ("text", "figure_title") or not body or len(region.lines) > 3:
        return region
    large = line_height(region.lines) > _TITLE_SIZE * body
    words = any(len(line.text) > 2 and any(map(str.isalpha, line.text)) for line in region.lines)
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
