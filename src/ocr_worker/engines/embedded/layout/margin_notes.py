"""Notes in a page's margins: commands, catchwords and remarks beside the text that they belong to.

A note is short, outside the margin that most lines of the text begin or end at, and level with the rows of a paragraph,
so that its words get into the sentence beside it. `separate_notes` takes such notes out of the lines. A page has notes
if one of them is beside a row within a sentence: labels of forms, terms with their explanations and numbers of
paragraphs are at beginnings only. `place_notes` puts each note before the paragraph beside it. All functions are pure;
lengths are in pixels of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ocr_worker.engines.embedded.beginnings import find_beginnings
from ocr_worker.engines.embedded.geometry import Box, bounds, x_overlap, y_overlap
from ocr_worker.engines.embedded.layout.regions import Region, group_lines
from ocr_worker.engines.embedded.layout.thresholds import THRESHOLDS
from ocr_worker.engines.embedded.lines import Line, is_inside, is_vertical, line_height, rows, split_at
from ocr_worker.engines.embedded.marks import find_marked
from ocr_worker.engines.text_layer.joins import is_right_to_left

_SENTENCE_END = (".", "!", "?", ":", ";")


@dataclass(frozen=True, slots=True)
class _Margins:
    """The left and right margin of the page's text, the height of its lines, and how many lines it has."""

    left: float
    right: float
    height: float
    count: int

    def is_outside(self, box: Box) -> bool:
        """Return whether the box is beside the text."""
        gap = THRESHOLDS.note_gap * self.height
        return box.x1 < self.left - gap or box.x0 > self.right + gap


def separate_notes(lines: Sequence[Line], detected: Sequence[Box]) -> tuple[list[Line], list[list[Line]]]:
    """Return the lines without the notes in the margins, and the lines of each note.

    detected: boxes of tables and pictures, which contain no such notes.
    """
    level = [line for line in lines if not line.outline and not is_vertical(line)]
    margins = _find_margins(level)
    if margins is None or is_right_to_left("".join(line.text for line in level)):
        return list(lines), []
    parts = {id(line): _cut(line, margins) for line in level if not is_inside(line, detected)}
    pieces_of_all = [part for pieces in parts.values() for part in pieces]
    text = [part for part in pieces_of_all if not margins.is_outside(part.box)]
    candidates = [part for part in pieces_of_all if _is_candidate(part, margins)]
    if not _are_few(candidates, margins):
        return list(lines), []
    groups = _find_notes(group_lines(candidates), text, margins)
    taken = {id(line) for group in groups for line in group}
    rest: list[Line] = []
    for line in lines:
        pieces = parts.get(id(line), [line])
        rest += [piece for piece in pieces if id(piece) not in taken] if any(id(p) in taken for p in pieces) else [line]
    return rest, groups


def place_notes(regions: Sequence[Region], notes: Sequence[Region]) -> list[Region]:
    """Return the regions in their order, each note before the paragraph beside it."""
    placed = list(regions)
    for note in sorted(notes, key=lambda note: note.box.y0):
        row = note.lines[0].box
        beside = next((i for i, region in enumerate(placed) if _is_beside(region, row)), None)
        if beside is None:
            below = (i for i, region in enumerate(placed) if region not in notes and region.box.y0 > row.center[1])
            placed.insert(next(below, len(placed)), note)
        else:
            placed[beside : beside + 1] = _insert(placed[beside], note)
    return placed


def _is_beside(region: Region, row: Box) -> bool:
    return region.label == "text" and len(region.lines) > 0 and y_overlap(region.box, row) > row.height / 2


def _insert(region: Region, note: Region) -> list[Region]:
    """Return the region with the note before the paragraph of it that the note's first row is beside."""
    stacked = rows(region.lines)
    begins, start = find_beginnings(stacked), 0
    for i, row in enumerate(stacked):
        box = bounds(line.box for line in row)
        if begins[i] and box.center[1] < note.lines[0].box.y1:
            start = i
    above, below = ([line for row in part for line in row] for part in (stacked[:start], stacked[start:]))
    return [*([region.with_lines(tuple(above))] if above else []), note, region.with_lines(tuple(below))]


def _find_margins(lines: Sequence[Line]) -> _Margins | None:
    """Return the margins that most of the page's long lines begin and end at; None if most begin elsewhere."""
    height = line_height(lines)
    # On a page image, the boxes of words are closer to the letters than those of lines.
    boxes = [bounds(word.box for word in line.words) if line.words else line.box for line in lines]
    long = [box for box in boxes if box.width > THRESHOLDS.note_text_width * height]
    if len(long) < THRESHOLDS.note_text_lines:
        return None
    reach = THRESHOLDS.note_alignment * height
    left = max((box.x0 for box in long), key=lambda x: sum(abs(box.x0 - x) < reach for box in long))
    aligned = [box for box in long if abs(box.x0 - left) < reach]
    right = max(box.x1 for box in aligned)
    if len(aligned) < THRESHOLDS.note_text_share * len(long):
        return None
    return _Margins(left, right, height, len(aligned))


def _cut(line: Line, margins: _Margins) -> list[Line]:
    """Return the line's parts outside and inside the margins, if white or a margin separates them."""
    cuts = []
    slack = THRESHOLDS.note_alignment * margins.height
    for a, b in pairwise(line.words):
        gap = b.box.x0 - a.box.x1
        if gap < THRESHOLDS.note_gap * margins.height:
            continue
        if (margins.is_outside(a.box) and b.box.x0 > margins.left - slack and a.box.x1 < margins.left) or (
            margins.is_outside(b.box) and a.box.x1 < margins.right + slack and b.box.x0 > margins.right
        ):
            cuts.append((a.box.x1 + b.box.x0) / 2)
    return split_at(line, cuts)


def _is_candidate(line: Line, margins: _Margins) -> bool:
    """Return whether the line is in a margin, and no number or bullet of the text beside it."""
    is_mark = len(line.text.split()) == 1 and find_marked([f"{line.text} A"])[0]
    return not is_mark and margins.is_outside(line.box)


def _find_notes(groups: Sequence[list[Line]], text: Sequence[Line], margins: _Margins) -> list[list[Line]]:
    """Return the groups of candidates that are notes: none if no note gets into a sentence, but for running heads.

    Emphasized words are notes if they begin within a sentence, or are in line with such a note; else they are titles.
    """
    worded = [group for group in groups if _has_words(group) and any(_rows_beside(line, text) for line in group)]
    within = [group for group in worded if any(_is_in_sentence(line, text) for line in _first_rows(group))]
    if not within:
        return [group for group in worded if all(line.is_repeated for line in group)]
    edges = [bounds(line.box for line in group) for group in within]
    reach = THRESHOLDS.note_alignment * margins.height

    def is_in_line(group: Sequence[Line]) -> bool:
        box = bounds(line.box for line in group)
        return any(min(abs(box.x0 - edge.x0), abs(box.x1 - edge.x1)) < reach for edge in edges)

    return [group for group in worded if not any(line.is_emphasized for line in group) or is_in_line(group)]


def _first_rows(group: Sequence[Line]) -> Sequence[Line]:
    """Return the rows of a note that may get into a sentence: those of a title only with its first row."""
    return group[:1] if any(line.is_emphasized for line in group) else group


def _has_words(note: Sequence[Line]) -> bool:
    return sum(character.isalpha() for line in note for character in line.text) >= THRESHOLDS.note_letters


def _are_few(candidates: Sequence[Line], margins: _Margins) -> bool:
    """Return whether the candidates are narrow and few beside the text: a column of text is not."""
    if not candidates or len(candidates) > THRESHOLDS.note_share * margins.count:
        return False
    width = max(line.box.width for line in candidates)
    return width < THRESHOLDS.note_width * (margins.right - margins.left)


def _is_in_sentence(note: Line, text: Sequence[Line]) -> bool:
    """Return whether the row of the text beside the note continues the sentence of the row above."""
    for row in _rows_beside(note, text):
        reach = THRESHOLDS.max_line_gap * row.box.height
        is_lower = row.text[:1].islower()
        for line in text if is_lower else ():
            is_above = x_overlap(line.box, row.box) > 0 and -reach < line.box.y1 - row.box.y0 < row.box.height / 2
            if is_above and not line.text.rstrip().endswith(_SENTENCE_END):
                return True
    return False


def _rows_beside(note: Line, text: Sequence[Line]) -> list[Line]:
    return [line for line in text if y_overlap(line.box, note.box) > THRESHOLDS.note_level * note.box.height]
