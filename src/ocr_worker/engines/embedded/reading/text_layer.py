"""The text layer of a born-digital page, checked against the page image.

A text layer is exact in every script, but it may be wrong: hidden, shifted, or without a mapping to Unicode.
`layer_lines` keeps the lines that are drawn on the page. `is_honest` reads a few of them from the page image and
compares. `drop_covered` leaves the detected lines that the layer does not have, such as text in pictures and filled
form fields.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.confidence import is_legible
from ocr_worker.engines.embedded.reading.models import Models, Quads, box_of
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels, TextLine

LEADERS = ".·…_ "  # some files contain each dot of a dotted line as a line of its own
# First words of the Unicode names of letters that the recognizer knows.
_SCRIPTS = (
    "LATIN",
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "GREEK",
    "FULLWIDTH",
    "HALFWIDTH",
    "MICRO",
    "FEMININE",
    "MASCULINE",
)


def quads_of(boxes: Iterable[tuple[float, float, float, float]]) -> Quads:
    """Return the boxes' corners, float32 [n, 4, 2], clockwise from the top left."""
    corners = [((x0, y0), (x1, y0), (x1, y1), (x0, y1)) for x0, y0, x1, y1 in boxes]
    return np.asarray(corners, np.float32).reshape(-1, 4, 2)


def layer_boxes(lines: Sequence[TextLine]) -> list[tuple[float, float, float, float]]:
    """Return the boxes of the lines, then those of all their words, in order."""
    return [line.bbox for line in lines] + [word.bbox for line in lines for word in line.words]


def layer_lines(lines: Sequence[TextLine], quads: Quads, pixels: Pixels) -> list[Line]:
    """Return the layer's lines that are drawn on the page, without leaders and hidden, white or outside lines.

    quads: the corners of `layer_boxes` in pixels of this page image.
    """
    layer = []
    word_quads = iter(quads[len(lines) :])
    for line, quad in zip(lines, quads, strict=False):
        words = tuple(Word(word.text, box_of(next(word_quads))) for word in line.words)
        box = box_of(quad)
        ink = pixels[max(0, int(box.y0)) : max(0, int(box.y1) + 1), max(0, int(box.x0)) : max(0, int(box.x1) + 1)]
        text = " ".join(line.text.split())
        if text.strip(LEADERS) and ink.size and float(ink.std()) > THRESHOLDS.min_ink:
            layer.append(Line(text, box, words=words, is_from_text_layer=True))
    return layer


def is_honest(models: Models, pixels: Pixels, layer: Sequence[Line]) -> bool:
    """Return whether the page image confirms the layer on a few lines from all over the page.

    A line in a script that cannot be read is confirmed when the page image is indeed illegible there.
    """
    comparable = [
        line for line in layer if _has_words(line.text) and _foreign_share(line.text) < THRESHOLDS.max_foreign_in_sample
    ]
    candidates = comparable or [line for line in layer if len(line.text) >= THRESHOLDS.min_checked_text] or list(layer)
    if not candidates or _is_broken("".join(line.text for line in layer)):
        return False
    indices = np.unique(np.linspace(0, len(candidates) - 1, THRESHOLDS.layer_sample).round().astype(int))
    sample = [candidates[i] for i in indices]
    corners = quads_of([line.box.grown(THRESHOLDS.sample_margin * line.box.height) for line in sample])
    readings = models.read_lines(pixels, corners)
    similarities = [_similarity(line, reading) for line, reading in zip(sample, readings, strict=True)]
    return float(np.median(similarities)) >= THRESHOLDS.min_similarity


def drop_covered(quads: Quads, layer: Sequence[Line]) -> Quads:
    """Return the detected lines that the layer does not have: text in pictures, and filled form fields."""
    edges = np.asarray([line.box for line in layer], np.float64).reshape(-1, 4)
    missing = [quad for quad in quads if _is_missing(box_of(quad), edges)]
    return np.asarray(missing, np.float32).reshape(-1, 4, 2)


def _is_missing(box: Box, edges: NDArray[np.float64]) -> bool:
    """Return whether the layer has no text over most of the detected line's box.

    The box is larger than its text by some of its height. edges: the boxes of the layer's lines, [n, 4].
    """
    x0, y0, x1, y1 = edges.T
    heights = np.minimum(y1 - y0, box.height)
    is_level = np.minimum(y1, box.y1) - np.maximum(y0, box.y0) > THRESHOLDS.level_overlap * heights
    shared = float(np.clip(np.minimum(x1, box.x1) - np.maximum(x0, box.x0), 0, None)[is_level].sum())
    return shared < THRESHOLDS.covered_width * box.width and (not shared or box.width - shared > box.height)


def _similarity(line: Line, reading: Line) -> float:
    """Return the similarity of both texts, 0 to 1.

    It is also 1 for a line in a script that cannot be read, if its reading is illegible.
    """
    if _foreign_share(line.text) > THRESHOLDS.foreign_line:
        return float(not (is_legible(reading) and _letters(reading.text)))
    return SequenceMatcher(None, _letters(line.text), _letters(reading.text), autojunk=False).ratio()


def _letters(text: str) -> str:
    """Return the part of the text that can be compared: letters and digits in their plain forms."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _has_words(text: str) -> bool:
    """Return whether the text is long enough to compare.

    Numbers alone are not enough: they may be drawn in the digits of another script.
    """
    length = THRESHOLDS.min_checked_text
    return len(_letters(text)) >= length and sum(map(str.isalpha, text)) >= length // 2


def _foreign_share(text: str) -> float:
    """Return the share of letters in scripts that the recognizer does not know, 0 to 1."""
    letters = [c for c in text if c.isalpha()]
    return sum(not unicodedata.name(c, "").startswith(_SCRIPTS) for c in letters) / len(letters) if letters else 0.0


def _is_broken(text: str) -> bool:
    """Return whether characters without meaning show that the fonts have no mapping to Unicode."""
    broken = sum(unicodedata.category(c) in ("Co", "Cn", "Cc") or c == "\ufffd" for c in text)
    return broken > THRESHOLDS.max_broken * len(text)
