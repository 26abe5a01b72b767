"""Thresholds of the engine's own modules, each with its meaning and its unit.

This module is the list of what can be tuned in `lines`, `text` and `page`; `layout/`, `furniture/`, `reading/` and
`tables/` have one of their own. It has no logic: the modules read `THRESHOLDS`. A "line height" is the median height
of the lines at hand, and a "share" is between 0 and 1. The code does not record what single values were measured on.
They were chosen on the pages of `bench/quality.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineThresholds:
    """Numbers that decide which lines form a row, where a paragraph begins, and what is worth a warning."""

    # Rows (`lines`).
    row_overlap: float = 0.5  # share of the lower height: a line that shares more of it with a row belongs to the row

    # Lines that run up or down the page (`lines`).
    tall_line: float = 2.0  # ratio of height to width from which a line is vertical text
    min_vertical_text: int = 2  # characters of a line that is vertical text

    # Paragraphs (`text`).
    paragraph_gap: float = 0.9  # line heights of white above a row: with more, the row begins a paragraph
    indent: float = 0.8  # line heights: a row that begins farther right than the row above is indented
    max_indented_end: float = 0.3  # share of the text's width that an indented row leaves free at its right
    at_margin: float = 0.5  # line heights: a row that begins no farther from the left margin begins at it
    words_of_room: float = (
        2.0  # widths of the next row's first word that must be free: it fitted, but was not put there
    )
    room_after_sentence: float = 0.2  # share of the text's width free at the right of a row that ends a sentence
    room_in_sentence: float = 0.4  # the same for a row that does not end a sentence

    # Text left out of the Markdown (`markdown`).
    max_left_out: float = 0.1  # share of the page's characters: with more left out, the page has a warning

    # Detection beside a text layer (`page`).
    layer_side: int = 800  # pixels of the longer side of the image on which lines beside a text layer are found


THRESHOLDS = EngineThresholds()
