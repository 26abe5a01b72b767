"""Fields with a box for each character."""

from __future__ import annotations

import pytest

from ocr_worker.engines.embedded.combs import join_combs
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.text_layer import drop_repeated


def comb(text: str, pitch: float, y: float = 0) -> list[Line]:
    return [Line(character, Box(400 + pitch * i, y, 414 + pitch * i, y + 30)) for i, character in enumerate(text)]


@pytest.mark.parametrize("value", ["AB20388107", "04061988", "4410"])
def test_a_comb_is_a_word_beside_its_label(value: str) -> None:
    """Characters alone in equal boxes are one word, in one line with the label at the left."""
    label = Line("Number of the policy", Box(0, 4, 250, 28))
    (line,) = join_combs([label, *comb(value, 55)])
    assert (line.text, line.box) == (f"Number of the policy {value}", Box(0, 0, 414 + 55 * (len(value) - 1), 30))


def test_a_comb_without_a_label_is_a_word() -> None:
    """Characters with nothing at their left are one word."""
    assert [line.text for line in join_combs(comb("X7Q2", 50))] == ["X7Q2"]


@pytest.mark.parametrize(("text", "pitch"), [("12345", 50), ("8153", 150), ("815", 50)])
def test_scales_and_cells_are_no_comb(text: str, pitch: float) -> None:
    """Numbers that count up, are far apart, or are few stay by themselves."""
    assert len(join_combs(comb(text, pitch))) == len(text)


def test_a_comb_is_not_read_beside_its_letters() -> None:
    """A reading that says no more than the layer at its place is left out; a reading with more stays."""
    layer = comb("AB2038", 55)
    around = Box(390, 0, 700, 30)
    readings = [Line("A B 2 0 3 8", around), Line("A B Z 0 3 8", around), Line("AB2038 kg", around), Line("☐", around)]
    assert [line.text for line in drop_repeated(readings, layer)] == ["AB2038 kg", "☐"]
    assert drop_repeated(readings[:1], comb("AB2038", 55, y=90)) == readings[:1]


def characters_of(label: str, value: str, y: float = 0, pitch: float = 40, *, is_read: bool = False) -> Line:
    """Return a line of a label and a comb, as a text layer has them: each character is a word."""
    words = [Word(label, Box(0, y, 150, y + 30))] if label else []
    words += [Word(c, Box(200 + pitch * i, y, 214 + pitch * i, y + 30)) for i, c in enumerate(value) if not c.isspace()]
    box = Box(words[0].box.x0, y, words[-1].box.x1, y + 30)
    return Line(" ".join(word.text for word in words), box, words=tuple(words), is_from_text_layer=not is_read)


@pytest.mark.parametrize("value", ["DE89370400440532013000", "FENNIMORE ODO", "MÜLLER, JÖRG", "04.05.1961", "8821"])
def test_a_comb_within_a_line_is_a_word(value: str) -> None:
    """Characters that are words of one line are one word, with a space for each run of empty boxes."""
    assert [line.text for line in join_combs([characters_of("Name", value)])] == [f"Name {value}"]
    assert [line.text for line in join_combs([characters_of("", value)])] == [value]


def test_a_short_comb_is_as_the_long_one() -> None:
    """Two or three characters are a comb if their boxes are as wide as those of a longer one."""
    lines = [characters_of("Surname", "MARRABLE"), characters_of("Name", "IDA", y=90)]
    assert [line.text for line in join_combs(lines)] == ["Surname MARRABLE", "Name IDA"]
    assert [line.text for line in join_combs(lines[1:])] == ["Name I D A"]


def test_letters_within_a_line_that_was_read_are_no_comb() -> None:
    """There they are letters set apart, or a reading of the white: "signs, a PRO instrument"."""
    line = characters_of("214", "HISTOIRE", is_read=True)
    assert join_combs([line]) == [line]


@pytest.mark.parametrize("value", ["MDMDFSS", "1011"])
def test_the_columns_of_a_table_are_no_comb(value: str) -> None:
    """Characters with others right below them are a calendar's or a matrix's."""
    lines = [characters_of("", value), characters_of("", "1302561"[: len(value)], y=40)]
    assert len([line.text for line in join_combs(lines) if len(line.text.split()[0]) == 1]) > 1


def test_a_sentence_with_letters_alone_stays() -> None:
    """Single letters among words are no comb."""
    words = tuple(
        Word(text, Box(x, 0, x + 10 * len(text), 20))
        for text, x in (("if", 0), ("a", 30), ("+", 50), ("b", 70), ("is", 90), ("c", 120))
    )
    line = Line("if a + b is c", Box(0, 0, 130, 20), words=words, is_from_text_layer=True)
    assert join_combs([line]) == [line]
