"""Fields with a box for each character."""

from __future__ import annotations

import pytest

from ocr_worker.engines.embedded.combs import join_combs
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
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
