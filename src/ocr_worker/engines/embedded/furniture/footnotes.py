"""Footnotes: small print at the foot of a column that begins with a mark.

`label_footnotes` looks at each text that has only notes and page furniture below it. It splits the text where a line
begins with a mark, such as a number or an asterisk, and is separated by a short rule, or by white and smaller letters.
All functions are pure; lengths are in pixels of the page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from ocr_worker.engines.embedded.furniture.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.geometry import Box, bounds, x_overlap
from ocr_worker.engines.embedded.layout.regions import Region
from ocr_worker.engines.embedded.layout.rules import Rules
from ocr_worker.engines.embedded.lines import Line, line_height, rows

_MARK = re.compile(r"(?:\(\d{1,3}\)|\[\d{1,3}\]|\d{1,3}\)?|[*∗†‡§¶⁰¹²³⁴-⁹]{1,3}|[ᵃ-ᶻ])\s*[\"'“‘„«「『(]*[^\W\d].*")
_NUMBER = re.compile(r"[(\[]?(\d{1,3})")
_BELOW = ("footer", "number", "footnote", "aside_text")


def has_note_mark(text: str) -> bool:
    """Return whether the line begins as a note: "1 See", "* See"."""
    return bool(_MARK.fullmatch(text))


def label_footnotes(regions: Sequence[Region], rules: Rules, body: float, spacing: float) -> list[Region]:
    """Return the regions with footnotes labeled and separated from the text above them.

    body: line height of the body text. spacing: its line spacing. Both are in pixels.
    """
    if not regions or not spacing:
        return list(regions)
    page = bounds(region.box for region in regions)
    min_y = page.y1 - THRESHOLDS.note_depth * page.height
    parts: list[list[Region]] = [[region] for region in regions]
    # From the foot upwards, because a note may be above another.
    for i in sorted(range(len(regions)), key=lambda i: -regions[i].box.y0):
        others = list(chain.from_iterable(group for j, group in enumerate(parts) if j != i))
        if regions[i].label == "text" and _is_last(regions[i], others):
            parts[i] = _split_notes(regions[i], others, rules, body, spacing, min_y)
    labeled = list(chain.from_iterable(parts))
    return [
        replace(region, label="footnote") if _continues_note(region, labeled, rules, body, spacing) else region
        for region in labeled
    ]


def _continues_note(region: Region, others: Sequence[Region], rules: Rules, body: float, spacing: float) -> bool:
    """Return whether the region is the end of a note that begins at the foot of a column at the left.

    It has no mark, but a short rule above it and small letters. body, spacing: as in `label_footnotes`.
    """
    if region.label != "text" or not _is_last(region, others):
        return False
    box = region.box
    is_small = line_height(region.lines) < THRESHOLDS.small_print * body
    has_note_at_left = any(
        other.label == "footnote" and other.box.x1 <= box.x0 and other.box.y1 > box.y0 for other in others
    )
    column = [other.box for other in others if x_overlap(other.box, box) > 0]
    ceiling = max((other.y1 for other in column if other.y1 <= box.y0), default=0.0)
    width = max(other.width for other in [*column, box])
    has_rule = any(_is_note_rule(rule, box, ceiling, width, spacing) for rule in rules.across)
    return is_small and has_note_at_left and has_rule


def _is_last(region: Region, others: Sequence[Region]) -> bool:
    """Return whether only notes and page furniture are below the region."""
    below = [other for other in others if other.box.y0 > region.box.center[1] and x_overlap(other.box, region.box) > 0]
    return all(other.label in _BELOW for other in below)


def _split_notes(
    region: Region, others: Sequence[Region], rules: Rules, body: float, spacing: float, min_y: float
) -> list[Region]:
    """Return the region's text and the notes below it, or the region alone if it has no notes.

    body: line height of the body text. spacing: its line spacing. min_y: highest beginning of a note. In pixels.
    """
    column = [other.box for other in others if x_overlap(other.box, region.box) > 0]
    stacked = rows(region.lines)
    for start, row in enumerate(stacked):
        text, note = (tuple(chain.from_iterable(part)) for part in (stacked[:start], stacked[start:]))
        box = bounds(line.box for line in note)
        if box.y0 < min_y or not has_note_mark(" ".join(line.text for line in row)):
            continue
        above = [line.box for line in text] or column
        max_y = box.y0 + THRESHOLDS.above_note * body
        ceiling = max((other.y1 for other in above if other.y1 < max_y), default=0.0)
        width = max(other.width for other in [*column, region.box])
        has_rule = any(_is_note_rule(rule, box, ceiling, width, spacing) for rule in rules.across)
        has_gap = (box.y0 - ceiling + body) / spacing > THRESHOLDS.note_gap
        is_dense = box.height < THRESHOLDS.note_spacing * spacing * (len(stacked) - start)
        is_marked = has_note_mark(row[0].text)
        is_small = line_height(note) < THRESHOLDS.small_print * body
        if has_rule or (is_marked and has_gap and is_dense and is_small):
            note_region = replace(region, label="footnote")
            notes = [note_region.with_lines(lines) for lines in _single_notes(stacked[start:])]
            return [region.with_lines(text), *notes] if text else notes
    return [region]


def _single_notes(stacked: Sequence[Sequence[Line]]) -> list[tuple[Line, ...]]:
    """Return the lines of each note: it begins with a mark, and its number follows that of the note above."""
    notes: list[list[Line]] = []
    number: int | None = None
    for row in stacked:
        text = " ".join(line.text for line in row)
        if notes and not (_MARK.fullmatch(text) and _follows(number, _number(text))):
            notes[-1].extend(row)
            continue
        notes.append(list(row))
        number = _number(text)
    return [tuple(note) for note in notes]


def _number(text: str) -> int | None:
    """Return the number that the note begins with; None if its mark is no number."""
    match = _NUMBER.match(unicodedata.normalize("NFKC", text))
    return int(match[1]) if match else None


def _follows(number: int | None, next_number: int | None) -> bool:
    """Return whether a note may have this number after the other one; None: its mark is a sign."""
    return next_number is None if number is None else next_number == number + 1


def _is_note_rule(rule: Box, box: Box, ceiling: float, width: float, spacing: float) -> bool:
    """Return whether a short rule is right above the box, at its left.

    ceiling: foot of the text above. width: of the column. spacing: line spacing of the body text. All in pixels.
    """
    slack, distance = THRESHOLDS.note_rule_slack * spacing, THRESHOLDS.note_rule_distance * spacing
    is_between = ceiling - slack < rule.y0 < box.y0 + slack and box.y0 - rule.y1 < distance
    is_short = THRESHOLDS.min_note_rule * spacing < rule.width < THRESHOLDS.note_rule * width
    is_at_left = -distance < rule.x0 - box.x0 < THRESHOLDS.note_rule_indent * spacing
    return is_between and is_short and is_at_left
