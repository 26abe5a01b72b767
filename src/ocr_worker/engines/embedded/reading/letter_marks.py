"""Accents and other marks that dirt puts on the letters of a page whose language has none.

A speck over a letter is read as a mark: LOCÃTE. The recognizer then is not sure which mark it is, while it is sure of a
real one, such as that of café. So on a page that has next to no marks, those it doubts are dropped. The languages that
use marks have more of them than that, and their pages stay as they were read. All functions are pure.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS


def doubtful_marks(text: str, confidences: Sequence[float]) -> str:
    """Return the letters of the text whose mark the recognizer doubts. confidences: of the characters."""
    pairs = zip(text, confidences, strict=False)
    return "".join(c for c, score in pairs if score < THRESHOLDS.certain_mark and _bare(c) != c)


def drop_doubtful_marks(lines: Sequence[Line]) -> list[Line]:
    """Return the lines, without the marks in doubt if the page has next to no others."""
    if not any(line.doubtful_marks for line in lines):
        return list(lines)
    letters = [c for line in lines for c in line.text if c.isalpha()]
    marked = sum(_bare(c) != c for c in letters)
    if marked > THRESHOLDS.max_marks * len(letters):
        return list(lines)
    return [_drop_marks(line) if line.doubtful_marks else line for line in lines]


def _drop_marks(line: Line) -> Line:
    bare = str.maketrans({letter: _bare(letter) for letter in line.doubtful_marks})
    words = tuple(replace(word, text=word.text.translate(bare)) for word in line.words)
    return replace(line, text=line.text.translate(bare), words=words, doubtful_marks="")


def _bare(character: str) -> str:
    """Return a Latin letter without its marks; any other character as it is."""
    parts = unicodedata.normalize("NFD", character)
    letter, marks = parts[0], parts[1:]
    is_marked = marks and letter.isascii() and letter.isalpha() and all(map(unicodedata.combining, marks))
    return letter if is_marked else character
