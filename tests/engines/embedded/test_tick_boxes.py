"""Drawn squares and their state, on page images that are drawn here, without any model."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word, rows
from ocr_worker.engines.embedded.reading import tick_boxes
from ocr_worker.engines.embedded.reading.models import Quads, box_of
from ocr_worker.engines.embedded.reading.text_layer import quads_of
from ocr_worker.engines.embedded.reading.tick_boxes import apply_tick_boxes, find_tick_boxes, read_beside_boxes
from ocr_worker.engines.embedded.text import paragraphs, row_text
from ocr_worker.pages import Pixels

BLACK = (0, 0, 0)
TEXT = [Box(20, 50, 180, 80)]


def nothing(pixels: Pixels, x: int) -> None:
    """Draw no tick."""


def cross(pixels: Pixels, x: int) -> None:
    cv2.line(pixels, (x, 50), (x + 30, 80), BLACK, 2)
    cv2.line(pixels, (x, 80), (x + 30, 50), BLACK, 2)


def check(pixels: Pixels, x: int) -> None:
    """Draw a check that leaves the square at its upper right."""
    cv2.polylines(pixels, [np.array([(x + 6, 64), (x + 13, 74), (x + 38, 42)])], False, BLACK, 3)


def large_cross(pixels: Pixels, x: int) -> None:
    """Draw a cross by hand that leaves the square on all sides."""
    cv2.line(pixels, (x - 9, 40), (x + 37, 92), BLACK, 2)
    cv2.line(pixels, (x - 4, 90), (x + 41, 38), BLACK, 3)


def scribble(pixels: Pixels, x: int) -> None:
    """Draw strokes over most of the square that leave it above and below."""
    points = [(x - 5, 42), (x + 8, 90), (x + 12, 40), (x + 20, 92), (x + 24, 38), (x + 36, 88)]
    cv2.polylines(pixels, [np.array(points)], False, BLACK, 4)


def small_cross(pixels: Pixels, x: int) -> None:
    """Draw a cross that does not touch the frame."""
    cv2.line(pixels, (x + 9, 59), (x + 21, 71), BLACK, 2)
    cv2.line(pixels, (x + 9, 71), (x + 21, 59), BLACK, 2)


def fill(pixels: Pixels, x: int) -> None:
    cv2.rectangle(pixels, (x, 50), (x + 30, 80), BLACK, -1)


def page(*ticks: Callable[[Pixels, int], None], width: int = 2) -> Pixels:
    """Return a page with squares of 30 pixels at 200, 400 and so on. width: of the frames."""
    pixels = np.full((200, 1200, 3), 255, np.uint8)
    for i, tick in enumerate(ticks):
        cv2.rectangle(pixels, (200 + 200 * i, 50), (230 + 200 * i, 80), BLACK, width)
        tick(pixels, 200 + 200 * i)
    return pixels


@pytest.mark.parametrize("width", [1, 2])
def test_squares_are_marks_with_their_state(width: int) -> None:
    """A cross, a check that sticks out, a small cross and a fill tick a square."""
    marks = find_tick_boxes(page(nothing, cross, check, small_cross, fill, width=width), TEXT)
    assert "".join(mark.text for mark in marks) == "☐☑☑☑☑"
    assert [round(mark.box.x0 / 10) for mark in marks] == [20, 40, 60, 80, 100]


def test_a_tick_by_hand_may_run_over_the_frame() -> None:
    """A square whose frame is as large as an open one is found under strokes that leave it on all sides."""
    marks = find_tick_boxes(page(large_cross, nothing, scribble), TEXT)
    assert "".join(mark.text for mark in marks) == "☑☐☑"
    assert [round(mark.box.x0 / 10) for mark in marks] == [20, 40, 60]
    skewed = cv2.warpAffine(
        page(large_cross, nothing),
        cv2.getRotationMatrix2D((300, 65), 1.0, 1.0),
        (1200, 200),
        borderValue=(255, 255, 255),
    )
    assert "".join(mark.text for mark in find_tick_boxes(skewed, TEXT)) == "☑☐"


@pytest.mark.parametrize("letter", "BDEHNOR8")
def test_letters_as_large_as_a_square_are_none(letter: str) -> None:
    """Their edges are round or broken."""
    pixels = page(nothing)
    (width, height), _ = cv2.getTextSize(letter, cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)
    glyph = np.full((height + 4, width, 3), 255, np.uint8)
    cv2.putText(glyph, letter, (0, height + 2), cv2.FONT_HERSHEY_DUPLEX, 1.0, BLACK, 2)
    ink = np.argwhere(glyph[:, :, 0] < 128)
    (y0, x0), (y1, x1) = ink.min(axis=0), ink.max(axis=0) + 1
    large = cv2.resize(glyph[y0:y1, x0:x1], (round(33 * (x1 - x0) / (y1 - y0)), 33))
    pixels[49:82, 600 : 600 + large.shape[1]] = large
    assert [mark.text for mark in find_tick_boxes(pixels, TEXT)] == ["☐"]


def test_squares_that_nobody_ticks_are_none() -> None:
    """Filled squares alone are bullets, boxes in a row are for letters, and a square far from text is a drawing."""
    assert find_tick_boxes(page(fill, fill), TEXT) == []
    assert find_tick_boxes(page(nothing, cross), [Box(20, 150, 180, 180)]) == []
    comb = np.full((200, 400, 3), 255, np.uint8)
    for i in range(5):
        cv2.rectangle(comb, (200 + 36 * i, 50), (230 + 36 * i, 80), BLACK, 2)
    assert find_tick_boxes(comb, TEXT) == []


def test_a_square_needs_a_label_near_it() -> None:
    """A square in a figure is level with the text of another column only; answers in rows may be far from theirs."""
    pixels = np.full((400, 1200, 3), 255, np.uint8)
    cv2.rectangle(pixels, (900, 50), (930, 80), BLACK, 2)
    assert find_tick_boxes(pixels, TEXT) == []
    cv2.rectangle(pixels, (900, 150), (930, 180), BLACK, 2)
    assert len(find_tick_boxes(pixels, [*TEXT, Box(20, 150, 280, 180)])) == 2


def test_cells_and_letters_are_no_squares() -> None:
    """The cells of a table and round letters are no boxes to tick."""
    pixels = np.full((200, 800, 3), 255, np.uint8)
    for i in range(4):
        cv2.rectangle(pixels, (200 + 30 * i, 50), (230 + 30 * i, 80), BLACK, 2)
    for i, letter in enumerate("ODQ08B"):
        cv2.putText(pixels, letter, (400 + 50 * i, 80), cv2.FONT_HERSHEY_SIMPLEX, 1.3, BLACK, 3)
    assert find_tick_boxes(pixels, TEXT) == []


def layer_line(text: str, x: float) -> Line:
    words, at = [], x
    for word in text.split():
        words.append(Word(word, Box(at, 52, at + 14 * len(word), 78)))
        at += 14 * len(word) + 10
    return Line(text, Box(x, 52, at - 10, 78), words=tuple(words), is_from_text_layer=True)


def test_a_typed_letter_ticks_a_drawn_square() -> None:
    """An X of the text layer in an empty square is its tick, alone or before its label, and no text."""
    boxes = find_tick_boxes(page(nothing, nothing, nothing), TEXT)
    lines = [layer_line("X", 208), layer_line("X gas", 408), layer_line("wood", 640)]
    kept, marks = apply_tick_boxes(lines, boxes)
    assert [line.text for line in kept] == ["gas", "wood"]
    assert [mark.text for mark in marks] == ["☑", "☑", "☐"]


def test_a_filled_square_of_the_layer_ticks_a_drawn_square() -> None:
    """A symbol font's filled square in a frame is a tick, and no bullet."""
    boxes = find_tick_boxes(page(nothing, nothing), TEXT)
    lines, marks = apply_tick_boxes([layer_line("■", 208)], boxes)
    assert (lines, [mark.text for mark in marks]) == ([], ["☑", "☐"])


class Reader:
    """A recognizer that reads each outline as this text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read_lines(self, pixels: Pixels, quads: Quads, batch: int = 2) -> list[Line]:
        return [Line(self.text, box_of(quad)) for quad in quads]


@pytest.mark.parametrize(
    ("others", "texts"), [([], ["☑"]), ([Line("每天早晨", Box(0, 300, 200, 330))], ["冈", "每天早晨"])]
)
def test_a_ticked_square_is_no_chinese_character(
    others: list[Line], texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crossed square alone in a cell is read as a character like it; on a page in Chinese it is that character."""
    square = Line("☑", Box(200, 50, 230, 80), words=(Word("☑", Box(200, 50, 230, 80)),))
    readings = [Line("冈", Box(190, 40, 240, 90)), *others]
    monkeypatch.setattr(tick_boxes, "read_lines_over_watermark", lambda *_: readings)
    lines = read_beside_boxes(Reader("冈"), page(cross), quads_of([line.box for line in readings]), [square])  # type: ignore[arg-type]
    assert [line.text for line in lines] == texts


def test_a_square_with_a_letter_is_none_to_tick() -> None:
    """A number in a square, and a square that the text layer has as a character, stay as they are."""
    boxes = find_tick_boxes(page(nothing, nothing), TEXT)
    lines = [layer_line("7", 208), Line("□", Box(398, 48, 432, 82), words=(Word("□", Box(398, 48, 432, 82)),))]
    assert apply_tick_boxes(lines, boxes) == (lines, [])


def test_options_are_under_their_question() -> None:
    """Questions with their options are a line each, with the marks before the options."""
    texts = [["Do you own a bicycle?", "☑", "yes", "☐", "no"], ["Heating:", "☐", "coal", "☑", "gas"]]
    lines = [
        Line(text, Box(300 * i, 60 * row, 300 * i + 12 * len(text), 60 * row + 30))
        for row, row_texts in enumerate(texts)
        for i, text in enumerate(row_texts)
    ]
    assert [row_text(row) for row in rows(lines)] == [" ".join(row_texts) for row_texts in texts]
    close = [Line(line.text, line.box._replace(y0=line.box.y0 * 0.6, y1=line.box.y0 * 0.6 + 30)) for line in lines]
    assert paragraphs(close) == [" ".join(row_texts) for row_texts in texts]
