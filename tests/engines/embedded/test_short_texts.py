"""Short texts of a picture: what the detector misses is read on evidence, and what is dropped has a warning."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.ink_mask import connect_ink, crop_alone
from ocr_worker.engines.embedded.reading.short_texts import (
    is_piece_of_rule,
    read_short_texts,
    restore_dollars,
    warn_of_lost,
)
from support.line_reader import LineReader

ROWS = [60 * i for i in range(1, 6)]  # y of the middles of the rows of a table
NAMES = ["river", "garden", "office", "copper", "season"]
TITLE = Line("a table of the goods of every place, with their prices and their numbers", Box(40, 5, 560, 25))
PAGE = [TITLE, *(Line(name, Box(40, y - 15, 200, y + 15)) for y, name in zip(ROWS, NAMES, strict=True))]
NUMBERS = [Line(str(7 * y), Box(400, y - 15, 460, y + 15)) for y in ROWS]


def page(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Return a page image with these filled boxes, each left, top, right and bottom."""
    pixels = np.full((400, 600, 3), 255, np.uint8)
    for x0, y0, x1, y1 in boxes:
        cv2.rectangle(pixels, (x0, y0), (x1 - 1, y1 - 1), (0, 0, 0), -1)
    return pixels


def read(lines: list[Line], *boxes: tuple[int, int, int, int], reader: LineReader | None = None) -> list[str]:
    """Return the texts of the lines on a page with these boxes that are not among the rows of the table."""
    models: Any = reader or LineReader()
    pixels = page(*boxes)
    table = {id(line) for line in (*PAGE, *NUMBERS)}
    return [
        line.text
        for line in read_short_texts(models, pixels, connect_ink(pixels), [*PAGE, *NUMBERS, *lines])
        if id(line) not in table
    ]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((340, 120, 347, 123), []),  # in no column
        ((453, 120, 460, 123), ["-"]),
        ((444, 120, 460, 123), ["–"]),
        ((438, 120, 460, 123), ["—"]),
        ((410, 120, 460, 123), []),  # a rule
        ((438, 133, 460, 136), []),  # the line of a blank
        ((438, 360, 460, 363), []),  # in no row
    ],
)
def test_a_bar_in_the_row_and_the_column_of_texts_is_a_dash(
    box: tuple[int, int, int, int], expected: list[str]
) -> None:
    """Its width tells which; it must be as long as a dash and amid the row."""
    pixels = page(box)
    models: Any = LineReader()
    numbers = [line for line in NUMBERS if line.box.center[1] != ROWS[1]]
    lines = read_short_texts(models, pixels, connect_ink(pixels), [*PAGE, *numbers])
    assert [line.text for line in lines if line not in PAGE and line not in numbers] == expected


@pytest.mark.parametrize("step", [32, 38, 46])
@pytest.mark.parametrize(("texts", "expected"), [("the rows of a paragraph are filled", []), ("pumps", ["-"])])
def test_a_bar_beside_a_paragraph_is_no_dash(texts: str, expected: list[str], step: int) -> None:
    """A drawing in the next column has bars, which are level with the rows of prose, and below one another."""
    pixels = page((453, 120, 460, 123), (453, 120 + 2 * step, 460, 123 + 2 * step))
    width = 12 * len(texts)
    rows = [Line(texts, Box(20, y - 15, 20 + width, y + 15)) for y in range(121 - 2 * step, 400, step)]
    rows.append(Line("printed in the margin", Box(2, 20, 18, 380)))
    models: Any = LineReader()
    lines = read_short_texts(models, pixels, connect_ink(pixels), rows)
    assert [line.text for line in lines if line not in rows] == expected * 2


def test_the_line_of_a_legend_is_no_dash() -> None:
    """A bar right before words is part of a drawing, or a bullet; before a number it is a minus."""
    bar = (438, 120, 460, 123)
    words, number = (Line(text, Box(470, 105, 540, 135)) for text in ("yield", "12"))
    above = [line for line in NUMBERS if line.box.center[1] != ROWS[1]]
    pixels = page(bar)
    models: Any = LineReader()
    assert [
        any(line.text == "—" for line in read_short_texts(models, pixels, connect_ink(pixels), [*PAGE, *above, behind]))
        for behind in (words, number)
    ] == [False, True]


def test_a_missed_digit_is_read_where_texts_are_in_its_row_and_column() -> None:
    """A shape of the same size elsewhere is not read at all; neither is a drawing of many shapes."""
    reader = LineReader("7", 0.95)
    digit, elsewhere = (500, 110, 510, 130), (300, 370, 310, 390)
    column = [Line("5", Box(495, y - 15, 515, y + 15)) for y in ROWS if y != ROWS[1]]
    missed = [(500, y - 10, 510, y + 10) for y in ROWS]
    assert read([], *missed, reader=LineReader("7", 0.95)) == ["7"] * 5  # a column of which none was detected
    assert read([], *missed[:2], reader=LineReader("7", 0.95)) == []
    assert read(column, digit, elsewhere, reader=reader).count("7") == 1
    assert reader.count == 1
    assert read(column, digit, reader=LineReader("7", 0.5)) == ["5"] * 4
    models: Any = reader
    pixels = page(digit)
    lines = [*PAGE, *NUMBERS, *column]
    assert read_short_texts(models, pixels, connect_ink(pixels), lines, [Box(480, 90, 540, 150)]) == lines
    assert read(column, (505, 107, 507, 133), reader=reader) == ["5"] * 4  # a piece of a rule
    assert read(column, (496, 112, 510, 126), reader=reader) == ["5"] * 4  # a filled square
    drawing = [(490 + 6 * i, 108 + 4 * (i % 3), 494 + 6 * i, 118 + 4 * (i % 3)) for i in range(7)]
    assert read(column, *drawing, reader=reader) == ["5"] * 4


@pytest.mark.parametrize("right", [462, 470, 480])
def test_a_comma_is_no_digit(right: int) -> None:
    """It is in the lower half of its row, right behind a text, even if those of several rows are in one column."""
    row, reader = ROWS[1], LineReader("1", 0.95)
    commas = [(right, y + 1, right + 5, y + 13) for y in ROWS]
    assert read([], *commas, reader=reader) == []
    digits = [(right, y - 9, right + 5, y + 9) for y in ROWS]
    assert read([], *digits, reader=reader) == ["1"] * 5
    below = Line("gates", Box(right - 60, row - 32, right - 4, row - 6))
    assert read([below], *digits, reader=reader) == ["gates", *["1"] * 5]


@pytest.mark.parametrize(
    ("text", "score", "reading", "new_score", "expected"),
    [
        ("是", 0.64, "No", 1.0, "No"),
        ("是", 0.64, "No", 0.6, "是"),  # dropped later, with a warning
        ("Zy", 0.7, "No", 1.0, "No"),
        ("x", 0.7, "X", 1.0, "x"),
        ("十", 0.9, "", 0.0, "+"),
        ("1)", 0.7, "1", 1.0, "1)"),
        ("是", 0.64, "①", 1.0, "是"),
    ],
)
def test_a_short_text_in_doubt_is_read_from_its_ink_alone(
    text: str, score: float, reading: str, new_score: float, expected: str
) -> None:
    """The second reading counts if it is certain, and no character is lost."""
    line = Line(text, Box(300, 90, 330, 150), score)
    assert read([line], (305, 110, 325, 130), reader=LineReader(reading, new_score)) == [expected]


def test_a_stroke_that_continues_is_a_piece_of_a_rule() -> None:
    """Part of a colored rule is dark enough to be ink; an I or a dash ends at its ends."""
    for box, rest in (((300, 100, 303, 130), (300, 60, 303, 170)), ((300, 100, 330, 103), (260, 100, 380, 103))):
        assert not is_piece_of_rule(page(box), Box(*map(float, box)))
        pixels = page(rest)
        pixels[pixels == 0] = 190
        cv2.rectangle(pixels, box[:2], (box[2] - 1, box[3] - 1), (0, 0, 0), -1)
        assert is_piece_of_rule(pixels, Box(*map(float, box)))


def test_a_sign_that_is_a_dash_or_a_rule() -> None:
    """The sign of a flat bar in a row is a dash; that of a rule through its outline is left out."""
    line = Line("一", Box(300, 110, 330, 130), 1.0)
    assert read([line], (304, 119, 326, 122)) == ["—"]
    assert read([line], (100, 119, 500, 122)) == []


def test_certain_texts_stay() -> None:
    """No short text of which the recognizer is sure is read again, and no page without text."""
    reader = LineReader("x")
    assert read([Line("No", Box(300, 90, 330, 150), 0.9)], (305, 110, 325, 130), reader=reader) == ["No"]
    models: Any = reader
    pixels = page((305, 110, 325, 130))
    assert read_short_texts(models, pixels, connect_ink(pixels), []) == []
    assert reader.count == 0


def test_a_crop_has_only_its_shapes() -> None:
    """The crop may reach out of the page."""
    pixels = page((0, 10, 8, 30), (12, 0, 14, 400))
    ink = connect_ink(pixels)
    number = int(ink.labels[20, 4])
    crop = crop_alone(pixels, ink, Box(-10, 0, 20, 40), [number])
    assert crop.shape == (40, 30, 3)
    assert (crop[:, :, 0] < 128).sum() == 8 * 20


def test_a_lone_s_before_a_number_is_a_dollar_sign_on_a_page_with_others() -> None:
    """Small dollar signs and letters look alike."""
    s, other = Line("S", Box(360, 45, 380, 75)), Line("s", Box(210, 105, 230, 135))
    words = Line("total", Box(250, 105, 330, 135))
    lines = [*PAGE, *NUMBERS, s, other, words]
    assert restore_dollars(lines) == lines
    dollars = restore_dollars([*lines, Line("$ 9", Box(400, 345, 460, 375))])
    assert [line.text for line in dollars if len(line.text) == 1] == ["$", "s"]


def test_a_short_text_is_dropped_with_a_warning() -> None:
    """But not a mark in a picture, a mark without a text in its row, or the line of a blank."""
    lost = Line("是", Box(300, 50, 330, 80), 0.6)
    blank, elsewhere = Line("_", Box(300, 110, 330, 130), 0.3), Line("中", Box(300, 360, 330, 390), 0.3)
    (warning,) = warn_of_lost([lost, blank, elsewhere], PAGE, [])
    assert (warning.code, warning.bbox) == ("LOW_CONFIDENCE", (300, 50, 330, 80))
    assert warn_of_lost([lost, blank, elsewhere], PAGE, [Box(280, 40, 400, 100)]) == []
