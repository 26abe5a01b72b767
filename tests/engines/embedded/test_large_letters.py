"""Large first letters on a picture: which shapes of ink are initials."""

from __future__ import annotations

import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.large_letters import Shape, find_letters, is_initial, lines_beside

ROWS = [Box(100.0 if i < 2 else 40.0, 30.0 * i, 700, 30.0 * i + 28) for i in range(4)]


def letters(*shapes: Box) -> list[Box]:
    return [letter.box for letter in find_letters([Shape(box, (i,)) for i, box in enumerate(shapes)], ROWS)]


def test_an_initial_has_its_accent_and_its_quotation_mark() -> None:
    """The dots over an Ü and the marks before it belong to the letter."""
    cap, dots, marks = Box(60, 8, 95, 50), Box(65, 0, 70, 5), Box(44, 8, 56, 20)
    assert letters(cap, dots, marks) == [Box(44, 0, 95, 50)]


def test_the_digits_of_a_number_are_one_initial() -> None:
    """Two tall shapes side by side are read together."""
    assert letters(Box(42, 2, 60, 50), Box(64, 2, 92, 50)) == [Box(42, 2, 92, 50)]


@pytest.mark.parametrize("shape", [Box(100, 2, 112, 22), Box(90, 0, 92, 58), Box(40, 0, 640, 56)])
def test_letters_rules_and_frames_are_no_initials(shape: Box) -> None:
    """A shape is an initial if it is higher than a line, and neither thin nor wide."""
    assert letters(shape) == []


def test_an_initial_is_right_beside_lines() -> None:
    """The rows beside the letter are found; a letter within a row, with text before it, is none."""
    assert lines_beside(Box(42, 0, 95, 52), ROWS) == ROWS[:2]
    assert lines_beside(Box(142, 0, 195, 52), ROWS) == []
    assert lines_beside(Box(42, 0, 95, 52), [*ROWS, Box(0, 0, 38, 28)]) == []


@pytest.mark.parametrize(
    ("text", "score", "expected"),
    [
        ("W", 0.9, True),
        ("“W", 0.9, True),
        ("19", 0.8, True),
        ("木", 0.9, False),
        ("Wo", 0.9, False),
        ("W", 0.2, False),
        ("†", 0.9, False),
    ],
)
def test_only_a_letter_or_a_number_is_an_initial(text: str, score: float, expected: bool) -> None:
    """A logo or another mark beside rows is read with them, as before."""
    assert is_initial(Line(text, Box(0, 0, 40, 50), score)) is expected
