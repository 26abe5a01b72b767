"""One page from page image to blocks and Markdown.

`parse_page` calls the steps in their order. `_read_page` turns the page and reads its lines, while its regions
and rules are found on other threads. Then the regions are filled, labeled, ordered and written. The steps themselves
are in the rooms below; this module decides only what follows what.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from multiprocessing.pool import AsyncResult
from typing import NamedTuple

from ocr_worker.engines.embedded.addresses import separate_addresses
from ocr_worker.engines.embedded.amounts import join_amounts
from ocr_worker.engines.embedded.bold import mark_bold
from ocr_worker.engines.embedded.combs import join_combs
from ocr_worker.engines.embedded.contents import find_entries, join_entries, separate_contents
from ocr_worker.engines.embedded.escaping import escape_text, keep_text
from ocr_worker.engines.embedded.facing_pages import separate_facing
from ocr_worker.engines.embedded.furniture import FURNITURE, TITLES, label_by_place
from ocr_worker.engines.embedded.furniture.bands import find_bands
from ocr_worker.engines.embedded.geometry import Box, bounds
from ocr_worker.engines.embedded.initials import join_initials
from ocr_worker.engines.embedded.layout.cards import find_cards, find_frames, frames_of_texts, split_at_frames
from ocr_worker.engines.embedded.layout.columns import holds_columns
from ocr_worker.engines.embedded.layout.gutters import split_at_gutters
from ocr_worker.engines.embedded.layout.margin_notes import place_notes, separate_notes
from ocr_worker.engines.embedded.layout.reading_order import Layout, reading_order
from ocr_worker.engines.embedded.layout.regions import (
    CAPTIONED,
    Detection,
    Region,
    divide_at,
    fill_regions,
    group_captions,
    is_picture,
)
from ocr_worker.engines.embedded.layout.rules import Rules, find_rules
from ocr_worker.engines.embedded.layout.sentences import group_sentences
from ocr_worker.engines.embedded.lines import Line, is_inside, line_height, text_source, trim_symbols
from ocr_worker.engines.embedded.listings import LISTING, drop_listed, separate_listings
from ocr_worker.engines.embedded.markdown import (
    figure_boxes,
    formula_warnings,
    join_passages,
    warn_of_left_out,
    write_regions,
)
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.engines.embedded.questions import join_options, separate_options
from ocr_worker.engines.embedded.reading.comb_fields import read_combs
from ocr_worker.engines.embedded.reading.confidence import remove_specks, review
from ocr_worker.engines.embedded.reading.foreign_signs import reread_foreign_signs
from ocr_worker.engines.embedded.reading.ink_mask import connect_ink
from ocr_worker.engines.embedded.reading.large_letters import read_initials
from ocr_worker.engines.embedded.reading.letter_marks import drop_doubtful_marks
from ocr_worker.engines.embedded.reading.models import Models, Quads, box_of, turn
from ocr_worker.engines.embedded.reading.page_numbers import read_page_numbers
from ocr_worker.engines.embedded.reading.radio_buttons import drop_layered, find_radio_buttons
from ocr_worker.engines.embedded.reading.short_texts import read_short_texts, warn_of_lost
from ocr_worker.engines.embedded.reading.small_capitals import restore_small_capitals
from ocr_worker.engines.embedded.reading.small_print import reread_small_print
from ocr_worker.engines.embedded.reading.strips import is_strip
from ocr_worker.engines.embedded.reading.text_layer import (
    drop_covered,
    drop_repeated,
    honest_lines,
    layer_lines,
    layer_quads,
    line_quads,
)
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS as READING
from ocr_worker.engines.embedded.reading.tick_boxes import apply_tick_boxes, find_tick_boxes, read_beside_boxes
from ocr_worker.engines.embedded.reading.uncovered import is_plain, uncovered_areas
from ocr_worker.engines.embedded.reading.upright import is_upright, is_upside_down, set_upright, turn_as_text
from ocr_worker.engines.embedded.reading.upward import read_upwards
from ocr_worker.engines.embedded.tables.detection import correct_tables
from ocr_worker.engines.embedded.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.underlines import mark_underlined
from ocr_worker.engines.embedded.watermarks import separate_watermarks
from ocr_worker.engines.text_layer.joins import is_right_to_left
from ocr_worker.pages import PageImage, ParsedPage, Pixels, TextLine
from ocr_worker.pictures import jpeg_of_pixels
from ocr_worker.wire.schema import BBox, Block, Figure


def parse_page(models: Models, page: PageImage, options: EmbeddedOptions) -> ParsedPage:
    """Return the parsed page; a blank page has no blocks and no text."""
    use_layer = bool(page.text_lines) and options.text_layer == "auto"
    text_lines = page.text_lines if use_layer and page.text_lines else ()
    pixels, page_lines, pending = _read_page(models, page, text_lines)
    height, width = pixels.shape[:2]
    believed, warnings = review([trim_symbols(line) for line in restore_small_capitals(page_lines)], pixels)
    kept = remove_specks(believed)
    page_lines, watermarks = separate_watermarks(drop_doubtful_marks(kept), pixels)
    page_lines, facing = separate_facing(page_lines, width)
    asides = [*([line] for line in watermarks), *([facing] if facing else [])]
    regions, rules, frames = _arrange(page_lines, asides, pixels, pending)
    pictures = [region.box for region in regions if region.label == "image"]
    kept_ids = set(map(id, kept))
    warnings += warn_of_lost([line for line in believed if id(line) not in kept_ids], kept, pictures)
    passages = write_regions(regions, rules, page.number, options.markdown_ignore_labels)
    return ParsedPage(
        width=width,
        height=height,
        markdown=join_passages(passages, escape_text if options.markdown_escape else keep_text, frames),
        blocks=[
            Block(label=passage.region.label, content=passage.content, bbox=_bbox(passage.region.box, width, height))
            for passage in passages
        ],
        figures=[
            _figure(pixels, name, _bbox(box, width, height), options.figures == "inline")
            for name, box in figure_boxes(passages)
        ],
        warnings=[*warnings, *formula_warnings(regions), *warn_of_left_out(passages)],
        image=jpeg_of_pixels(pixels) if options.page_images == "inline" else None,
        text_source=text_source([*page_lines, *watermarks, *facing]),
    )


def _arrange(
    page_lines: Sequence[Line],
    asides: Sequence[Sequence[Line]],
    pixels: Pixels,
    pending: _Pending,
) -> tuple[list[Region], Rules, list[Box]]:
    """Return the page's regions in reading order, its rules, and its frames.

    asides: texts that are no part of the page's text, such as watermarks.
    """
    height, width = pixels.shape[:2]
    lines = mark_bold(join_entries(join_options(join_combs(join_initials(split_at_gutters(page_lines))))), pixels)
    # Waited for on a blank page as well, so that nothing runs on after the result.
    rules, detections = pending.rules.get(), pending.regions.get()
    lines = mark_underlined(lines, rules)
    figures = [each.box for each in detections if each.label in CAPTIONED]
    texts, listings = separate_listings(lines, pixels, figures, rules)
    detections = _correct_detections(detections, texts, listings, rules, pixels)
    tables = [each.box for each in detections if each.label == "table"]
    # What is read apart is taken out of the lines, step by step.
    texts, titles = separate_contents(join_amounts(texts, tables), tables)
    texts, fields = _separate_fields(texts, tables)
    captioned = [*tables, *(each.box for each in detections if each.label == "image" and is_picture(each, texts))]
    texts, addresses = separate_addresses(texts, captioned)
    others, choices = separate_options(texts, captioned)
    others, notes = separate_notes(others, captioned)
    frames = find_frames(rules, line_height(lines))
    text_frames = frames_of_texts(frames, captioned, texts)
    regions = split_at_frames(fill_regions(others, detections), text_frames) if lines else []
    blocks = [_apart(LISTING, listing) for listing in listings]
    options = [_apart("text", choice) for choice in choices]
    regions = [*divide_at(regions, [region.box for region in (*options, *blocks)]), *blocks]
    regions = label_by_place(regions, width, height, rules, bands=find_bands(lines, pixels), is_strip=is_strip(pixels))
    options += [_apart("text", block) for block in (*addresses, *([line] for line in (*titles, *fields)))]
    regions += [*(_apart("aside_text", aside) for aside in asides), *options]
    cards = [*find_cards(frames, line_height(lines)), *(region.box for region in options)]
    regions = place_notes(order_regions(regions, lines, cards, text_frames), [_note(note) for note in notes])
    return regions, rules, frames


def _correct_detections(
    detections: Sequence[Detection],
    texts: Sequence[Line],
    listings: Sequence[Sequence[Line]],
    rules: Rules,
    pixels: Pixels,
) -> list[Detection]:
    """Return the detections with the tables of the page, without those that are listings, contents, prose or ground."""
    entries = find_entries(texts)
    entry_ids = set(map(id, entries))  # of thousands of lines on dense pages
    others = [line for line in texts if id(line) not in entry_ids]
    lines = [*texts, *(line for listing in listings for line in listing)]
    corrected = correct_tables(drop_listed(detections, [*listings, entries], others), rules, others)
    return [
        detection
        for detection in corrected
        if not _is_prose(detection, texts, rules) and not _is_ground(detection, lines, pixels)
    ]


def _apart(label: str, lines: Sequence[Line]) -> Region:
    """Return a region of these lines that is joined with no other."""
    return Region(label, bounds(line.box for line in lines), tuple(lines), is_separate=True)


def _note(lines: Sequence[Line]) -> Region:
    """Return the region of a note in the margin: page furniture if it comes again on other pages, else text."""
    return _apart("aside_text" if all(line.is_repeated for line in lines) else "text", lines)


def _separate_fields(lines: Sequence[Line], tables: Sequence[Box]) -> tuple[list[Line], list[Line]]:
    """Return the other lines, and the fields of forms, which are read one by one unless they are in a table."""
    fields = [line for line in lines if line.is_field and not is_inside(line, tables)]
    return [line for line in lines if not any(line is field for field in fields)], fields


def _is_prose(detection: Detection, lines: Sequence[Line], rules: Rules) -> bool:
    """Return whether the detection is called a table, but contains columns of prose."""
    return detection.label == "table" and holds_columns(detection.box, lines, rules)


def _is_ground(detection: Detection, lines: Sequence[Line], pixels: Pixels) -> bool:
    """Return whether the detection is called a picture, but is only the ground of its lines, such as a dark page."""
    return detection.label == "image" and is_plain(pixels, detection.box, lines)


class _Pending(NamedTuple):
    """Regions and rules of the upright page image, which are found on other threads while its lines are read."""

    regions: AsyncResult[list[Detection]]
    rules: AsyncResult[Rules]


def _begin(models: Models, pixels: Pixels) -> _Pending:
    """Begin to find the regions and rules of the page image on other threads."""
    return _Pending(models.begin_regions(pixels), models.begin(find_rules, pixels))


def _read_page(models: Models, page: PageImage, text_lines: Sequence[TextLine]) -> tuple[Pixels, list[Line], _Pending]:
    """Return the upright page image, its lines, and what is still being found on it.

    The lines are those of the text layer where its fonts are honest. All others are read from the page image.
    """
    quads_of_layer = layer_quads(text_lines)
    pixels, turned_quads = turn_as_text(page, quads_of_layer)
    # Without a layer, the line detector needs all processors, and whether the page must be turned is known after it.
    pending = _begin(models, pixels) if text_lines else None
    if pending:
        layer = layer_lines(text_lines, turned_quads, pixels, page.proven_fonts)
        lines = _read_layer(models, page, pixels, layer, pending)
        if lines:
            return pixels, lines, pending
    side = THRESHOLDS.layer_side if any(not line.corners for line in text_lines) else None
    straight, quads, quads_of_layer = set_upright(models, page.pixels, side, quads_of_layer)
    if pending is None or straight is not pixels:
        pending = _begin(models, straight)
    layer = layer_lines(text_lines, quads_of_layer, straight, page.proven_fonts)
    honest_layer = honest_lines(models, straight, layer, page.proven_fonts)
    lines = _read_beside(models, straight, honest_layer, quads, pending)
    if not honest_layer and is_upside_down(models, straight, quads, lines):
        straight = turn(straight, 2)
        pending = _begin(models, straight)
        lines = _read_beside(models, straight, [], models.find_lines(straight, side), pending)
    return straight, lines, pending


def _read_layer(
    models: Models,
    page: PageImage,
    pixels: Pixels,
    layer: Sequence[Line],
    pending: _Pending,
) -> list[Line]:
    """Return the lines of a page with an honest text layer that covers most of its ink; else none.

    pixels: of the page, as its letters are upright. layer: its lines on that image.
    """
    along_page = [line for line in layer if not line.outline]
    quads = line_quads(along_page)
    if is_strip(pixels) or not is_upright(models, pixels, quads, are_letters_upright=page.text_turn is not None):
        return []
    areas = uncovered_areas(pixels, along_page, THRESHOLDS.layer_side)
    if sum(area.area for area in areas) > READING.max_uncovered * pixels.shape[0] * pixels.shape[1]:
        return []
    honest_layer = honest_lines(models, pixels, layer, page.proven_fonts)
    if not honest_layer:
        return []
    quads = models.find_lines_in(pixels, areas, READING.detection_side)
    return _read_beside(models, pixels, honest_layer, quads, pending)


def _read_beside(
    models: Models,
    pixels: Pixels,
    layer: list[Line],
    quads: Quads,
    pending: _Pending,
) -> list[Line]:
    """Return the lines of the layer and those that are read from the page image beside it.

    quads: of the lines in the page image. Squares to tick are text of the lines that they belong to.
    """
    initials: list[Line] = []
    characters: list[Line] = []
    ink = None if layer else connect_ink(pixels)
    if ink:
        quads, initials = read_initials(models, pixels, ink, quads)
        quads, characters = read_combs(models, pixels, quads)
    texts = [line.box for line in layer if not line.outline] or [box_of(quad) for quad in quads]
    layer, boxes = apply_tick_boxes(layer, find_tick_boxes(pixels, texts))
    boxes += drop_layered(find_radio_buttons(pixels, texts), layer)
    if layer:
        quads = drop_covered(quads, [*layer, *boxes])
    readings = read_upwards(models, pixels, read_beside_boxes(models, pixels, quads, boxes))
    readings = reread_small_print(models, pixels, [*readings, *initials])
    readings = read_page_numbers(models, pixels, reread_foreign_signs(models, pixels, readings), ink)
    if ink:
        images = [detection for detection in pending.regions.get() if detection.label == "image"]
        pictures = [image.box for image in images if is_picture(image, readings)]
        readings = read_short_texts(models, pixels, ink, readings, pictures)
    return [*layer, *drop_repeated(readings, layer), *characters]


def order_regions(
    regions: Sequence[Region], lines: Sequence[Line], cards: Sequence[Box] = (), frames: Sequence[Box] = ()
) -> list[Region]:
    """Return the regions in reading order: page furniture of the upper half first, of the lower half last.

    cards: frames of texts that are read one by one, row by row. frames: other frames, each of which is read in one.
    """
    is_rtl = is_right_to_left("".join(line.text for line in lines))
    groups: list[list[Region]] = [[], [], []]
    middle = (min((r.box.y0 for r in regions), default=0) + max((r.box.y1 for r in regions), default=0)) / 2
    for region in regions:
        is_furniture = region.label in FURNITURE
        groups[1 if not is_furniture else 0 if region.box.y1 < middle else 2].append(region)
    layout = Layout((), is_right_to_left=is_rtl, line_height=line_height(lines))
    outermost_first = sorted({*cards, *frames}, key=lambda frame: -frame.area)
    return [region for group in groups for region in _order_frames(group, outermost_first, set(cards), layout)]


def _order_frames(regions: Sequence[Region], frames: Sequence[Box], cards: Set[Box], layout: Layout) -> list[Region]:
    """Return the regions in reading order, those of a frame together. frames: the outermost first."""
    rest, filled = list(regions), []
    for i, frame in enumerate(frames):
        parts = [region for region in rest if frame.contains(region.box.center)]
        if len(parts) > 1 or (parts and frame in cards):
            filled.append((frame, _order_frames(parts, frames[i + 1 :], cards, layout)))
            rest = [region for region in rest if not frame.contains(region.box.center)]
    units = group_sentences(group_captions(rest))
    boxes = [bounds(region.box for region in unit) for unit in units]
    order = reading_order(
        replace(
            layout,
            boxes=[*boxes, *(frame for frame, _ in filled)],
            heads={i for i, unit in enumerate(units) if unit[-1].label in TITLES},
            cards={len(units) + i for i, (frame, _) in enumerate(filled) if frame in cards},
        )
    )
    contents = [*units, *(parts for _, parts in filled)]
    return [region for i in order for region in contents[i]]


def _bbox(box: Box, width: int, height: int) -> BBox:
    x0, y0, x1, y1 = box.clipped(width, height)
    return int(x0), int(y0), round(x1), round(y1)


def _figure(pixels: Pixels, name: str, bbox: BBox, is_inline: bool) -> Figure:
    x0, y0, x1, y1 = bbox
    return Figure(name=name, bbox=bbox, base64=jpeg_of_pixels(pixels[y0:y1, x0:x1]) if is_inline else None)
