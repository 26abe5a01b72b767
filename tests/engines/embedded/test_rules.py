"""Ruled lines found on a picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_worker.engines.embedded.layout.rules import Rules, find_rules
from ocr_worker.pages import Pixels

SIDE = 2000


def page() -> Pixels:
    return np.full((SIDE, 1400, 3), 255, np.uint8)


def test_a_light_grey_rule_is_found_in_noise() -> None:
    """A hairline that single pixels do not show, in whole or in long pieces."""
    pixels = page()
    pixels[500:502, 200:1200] = 215
    noise = np.random.default_rng(1).normal(0, 8, pixels.shape[:2])[:, :, None]
    rules = find_rules(np.clip(pixels + noise, 0, 255).astype(np.uint8))
    assert sum(rule.width for rule in rules.across if 495 < rule.center[1] < 507) > 800
    assert rules.down == ()


def test_dots_in_a_row_are_a_rule() -> None:
    """Dots and breaks shorter than a letter do not end a rule."""
    pixels = page()
    for x in range(200, 1200, 6):
        pixels[500:503, x : x + 3] = 60
    (rule,) = find_rules(pixels).across
    assert rule.width > 950


def test_lines_of_text_are_no_rules() -> None:
    """Neither are small letters."""
    pixels = page()
    for i in range(20):
        cv2.putText(pixels, "measured values in most districts " * 2, (80, 200 + 40 * i), 0, 0.7, (0, 0, 0), 2)
    assert find_rules(pixels).across == ()


def test_a_fill_has_edges() -> None:
    """A shaded row is bounded above and below, and a dark one with light letters has no rules in it."""
    pixels = page()
    pixels[500:540, 200:1200] = 232
    pixels[700:760, 200:1200] = 40
    for i, head in enumerate(("Name", "Sum", "Year")):
        cv2.putText(pixels, head, (240 + 300 * i, 740), 0, 0.8, (255, 255, 255), 2)
    levels = sorted(round(rule.center[1], -1) for rule in find_rules(pixels).across)
    assert set(levels) == {500, 540, 700, 760}


@pytest.mark.parametrize("gray", [40, 110, 150])
@pytest.mark.parametrize("height", [28, 36, 44])
def test_a_low_fill_has_no_rules_between_its_letters(gray: int, height: int) -> None:
    """The first row of a table is often hardly higher than the light letters in it."""
    pixels = page()
    pixels[700 : 700 + height, 200:1200] = gray
    for i, head in enumerate(("Height 1", "Sum", "Illinois 3")):
        cv2.putText(pixels, head, (240 + 330 * i, 700 + height // 2 + 8), 0, 0.7, (255, 255, 255), 2)
    assert [rule for rule in find_rules(pixels).down if rule.x0 > 230 and rule.x1 < 1190] == []


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 900), (900, 1), (40, 30)])
def test_the_smallest_pictures_have_no_rules(size: tuple[int, int]) -> None:
    """A picture of a few pixels is looked at like any other."""
    assert find_rules(np.full((*size, 3), 255, np.uint8)) == Rules((), ())
    assert find_rules(np.zeros((*size, 3), np.uint8)) is not None


def test_a_very_large_page_has_the_rules_of_the_page_at_half_its_size() -> None:
    """Rules are looked for on a reduced image, and are reported in pixels of the page."""
    large = np.full((6000, 4000, 3), 255, np.uint8)
    for y in (1000, 1500, 2000):
        large[y : y + 4, 500:3500] = 0
    for x in (500, 2000, 3496):
        large[1000:2004, x : x + 4] = 0
    half = find_rules(np.ascontiguousarray(large[::2, ::2]))
    rules = find_rules(large)
    assert [box.scaled(0.5, 0.5) for box in rules.across] == list(half.across)
    assert [box.scaled(0.5, 0.5) for box in rules.down] == list(half.down)
    assert rules.across
    assert rules.down


@pytest.mark.parametrize("is_down", [False, True])
def test_a_rule_of_a_skewed_scan_is_found(is_down: bool) -> None:
    """A long rule that falls by more than its thickness is found from end to end, in pieces."""
    pixels = page()
    ends = ((300, 200), (308, 1200)) if is_down else ((200, 500), (1200, 508))
    cv2.line(pixels, *ends, (0, 0, 0), 2, cv2.LINE_AA)
    pixels = cv2.GaussianBlur(pixels, (0, 0), 0.7)
    rules = find_rules(pixels)
    pieces = [box.height for box in rules.down] if is_down else [box.width for box in rules.across]
    assert sum(pieces) > 950


@pytest.mark.parametrize("fill", [(200, 170, 78), (60, 140, 200)], ids=["blue", "orange"])
def test_light_letters_on_a_colored_ground_are_no_rules(fill: tuple[int, int, int]) -> None:
    """The ground between white letters is no ink, on a color that is no darker than grounds of dark letters."""
    pixels = page()
    pixels[700:740, 200:1200] = fill
    cv2.putText(pixels, "Initial figures (in millions)", (240, 732), 0, 0.8, (255, 255, 255), 2)
    assert all(rule.x0 < 210 or rule.x1 > 1190 for rule in find_rules(pixels).down)


def test_rules_on_a_colored_ground_with_dark_letters_are_found() -> None:
    """Columns of a shaded heading stay parted."""
    pixels = page()
    pixels[700:780, 200:1200] = (200, 170, 78)
    for x in (200, 500, 800, 1200):
        pixels[700:780, x : x + 3] = 0
        cv2.putText(pixels, "Year", (x + 40, 750), 0, 0.8, (0, 0, 0), 2)
    assert {round(rule.center[0], -1) for rule in find_rules(pixels).down} >= {500, 800}


def test_a_rule_ends_where_its_ink_ends() -> None:
    """Blurring, which shows faint rules, makes no solid rule longer: it would reach into the next row."""
    pixels = page()
    pixels[500:700, 600:603] = 0
    down = find_rules(pixels).down
    assert down
    assert max(rule.y1 for rule in down) <= 703
    assert min(rule.y0 for rule in down) >= 497
