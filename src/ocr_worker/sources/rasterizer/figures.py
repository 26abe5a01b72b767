"""The figures of a proven font, as they are drawn on the page image.

Runs only in a rasterizer process. A font is proven by the shape of one code for each character (see `fonts`). Two codes
may claim to be the same digit, and the second one may draw another digit of the same size. So the page image must
show, at the place of every digit, the shape that the font's own table has for it.

Shape and page image are compared by their correlation. It was measured on the digits of 40 fonts and of real pages: a
different digit stays below 0.9, and the same one reaches 0.95. PDFium draws small letters at whole pixels, so
that equal digits have equal pixels, and few of them are compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ocr_worker.sources.rasterizer.characters import Character
from ocr_worker.sources.rasterizer.rendered import Rectangle

_MIN_SIZE = 12.0  # pixels of an em; digits of smaller letters resemble one another
_MIN_CORRELATION = 0.93
_OFFSETS = tuple((x / 2, y / 2) for x in range(-2, 4) for y in range(-2, 4))  # pixels from a digit's place
_LEVEL = 0.01  # ems that the baseline of level text rises in one em, at most
_MAX_PIXELS = 100_000  # of a digit on the page
_MAX_RESULTS = 50_000  # that are kept


class Picture(NamedTuple):
    """A page image, uint8 [height, width, 3], and the map from PDF coordinates to its pixels."""

    pixels: NDArray[np.uint8]
    to_bitmap: Callable[[Rectangle], Rectangle]


class _Template(NamedTuple):
    """A digit in one size.

    x0, y0, x1, y1: the pixels that show it, from the start of the digit on its baseline. shapes: its shape at each of
    the offsets, as vectors of length 1, [offsets, pixels].
    """

    x0: int
    y0: int
    x1: int
    y1: int
    shapes: NDArray[np.float32]


class FigureProver:
    """The digits of one document's fonts. Equal pixels are not compared again."""

    def __init__(self) -> None:
        self._templates: dict[tuple[str, str, float], _Template | None] = {}
        self._results: dict[tuple[str, str, float, bytes], bool] = {}

    def are_drawn(self, font: Any, digest: str, digits: Iterable[Character], picture: Picture) -> bool:
        """Return whether the page image shows each of these digits in the shape of the font's own table.

        font: as FreeType reads it. digest: of its file.
        """
        for results in (self._templates, self._results):
            if len(results) >= _MAX_RESULTS:
                results.clear()
        return all(self._is_drawn(font, digest, digit, picture) for digit in digits)

    def _is_drawn(self, font: Any, digest: str, digit: Character, picture: Picture) -> bool:
        if not digit.stretch:
            return False
        x0, y0, _, _ = picture.to_bitmap((*digit.stretch[:2], *digit.stretch[:2]))
        x1, y1, _, _ = picture.to_bitmap((*digit.stretch[2:], *digit.stretch[2:]))
        size = round(x1 - x0, 1)
        if size < _MIN_SIZE or abs(y1 - y0) > _LEVEL * size:
            return False
        key = (digest, digit.text, size)
        if key not in self._templates:
            self._templates[key] = _make_template(font, digit.text, size)
        template = self._templates[key]
        if not template:
            return False
        x, y = math.floor(x0), math.floor(y0)
        pixels = picture.pixels[y + template.y0 : y + template.y1, x + template.x0 : x + template.x1]
        if min(x + template.x0, y + template.y0) < 0 or pixels.size != 3 * template.shapes.shape[1]:
            return False
        result = (*key, pixels.tobytes())
        if result not in self._results:
            self._results[result] = _correlation(template, pixels) >= _MIN_CORRELATION
        return self._results[result]


def _make_template(font: Any, digit: str, size: float) -> _Template | None:
    """Return the digit's template; None if its shape is empty or far from its place. size: pixels of an em."""
    em, margin = int(font.size), int(font.size) // 2
    shape = Image.new("L", (em + 2 * margin, em + 2 * margin))
    start = (margin, margin + em)  # on the baseline
    ImageDraw.Draw(shape).text(start, digit, fill=255, font=font, anchor="ls")
    edges = shape.getbbox()
    if not edges:
        return None
    scale = em / size
    x0, y0 = (math.floor((edge - at) / scale) for edge, at in zip(edges[:2], start, strict=True))
    x1, y1 = (math.ceil((edge - at) / scale) + 1 for edge, at in zip(edges[2:], start, strict=True))
    if (x1 - x0) * (y1 - y0) > _MAX_PIXELS:
        return None
    reach = 2 * scale  # pixels of the shape in which no offset leaves it
    if min(edges) < reach or max(edges) > shape.width - reach:
        return None
    shapes = []
    for x, y in _OFFSETS:
        left, top = start[0] + scale * (x0 - x), start[1] + scale * (y0 - y)
        box = (left, top, left + scale * (x1 - x0), top + scale * (y1 - y0))
        shapes.append(np.asarray(shape.resize((x1 - x0, y1 - y0), Image.Resampling.BOX, box=box)))
    return _Template(x0, y0, x1, y1, _unit_vectors(np.stack(shapes).reshape(len(shapes), -1)))


def _correlation(template: _Template, pixels: NDArray[np.uint8]) -> float:
    """Return the correlation of the shape and the pixels at the best offset; dark or light letters are alike."""
    (vector,) = _unit_vectors(pixels.mean(axis=2).reshape(1, -1))
    return float(np.abs(template.shapes @ vector).max())


def _unit_vectors(rows: NDArray[Any]) -> NDArray[np.float32]:
    """Return each row without its mean, of length 1; rows of equal values become 0."""
    vectors = rows.astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-6), np.float32)
