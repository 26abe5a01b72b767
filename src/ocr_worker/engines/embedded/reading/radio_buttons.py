"""Drawn circles before a label, of which somebody chooses one, and their state.

A circle is a thin ring with white inside it, or with a dot in its middle. Letters and figures are rings, too: only
circles that are alone, right before a text, and of which the page has several of one size count. A circle with
anything else in it, such as a number, is none to choose. All functions but `find_radio_buttons` are pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box, BoxIndex
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.ink_mask import Mask, ink_mask
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

OPEN, CHOSEN = "○", "◉"


def find_radio_buttons(pixels: Pixels, texts: Sequence[Box]) -> list[Line]:
    """Return the circles as lines, each with the sign of its state. texts: the boxes of the page's lines."""
    heights = [min(box.width, box.height) for box in texts]
    if not heights:
        return []
    ink = ink_mask(pixels)
    rings = [
        (ring, state)
        for ring in _rings(ink, float(np.median(heights)))
        if _is_alone(ink, ring) and _is_before_text(ink, ring, texts) and (state := _state(ink, ring))
    ]
    return [
        Line(state, ring, words=(Word(state, ring),))
        for ring, state in sorted(rings)
        if sum(_is_as_large(ring, other) for other, _ in rings) >= THRESHOLDS.min_circles
    ]


def drop_layered(rings: Sequence[Line], layer: Sequence[Line]) -> list[Line]:
    """Return the circles that the layer does not have as characters."""
    words = [word.box for line in layer for word in line.words or (Word(line.text, line.box),)]
    index = BoxIndex(words)

    def has_word(ring: Box) -> bool:
        near = (words[i] for i in index.near(ring.y0, ring.y1))
        return any(ring.contains(word.center) or word.contains(ring.center) for word in near)

    return [ring for ring in rings if not has_word(ring.box)]


def _rings(ink: Mask, height: float) -> list[Box]:
    """Return the outer edges of thin rings. height: of a line, in pixels."""
    contours, hierarchy = cv2.findContours(ink.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    low, high = THRESHOLDS.low_frame * height, THRESHOLDS.high_frame * height
    rings = []
    for contour, (_, _, _, parent) in zip(contours, hierarchy[0] if hierarchy is not None else (), strict=True):
        if parent < 0:
            continue
        inner, outer = _circle(contour), _circle(contours[parent])
        if inner and outer and low < inner.height < high:
            ring_width = (outer.width - inner.width) / 2
            if ring_width < THRESHOLDS.ring_width * inner.width:
                rings.append(outer)
    return rings


def _circle(contour: NDArray[Any]) -> Box | None:
    """Return the box of the contour if it is a circle, by the share of the box that it fills."""
    x, y, width, height = cv2.boundingRect(contour)
    shorter, longer = sorted((width, height))
    if shorter < THRESHOLDS.min_frame or longer > THRESHOLDS.round * shorter:
        return None
    low, high = THRESHOLDS.circle_area
    is_circle = low < cv2.contourArea(contour) / ((width - 1) * (height - 1)) < high
    return Box(float(x), float(y), float(x + width), float(y + height)) if is_circle else None


def _is_alone(ink: Mask, ring: Box) -> bool:
    """Return whether nothing is right beside the ring, as other letters are, and the white of a word before it."""
    before, behind = (max(2, round(room * ring.width)) for room in THRESHOLDS.circle_room)
    x0, y0, x1, y1 = (int(side) for side in ring)
    beside = ink[y0:y1, max(0, x0 - before) : max(0, x0 - 1)], ink[y0:y1, x1 + 1 : x1 + behind]
    return all(part.mean() < THRESHOLDS.circle_dirt for part in beside if part.size)


def _is_before_text(ink: Mask, ring: Box, texts: Sequence[Box]) -> bool:
    """Return whether a text begins right behind the ring at its height, with no rule between the two.

    The text may contain the ring, with more text behind it.
    """
    reach = THRESHOLDS.circle_label * ring.width
    _, y0, x1, y1 = (int(side) for side in ring)
    for text in texts:
        is_level = abs(text.center[1] - ring.center[1]) < THRESHOLDS.circle_level * ring.height
        if is_level and text.x0 < ring.x1 + reach and text.x1 > ring.x1 + ring.width:
            between = ink[y0:y1, x1 + 1 : max(x1 + 1, int(text.x0))]
            return not between.size or float(between.mean(axis=0).max()) < THRESHOLDS.rule_between
    return False


def _state(ink: Mask, ring: Box) -> str | None:
    """Return the sign of an empty circle or of a circle with a dot; None for a circle with other contents."""
    margin = THRESHOLDS.circle_margin * ring.width
    x0, y0, x1, y1 = (round(side) for side in ring.grown(-margin))
    inside = ink[y0:y1, x0:x1]
    if inside.mean() < THRESHOLDS.tick_ink:
        return OPEN
    x, y = (round(side) for side in ring.center)
    reach = max(1, round(THRESHOLDS.dot * ring.width / 2))
    dot = ink[y - reach : y + reach + 1, x - reach : x + reach + 1]
    return CHOSEN if dot.mean() > THRESHOLDS.filled_ink else None


def _is_as_large(a: Box, b: Box) -> bool:
    return abs(a.width - b.width) <= THRESHOLDS.same_frame * max(a.width, b.width)
