"""Initials beside the first rows of a paragraph."""

from __future__ import annotations

import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.initials import join_initials
from ocr_worker.engines.embedded.lines import Line
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
