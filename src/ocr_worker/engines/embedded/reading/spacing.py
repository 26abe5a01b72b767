"""Spaces between the words of a line that was read from pixels.

The recognizer knows spaces by their usual width. It leaves them out between the tight or widely set words of a logo,
and it puts them between letters that are set apart. The white between the characters shows both. `SpaceDecoder` keeps
the probability of a space at each place, and `respace` decides with it: a space is added where the recognizer thought
of it and the white is wider than between the letters of the line. Letters that are set apart form words where the
white between them is even; the recognizer may take them for the full-width letters of Chinese text. Lines with
Chinese or Japanese characters stay as they were read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ocr_worker.characters import is_wide
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import Pixels

_CLOSING = frozenset(".,;:!?)]}%…'’”»/\"<>")  # no space is added before these
_OPENING = frozenset("([{'‘“«/<")  # nor after these
_IN_NUMBERS = frozenset("0123456789.,:%-–")  # nor between two of these: 15:45
_FULL_WIDTH = {chr(code): chr(code - 0xFEE0) for code in range(0xFF10, 0xFF5B) if chr(code).isalnum()}
_FULL_WIDTH_TABLE = str.maketrans(_FULL_WIDTH)
_ORDINAL = re.compile("st|[nr]d|th")  # nor between a figure and one of these, which may be raised


class SpaceDecoder:
    """RapidOCR's decoder of the recognizer's output, which also keeps the probability of a space for each column.

    It becomes the attribute `spaces`, float32 [columns], of the characters of each line.
    """

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._space = decoder.character.index(" ")

    def __call__(self, predictions: NDArray[np.float32], return_word_box: bool = False, **ratios: Any) -> Any:
        """Return the lines and their characters. predictions: float32 [lines, columns, characters]."""
        lines, characters = self._decoder(predictions, return_word_box, **ratios)
        for line_characters, probabilities in zip(characters, predictions, strict=False):
            line_characters.spaces = probabilities[:, self._space].copy()
        return lines, characters

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)


class Gap(NamedTuple):
    """The place between two adjacent characters of a line.

    white: its width in heights of the line. certainty: the recognizer's probability of a space, 0 to 1. is_space:
    whether the recognizer read a space.
    """

    left: str
    right: str
    white: float
    certainty: float
    is_space: bool


def respace(text: str, characters: Any, score: float, crop: Pixels) -> tuple[str, Any]:
    """Return a line's text and its characters with the spaces that the white shows.

    characters: RapidOCR's WordInfo, from `SpaceDecoder`. score: the recognizer's confidence. crop: the line's pixels.
    """
    text, characters = _narrow(text, characters)
    letters = [letter for word in characters.words for letter in word]
    columns = [column for word in characters.word_cols for column in word]
    if len(letters) < THRESHOLDS.min_letters or any(map(is_wide, letters)) or "".join(text.split()) != "".join(letters):
        return text, characters
    spaces = _spaces(text)
    certainties = [float(characters.spaces[a : b + 1].max()) for a, b in pairwise(columns)]
    gaps = [
        Gap(left, right, 0.0, certainty, is_space)
        for (left, right), certainty, is_space in zip(pairwise(letters), certainties, spaces, strict=True)
    ]
    if not _has_single(gaps) and not any(map(_may_be_missed, gaps)):
        return text, characters
    middles = (np.asarray(columns) + 0.5) * crop.shape[1] / characters.line_txt_len
    gaps = [gap._replace(white=white) for gap, white in zip(gaps, _whites(crop, middles.tolist()), strict=True)]
    visible_spaces = find_spaces(gaps, score)
    if visible_spaces == spaces:
        return text, characters
    numbers = list(accumulate(visible_spaces, initial=0))  # of the word of each letter
    words = [[letters[i] for i in group] for _, group in groupby(range(len(letters)), numbers.__getitem__)]
    word_cols = [[columns[i] for i in group] for _, group in groupby(range(len(letters)), numbers.__getitem__)]
    return " ".join(map("".join, words)), _changed(characters, words, word_cols)


def _narrow(text: str, characters: Any) -> tuple[str, Any]:
    """Return the line with usual letters for full-width ones, which the recognizer takes those set apart for.

    Beside Chinese or Japanese characters they stay.
    """
    if not any(c in _FULL_WIDTH for c in text) or any(is_wide(c) and c not in _FULL_WIDTH for c in text):
        return text, characters
    words = [[letter.translate(_FULL_WIDTH_TABLE) for letter in word] for word in characters.words]
    return text.translate(_FULL_WIDTH_TABLE), _changed(characters, words, characters.word_cols)


def _changed(characters: Any, words: list[list[str]], columns: list[list[int]]) -> Any:
    """Return RapidOCR's WordInfo of a line in Latin letters with these words and the columns of their letters."""
    latin = type(characters.word_types[0]).EN_NUM
    changed = replace(characters, words=words, word_cols=columns, word_types=[latin] * len(words))
    changed.spaces = characters.spaces
    return changed


def find_spaces(gaps: Sequence[Gap], score: float) -> list[bool]:
    """Return for each gap of a line whether it is a space. score: the recognizer's confidence in the line."""
    if score >= THRESHOLDS.certain_letters and _is_set_apart(gaps):
        return _find_spaces_apart(gaps)
    if score < THRESHOLDS.certain_spaces:
        return [gap.is_space for gap in gaps]
    limit, likely_limit = (
        _narrowest_space(gaps, factor) for factor in (THRESHOLDS.wider_than_letters, THRESHOLDS.likely_space_width)
    )
    return [
        gap.is_space
        or (
            _may_be_missed(gap)
            and gap.white >= (likely_limit if gap.certainty >= THRESHOLDS.likely_space else limit)
            and not _is_ordinal(gaps[i : i + 3])
        )
        for i, gap in enumerate(gaps)
    ]


def _find_spaces_apart(gaps: Sequence[Gap]) -> list[bool]:
    """Return the same for words whose letters are set apart: spaces are wider, or likelier and a little wider."""
    limit = THRESHOLDS.between_words * float(np.median([gap.white for gap in gaps]))
    others = [(gap.white, gap.certainty) for gap in gaps if gap.white < limit]
    white, certainty = np.quantile(others, THRESHOLDS.most_letters, axis=0).tolist()
    likely_white = THRESHOLDS.likely_space_width * white
    likely = max(THRESHOLDS.likely_space, THRESHOLDS.likelier * certainty)
    return [gap.white >= (likely_white if gap.certainty >= likely else limit) for gap in gaps]


def _is_ordinal(gaps: Sequence[Gap]) -> bool:
    """Return whether the first of these gaps is between a figure and the ending of an ordinal number."""
    ending = "".join(gap.right for gap in gaps[:2])
    return gaps[0].left.isdigit() and bool(_ORDINAL.fullmatch(ending)) and all(gap.is_space for gap in gaps[2:])


def _is_set_apart(gaps: Sequence[Gap]) -> bool:
    """Return whether the line is words whose letters are set apart, as in a logo, and no row of labels or marks."""
    letters = [gaps[0].left, *(gap.right for gap in gaps)]
    names = [letter for letter in letters if letter.isalpha()]
    narrow, white = np.quantile([gap.white for gap in gaps], (THRESHOLDS.narrow_letters, 0.5)).tolist()
    return bool(
        THRESHOLDS.set_apart <= white <= THRESHOLDS.max_set_apart
        and narrow >= THRESHOLDS.even_letters * white
        and 2 * len(names) > len(letters)
        and len(set(names)) >= THRESHOLDS.min_letters
        and names != sorted(names)
    )


def _has_single(gaps: Sequence[Gap]) -> bool:
    """Return whether the recognizer read a single character between spaces."""
    sides = [True, *(gap.is_space for gap in gaps), True]
    return any(before and after for before, after in pairwise(sides))


def _narrowest_space(gaps: Sequence[Gap], factor: float) -> float:
    """Return the width from which the white is no gap between two letters of this line.

    factor: widths of a wide gap between its letters.
    """
    letters = [gap.white for gap in gaps if not gap.is_space and gap.certainty < THRESHOLDS.possible_space]
    spaces = [gap.white for gap in gaps if gap.is_space]
    if len(letters) < THRESHOLDS.min_letters:
        return float("inf")
    return max(
        THRESHOLDS.narrow_space,
        factor * float(np.quantile(letters, THRESHOLDS.usual_letters)),
        THRESHOLDS.like_spaces * min(spaces, default=0.0),
    )


def _may_be_missed(gap: Gap) -> bool:
    """Return whether the recognizer thought of a space here, and the characters allow it."""
    return (
        not gap.is_space
        and gap.certainty >= THRESHOLDS.possible_space
        and gap.right not in _CLOSING
        and gap.left not in _OPENING
        and not (gap.left in _IN_NUMBERS and gap.right in _IN_NUMBERS)
    )


def _spaces(text: str) -> list[bool]:
    """Return for each two adjacent characters of the text that are no spaces whether there is a space between them."""
    spaces: list[bool] = []
    for word in text.split():
        spaces += [True, *[False] * (len(word) - 1)]
    return spaces[1:]


def _whites(crop: Pixels, middles: Sequence[float]) -> list[float]:
    """Return the widest stretch without ink between each two middles of characters, in heights of the crop."""
    height, width = crop.shape[:2]
    margin = round(THRESHOLDS.crop_margin * height)  # the lines above and below reach in there
    inner = crop[margin : height - margin].astype(np.int16)
    contrast = np.abs(inner - np.median(inner, axis=(0, 1))).max(axis=2)
    ink = contrast > max(THRESHOLDS.min_ink_contrast, THRESHOLDS.ink_share * float(np.percentile(contrast, 98)))
    inked = np.flatnonzero(ink.any(axis=0))
    whites = []
    for left, right in pairwise(middles):
        a, b = max(0, int(left)), min(width, int(right) + 1)
        edges = np.concatenate(([a - 1], inked[(inked >= a) & (inked < b)], [b]))
        whites.append(float(np.diff(edges).max() - 1) / height)
    return whites
