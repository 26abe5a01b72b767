"""Thresholds of the checks of a text layer, each with its meaning and its unit.

A "share" is between 0 and 1, and a confidence is the reader's, 0 to 1. Where a comment names no measurement, the value
was chosen on the pages of `bench/quality.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LayerThresholds:
    """Numbers that decide which words of a text layer are believed."""

    layer_sample: int = 3  # stretches of words that are read from the page image to check a font
    # Words of a stretch at most. A complete line takes longer to read and proves no more; with 4, Korean is taken for
    # Chinese.
    stretch_words: int = 6
    figure_sample: int = 6  # words with digits that are read to check a font
    min_checked_text: int = 6  # letters of a stretch that is preferred for the check
    min_checked_word: int = 3  # letters of the shortest stretch that is checked
    # Different letters of a stretch that proves its font alone if it is read letter by letter as it is written. English
    # stretches of six words have 15.
    exact_letters: int = 10
    min_similarity: float = 0.8  # median similarity of the text read and the layer's text; honest layers reach 0.95
    min_figure_similarity: float = 0.9  # the same for digits; those of printed figures are read without an error
    # Occurrences of a character in a sample, each read as another one, that contradict its font. On lines that were
    # printed in 16 fonts, 14 to 33 pixels high, no letter was read wrongly each time; points in two fonts of 14 pixels
    # and commas in the small print of a real table were, with a confidence of 1.
    min_false_letters: int = 3
    min_false_figures: int = 2  # a digit, or figures with false signs
    min_clear_height: float = 24.0  # pixels of a word's box, below which letters and signs are not compared singly
    # Confidence above which a reading can contradict the layer. Scripts that the reader reads have 0.94 and more, and
    # others stay below 0.88 (`scripts`).
    certain_reading: float = 0.9
    sample_margin: float = 0.1  # heights of a stretch around it that are read with it
    foreign_line: float = 0.5  # share of unreadable letters: a stretch with as many is compared by its script alone
    max_broken: float = 0.05  # share of characters without meaning, above which a font has no mapping to Unicode
    max_symbol: int = 2  # characters of a word that may be symbols without meaning, such as bullets
    # Characters on a stretch as long as the line is high, below which a reading is illegible. Chinese has about 1,
    # Latin scripts have 2.
    min_density: float = 0.7
    max_short_text: int = 8  # characters; a longer text of too few different characters is illegible
    min_characters: int = 3  # different characters of a longer text, unless it is a leader or a rule

    min_end_spaces: int = 2  # Korean lines with a space at their end, from which on a line without one ends in a word

    # Ink outside the text layer (`uncovered`). Unless a unit is named, pixels of the reduced page.
    covered_margin: float = 0.15  # heights of a layer's line around its box that belong to the line
    min_edge: int = 10  # gray values, in any color, by which neighboring pixels differ at an edge
    min_straight_edge: int = 48  # a straight edge as long belongs to a rule or a frame
    letter_distance: tuple[int, int] = (3, 9)  # up and across, at which letters are joined to words
    min_mark: int = 5  # height of letters, with an edge of a pixel on both sides; detection finds none that are lower
    max_mark_proportion: float = 6.0  # height by width: parts of rules are narrower, the figure 1 is wider


THRESHOLDS = LayerThresholds()
