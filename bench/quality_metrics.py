"""Measures of a page's Markdown: text present and absent, order, cells, beginnings of lines, wrong characters.

The first four are pass or fail, as olmOCR-bench defines them: text may differ in a few characters, and a cell is right
when its neighbors and headings are. The beginning of a clause, or of a line of a program, passes if it begins a line of
the Markdown. The last measure is the share of characters to change, over the whole page in reading order. `quality.py`
runs the readers and sums up their scores; `quality_tables.py` finds the tables in the Markdown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape

import numpy as np
from quality_tables import Cell, find_headings, find_neighbors, parse_tables
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

PRESENT_DIFFS, ABSENT_DIFFS, CELL_DIFFS = 0.05, 0.1, 0.1  # of the text's length, rounded down
SHORT = 8  # characters; furniture as short as a page number may not stand by itself
_PLAIN = str.maketrans("‘’‚“”„＿–—‑‒−‐µ", "'''\"\"\"_------μ")


# Chinese is written without spaces, but some readers put them between it and numbers or Latin words.
_BESIDE_CHINESE = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef]) | (?=[\u3000-\u9fff\uff00-\uffef])")


@dataclass(frozen=True, slots=True)
class CellTest:
    """A cell's text and the text expected beside it, by side.

    Sides are "up", "down", "left" and "right" for neighbors, "top" and "side" for headings.
    """

    cell: str
    near: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Truth:
    """Expected content of a page.

    text: all of it, in reading order. order: pairs of snippets, of which the first must come before the second. lines:
    snippets that must begin a line.
    """

    text: str
    present: Sequence[str]
    absent: Sequence[str]
    order: Sequence[tuple[str, str]]
    cells: Sequence[CellTest]
    lines: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """Result of the tests: (passed, all) by kind, a line for each failure, and the character error rate, 0 to 1."""

    counts: Mapping[str, tuple[int, int]]
    failures: Sequence[str]
    error_rate: float


def score(truth: Truth, markdown: str) -> Score:
    """Return the score of the Markdown of a page with this truth."""
    text, tables = normalize(markdown), parse_tables(markdown)
    outcomes = {
        "present": [(is_present(snippet, text), snippet) for snippet in truth.present],
        "absent": [(is_absent(snippet, markdown), snippet) for snippet in truth.absent],
        "order": [(is_in_order(a, b, text), f"{a!r} before {b!r}") for a, b in truth.order],
        "cells": [(is_cell_right(test, tables), f"{test.cell!r} with {dict(test.near)}") for test in truth.cells],
        "lines": [(is_line_start(snippet, markdown), snippet) for snippet in truth.lines],
    }
    return Score(
        {kind: (sum(passed for passed, _ in tests), len(tests)) for kind, tests in outcomes.items() if tests},
        [f"{kind}: {claim}" for kind, tests in outcomes.items() for passed, claim in tests if not passed],
        measure_error_rate(truth.text, markdown),
    )


def normalize(markdown: str) -> str:
    """Return the text for the search of snippets.

    It has no emphasis and no breaks, and its white space and quotation marks have one form.
    """
    text = re.sub(r"</?(?:br|b|i|sup|sub)\s*/?>", lambda tag: " " if "br" in tag[0] else "", markdown)
    text = re.sub(r"(\*\*|__|\*)(\S.*?)\1", r"\2", text)
    text = " ".join(unicodedata.normalize("NFC", unescape(text)).translate(_PLAIN).split())
    return _BESIDE_CHINESE.sub("", text)


def is_present(snippet: str, text: str, diffs: float = PRESENT_DIFFS) -> bool:
    """Return whether the normalized text has the snippet, except for a few characters."""
    expected = normalize(snippet)
    allowed = int(diffs * len(expected))
    if len(text) < len(expected) - allowed:
        return False
    return fuzz.partial_ratio(expected, text) / 100 >= 1 - allowed / len(expected)


def is_absent(snippet: str, markdown: str) -> bool:
    """Return whether page furniture is absent from the Markdown.

    A text as short as a number may occur, but neither in a line of its own nor at an end.
    """
    if len(snippet) > SHORT:
        return not is_present(snippet, normalize(markdown), ABSENT_DIFFS)
    lines = [normalize(line.strip("#|*- ")) for line in markdown.splitlines() if line.strip()]
    ends = [lines[0].split()[0], lines[-1].split()[-1]] if lines and lines[0] and lines[-1] else []
    return normalize(snippet).strip("- ") not in [*lines, *ends]


def is_line_start(snippet: str, markdown: str) -> bool:
    """Return whether a line of the Markdown begins with the snippet, after marks and except for a few characters."""
    expected = normalize(snippet)
    lines = (normalize(line.strip("#|*->` \\").replace("|", " ").replace("\\", "")) for line in markdown.splitlines())
    return any(_is_same(expected, line[: len(expected)]) for line in lines)


def is_in_order(before: str, after: str, text: str) -> bool:
    """Return whether the normalized text has both snippets in this order, except for a few characters."""
    first, last = find_near_matches(normalize(before), text), find_near_matches(normalize(after), text)
    return bool(len(first) and len(last) and first[0] < last[-1])


def find_near_matches(snippet: str, text: str) -> np.ndarray:
    """Return the approximate positions at which matches of the snippet begin: int [n], ascending.

    The method is the edit distance, by dynamic programming, with the ends of the text free.
    """
    codes, steps = np.array([ord(c) for c in text], np.int32), np.arange(len(text) + 1)
    row = np.zeros(len(text) + 1, np.int32)
    for count, char in enumerate(snippet, start=1):
        best = np.minimum(row[:-1] + (codes != ord(char)), row[1:] + 1)
        row = np.minimum.accumulate(np.concatenate(([count], best)) - steps) + steps
    return np.flatnonzero(row <= int(PRESENT_DIFFS * len(snippet))) - len(snippet)


def is_cell_right(test: CellTest, tables: Sequence[Sequence[Cell]]) -> bool:
    """Return whether one cell of one of the tables has this text, these neighbors and these headings."""

    def fits(cell: Cell, table: Sequence[Cell], side: str, expected: str) -> bool:
        candidates = find_headings(cell, table, side) if side in ("top", "side") else find_neighbors(cell, table, side)
        return any(_is_same(expected, other.text) for other in candidates)

    return any(
        _is_same(test.cell, cell.text) and all(fits(cell, table, side, text) for side, text in test.near.items())
        for table in tables
        for cell in table
    )


def _is_same(expected: str, actual: str) -> bool:
    expected, actual = normalize(expected), normalize(actual)
    allowed = int(CELL_DIFFS * len(expected))
    return fuzz.ratio(expected, actual) / 100 >= 1 - allowed / max(1, len(expected))


def strip_markup(markdown: str) -> str:
    """Return the words alone, with single spaces: no markup, images or rows of dashes."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", " ", markdown)
    text = re.sub(r"^[\s|:-]*\|[\s|:-]*$", " ", text, flags=re.MULTILINE)
    text = re.sub(r"^\s*(#+|[-*+])\s+", " ", text, flags=re.MULTILINE)
    text = re.sub(r"<[a-z/][^>]*>", " ", text.replace("\\|", "\0").replace("|", " ").replace("\0", "|"))
    return normalize(text)


def measure_error_rate(expected: str, markdown: str) -> float:
    """Return the characters to insert, drop or change as a share of the expected length; at most 1."""
    text = strip_markup(expected)
    return min(1.0, Levenshtein.distance(text, strip_markup(markdown)) / max(1, len(text)))
