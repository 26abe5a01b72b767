"""The text layer of a born-digital page, checked against the page image.

A text layer is exact in every script, but it may be wrong: hidden, shifted, or without a mapping to Unicode.
`layer_lines` keeps the lines that are drawn on the page. `honest_lines` has each font judged by what it sets
(`engines.text_layer.judge`); what a lying font sets is then read from the page image, and the rest stays.
`drop_covered` leaves the detected lines that the layer does not have, such as text in pictures and filled form fields,
and `drop_repeated` the readings that say more than the layer does at their place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import groupby

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.characters import UNKNOWN, is_wide
from ocr_worker.engines.embedded.geometry import Box, BoxIndex, bounds
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.models import Models, Quads, box_of, is_slanted, outline_of
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.engines.text_layer.joins import keeps_end_spaces, line_end
from ocr_worker.engines.text_layer.judge import LayerWord, Reading, Rectangle, Setting, judge, setting_of
from ocr_worker.engines.text_layer.thresholds import THRESHOLDS as JUDGE
from ocr_worker.pages import Pixels, TextLine, TextWord

LEADERS = ".·…_ "  # some files contain each dot of a dotted line as a line of its own

_GAP = re.compile(UNKNOWN)
_LIGATURES = ("fi", "fl", "ff", "ffi", "ffl", "ft", "tt", "ti")
_ELLIPSES = ("...", "…")


def quads_of(boxes: Iterable[tuple[float, float, float, float]]) -> Quads:
    """Return the boxes' corners, float32 [n, 4, 2], clockwise from the top left."""
    corners = [((x0, y0), (x1, y0), (x1, y1), (x0, y1)) for x0, y0, x1, y1 in boxes]
    return np.asarray(corners, np.float32).reshape(-1, 4, 2)


def layer_quads(lines: Sequence[TextLine]) -> Quads:
    """Return the corners of the lines, then those of all their words, in order."""
    quads = quads_of([line.bbox for line in lines] + [word.bbox for line in lines for word in line.words])
    for quad, line in zip(quads, lines, strict=False):
        if line.corners:
            quad[:] = line.corners
    return quads


def line_quads(layer: Sequence[Line]) -> Quads:
    """Return the corners of the layer's lines, from those of their first and last words, so that a skew shows."""
    ends = [_ends(line) for line in layer]
    corners = [((a.x0, a.y0), (b.x1, b.y0), (b.x1, b.y1), (a.x0, a.y1)) for a, b in ends]
    return np.asarray(corners, np.float32).reshape(-1, 4, 2)


def _ends(line: Line) -> tuple[Box, Box]:
    """Return the boxes of the first and the last word; a bullet or a power is no evidence for a line's direction."""
    boxes = [word.box for word in _words(line)]
    highest = max(box.height for box in boxes)
    full = sorted(box for box in boxes if box.height >= THRESHOLDS.full_word * highest)
    return full[0], full[-1]


def layer_lines(
    lines: Sequence[TextLine], quads: Quads, pixels: Pixels, proven_fonts: Collection[int] = ()
) -> list[Line]:
    """Return the layer's lines that are drawn on the page, without leaders and hidden, white or outside lines.

    quads: those of `layer_quads` in pixels of this page image. proven_fonts: see `PageImage`; a word that has a letter
    in another font is judged with that font.
    """
    layer = []
    keeps_spaces = keeps_end_spaces(lines)
    word_quads = iter(quads[len(lines) :])
    for line, quad in zip(lines, quads, strict=False):
        words = tuple(
            Word(word.text, box_of(next(word_quads)), _judged_font(word, proven_fonts)) for word in line.words
        )
        box = box_of(quad)
        ink = pixels[max(0, int(box.y0)) : max(0, int(box.y1) + 1), max(0, int(box.x0)) : max(0, int(box.x1) + 1)]
        text = " ".join(line.text.split())
        is_text = text.strip(LEADERS) or _is_ellipsis(line, lines)
        if is_text and ink.size and _deviation(ink) > THRESHOLDS.min_ink:
            outline = outline_of(quad) if line.corners else ()
            end = line_end(line, keeps_spaces=keeps_spaces)
            layer.append(Line(text, box, 1.0, words, True, line.is_repeated, outline, end))
    return layer


def _deviation(pixels: Pixels) -> float:
    """Return the standard deviation of all values; a tenth of the time of NumPy's."""
    _, deviation = cv2.meanStdDev(pixels.reshape(-1, 1))
    return float(deviation[0, 0])


def _is_ellipsis(line: TextLine, others: Sequence[TextLine]) -> bool:
    """Return whether the line is an ellipsis alone in its row, and no leader."""
    y = (line.bbox[1] + line.bbox[3]) / 2
    return line.text in _ELLIPSES and not any(
        other.bbox[1] < y < other.bbox[3] for other in others if other is not line
    )


def _judged_font(word: TextWord, proven_fonts: Collection[int]) -> int:
    fonts = (word.font, *word.other_fonts)
    return next((font for font in fonts if font not in proven_fonts), word.font)


def honest_lines(models: Models, pixels: Pixels, layer: Sequence[Line], proven_fonts: Collection[int]) -> list[Line]:
    """Return the layer's lines, with the words of lying fonts read from the page image; empty if all fonts lie.

    The words of slanted lines are not read for the check, and so belong to the page only if another line does.
    proven_fonts: see `PageImage`.
    """
    slanted = [line for line in layer if line.outline]
    layer = [line for line in layer if not line.outline]

    def read(boxes: Sequence[Rectangle]) -> list[Reading]:
        lines = models.read_lines(pixels, quads_of(boxes), THRESHOLDS.check_batch)
        return [Reading(line.text, line.score) for line in lines]

    words = [[LayerWord(word.text, word.box, word.font) for word in _words(line)] for line in layer]
    verdicts = judge(words, read, proven_fonts)
    lies = {setting for setting, verdict in verdicts.items() if verdict == "lying"}
    if not lies:
        return [*fill_gaps(layer, lambda words: _read(models, pixels, words)), *slanted]
    if lies == set(verdicts):
        return []
    corrected = _corrected(models, pixels, layer, lies)
    return [*fill_gaps(corrected, lambda words: _read(models, pixels, words)), *slanted]


def fill_gaps(layer: Sequence[Line], read: Callable[[Sequence[Word]], Sequence[Line]]) -> list[Line]:
    """Return the lines, each character that its font maps to nothing as it is read in its word.

    Most are ligatures: "certi?ed" is certified. The other letters stay those of the layer.
    """
    words = [word for line in layer for word in line.words if UNKNOWN in word.text]
    texts = {id(word): _filled(word.text, reading) for word, reading in zip(words, read(words), strict=True)}
    filled = (_with_texts(line, texts) if any(id(word) in texts for word in line.words) else line for line in layer)
    return [line for line in filled if line.text]


def _with_texts(line: Line, texts: Mapping[int, str]) -> Line:
    """Return the line with these texts of its words, by their id; it is no longer the layer's alone."""
    text, start, words = line.text, 0, []
    for word in line.words:
        place = text.find(word.text, start)
        filled = texts.get(id(word), word.text)
        if place >= 0:
            text = text[:place] + filled + text[place + len(word.text) :]
            start = place + len(filled)
        words.append(replace(word, text=filled))
    kept = tuple(word for word in words if word.text)
    return replace(line, text=" ".join(text.split()), words=kept, is_from_text_layer=False)


def _filled(text: str, reading: Line) -> str:
    """Return the word with what was read in its gaps, or the reading if the other letters differ too much.

    A sign alone is what was read with certainty, or nothing.
    """
    text_read = unicodedata.normalize("NFKC", reading.text).replace(" ", "")
    if not _GAP.sub("", text):
        return text_read if reading.score >= JUDGE.certain_reading else ""
    match = re.fullmatch(_GAP.sub(r"(.{1,3}?)", re.escape(text)), text_read, re.IGNORECASE)
    if match:
        parts = iter(match.groups())
        return _GAP.sub(lambda _: str(next(parts)), text)
    ligatures = (_GAP.sub(ligature, text) for ligature in _LIGATURES)
    best = max(ligatures, key=lambda each: SequenceMatcher(None, each, text_read, autojunk=False).ratio())
    is_similar = SequenceMatcher(None, best, text_read, autojunk=False).ratio() >= JUDGE.min_similarity
    return best if is_similar else text_read or text


def drop_covered(quads: Quads, layer: Sequence[Line]) -> Quads:
    """Return the detected lines that the layer does not have: text in pictures, and filled form fields."""
    edges = np.asarray([line.box for line in layer if not line.outline], np.float64).reshape(-1, 4)
    outlines = [np.asarray(line.outline, np.float32) for line in layer if line.outline]
    missing = [
        quad
        for quad in quads
        if (_is_beside(quad, edges) if runs_across(quad) else _is_missing(box_of(quad), edges))
        and not any(_is_part(quad, outline) for outline in outlines)
    ]
    return np.asarray(missing, np.float32).reshape(-1, 4, 2)


def drop_repeated(readings: Sequence[Line], layer: Sequence[Line]) -> list[Line]:
    """Return the readings without those that say only what the layer has at their place.

    Letters of the layer that are far apart, as in the boxes of a form, do not cover the line that is detected around
    them. A reading that has more letters than the layer there stays whole.
    """
    words = [word for line in layer for word in _words(line)]
    index = BoxIndex([word.box for word in words])
    return [
        reading
        for reading in readings
        if not _is_repeated(reading, [words[i] for i in index.near(reading.box.y0, reading.box.y1)])
    ]


def _is_repeated(reading: Line, words: Sequence[Word]) -> bool:
    """Return whether the reading says only what the words in its box say. words: of the layer."""
    inside = [word for word in words if reading.box.contains(word.box.center)]
    inside.sort(key=lambda word: word.box.x0)
    letters, letters_read = (
        [character for character in text if character.isalnum()]
        for text in ("".join(word.text for word in inside), reading.text)
    )
    if not letters or len(letters_read) > len(letters):
        return False
    return SequenceMatcher(None, letters, letters_read, autojunk=False).ratio() >= THRESHOLDS.repeated_reading


def _is_part(quad: NDArray[np.float32], outline: NDArray[np.float32]) -> bool:
    """Return whether the detected line is a slanted line of the layer, or some of its letters."""
    shared, _ = cv2.intersectConvexConvex(quad, outline)
    size, outline_size = (
        min(np.linalg.norm(each[1] - each[0]), np.linalg.norm(each[2] - each[1])) for each in (quad, outline)
    )
    is_similar = is_slanted(quad) or size > THRESHOLDS.slanted_part * outline_size
    return is_similar and shared > THRESHOLDS.covered_width * abs(cv2.contourArea(quad))


def _is_missing(box: Box, edges: NDArray[np.float64]) -> bool:
    """Return whether the layer has no text over most of the detected line's box.

    The box is larger than its text by some of its height. edges: the boxes of the layer's lines, [n, 4].
    """
    x0, y0, x1, y1 = edges.T
    heights = np.minimum(y1 - y0, box.height)
    is_level = np.minimum(y1, box.y1) - np.maximum(y0, box.y0) > THRESHOLDS.level_overlap * heights
    shared = float(np.clip(np.minimum(x1, box.x1) - np.maximum(x0, box.x0), 0, None)[is_level].sum())
    return shared < THRESHOLDS.covered_width * box.width and (not shared or box.width - shared > box.height)


def runs_across(quad: NDArray[np.float32]) -> bool:
    """Return whether the detected line is at an angle to the page, or runs up or down."""
    box = box_of(quad)
    return is_slanted(quad, min_length=1.0) or box.height > THRESHOLDS.vertical_line * box.width


def _is_beside(quad: NDArray[np.float32], edges: NDArray[np.float64]) -> bool:
    """Return whether the layer has no text over most of the outline of a line that runs across its rows.

    The outline itself counts: the upright box around a slanted line has the ends of its neighbors, and the numbers
    of an axis may touch the title beside them. edges: the boxes of the layer's lines, [n, 4].
    """
    x0, y0, x1, y1 = box_of(quad)
    near = edges[(edges[:, 0] < x1) & (edges[:, 2] > x0) & (edges[:, 1] < y1) & (edges[:, 3] > y0)]
    shared = sum(cv2.intersectConvexConvex(quad, corners)[0] for corners in quads_of(near.tolist()))
    return bool(shared < THRESHOLDS.covered_width * abs(cv2.contourArea(quad)))


def _words(line: Line) -> Sequence[Word]:
    return line.words or (Word(line.text, line.box),)


def _setting(word: Word) -> Setting:
    return setting_of(word.text, word.font)


def _joined(words: Sequence[Word]) -> Word:
    """Return neighboring words as one."""
    return Word(" ".join(word.text for word in words), bounds(word.box for word in words), words[0].font)


def _read(models: Models, pixels: Pixels, words: Sequence[Word]) -> list[Line]:
    boxes = [word.box.grown(JUDGE.sample_margin * word.box.height) for word in words]
    return models.read_lines(pixels, quads_of(boxes)) if boxes else []


def _corrected(models: Models, pixels: Pixels, layer: Sequence[Line], lies: set[Setting]) -> list[Line]:
    """Return the lines with the words of lying settings read from the page image; empty lines are left out."""
    parts = [
        [(is_lie, list(words)) for is_lie, words in groupby(_words(line), lambda word: _setting(word) in lies)]
        for line in layer
    ]
    false = [_joined(words) for line_parts in parts for is_lie, words in line_parts if is_lie]
    readings = iter(_read(models, pixels, false))
    lines = []
    for line, line_parts in zip(layer, parts, strict=True):
        if any(is_lie for is_lie, _ in line_parts):
            line = _merged(line, [next(readings) if is_lie else words for is_lie, words in line_parts])
        if line.text:
            lines.append(line)
    return lines


def _merged(line: Line, parts: Sequence[Line | Sequence[Word]]) -> Line:
    """Return the line with these parts in order: words of the layer, and readings in place of false words."""
    words: list[Word] = []
    text = ""
    for part in parts:
        part_words = (part.words or [Word(part.text, part.box)]) if isinstance(part, Line) else part
        texts = [part.text] if isinstance(part, Line) else [word.text for word in part]
        for part_text in filter(None, texts):
            is_solid = not text or (is_wide(text[-1]) and is_wide(part_text[0]))
            text += part_text if is_solid else f" {part_text}"
        words += [word for word in part_words if word.text]
    score = min(part.score for part in parts if isinstance(part, Line))
    return replace(line, text=text, words=tuple(words), score=score, is_from_text_layer=False)
