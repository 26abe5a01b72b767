"""One page from picture to blocks: upright, lines, regions, order, text."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.pool import AsyncResult

from ocr_worker.engines.embedded.furniture import FURNITURE, TITLES, label_by_place
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.layout.columns import holds_columns
from ocr_worker.engines.embedded.layout.gutters import split_at_gutters
from ocr_worker.engines.embedded.layout.reading_order import Layout, reading_order
from ocr_worker.engines.embedded.layout.regions import Detection, Region, fill_regions, with_captions
from ocr_worker.engines.embedded.layout.rules import Rules, find_rules
from ocr_worker.engines.embedded.lines import Line, line_height, text_source
from ocr_worker.engines.embedded.markdown import figure_boxes, join_passages, write_regions
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.engines.embedded.reading.confidence import warnings_for, without_specks
from ocr_worker.engines.embedded.reading.models import Models
from ocr_worker.engines.embedded.reading.text_layer import is_honest, layer_boxes, layer_lines, not_covered, quads_of
from ocr_worker.engines.embedded.reading.upright import upright
from ocr_worker.engines.embedded.tables.detection import correct_tables
from ocr_worker.engines.embedded.text import is_right_to_left
from ocr_worker.pages import PageImage, ParsedPage, Pixels, TextLine
from ocr_worker.pictures import jpeg_of_pixels
from ocr_worker.wire.schema import BBox, Block, Figure

LAYER_SIDE = 800  # pixels on which lines are looked for that a text layer does not have


def parse_page(models: Models, page: PageImage, options: EmbeddedOptions) -> ParsedPage:
    """Reads the page; a blank one has no blocks and no text."""
    use_layer = bool(page.text_lines) and options.text_layer == "auto"
    own = page.text_lines if use_layer and page.text_lines else ()
    pixels, read, seen = _read(models, page.pixels, own)
    height, width = pixels.shape[:2]
    lines = split_at_gutters(without_specks(read))
    rules = find_rules(pixels)
    found = seen.get()  # of a blank page as well: no model is left running behind an answer
    detections = [one for one in correct_tables(found, rules, lines) if not _is_prose(one, lines, rules)]
    regions = fill_regions(lines, detections) if lines else []
    ordered = in_order(label_by_place(regions, width, height, rules), lines)
    passages = write_regions(ordered, rules, page.number)
    return ParsedPage(
        width=width,
        height=height,
        markdown=join_passages(passages),
        blocks=[
            Block(label=passage.region.label, content=passage.content, bbox=_bbox(passage.region.box, width, height))
            for passage in passages
        ],
        figures=[
            _figure(pixels, name, _bbox(box, width, height), options.figures == "inline")
            for name, box in figure_boxes(passages)
        ],
        warnings=warnings_for(read),
        image=jpeg_of_pixels(pixels) if options.page_images == "inline" else None,
        text_source=text_source(lines),
    )


def _is_prose(seen: Detection, lines: Sequence[Line], rules: Rules) -> bool:
    return seen.label == "table" and holds_columns(seen.box, lines, rules)


def _read(
    models: Models, pixels: Pixels, own: Sequence[TextLine]
) -> tuple[Pixels, list[Line], AsyncResult[list[Detection]]]:
    """The page set upright, its lines (the text layer's where it has some and does not lie, else those read), and its
    regions, which are looked for meanwhile."""
    seen = models.begin_regions(pixels)
    side = LAYER_SIDE if own else None
    straight, quads, own_quads = upright(models, pixels, side, quads_of(layer_boxes(own)))
    if straight is not pixels:
        seen = models.begin_regions(straight)
    layer = layer_lines(own, own_quads, straight)
    if layer and is_honest(models, straight, layer):
        return straight, layer + models.read_lines(straight, not_covered(quads, layer)), seen
    return straight, models.read_lines(straight, quads), seen


def in_order(regions: Sequence[Region], lines: Sequence[Line]) -> list[Region]:
    """The regions as they are read: what stands at the head of the page first, what stands at its foot last."""
    leads = _right_to_left(lines)
    groups: list[list[Region]] = [[], [], []]
    middle = (min((r.box.y0 for r in regions), default=0) + max((r.box.y1 for r in regions), default=0)) / 2
    for region in regions:
        furniture = region.label in FURNITURE
        groups[1 if not furniture else 0 if region.box.y1 < middle else 2].append(region)
    return [region for group in groups for region in _body_order(group, leads, line_height(lines))]


def _body_order(regions: Sequence[Region], right_to_left: bool, line: float) -> list[Region]:
    units = with_captions(regions)
    heads = {i for i, unit in enumerate(units) if unit[-1].label in TITLES}
    boxes = [bounds(region.box for region in unit) for unit in units]
    return [region for i in reading_order(Layout(boxes, heads, right_to_left, line)) for region in units[i]]


def _right_to_left(lines: Sequence[Line]) -> bool:
    return is_right_to_left("".join(line.text for line in lines))


def _bbox(box: Box, width: int, height: int) -> BBox:
    x0, y0, x1, y1 = box.clipped(width, height)
    return int(x0), int(y0), round(x1), round(y1)


def _figure(pixels: Pixels, name: str, bbox: BBox, inline: bool) -> Figure:
    x0, y0, x1, y1 = bbox
    return Figure(name=name, bbox=bbox, base64=jpeg_of_pixels(pixels[y0:y1, x0:x1]) if inline else None)
