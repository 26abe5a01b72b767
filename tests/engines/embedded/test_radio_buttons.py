"""Drawn circles to choose from, on page images that are drawn here, without any model."""

from __future__ import annotations

import cv2
import numpy as np

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.radio_buttons import drop_layered, find_radio_buttons
from ocr_worker.pages import Pixels

LABELS = [Box(250 + 200 * i, 48, 340 + 200 * i, 82) for i in range(4)]


def page(*insides: str, radius: int = 14, width: int = 2) -> Pixels:
    """Return a page with circles before the labels: empty, with a dot, or with a letter in them."""
    pixels = np.full((200, 1200, 3), 255, np.uint8)
    for i, inside in enumerate(insides):
        center = (220 + 200 * i, 65)
        cv2.circle(pixels, center, radius, (0, 0, 0), width, cv2.LINE_AA)
        if inside == "dot":
            cv2.circle(pixels, center, radius // 2, (0, 0, 0), -1, cv2.LINE_AA)
        elif inside:
            cv2.putText(pixels, inside, (center[0] - 5, center[1] + 6), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1)
    return pixels


def states(pixels: Pixels, labels: list[Box] = LABELS) -> list[str]:
    return [line.text for line in find_radio_buttons(pixels, labels)]


def test_circles_before_labels_have_their_state() -> None:
    """A ring is open, and chosen with a dot in its middle."""
    assert states(page("", "dot", "", "")) == ["○", "◉", "○", "○"]


def test_other_rings_are_none_to_choose() -> None:
    """A single ring, thick rings such as a letter o, and rings with a number in them are no circles to choose."""
    assert states(page("")) == []
    assert states(page("", "", radius=10, width=5)) == []
    assert states(page("1", "2", "3")) == []


def test_holes_beside_a_table_are_no_circles() -> None:
    """A rule between the circle and the text parts them, and so does another height."""
    pixels = page("", "", "")
    for i in range(3):
        cv2.line(pixels, (244 + 200 * i, 20), (244 + 200 * i, 110), (0, 0, 0), 2)
    assert states(pixels) == []
    assert states(page("", "", ""), [box._replace(y0=68, y1=100) for box in LABELS]) == []


def test_thin_letters_that_are_set_apart_are_no_circles() -> None:
    """In a word of a wide font there is white beside an o, but less than between words."""
    pixels = page("", "", "")
    for i in range(3):
        cv2.line(pixels, (194 + 200 * i, 52), (194 + 200 * i, 78), (0, 0, 0), 2)
        cv2.line(pixels, (246 + 200 * i, 52), (246 + 200 * i, 78), (0, 0, 0), 2)
    assert states(pixels) == []


def test_letters_of_a_word_are_no_circles() -> None:
    """A ring with ink right beside it is a letter."""
    pixels = page("", "", "")
    for i in range(3):
        cv2.line(pixels, (240 + 200 * i, 52), (240 + 200 * i, 78), (0, 0, 0), 2)
    assert states(pixels) == []


def test_circles_of_the_layer_stay_its_own() -> None:
    """A circle that the layer has as a character is there already."""
    rings = find_radio_buttons(page("", "dot"), LABELS)
    layer = [Line("○ yes", Box(204, 48, 340, 82), words=(Word("○", Box(204, 48, 236, 82)), Word("yes", LABELS[0])))]
    assert [ring.text for ring in drop_layered(rings, layer)] == ["◉"]
