"""What is measured on a page's Markdown: text present and absent, reading order, cells of tables, wrong characters.

The first four are pass or fail, as olmOCR-bench defines them: text may differ in a few characters, a cell is right when
its neighbours and headings are. The last is the share of characters to change, over the whole page in reading order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape

import numpy as np
from quality_tables import Cell, headings, neighbours, parse_tables
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

PRESENT_DIFFS, ABSENT_DIFFS, CELL_DIFFS = 0.05, 0.1, 0.1  # of the text's length, rounded down
SHORT = 8  # characters; furniture as short as a page number may not stand by itself
_PLAIN = str.maketrans("‘’‚“”„＿–—‑‒−‐µ", "'''\"\"\"_------μ")


# Chinese is written without spaces, which some put between it and figures or Latin words.
_BESIDE_CHINESE = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef]) | (?=[\u3000-\u9fff\uff00-\uffef])")


@dataclass(frozen=True, slots=True)
class CellTest:
    """A cell's text, and by name ("up", "down", "left", "right", "top", "side") what must be there."""

    cell: str
    near: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a page says. whole: in reading order. order: pairs, the first to come before the second."""

    whole: str
    present: Sequence[str]
    absent: Sequence[str]
    order: Sequence[tuple[str, str]]
    cells: Sequence[CellTest]


@dataclass(frozen=True, slots=True)
class Score:
    """By kind of test, (passed, all); what failed, told in a line each; the character error rate, 0 to 1."""

    counts: Mapping[str, tuple[int, int]]
    failures: Sequence[str]
    error_rate: float


def score(truth: Truth, markdown: str) -> Score:
    """How well the Markdown tells what the page says."""
    text, tables = plain(markdown), parse_tables(markdown)
    outcomes = {
        "present": [(is_present(snippet, text), snippet) for snippet in truth.present],
        "absent": [(is_absent(snippet, markdown), snippet) for snippet in truth.absent],
        "order": [(in_order(a, b, text), f"{a!r} before {b!r}") for a, b in truth.order],
        "cells": [(cell_right(test, tables), f"{test.cell!r} with {dict(test.near)}") for test in truth.cells],
    }
    return Score(
        {kind: (sum(passed for passed, _ in tests), len(tests)) for kind, tests in outcomes.items() if tests},
        [f"{kind}: {told}" for kind, tests in outcomes.items() for passed, told in tests if not passed],
        error_rate(truth.whole, markdown),
    )


def plain(markdown: str) -> str:
    """Without emphasis and breaks, whitespace and quotation marks in one form: what snippets are looked for in."""
    text = re.sub(r"</?(?:br|b|i|sup|sub)\s*/?>", lambda tag: " " if "br" in tag[0] else "", markdown)
    text = re.sub(r"(\*\*|__|\*)(\S.*?)\1", r"\2", text)
    text = " ".join(unicodedata.normalize("NFC", unescape(text)).translate(_PLAIN).split())
    return _BESIDE_CHINESE.sub("", text)


def is_present(snippet: str, text: str, diffs: float = PRESENT_DIFFS) -> bool:
    """Whether the plain text has the snippet, but for a few characters."""
    wanted = plain(snippet)
    allowed = int(diffs * len(wanted))
    if len(text) < len(wanted) - allowed:
        return False
    return fuzz.partial_ratio(wanted, text) / 100 >= 1 - allowed / len(wanted)


def is_absent(snippet: str, markdown: str) -> bool:
    """Whether page furniture is not in the Markdown; what is as short as a number, not in a line of its own."""
    if len(snippet) > SHORT:
        return not is_present(snippet, plain(markdown), ABSENT_DIFFS)
    lines = [plain(line.strip("#|*- ")) for line in markdown.splitlines() if line.strip()]
    ends = [lines[0].split()[0], lines[-1].split()[-1]] if lines and lines[0] and lines[-1] else []
    return plain(snippet).strip("- ") not in [*lines, *ends]


def in_order(before: str, after: str, text: str) -> bool:
    """Whether the plain text has both, but for a few characters, and the first somewhere ahead of the second."""
    first, last = near_matches(plain(before), text), near_matches(plain(after), text)
    return bool(len(first) and len(last) and first[0] < last[-1])


def near_matches(snippet: str, text: str) -> np.ndarray:
    """Where a match of the snippet begins, about: int [n], rising. Edit distance, the text's ends free."""
    codes, steps = np.array([ord(c) for c in text], np.int32), np.arange(len(text) + 1)
    row = np.zeros(len(text) + 1, np.int32)
    for count, char in enumerate(snippet, start=1):
        best = np.minimum(row[:-1] + (codes != ord(char)), row[1:] + 1)
        row = np.minimum.accumulate(np.concatenate(([count], best)) - steps) + steps
    return np.flatnonzero(row <= int(PRESENT_DIFFS * len(snippet))) - len(snippet)


def cell_right(test: CellTest, tables: Sequence[Sequence[Cell]]) -> bool:
    """Whether one cell of one of the tables has this text, these neighbours and these headings."""

    def fits(cell: Cell, table: Sequence[Cell], side: str, wanted: str) -> bool:
        found = headings(cell, table, side) if side in ("top", "side") else neighbours(cell, table, side)
        return any(_same(wanted, other.text) for other in found)

    return any(
        _same(test.cell, cell.text) and all(fits(cell, table, side, wanted) for side, wanted in test.near.items())
        for table in tables
        for cell in table
    )


def _same(wanted: str, found: str) -> bool:
    wanted, found = plain(wanted), plain(found)
    allowed = int(CELL_DIFFS * len(wanted))
    return fuzz.ratio(wanted, found) / 100 >= 1 - allowed / max(1, len(wanted))


def bare(markdown: str) -> str:
    """The words alone: no markup, pictures or rows of dashes, no whitespace but single spaces."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", " ", markdown)
    text = re.sub(r"^[\s|:-]*\|[\s|:-]*$", " ", text, flags=re.MULTILINE)
    text = re.sub(r"^\s*(#+|[-*+])\s+", " ", text, flags=re.MULTILINE)
    text = re.sub(r"<[a-z/][^>]*>", " ", text.replace("\\|", "\0").replace("|", " ").replace("\0", "|"))
    return plain(text)


def error_rate(expected: str, markdown: str) -> float:
    """Characters to insert, drop or change, over the expected length; never more than 1."""
    wanted = bare(expected)
    return min(1.0, Levenshtein.distance(wanted, bare(markdown)) / max(1, len(wanted)))
