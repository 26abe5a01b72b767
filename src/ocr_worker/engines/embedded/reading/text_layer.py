"""A born-digital page's own text: exact in every script, unless it lies. Checked against the picture, then used."""

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
from ocr_worker.pages import Pixels, TextLine

SAMPLE = 5  # lines that are read to check the layer
MIN_LENGTH = 6  # characters of a line that can be checked
ALIKE = 0.8  # median similarity of what is read and what the layer says; honest layers reach 0.95
LEADERS = ".·…_ "  # some files hold each dot of a dotted line as a line of its own
MIN_INK = 12.0  # standard deviation of grey values below which nothing is drawn there


def quads_of(boxes: Iterable[tuple[float, float, float, float]]) -> Quads:
    """The boxes' corners, float32 [n, 4, 2], clockwise from the top left."""
    corners = [((x0, y0), (x1, y0), (x1, y1), (x0, y1)) for x0, y0, x1, y1 in boxes]
    return np.asarray(corners, np.float32).reshape(-1, 4, 2)


def layer_boxes(lines: Sequence[TextLine]) -> list[tuple[float, float, float, float]]:
    """The boxes of the lines, then those of all their words, in order."""
    return [line.bbox for line in lines] + [word.bbox for line in lines for word in line.words]


def layer_lines(lines: Sequence[TextLine], quads: Quads, pixels: Pixels) -> list[Line]:
    """The layer's lines, without leaders, and without those that are not drawn on the page: hidden, white, or outside.

    quads: the corners of `layer_boxes` where they lie on these pixels.
    """
    found = []
    words = iter(quads[len(lines) :])
    for line, quad in zip(lines, quads, strict=False):
        own = tuple(Word(word.text, box_of(next(words))) for word in line.words)
        box = box_of(quad)
        ink = pixels[max(0, int(box.y0)) : max(0, int(box.y1) + 1), max(0, int(box.x0)) : max(0, int(box.x1) + 1)]
        text = " ".join(line.text.split())
        if text.strip(LEADERS) and ink.size and float(ink.std()) > MIN_INK:
            found.append(Line(text, box, words=own, own=True))
    return found


def is_honest(models: Models, pixels: Pixels, layer: Sequence[Line]) -> bool:
    """Whether the picture says what the layer says, on a few lines from all over the page.

    Lines in scripts that cannot be read count as honest when the picture is indeed not legible there.
    """
    known = [line for line in layer if _has_words(line.text) and _foreign_share(line.text) < 0.1]
    long = known or [line for line in layer if len(line.text) >= MIN_LENGTH] or list(layer)
    if not long or _is_broken("".join(line.text for line in layer)):
        return False
    picked = [long[i] for i in np.unique(np.linspace(0, len(long) - 1, SAMPLE).round().astype(int))]
    corners = quads_of([line.box.grown(0.1 * line.box.height) for line in picked])
    alike = [_likeness(line, read) for line, read in zip(picked, models.read_lines(pixels, corners), strict=True)]
    return float(np.median(alike)) >= ALIKE


def not_covered(quads: Quads, layer: Sequence[Line]) -> Quads:
    """The lines seen on the picture that the layer does not have: parts that are pictures, forms filled in."""
    edges = np.asarray([line.box for line in layer], np.float64).reshape(-1, 4)
    missing = [quad for quad in quads if _is_missing(box_of(quad), edges)]
    return np.asarray(missing, np.float32).reshape(-1, 4, 2)


def _is_missing(box: Box, edges: NDArray[np.float64]) -> bool:
    """Whether the layer has no text over most of the outline, which is larger than the text by some of its height.

    edges: the boxes of the layer's lines, [n, 4].
    """
    x0, y0, x1, y1 = edges.T
    level = np.minimum(y1, box.y1) - np.maximum(y0, box.y0) > 0.4 * np.minimum(y1 - y0, box.height)
    shared = float(np.clip(np.minimum(x1, box.x1) - np.maximum(x0, box.x0), 0, None)[level].sum())
    return shared < 0.5 * box.width and (not shared or box.width - shared > box.height)


def _likeness(line: Line, read: Line) -> float:
    """0 to 1; 1 also where the layer's script cannot be read, and indeed was not."""
    if _foreign_share(line.text) > 0.5:
        return float(not (is_legible(read) and _letters(read.text)))
    return SequenceMatcher(None, _letters(line.text), _letters(read.text), autojunk=False).ratio()


def _letters(text: str) -> str:
    """What of the text can be compared: letters and digits in their plain forms."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _has_words(text: str) -> bool:
    """Whether there is enough to compare; figures alone may be drawn in the digits of another script."""
    return len(_letters(text)) >= MIN_LENGTH and sum(map(str.isalpha, text)) >= MIN_LENGTH // 2


def _foreign_share(text: str) -> float:
    """The share of letters in scripts the recogniser does not know."""
    letters = [c for c in text if c.isalpha()]
    known = (
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
    return sum(not unicodedata.name(c, "").startswith(known) for c in letters) / len(letters) if letters else 0.0


def _is_broken(text: str) -> bool:
    """Whether characters without meaning show that the fonts have no mapping to Unicode."""
    bad = sum(unicodedata.category(c) in ("Co", "Cn", "Cc") or c == "\ufffd" for c in text)
    return bad > 0.05 * len(text)
