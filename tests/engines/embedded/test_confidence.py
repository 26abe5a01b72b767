"""Warnings about uncertain text, and lines that are not taken for text."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.confidence import is_speck, remove_specks, review, warnings_for

BOX = Box(0, 0, 400, 20)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (Line("a line of text as it is read on a clean scan", BOX, 0.98), None),
        (Line("a 1ine of fext as it is rcad on a poor soan", BOX, 0.93), "LOW_CONFIDENCE"),
        (Line(", ,", BOX, 0.99), "UNSUPPORTED_SCRIPT"),
        (Line("", BOX, 0.0), "UNSUPPORTED_SCRIPT"),
    ],
    ids=["clean", "poor", "commas alone", "nothing"],
)
def test_the_warning_fits_the_line(line: Line, code: str | None) -> None:
    """Clean text has no warning, guesses have one, and a line with too little text is in an unsupported script."""
    assert [warning.code for warning in warnings_for([line] * 5)] == ([code] if code else [])


def test_illegible_small_print_on_a_legible_page_has_a_warning_with_its_place() -> None:
    """The mean confidence of a long page hides its small print, so illegible lines count by themselves."""
    legible = [Line("a line of text as it is read on a clean scan", BOX, 0.99)] * 80
    illegible = [Line("classm ue is rae thut  provde ta cos", Box(50, y, 300, y + 15), 0.55) for y in (600, 615)]
    (warning,) = warnings_for([*legible, *illegible])
    assert (warning.code, warning.bbox) == ("LOW_CONFIDENCE", (50, 600, 300, 630))
    assert warnings_for([*legible, illegible[0], Line("22002", BOX, 0.6), Line("[CCAV]", BOX, 0.6)]) == []


def test_specks_are_no_text() -> None:
    """One or two characters that are hardly believed are dirt; certain or longer ones are kept."""
    assert is_speck(Line("国", BOX, 0.14))
    assert not is_speck(Line("7", BOX, 0.9))
    assert not is_speck(Line("faint", BOX, 0.2))


def test_a_bar_alone_is_no_text() -> None:
    """A redacted line, read as an underscore, is no text; a blank to fill in and an underscore of a layer are."""
    assert is_speck(Line("_", BOX, 0.9))
    assert not is_speck(Line("______", BOX, 0.9))
    assert not is_speck(Line("_", BOX, is_from_text_layer=True))


def test_a_lone_chinese_sign_on_an_english_page_is_a_mark() -> None:
    """An arrow that was read as a sign is dropped; on a Chinese page, and in a text layer, signs are text."""
    english, sign = Line("The gauges rose in February instead of April, and then again in May", BOX), Line("日", BOX)
    assert remove_specks([english, sign]) == [english]
    assert remove_specks([Line("水位在二月上涨", BOX), sign])[1] == sign
    assert remove_specks([english, Line("日", BOX, is_from_text_layer=True)])[1].text == "日"


@pytest.mark.parametrize(
    "page", ["통상 질병보험금에 비해 상해나 재해로 인한 보험금의 경우", "The gauges rose in February"]
)
def test_an_uncertain_line_of_chinese_signs_on_another_page_is_a_guess(page: str) -> None:
    """Brush letters of another script that were read as Chinese are dropped with a warning; what is certain is text."""
    text, guess = Line(9 * page, BOX, is_from_text_layer=True), Line("是對坐", Box(0, 40, 60, 60), 0.52)
    pixels = np.full((200, 400, 3), 255, np.uint8)
    pixels[80:100, 20:380] = 0
    assert remove_specks([text, guess]) == [text]
    (warning,) = review([text, guess], pixels)[1]
    assert (warning.code, warning.bbox) == ("LOW_CONFIDENCE", (0, 40, 60, 60))
    assert review([text, Line("是", Box(0, 40, 20, 60), 0.52)], pixels)[1] == []  # perhaps a mark
    assert len(remove_specks([text, Line("是對坐", BOX, 0.9)])) == 2
    assert len(remove_specks([Line("水位在二月上涨", BOX), Line("是對坐", BOX, 0.52)])) == 2


def test_outlines_without_any_text_are_no_error() -> None:
    """Outlines as short as they are high, in which nothing was read, neither fail the page nor warn."""
    assert warnings_for([Line("", Box(0, 0, 20, 20), 0.0)] * 3) == []
