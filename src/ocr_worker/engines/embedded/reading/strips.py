"""Strips: pages much longer than wide, such as receipts, screenshots of conversations and banners, and those turned.

A page of usual proportions is reduced by its longer side. A strip reduced like that has letters of two pixels. Its
scale therefore follows from its shorter side, and the models see it in tiles of usual proportions, so that memory is
bounded. `map_in_tiles` serves the detector of lines: its maps are joined before lines are outlined, so that no line is
cut. `tiles` serves the layout model: it cuts where the page is blank. All functions are pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

Tile = tuple[slice, slice]  # rows and columns of the page image


def strip_factor(pixels: Pixels) -> float:
    """Return by how much longer the page is than a page of usual proportions; 1 if it is no strip."""
    shorter, longer = sorted(pixels.shape[:2])
    proportion = longer / max(1, shorter)
    return proportion / THRESHOLDS.tile_proportion if proportion > THRESHOLDS.strip_proportion else 1.0


def is_strip(pixels: Pixels) -> bool:
    """Return whether the page is much longer than a page of usual proportions."""
    return strip_factor(pixels) > 1


def map_in_tiles(network: Callable[[NDArray[Any]], NDArray[Any]], image: NDArray[Any]) -> NDArray[Any]:
    """Return the map of a network that returns a value for each pixel, float [1, 1, height, width].

    image: [1, 3, height, width], sides multiples of 32. A strip is mapped in tiles that overlap: what is near the edge
    of a tile is taken from its neighbor.
    """
    if strip_factor(image[0, 0]) == 1:
        return network(image)
    axis = 2 if image.shape[2] > image.shape[3] else 3
    length, margin = image.shape[axis], THRESHOLDS.tile_margin
    step = max(THRESHOLDS.min_tile, round(THRESHOLDS.tile_proportion * image.shape[5 - axis] / 32) * 32)
    parts = []
    for start in range(0, length, step):
        first, end = max(0, start - margin), min(length, start + step + margin)
        tile = network(np.take(image, range(first, end), axis))
        parts.append(np.take(tile, range(start - first, min(step, length - start) + start - first), axis))
    return np.concatenate(parts, axis)


def map_areas(
    network: Callable[[NDArray[Any]], NDArray[Any]], image: NDArray[Any], areas: Sequence[Box]
) -> NDArray[Any]:
    """Return the same map where the image is in one of the areas, and 0 elsewhere. areas: in pixels of the image."""
    line_map = np.zeros((1, 1, *image.shape[2:]), np.float32)
    for area in areas:
        x0, y0 = (int(edge) // 32 * 32 for edge in area[:2])
        x1, y1 = (-(-math.ceil(edge) // 32) * 32 for edge in area[2:])
        line_map[:, :, y0:y1, x0:x1] = network(np.ascontiguousarray(image[:, :, y0:y1, x0:x1]))
    return line_map


def tiles(pixels: Pixels) -> list[Tile]:
    """Return the tiles of a strip, cut where it is blank if possible; of another page, one tile."""
    height, width = pixels.shape[:2]
    everything = slice(0, height), slice(0, width)
    if not is_strip(pixels):
        return [everything]
    is_tall = height > width
    length = max(height, width)
    variation = np.ptp(pixels.min(axis=2), axis=1 if is_tall else 0)
    step = round(THRESHOLDS.tile_proportion * min(height, width))
    cuts = [0]
    while length - cuts[-1] > step:
        cuts.append(_blankest(variation, cuts[-1] + round(THRESHOLDS.shortest_tile * step), cuts[-1] + step))
    spans = [slice(start, end) for start, end in zip(cuts, [*cuts[1:], length], strict=True)]
    return [(span, everything[1]) if is_tall else (everything[0], span) for span in spans]


def _blankest(variation: NDArray[np.uint8], first: int, end: int) -> int:
    """Return the middle of the longest blank stretch between two places, or `end` if nothing is blank there."""
    is_blank = variation[first:end] < THRESHOLDS.min_ink
    edges = np.flatnonzero(np.diff(np.concatenate(([0], is_blank, [0]))))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return end
    longest = int(np.argmax(ends - starts))
    return first + int(starts[longest] + ends[longest]) // 2
