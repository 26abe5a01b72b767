"""Spaces that the white between the characters shows: in logos, and in lines whose words run together."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from ocr_worker.engines.embedded.reading.spacing import Gap, SpaceDecoder, find_spaces, respace

WordType = Enum("WordType", ["CN", "EN_NUM"])


@dataclass
class WordInfo:
    """The characters of a line, as RapidOCR returns them: each is two columns wide."""

    words: list[list[str]]
    word_cols: list[list[int]]
    word_types: list[WordType] = field(default_factory=lambda: [WordType.CN])

    def __post_init__(self) -> None:
        self.line_txt_len = 2.0 * len(self.words[0])
        self.spaces = np.zeros(2 * len(self.words[0]), np.float32)


def _word_info(text: str) -> WordInfo:
    return WordInfo([list(text)], [list(range(0, 2 * len(text), 2))])


LETTER, SPACE = 0.06, 0.3  # usual widths in heights of the line


def _gaps(text: str, white: dict[int, float], certainty: dict[int, float], letter: float = LETTER) -> list[Gap]:
    """Return the gaps of a text as it was read. white, certainty: by the gap's number, where they are not usual."""
    letters = [(i, c) for i, c in enumerate(text) if c != " "]
    gaps = []
    for number, ((i, left), (j, right)) in enumerate(pairwise(letters)):
        is_space = j > i + 1
        width = white.get(number, SPACE if is_space else letter)
        gaps.append(Gap(left, right, width, certainty.get(number, 1.0 if is_space else 0.0), is_space))
    return gaps


def _respaced(text: str, gaps: list[Gap], score: float = 0.97) -> str:
    letters = text.replace(" ", "")
    spaces = find_spaces(gaps, score)
    return letters[0] + "".join(f" {c}" if space else c for c, space in zip(letters[1:], spaces, strict=True))


def test_words_of_a_tight_logo_are_separated() -> None:
    """The space is half as wide as usual, and the recognizer hardly thought of it."""
    text = "GREENVALLEYFARM"
    gaps = _gaps(text, {4: 0.19, 10: 0.17}, {4: 0.01, 10: 0.004})
    assert _respaced(text, gaps) == "GREEN VALLEY FARM"


def test_a_space_is_added_in_a_sentence() -> None:
    text = "the commitment of the EU tosupport Greece"
    position = len("thecommitmentoftheEUto") - 1
    assert _respaced(text, _gaps(text, {position: 0.4}, {position: 0.3})) == text.replace("tosupport", "to support")


@pytest.mark.parametrize(
    ("white", "certainty"),
    [(0.3, 0.0), (0.1, 0.4), (0.2, 0.4)],
    ids=["never thought of", "as narrow as a letter's", "narrower than the line's spaces"],
)
def test_a_word_is_kept_without_both_signs(white: float, certainty: float) -> None:
    text = "the Donaudampfschifffahrt is long"
    assert _respaced(text, _gaps(text, {7: white}, {7: certainty})) == text


def test_a_line_with_wide_gaps_between_its_letters_needs_a_wider_one() -> None:
    text = "NORTHERNTIMBER"
    gaps = _gaps(text, {7: 0.2}, {7: 0.3}, letter=0.18)
    assert _respaced(text, gaps) == text


@pytest.mark.parametrize("text", ["at 20:30 sharp", "pages 2009-223 here", "in 2011 it was"])
def test_numbers_are_kept(text: str) -> None:
    gaps = _gaps(text, {}, {})
    gaps = [gap if gap.is_space else gap._replace(white=0.3, certainty=0.3) for gap in gaps]
    places = [i for i, (a, b) in enumerate(pairwise(text.replace(" ", ""))) if (a + b).strip("0123456789:-") == ""]
    assert not any(find_spaces(gaps, 0.97)[i] for i in places)


def test_a_raised_ending_stays_at_its_number() -> None:
    """In "1st" the ending is set apart; in "21Current" a word follows the number."""
    text = "of 1st and 3rd grade"
    assert _respaced(text, _gaps(text, {2: 0.3}, {2: 0.3})) == text
    assert _respaced("Table 21Current", _gaps("Table 21Current", {6: 0.3}, {6: 0.3})) == "Table 21 Current"


@pytest.mark.parametrize("text", ["so he said.", "done (all", "what?"])
def test_no_space_before_a_point_or_within_brackets(text: str) -> None:
    gaps = _gaps(text, {}, {})
    gaps = [gap if gap.right.isalnum() and gap.left != "(" else gap._replace(white=0.5, certainty=0.4) for gap in gaps]
    expected = text if "(" not in text else "done (all"
    assert _respaced(text, gaps).replace("done(", "done (") == expected


def test_letters_set_apart_are_words() -> None:
    """The recognizer reads a space behind each letter; the white between words is wider."""
    text = "Q U A LITY SINCE 1 92 1"
    gaps = [gap._replace(white=1.3 if i in (6, 11) else 0.45) for i, gap in enumerate(_gaps(text, {}, {}))]
    assert _respaced(text, gaps) == "QUALITY SINCE 1921"
    assert _respaced("NORTHERNTIMBER", _gaps("NORTHERNTIMBER", {7: 1.07}, {7: 0.3}, 0.4)) == "NORTHERN TIMBER"


def test_a_likely_space_between_such_words_may_be_narrower() -> None:
    gaps = _gaps("HOTELPOST", {}, {}, 0.44)
    gaps[4] = gaps[4]._replace(white=0.65, certainty=0.05)
    assert _respaced("HOTELPOST", gaps) == "HOTEL POST"
    assert _respaced("HOTELPOST", [gap._replace(certainty=0.05) for gap in gaps]) == "HOTELPOST"


def test_full_width_letters_of_a_latin_line_are_usual_letters() -> None:
    """The recognizer takes letters that are set apart for those between Chinese ones."""
    crop = np.full((20, 120, 3), 255, np.uint8)
    crop[5:15, 5:115:20] = 0
    assert respace("CＡFＥ1２", _word_info("CＡFＥ1２"), 0.9, crop)[0] == "CAFE12"
    assert respace("第Ａ", _word_info("第Ａ"), 0.9, crop)[0] == "第Ａ"


@pytest.mark.parametrize("text", ["1 2 3 4 5", "A B C D E", "x x - x x", "Y N Y Y N"])
def test_labels_and_marks_are_kept(text: str) -> None:
    gaps = [gap._replace(white=0.6) for gap in _gaps(text, {}, {})]
    assert _respaced(text, gaps) == text


def test_uneven_gaps_are_no_letters_set_apart() -> None:
    """In pale print half of the letters' ink is lost."""
    text = "7. Freedom of Association"
    widths = [0.05, 0.1, 0.2, 0.2, 0.16, 0.3, 0.37, 0.37, 0.58, 0.1, 0.32, 0.26, 0.16, 0.4, 0.42, 0.37, 0.2, 0.3]
    gaps = [gap._replace(white=widths[i % len(widths)]) for i, gap in enumerate(_gaps(text, {}, {}))]
    assert _respaced(text, gaps) == text


def test_decoder_keeps_the_probability_of_a_space() -> None:
    class Decoder:
        character = ("blank", "a", " ")

        def __call__(self, predictions: object, return_word_box: bool, **ratios: object) -> object:
            return [("a", 1.0)], [SimpleNamespace()]

    predictions = np.array([[[0.1, 0.8, 0.1], [0.7, 0.0, 0.3]]], np.float32)
    _, (characters,) = SpaceDecoder(Decoder())(predictions, True, max_wh_ratio=1.0)
    assert characters.spaces.tolist() == pytest.approx([0.1, 0.3])
