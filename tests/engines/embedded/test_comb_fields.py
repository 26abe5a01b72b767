"""Boxes for single characters on page images that are drawn here, without any model."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_worker.engines.embedded.reading.comb_fields import find_combs

HEIGHT = 40.0  # of a line on these pages


def page(*places: tuple[int, int], width: int = 36, height: int = 50, letters: str = "") -> np.ndarray:
    """Return the ink of a page with frames at these corners, and letters in the first of them."""
    pixels = np.zeros((400, 1400), np.uint8)
    for x, y in places:
        cv2.rectangle(pixels, (x, y), (x + width, y + height), 1, 2)
    for (x, y), letter in zip(places, letters, strict=False):
        cv2.putText(pixels, letter, (x + 8, y + 38), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 1, 2)
    return pixels.astype(bool)


def row(count: int, step: int, y: int = 60, x: int = 100) -> list[tuple[int, int]]:
    return [(x + step * i, y) for i in range(count)]


@pytest.mark.parametrize("step", [36, 46])
def test_equal_boxes_in_a_row_are_a_comb(step: int) -> None:
    """Boxes with a common frame, and boxes a little apart, are one comb; the white inside of letters is none."""
    assert [len(comb) for comb in find_combs(page(*row(12, step), letters="DB80O6A9"), HEIGHT)] == [12]


def test_a_broken_frame_is_a_box_of_the_comb() -> None:
    """The boxes around a broken frame show its place."""
    ink = page(*row(8, 46))
    ink[100:140, 100 + 3 * 46 - 4 : 100 + 3 * 46 + 60] = False
    assert [len(comb) for comb in find_combs(ink, HEIGHT)] == [8]


def test_a_few_boxes_are_a_comb_beside_a_longer_one() -> None:
    """Two boxes for a day are as wide as those of a number; two boxes alone are none."""
    assert sorted(len(comb) for comb in find_combs(page(*row(8, 36), *row(2, 36, x=600)), HEIGHT)) == [2, 8]
    assert find_combs(page(*row(2, 36)), HEIGHT) == []


def test_cells_of_a_table_are_no_comb() -> None:
    """Rows of boxes below one another are a table, and wide boxes are cells."""
    assert find_combs(page(*row(6, 36), *row(6, 36, y=110)), HEIGHT) == []
    assert find_combs(page(*row(6, 90), width=90), HEIGHT) == []
