"""Words of a text layer and the blocks that they belong to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.engines.paddleocr_vl.layer_words import LayerWord, assign, outline_of, read_words, turn
from ocr_worker.pages import TextLine, TextWord

LEFT = np.array([(100, 100), (500, 100), (500, 400), (100, 400)], np.float32)
RIGHT = np.array([(540, 100), (940, 100), (940, 400), (540, 400)], np.float32)
BELOW = np.array([(100, 404), (500, 404), (500, 600), (100, 600)], np.float32)
# Around a picture in the lower right corner of its box.
AROUND = np.array([(100, 100), (500, 100), (500, 250), (300, 250), (300, 400), (100, 400)], np.float32)


def word(x0: float, y0: float, x1: float, y1: float) -> LayerWord:
    return LayerWord("word", (x0, y0, x1, y1), 0, True, (1,), True)


def owners(words: list[LayerWord], *outlines: np.ndarray) -> tuple[dict[int, int], set[int]]:
    """Return how many words each outline has, and the outlines that show parts of words."""
    assignment = assign(words, outlines)
    return {i: len(each) for i, each in assignment.words.items() if each}, assignment.cut


def test_words_belong_to_their_outline() -> None:
    """A word belongs to the outline around it, and a word outside all of them to none."""
    words = [word(110, 110, 180, 134), word(600, 300, 700, 324), word(10, 10, 60, 34)]
    assert owners(words, LEFT, RIGHT) == ({0: 1, 1: 1}, set())


@pytest.mark.parametrize("shift", [(-5, 0), (5, 0), (0, -5), (0, 5), (5, 5), (-5, -5)])
def test_outlines_a_few_pixels_off(shift: tuple[float, float]) -> None:
    """Outlines that are moved by five pixels keep their words, whole; a narrow word at the edge is not lost."""
    words = [word(100, y, 106, y + 24) for y in (100, 240, 376)] + [word(430, y, 500, y + 24) for y in (100, 376)]
    below = [word(100, 404, 170, 428)]
    assert owners(words + below, LEFT + np.float32(shift), BELOW + np.float32(shift)) == ({0: 5, 1: 1}, set())


def test_a_word_over_the_outline() -> None:
    """An outline that cuts through a word is marked, on the side that has its middle and on the other one."""
    assert owners([word(400, 200, 530, 224)], LEFT) == ({0: 1}, {0})
    assert owners([word(450, 200, 580, 224)], LEFT) == ({}, {0})
    assert owners([word(480, 200, 640, 224)], LEFT, RIGHT) == ({1: 1}, {0, 1})


def test_a_word_in_two_outlines() -> None:
    """A word that two blocks show cannot be written in either."""
    inner = np.array([(150, 150), (300, 150), (300, 250), (150, 250)], np.float32)
    assert owners([word(180, 190, 240, 214), word(350, 190, 400, 214)], LEFT, inner)[1] == {0, 1}


def test_a_word_beside_a_polygon() -> None:
    """Words in a polygon's box and outside the polygon belong to the block that fills the corner."""
    corner = np.array([(310, 260), (500, 260), (500, 400), (310, 400)], np.float32)
    words = [word(110, 110, 480, 134), word(110, 350, 280, 374), word(330, 350, 480, 374)]
    assert owners(words, AROUND, corner) == ({0: 2, 1: 1}, set())


def test_outlines_of_blocks() -> None:
    """A block without a polygon, or with one of two points, has the outline of its box."""
    box = [(1, 2), (3, 2), (3, 4), (1, 4)]
    assert outline_of({"box": [1, 2, 3, 4]}).tolist() == [list(point) for point in box]
    assert outline_of({"box": [1, 2, 3, 4], "polygon_points": np.zeros((2, 2))}).tolist() == [list(p) for p in box]
    assert len(outline_of({"box": [0, 0, 9, 9], "polygon_points": AROUND})) == 6


@given(st.integers(0, 3), st.integers(0, 30), st.integers(0, 20))
def test_turned_boxes_are_on_turned_pixels(quarters: int, x: int, y: int) -> None:
    """A box turned with its page is where the pixels of the box are after `np.rot90`."""
    page = np.zeros((40, 60), np.uint8)
    page[y : y + 7, x : x + 11] = 1
    x0, y0, x1, y1 = (int(edge) for edge in turn((x, y, x + 11, y + 7), quarters, 60, 40))
    rows, columns = np.nonzero(np.rot90(page, quarters))
    assert (x0, y0, x1, y1) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_words_of_lines() -> None:
    """Words know the spaces before them, their fonts, and whether their line runs along the page."""
    line = TextLine(
        "the 河水 f(x)",
        (0, 0, 90, 20),
        (
            TextWord("the", (0, 0, 20, 20), 1),
            TextWord("河", (30, 0, 45, 20), 2),
            TextWord("水", (45, 0, 60, 20), 2),
            TextWord("f(x)", (65, 0, 90, 20), 3, (4,)),
        ),
    )
    upright = TextLine("up", (0, 0, 20, 90), (TextWord("up", (0, 0, 20, 90)),))
    slanted = TextLine("DRAFT", (0, 0, 90, 90), (), ((0, 90), (90, 0), (99, 9), (9, 99)))
    words = read_words([line, upright, slanted], 0, 100, 100)
    assert [(each.text, each.has_space_before, each.fonts, each.is_level) for each in words] == [
        ("the", False, (1,), True),
        ("河", True, (2,), True),
        ("水", False, (2,), True),
        ("f(x)", True, (3, 4), True),
        ("up", False, (0,), False),
        ("DRAFT", False, (0,), False),
    ]
    assert [each.is_level for each in read_words([upright], 1, 100, 100)] == [True]
