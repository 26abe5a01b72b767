"""Short texts of a picture: single digits, letters and signs, and the dashes of a table.

The detector misses them, or outlines them with the rule or the box beside them, and the recognizer then takes them for
a Chinese sign. So `read_short_texts` looks at the ink itself: at the shapes in each short line that the recognizer
doubts, and at those that no line covers. A shape by itself is text only on evidence, which is what a reader goes by: it
is level with a text, and in a column of others. Its ink is read without all that is around it. A flat bar among such
texts is a dash, which needs no recognizer: its width tells which.

`warn_of_lost` warns of short lines that are dropped although they may be text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import NamedTuple
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box, bounds, x_overlap, y_overlap
from ocr_worker.engines.embedded.layout.rules import group_touching, levels
from ocr_worker.engines.embedded.lines import Line, Word, is_inside, is_vertical, line_height
from ocr_worker.engines.embedded.reading.confidence import is_in_other_script, is_sign, is_speck
from ocr_worker.engines.embedded.reading.ink_mask import ConnectedInk, crop_alone
from ocr_worker.engines.embedded.reading.models import Models
from ocr_worker.engines.embedded.reading.text_layer import quads_of
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels
from ocr_worker.wire.schema import PageWarning

_DASHES = "-–—"
_LOOK_ALIKES = {"十": "+", "二": "=", "〇": "0", "丨": "|"}  # what such a sign is among texts in another script
_NUMBER = re.compile(r"[-−–+(]*\s?[$€£¥]?\s?[.,]?\d")
_SIGNS = "%$€£¥+=*#&✓√×"  # that are a text without a letter or a digit


class Shapes(NamedTuple):
    """Shapes of ink that are one text. line: their reading so far; None if they were not detected."""

    box: Box
    numbers: tuple[int, ...]
    line: Line | None = None


def read_short_texts(
    models: Models, pixels: Pixels, ink: ConnectedInk, lines: Sequence[Line], pictures: Sequence[Box] = ()
) -> list[Line]:
    """Return the lines of a page image with the short texts as their ink alone reads.

    ink: of the page image. pictures: boxes in which nothing is looked for beside the lines: drawings have marks. Short
    lines that would be dropped, and have no ink of their own but a rule or a frame, are left out.
    """
    doubtful = find_doubtful(lines)
    ids = set(map(id, doubtful))
    sure = [line for line in lines if id(line) not in ids]
    texts = [line for line in sure if _is_text(line)]
    if not texts:
        return list(lines)
    parts = {id(line): shapes_in(ink, line) for line in doubtful}
    kept = [line for line in doubtful if parts[id(line)] or not _is_dropped(line)]
    groups = [shapes for line in kept if (shapes := parts[id(line)])]
    taken = [line.box.grown(THRESHOLDS.beside_line * line.box.height) for line in (*sure, *kept)]
    missed = find_missed(ink, [*taken, *pictures], line_height(texts))
    groups += [
        shapes for shapes in missed if is_clear(pixels, ink, shapes) and not is_piece_of_rule(pixels, shapes.box)
    ]
    dashes = find_dashes(ink, groups, texts)
    bars = {shapes.numbers for shapes, _ in dashes}
    unread = [shapes for shapes in groups if shapes.numbers not in bars]
    boxes = [shapes.box for shapes in unread if not shapes.line]
    others = [shapes for shapes in unread if shapes.line or is_placed(shapes.box, texts, boxes)]
    readings = _read_alone(models, pixels, ink, others, texts, with_signs=not is_in_other_script(lines))
    read = dashes + [(shapes, line) for shapes, line in zip(others, readings, strict=True) if line]
    replaced = {id(shapes.line) for shapes, _ in read}
    rest = [line for line in kept if id(line) not in replaced]
    return restore_dollars([*sure, *rest, *(line for _, line in read)])


def _is_text(line: Line) -> bool:
    """Return whether the line is upright and has a letter, a digit or a sign that is a text by itself."""
    return not line.outline and any(c.isalnum() or c in _SIGNS for c in line.text)


def find_doubtful(lines: Sequence[Line]) -> list[Line]:
    """Return the short lines that were read badly, and those of Chinese signs on a page in another script."""
    is_foreign = is_in_other_script(lines)
    return [
        line
        for line in lines
        if len(line.text) <= THRESHOLDS.max_short_text
        and not line.is_from_text_layer
        and not line.outline
        and (line.score < THRESHOLDS.certain_short_text or (is_foreign and all(map(is_sign, line.text))))
    ]


def _is_dropped(line: Line) -> bool:
    """Return whether a line in doubt is dropped unless it is read better."""
    return is_speck(line) or all(map(is_sign, line.text))


def shapes_in(ink: ConnectedInk, line: Line) -> Shapes | None:
    """Return the shapes in the line's box, without dots and what reaches far out of it, as rules do; None without."""
    height = min(line.box.height, line.box.width)
    reach = line.box.grown(THRESHOLDS.out_of_line * height)
    boxes = ink.boxes
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    is_within = (centers >= line.box[:2]).all(axis=1) & (centers <= line.box[2:]).all(axis=1)
    is_within &= (boxes[:, :2] >= reach[:2]).all(axis=1) & (boxes[:, 2:] <= reach[2:]).all(axis=1)
    is_within &= _longer_sides(boxes) >= THRESHOLDS.min_mark * height
    is_within[0] = False
    numbers = tuple(np.flatnonzero(is_within).tolist())
    return Shapes(bounds(map(ink.box, numbers)), numbers, line) if numbers else None


def find_missed(ink: ConnectedInk, taken: Sequence[Box], height: float) -> list[Shapes]:
    """Return the shapes as large as a short text that are in none of the boxes. height: of the page's lines."""
    boxes = ink.boxes
    longer = _longer_sides(boxes)
    is_candidate = (longer >= THRESHOLDS.min_mark * height) & (longer < THRESHOLDS.max_mark * height)
    is_candidate[0] = False
    candidates = np.flatnonzero(is_candidate)
    x, y = ((boxes[candidates, :2] + boxes[candidates, 2:]) // 2).astype(int).T
    candidates = candidates[~_cover(ink.labels.shape, taken)[y, x]]
    if len(candidates) > THRESHOLDS.max_missed:
        return []
    by_box = {ink.box(number): number for number in candidates.tolist()}
    groups = group_touching(list(by_box), THRESHOLDS.within_text * height) if by_box else []
    texts = [Shapes(bounds(group), tuple(by_box[box] for box in group)) for group in groups]
    return [text for text in texts if _is_short(ink, text, height)]


def _is_short(ink: ConnectedInk, shapes: Shapes, height: float) -> bool:
    """Return whether the shapes are no more and no larger than those of a short text, and no bullet and no rule."""
    widest, highest = (factor * height for factor in THRESHOLDS.short_text_size)
    is_few = len(shapes.numbers) <= THRESHOLDS.max_short_shapes
    is_rule = len(shapes.numbers) == 1 and shapes.box.width * THRESHOLDS.rule_proportion < shapes.box.height
    return (
        is_few
        and not is_rule
        and not _is_bullet(ink, shapes)
        and shapes.box.width < widest
        and shapes.box.height < highest
    )


def _is_bullet(ink: ConnectedInk, shapes: Shapes) -> bool:
    """Return whether the shapes are a filled square or circle."""
    shorter, longer = sorted((shapes.box.width, shapes.box.height))
    is_full = ink.areas[list(shapes.numbers)].sum() > THRESHOLDS.bullet_fill * shapes.box.area
    return longer <= THRESHOLDS.square * shorter and bool(is_full)


def is_clear(pixels: Pixels, ink: ConnectedInk, shapes: Shapes) -> bool:
    """Return whether the shapes are much darker than what is around them, unlike the grain of a colored area."""
    area = shapes.box.grown(THRESHOLDS.around_mark).clipped(*ink.labels.shape[::-1])
    x0, y0, x1, y1 = (round(side) for side in area)
    part, mask = pixels[y0:y1, x0:x1].mean(axis=2), np.isin(ink.labels[y0:y1, x0:x1], shapes.numbers)
    return bool(np.median(part[~mask]) - part[mask].mean() > THRESHOLDS.clear_mark)


def is_piece_of_rule(pixels: Pixels, box: Box) -> bool:
    """Return whether the box is a stroke that continues beyond one of its ends, paler, as a colored rule may."""
    length, thickness = max(box.width, box.height), max(1, round(min(box.width, box.height)))
    if length < THRESHOLDS.stroke_proportion * thickness:
        return False
    reach, margin = round(THRESHOLDS.stroke_reach * length), 3 * thickness
    x0, y0, x1, y1 = (round(side) for side in box)
    top, left = max(0, y0 - margin - reach), max(0, x0 - margin - reach)
    part = pixels[top : y1 + margin + reach, left : x1 + margin + reach].mean(axis=2)
    x0, x1, y0, y1 = x0 - left, x1 - left, y0 - top, y1 - top
    if box.width > box.height:
        part, x0, x1, y0, y1 = part.T, y0, y1, x0, x1
    return any(
        _is_darker_than_beside(part[max(0, start) : start + reach - 2], x0, x1) for start in (y0 - reach, y1 + 2)
    )


def _is_darker_than_beside(part: NDArray[np.float64], x0: int, x1: int) -> bool:
    """Return whether the columns from x0 to x1 are darker than those at both of their sides. part: gray values."""
    width = x1 - x0
    beside = part[:, max(0, x0 - 2 * width - 1) : max(0, x0 - width)], part[:, x1 + width : x1 + 2 * width + 1]
    if not part.size or not all(side.size for side in beside):
        return False
    return bool(part[:, x0:x1].mean() < min(side.mean() for side in beside) - THRESHOLDS.pale_stroke)


def _cover(shape: tuple[int, ...], boxes: Sequence[Box]) -> NDArray[np.bool_]:
    """Return which pixels are in one of the boxes, [height, width]."""
    cover = np.zeros(shape, bool)
    for box in boxes:
        x0, y0, x1, y1 = (max(0, round(side)) for side in box)
        cover[y0:y1, x0:x1] = True
    return cover


def _longer_sides(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]))


def find_dashes(ink: ConnectedInk, groups: Sequence[Shapes], texts: Sequence[Line]) -> list[tuple[Shapes, Line]]:
    """Return those of the shapes that are dashes, each with its line: flat bars in the rows and columns of texts."""
    height = line_height(texts)
    bars = [shapes for shapes in groups if is_bar(ink, shapes, height)]
    dashes: list[tuple[Shapes, Line]] = []
    cells = [text for text in texts if not is_vertical(text) and not _is_in_paragraph(text, texts)] if bars else []
    for bar in bars:
        mate = level_text(bar.box, cells)
        columns = [line.box for line in texts] + [other.box for other in bars if other is not bar]
        is_placed = bar.line or count_aligned(bar.box, columns, height)
        if mate and is_placed and _is_amid(bar.box, mate) and not _is_before_words(bar.box, texts, height):
            dashes.append((bar, mate))
    # Those of a page that are about as wide are the same.
    widths = levels([bar.box.width for bar, _ in dashes], THRESHOLDS.same_dash * height)
    return [
        (bar, _line(_dash(min(widths, key=lambda width: abs(width - bar.box.width)) / height), bar.box, mate))
        for bar, mate in dashes
    ]


def _is_in_paragraph(text: Line, texts: Sequence[Line]) -> bool:
    """Return whether a row as long as this one is right above or below it: no dash is in a row with prose."""
    height = text.box.height
    if len(text.text.split()) < THRESHOLDS.prose_words or text.box.width < THRESHOLDS.cell_width * height:
        return False
    slack = THRESHOLDS.column_slack * height
    steps = [
        other.box.center[1] - text.box.center[1]
        for other in texts
        if abs(other.box.x0 - text.box.x0) < slack and abs(other.box.x1 - text.box.x1) < slack
    ]
    return any(0 < abs(step) < THRESHOLDS.paragraph_step * height for step in steps)


def is_bar(ink: ConnectedInk, shapes: Shapes, height: float) -> bool:
    """Return whether the shapes are one flat bar that is as long as a dash. height: of the page's lines."""
    if len(shapes.numbers) != 1:
        return False
    box = shapes.box
    shortest, longest = (factor * height for factor in THRESHOLDS.dash_lengths)
    is_flat = box.height <= min(THRESHOLDS.dash_thickness * height, box.width / THRESHOLDS.dash_proportion)
    is_full = ink.areas[shapes.numbers[0]] >= THRESHOLDS.dash_fill * box.area
    return shortest <= box.width <= longest and is_flat and bool(is_full)


def _is_before_words(bar: Box, texts: Sequence[Line], height: float) -> bool:
    """Return whether the bar is right before words, as the line of a legend is. Before a number it is a minus."""
    reach = THRESHOLDS.legend_gap * height
    behind = (text for text in texts if y_overlap(text.box, bar) > 0 and abs(text.box.x0 - bar.x1) < reach)
    return any(not _NUMBER.match(text.text) for text in behind)


def _is_amid(bar: Box, mate: Line) -> bool:
    """Return whether the bar is at the middle of the line beside it, not at its foot as the line of a blank."""
    top, bottom = (mate.box.y0 + share * mate.box.height for share in THRESHOLDS.dash_level)
    return top <= bar.center[1] <= bottom


def _dash(width: float) -> str:
    """Return the dash of this width in heights of a line."""
    return _DASHES[sum(width > limit for limit in THRESHOLDS.dash_widths)]


def _line(text: str, box: Box, mate: Line, score: float = 1.0) -> Line:
    """Return the text as a line as high as the one beside it."""
    half, middle = mate.box.height / 2, box.center[1]
    box = Box(box.x0, min(box.y0, middle - half), box.x1, max(box.y1, middle + half))
    return Line(text, box, score, words=(Word(text, box),))


def level_text(box: Box, texts: Sequence[Line]) -> Line | None:
    """Return the nearest text that is level with the box and does not cover it; None without."""
    level = [
        text
        for text in texts
        if abs(text.box.center[1] - box.center[1]) < THRESHOLDS.level_mark * text.box.height
        and box.height < THRESHOLDS.high_mark * text.box.height
        and x_overlap(text.box, box) <= 0
    ]
    return max(level, key=lambda text: x_overlap(text.box, box), default=None)


def count_aligned(box: Box, others: Sequence[Box], height: float, reach: float = THRESHOLDS.column_reach) -> int:
    """Return how many of the boxes above and below are aligned with it at an edge or their middles.

    height: of the page's lines. reach: in such heights.
    """
    slack = THRESHOLDS.column_slack * height
    count = 0
    for other in others:
        is_near = (
            0 < abs(other.center[1] - box.center[1]) < reach * height and other.width < THRESHOLDS.cell_width * height
        )
        offsets = other.x0 - box.x0, other.x1 - box.x1, other.center[0] - box.center[0]
        count += is_near and min(map(abs, offsets)) < slack
    return count


def is_placed(box: Box, texts: Sequence[Line], others: Sequence[Box] = ()) -> bool:
    """Return whether the box is as high as a letter of texts in its row and its column, or at a scale of them.

    others: boxes that were not detected either, of which several make a column.
    """
    height = line_height(texts)
    if not _is_letter(box, height) or _is_at_foot(box, texts):
        return False
    aligned = count_aligned(box, [text.box for text in texts], height)
    if aligned >= THRESHOLDS.min_scale_texts:
        return True
    if level_text(box, texts) is None:
        return False
    alike = [other for other in others if other is not box and _is_letter(other, height) and level_text(other, texts)]
    return aligned > 0 or count_aligned(box, alike, height, reach=inf) >= THRESHOLDS.min_missed_column


def _is_at_foot(box: Box, texts: Sequence[Line]) -> bool:
    """Return whether the box is in the lower half of a row, close to its text, as a comma is."""
    return any(
        text.box.center[1] < box.y0 and box.center[1] < text.box.y1
        for text in texts
        if -x_overlap(text.box, box) < THRESHOLDS.comma_gap * text.box.height
    )


def _is_letter(box: Box, height: float) -> bool:
    low, high = (share * height for share in THRESHOLDS.letter_heights)
    return low < box.height < high


def _read_alone(
    models: Models,
    pixels: Pixels,
    ink: ConnectedInk,
    groups: Sequence[Shapes],
    texts: Sequence[Line],
    *,
    with_signs: bool,
) -> list[Line | None]:
    """Return the text of each of these shapes, read from a copy without anything around them; None if it is none."""
    if not groups:
        return []
    height = line_height(texts)
    places = [_place(shapes.box, texts, height) for shapes in groups]
    crops = [crop_alone(pixels, ink, place, shapes.numbers) for place, shapes in zip(places, groups, strict=True)]
    sheet, boxes = _stack(crops)
    readings = models.read_lines(sheet, quads_of(boxes), with_signs=with_signs)
    lines: list[Line | None] = []
    for shapes, place, reading in zip(groups, places, readings, strict=True):
        text, score = choose_text(shapes, reading, texts)
        box = bounds((shapes.box, place._replace(x0=shapes.box.x0, x1=shapes.box.x1)))
        lines.append(Line(text, box, score, words=(Word(text, box),)) if text else None)
    return lines


def choose_text(shapes: Shapes, reading: Line, texts: Sequence[Line]) -> tuple[str, float]:
    """Return the text of the shapes and its score: as their ink alone reads if that is better; "" if it is not.

    Text without an earlier reading needs more certainty than a doubtful reading in the row and the column of others.
    """
    old, is_text = shapes.line, _is_text(reading) and reading.text == normalize("NFKC", reading.text)
    if old is None:
        is_few = len(reading.text) <= len(shapes.numbers) + 1
        return (
            reading.text if is_text and is_few and reading.score >= THRESHOLDS.certain_missed else ""
        ), reading.score
    was_text = bool(old.text) and not all(map(is_sign, old.text))
    least = THRESHOLDS.placed_text if old.text and is_placed(shapes.box, texts) else THRESHOLDS.certain_missed
    is_better = reading.score > old.score if was_text else reading.score >= least
    if is_text and is_better and (not was_text or len(reading.text) >= len(old.text)):
        # Without its line, a small x cannot be told from a capital.
        is_same = reading.text.casefold() == old.text.casefold()
        return (old.text if is_same else reading.text), reading.score
    look_alike = _LOOK_ALIKES.get(old.text, "") if level_text(shapes.box, texts) else ""
    return look_alike, THRESHOLDS.placed_text


def restore_dollars(lines: Sequence[Line]) -> list[Line]:
    """Return the lines, each lone S before a number as a dollar sign if the page has others: small ones look alike."""
    if not any("$" in line.text for line in lines):
        return list(lines)
    texts = [line for line in lines if _is_text(line)]
    return [_as_dollar(line) if line.text in ("S", "s") and _is_before_number(line, texts) else line for line in lines]


def _as_dollar(line: Line) -> Line:
    return replace(line, text="$", words=(Word("$", line.box),))


def _is_before_number(line: Line, texts: Sequence[Line]) -> bool:
    """Return whether the next text in the row of the line is a number."""
    behind = [text for text in texts if text.box.x0 >= line.box.x1 - 1]
    following = level_text(line.box, behind)
    return following is not None and bool(_NUMBER.match(following.text))


def _place(box: Box, texts: Sequence[Line], height: float) -> Box:
    """Return the part of the page on which the shapes are read: as high as the text beside them."""
    mate = level_text(box, texts)
    half = max(mate.box.height if mate else height, THRESHOLDS.mark_crop * box.height) / 2
    middle = (mate.box.center[1] + box.center[1]) / 2 if mate else box.center[1]
    # Wider than high: a picture that is higher is read as a vertical line.
    margin = max(THRESHOLDS.mark_margin * 2 * half, half - box.width / 2)
    return Box(box.x0 - margin, min(box.y0 - 1, middle - half), box.x1 + margin, max(box.y1 + 1, middle + half))


def _stack(crops: Sequence[Pixels]) -> tuple[Pixels, list[Box]]:
    """Return the crops below one another on one image, and their boxes on it."""
    width, height = max(crop.shape[1] for crop in crops), sum(crop.shape[0] for crop in crops)
    sheet = np.zeros((height, width, 3), np.uint8)
    boxes, top = [], 0
    for crop in crops:
        rows, columns = crop.shape[:2]
        sheet[top : top + rows, :columns] = crop
        boxes.append(Box(0.0, float(top), float(columns), float(top + rows)))
        top += rows
    return sheet, boxes


def warn_of_lost(dropped: Sequence[Line], kept: Sequence[Line], pictures: Sequence[Box]) -> list[PageWarning]:
    """Return a warning if short lines were dropped that may be text."""
    lost = find_lost(dropped, kept, pictures)
    if not lost:
        return []
    x0, y0, x1, y1 = (round(max(0.0, side)) for side in bounds(line.box for line in lost))
    message = f"short texts that were left out, because they could not be read: {len(lost)}; compare the page"
    return [PageWarning(code="LOW_CONFIDENCE", message=message, bbox=(x0, y0, x1, y1))]


def find_lost(dropped: Sequence[Line], kept: Sequence[Line], pictures: Sequence[Box]) -> list[Line]:
    """Return the dropped short lines that may be text: level with a text, and in no picture and no other line."""
    texts = [line for line in kept if _is_text(line)]
    return [
        line
        for line in dropped
        if len(line.text) <= THRESHOLDS.max_speck
        and line.text.strip("_")
        and not is_inside(line, [*pictures, *(text.box for text in kept)])
        and level_text(line.box, texts)
    ]
