"""Words in small capitals, which are read in mixed capitals."""

from __future__ import annotations

import pytest

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.reading.small_capitals import restore_small_capitals

BOX = Box(0, 0, 100, 20)


def restored(*texts: str, is_layer: bool = False) -> list[str]:
    lines = [Line(text, BOX, words=(Word(text, BOX),), is_from_text_layer=is_layer) for text in texts]
    corrected = restore_small_capitals(lines)
    assert [line.words[0].text for line in corrected] == [line.text for line in corrected]
    return [line.text for line in corrected]


@pytest.mark.parametrize("text", ["the LIoNS of TuRNER,", "MR. EDwIN BRowN", "JuLIo and GRoUP"])
def test_words_in_mixed_capitals_are_in_capitals(text: str) -> None:
    assert restored(text) == [
        text.replace("EDwIN", "EDWIN")
        .replace("BRowN", "BROWN")
        .replace("LIoNS", "LIONS")
        .replace("TuRNER", "TURNER")
        .replace("JuLIo", "JULIO")
        .replace("GRoUP", "GROUP")
    ]


@pytest.mark.parametrize(
    "texts",
    [
        ("one NoSQL store",),  # a single such word may be a name
        ("the CEOs and the NGOs and URLs",),
        ("McDONALD and MacKENZIE",),
        ("GmbH, PhD, WiFi, LaTeX and IoT",),
        ("NaCl and CuSO4 and MnO",),
    ],
)
def test_other_words_stay(texts: tuple[str, ...]) -> None:
    assert restored(*texts) == list(texts)


def test_a_text_layer_says_what_it_says() -> None:
    assert restored("LIoNS of TuRNER", is_layer=True) == ["LIoNS of TuRNER"]
