"""The judge of a text layer, with readings that the tests choose."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ocr_worker.engines.text_layer.judge import LayerWord, Reading, Rectangle, Setting, Verdict, judge

ENGLISH = ["The", "gauges", "rose", "in", "February", "and", "the", "meadow", "was", "dry"]
RUSSIAN = ["Река", "поднялась", "в", "феврале,", "а", "не", "в", "апреле"]


def line(words: Sequence[str], font: int = 1) -> list[LayerWord]:
    """Return words 12 pixels a letter, 24 pixels high."""
    result, x = [], 0.0
    for word in words:
        result.append(LayerWord(word, (x, 0, x + 12 * len(word), 24), font))
        x += 12 * len(word) + 8
    return result


class Reader:
    """A reader that returns what is drawn at a place, with one confidence. calls: boxes of each call."""

    def __init__(self, drawn: Sequence[LayerWord], score: float = 0.97) -> None:
        self.drawn = drawn
        self.score = score
        self.calls: list[Sequence[Rectangle]] = []

    def __call__(self, boxes: Sequence[Rectangle]) -> list[Reading]:
        self.calls.append(boxes)
        return [
            Reading(" ".join(w.text for w in self.drawn if box[0] <= w.box[0] < box[2]), self.score) for box in boxes
        ]


def verdict(written: Sequence[str], drawn: Sequence[str] | None = None, score: float = 0.97) -> Verdict:
    """Return the verdict on the words, of which all have digits or none has."""
    (result,) = judge([line(written)], Reader(line(drawn or written), score), ()).values()
    return result


def test_words_that_are_drawn() -> None:
    """Words that are read as they are written prove their font."""
    assert verdict(ENGLISH) == "proven"
    assert verdict(["4817.20", "1350.00"]) == "proven"


def test_words_that_are_not_drawn() -> None:
    """Confident readings of other words, or of another digit each time, refute the font."""
    assert verdict(ENGLISH, [word[::-1] for word in ENGLISH]) == "lying"
    assert verdict(["7140", "4683", "7519"], ["1740", "4683", "1579"]) == "lying"


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        pytest.param(["4.817,20", "1.350,00"], ["4,817.20", "1,350.00"], id="swapped"),
        pytest.param(["4.817.20", "1.350.00"], ["4,817.20", "1,350.00"], id="one for two"),
        pytest.param(["+375", "+286"], ["\u2212375", "-286"], id="minus"),
    ],
)
def test_signs_of_figures_that_are_not_drawn(written: Sequence[str], drawn: Sequence[str]) -> None:
    """A point or minus that is another sign in most figures refutes the font: the amount is another one."""
    assert verdict(written, drawn) == "lying"
    assert verdict(drawn, drawn) == "proven"


def test_commas_that_are_read_as_points() -> None:
    """The tail of a comma is easily lost, and in small print any sign: that refutes no font."""
    assert verdict(["26,874.99", "37,499.96"], ["26.874.99", "37.499.96"]) == "proven"
    small = [word._replace(box=(word.box[0], 0.0, word.box[2], 20.0)) for word in line(["26.874", "37.499"])]
    drawn = [word._replace(text=word.text.replace(".", ",")) for word in small]
    assert judge([small], Reader(drawn), ()) == {Setting(1, True): "proven"}


@pytest.mark.parametrize("drawn", [["4,817.20", "1,350,00"], ["4 817.20", "1 350.00"]])
def test_signs_that_are_missed_or_misread_once(drawn: Sequence[str]) -> None:
    """Signs that a reading lacks, or shows as others only once, are no evidence."""
    assert verdict(["4,817.20", "1,350.00"], drawn) == "proven"


@pytest.mark.parametrize("swap", [{"e": "o", "o": "e"}, {"e": "c"}, {"c": "e"}])
def test_a_letter_that_is_never_drawn(swap: dict[str, str]) -> None:
    """A letter that is read as another one each time refutes the font, however alike the words are."""
    drawn = ["the", "dealer", "cared", "once", "for", "each", "ocean", "he", "had", "crossed"]
    written = ["".join(swap.get(letter, letter) for letter in word) for word in drawn]
    assert verdict(written * 2, drawn * 2) == "lying"
    assert verdict(drawn * 2, [word.replace("I", "l") for word in drawn * 2]) == "proven"


def test_digits_of_another_script_that_are_not_drawn() -> None:
    """Figures in digits that the reader does not read are refuted by Latin digits."""
    arabic = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    assert verdict(["4817.20".translate(arabic), "1350.00".translate(arabic)], ["4817.20", "1350.00"]) == "lying"


def test_a_script_that_the_reader_does_not_read() -> None:
    """Unsure readings of a script outside the reader's are no evidence; a confident one in Latin is against it."""
    assert verdict(RUSSIAN, score=0.6) == "unreadable"
    assert verdict(RUSSIAN, ["Reka", "podnjalas", "v", "fevrale,", "a", "ne", "v", "aprele"]) == "lying"


def test_readings_that_decide_are_not_repeated() -> None:
    """One stretch is read of a font whose letters are all as they are written, two if some are read as others or the
    script is not read at all, and three if the readings are unsure."""
    misread = [word.replace("m", "n") for word in ENGLISH]
    for written, drawn, score, stretches in (
        (ENGLISH, ENGLISH, 0.97, 1),
        (ENGLISH, misread, 0.97, 2),
        (RUSSIAN, RUSSIAN, 0.6, 2),
        (ENGLISH, ENGLISH, 0.6, 3),
    ):
        reader = Reader(line(drawn * 3), score)
        judge([line(written * 3)], reader, ())
        assert sum(map(len, reader.calls)) == stretches


def test_a_font_that_lies_in_some_of_its_words() -> None:
    """A font is refuted by two stretches of three, whichever of them is read first."""
    drawn = [word[::-1] for word in ENGLISH]
    assert verdict(ENGLISH * 3, [*drawn, *drawn, *ENGLISH]) == "lying"


def test_figures_are_read_until_their_digits_are_covered() -> None:
    """Each digit is read once, or twice if a reading differs. Figures without a new digit prove nothing more."""
    page = [line(["48179", "48179", "48179", "48179", "17", "48", "20"])]
    for first_drawn, stretches in (("48179", [2]), ("48119", [2, 1])):
        reader = Reader([page[0][0]._replace(text=first_drawn), *page[0][1:]])
        assert judge(page, reader, ()) == {Setting(1, True): "proven"}
        assert [len(boxes) for boxes in reader.calls] == stretches


def test_unsure_readings_of_latin_letters() -> None:
    """Latin letters over a picture that cannot be read, as with a wrong mapping of Cyrillic, are not believed."""
    assert verdict(ENGLISH, score=0.6) == "open"


@pytest.mark.parametrize("words", [["a"], ["—"], ["I", "a"]])
def test_too_few_letters(words: Sequence[str]) -> None:
    """A few letters prove nothing, and are not read."""
    reader = Reader(line(words))
    assert set(judge([line(words)], reader, ()).values()) == {"open"}
    assert reader.calls == []


def test_private_characters() -> None:
    """A font of private characters has no mapping to Unicode."""
    assert verdict(["\ue001\ue002\ue003\ue004"]) == "lying"


def test_dotted_lines() -> None:
    """The dots of a table of contents are no words, and do not spoil the readings beside them."""
    leaders = line(["Index", "of", "names", 60 * ".", "58"])
    drawn = [word._replace(text="……") if "..." in word.text else word for word in leaders]
    assert judge([leaders], Reader(drawn), ()) == {Setting(1, False): "proven", Setting(1, True): "proven"}


def test_words_and_figures_of_proven_fonts_are_not_read() -> None:
    """A font that its own table proves needs no reader."""
    reader = Reader(())
    verdicts = judge([line(ENGLISH), line(["12", "57"])], reader, {1})
    assert verdicts == {Setting(1, False): "proven", Setting(1, True): "proven"}
    assert reader.calls == []


def test_without_a_reader() -> None:
    """Without a reader, all fonts that are not proven stay open."""
    assert set(judge([line(ENGLISH), line(RUSSIAN, font=2)], lambda boxes: [], ()).values()) == {"open"}


def test_fonts_and_digits_are_judged_apart() -> None:
    """A font with false digits alone is refuted for the words that have digits."""
    written, drawn = [*ENGLISH, "7140", "4671"], [*ENGLISH, "1740", "4617"]
    assert judge([line(written)], Reader(line(drawn)), ()) == {
        Setting(1, False): "proven",
        Setting(1, True): "lying",
    }
