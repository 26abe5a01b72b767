"""Initials beside the first rows of a paragraph."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.initials import join_initials
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.text import paragraphs
from support.typeset import typeset


def story(initial: str, rows: int) -> list[Line]:
    """Return a paragraph of five rows with an initial beside the first `rows` of them."""
    texts = ("hen the last boat had come in, the keeper", "closed the gate and lit the two green lamp")
    texts += ("and walked back to the house on the hills", "where he wrote the names of all the boats", "into it.")
    lines = [typeset(text, 60 if i < rows else 0, 30 * i) for i, text in enumerate(texts)]
    return [*lines, Line(initial, Box(0, 2, 50, 30 * rows - 6))]


@pytest.mark.parametrize(("initial", "rows"), [("W", 2), ("T", 3), ("“W", 2)])
def test_an_initial_belongs_to_its_first_row(initial: str, rows: int) -> None:
    """A large letter over two or three rows begins the first of them, and the paragraph is one."""
    (paragraph,) = paragraphs(join_initials(story(initial, rows)))
    assert paragraph.startswith(f"{initial}hen the last boat had come in, the keeper closed the gate")


def test_a_large_letter_within_a_table_is_no_initial() -> None:
    """A letter with text at its left, or beside a single line, stays by itself."""
    lines = [*story("W", 2), Line("left of the letter", Box(-100, 10, -5, 30))]
    assert join_initials(lines) == lines
    title = [Line("A", Box(0, 0, 40, 60)), typeset("single line beside", 50, 20)]
    assert join_initials(title) == title


@pytest.mark.parametrize(
    ("initial", "first", "start"),
    [
        ("A", "boat came in with the last wind, the keeper", "A boat came"),
        ("A", "fter the boat came in with the wind, a keeper", "After the boat"),
        ("18", "71 was the year in which the tower was begun", "1871 was"),
        ("ü", "ber dem Rand des Dorfes verschwindet der Bach", "Über dem"),
        ("0", "n the last day of the winter the boat came in", "On the last"),
    ],
)
def test_an_initial_is_a_word_or_part_of_one(initial: str, first: str, start: str) -> None:
    """A letter is a word if the next word occurs elsewhere; a number continues with figures."""
    lines = story(initial, 2)
    lines[0] = typeset(first, 60, 0)
    lines[-2] = typeset("into it, for each boat.", 0, 120)
    assert paragraphs(join_initials(lines))[0].startswith(start)


def test_a_large_number_before_words_is_no_initial() -> None:
    """The number of a step is beside its text, and no part of the first word."""
    lines = story("1", 2)
    lines[0] = replace(lines[0], text=lines[0].text.capitalize())
    assert join_initials(lines) == lines


def test_an_initial_in_one_line_with_its_row_makes_it_no_higher() -> None:
    """A layer may have the initial in its first row, which is as high as two rows then, and the second row set in."""
    lines = story("W", 2)[:-1]
    words = tuple(Word(text, Box(60 + 40 * i, 0, 90 + 40 * i, 20)) for i, text in enumerate(lines[0].text.split()))
    words = (Word("When", Box(0, 2, 90, 54)), *words[1:])
    lines[0] = replace(lines[0], text="W" + lines[0].text, box=Box(0, 0, lines[0].box.x1, 54), words=words)
    lines = [replace(line, is_from_text_layer=True) for line in lines]
    (paragraph,) = paragraphs(join_initials(lines))
    assert paragraph.startswith("When the last boat had come in, the keeper closed the gate")


def test_rows_below_an_initial_in_the_margin_keep_their_place() -> None:
    """An initial left of the text does not move the rows beside it."""
    lines = [replace(line, box=line.box._replace(x0=60)) for line in story("W", 2)[:-1]]
    (paragraph,) = paragraphs(join_initials([*lines, Line("W", Box(10, 2, 50, 54))]))
    assert paragraph.startswith("When the last boat")
