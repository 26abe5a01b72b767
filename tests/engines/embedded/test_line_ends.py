"""Lines that end within words, in scripts that break lines anywhere or have no spaces."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_worker.engines.embedded import tables
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, LineEnd
from ocr_worker.engines.embedded.reading.text_layer import layer_lines, layer_quads
from ocr_worker.engines.embedded.text import paragraphs, row_ends
from ocr_worker.engines.text_layer.joins import joined
from ocr_worker.pages import TextLine


def stacked(*texts: str, ends: tuple[LineEnd, ...] = ()) -> list[Line]:
    """Full lines under one another, 20 pixels high, 30 apart."""
    return [
        Line(text, Box(0, 30 * i, 400, 30 * i + 20), end=ends[i] if i < len(ends) else "unknown")
        for i, text in enumerate(texts)
    ]


KOREAN = ("강물이 불어나서 마을 사람들", "이 모두 언덕으로 올라가", "아침까지 기다렸다")


def test_a_space_at_the_line_end_decides() -> None:
    """A line with a space after it ends a word, one without ends within a word, whatever the words are."""
    text = "강물이 불어나서 마을 사람들이 모두 언덕으로 올라가 아침까지 기다렸다"
    assert paragraphs(stacked(*KOREAN, ends=("no space", "space"))) == [text]
    assert paragraphs(stacked("법원의 판단(제3", "조)에 따라", ends=("no space",))) == ["법원의 판단(제3조)에 따라"]


def test_a_line_that_is_not_filled_ends_no_word() -> None:
    """Rows of a list have no space at their ends, either, and are joined with one."""
    date = Line("발행일 4월 2일", Box(0, 0, 150, 20), end="no space")
    assert (
        joined(date.text, "발행처", end=row_ends([[date], stacked("발행처 국회입법조사처")])[0])
        == "발행일 4월 2일 발행처"
    )


def test_rows_of_an_address_end_no_word() -> None:
    """The widest row of a text whose rows are not filled ends where its writer began a new line."""
    widths = {"발행일 4월 2일": 250, "발행처 조사처": 237, "발행인 김하중 조사처장": 338, "www.nars.go.kr": 195}
    rows = [
        [Line(text, Box(0, 40 * i, width, 40 * i + 29), end="no space")]
        for i, (text, width) in enumerate(widths.items())
    ]
    assert row_ends(rows) == ["unknown"] * 4
    assert row_ends([[line] for line in stacked(*KOREAN, ends=("no space", "space"))])[:2] == ["no space", "space"]


@pytest.mark.parametrize("mark", "*※◦")
def test_a_mark_ends_the_word_above(mark: str) -> None:
    """A note or an item in the cell of a table is apart from the filled line above."""
    assert joined("페스트 등", f"{mark} 좌측 6종", end="no space") == f"페스트 등 {mark} 좌측 6종"


def test_a_particle_at_the_next_line_belongs_to_the_word_above() -> None:
    """Without spaces at line ends, what is never a word of its own continues the word."""
    assert joined("바람이 세게 불어서 배", "를 띄우지 못했다") == "바람이 세게 불어서 배를 띄우지 못했다"
    assert joined("우리는 시장", "에서 만났다") == "우리는 시장에서 만났다"


def test_a_word_that_occurs_elsewhere_is_complete() -> None:
    """Two parts that are one word in the same text are joined."""
    text = paragraphs(stacked("등대지기는 매일 밤 불을 켰고 등대", "지기는 매일 아침 불을 껐다"))
    assert text == ["등대지기는 매일 밤 불을 켰고 등대지기는 매일 아침 불을 껐다"]


def test_an_ambiguous_end_follows_the_text() -> None:
    """A line's end without evidence has a space, unless the text breaks words elsewhere."""
    assert joined("새로 지은 학교", "건물") == "새로 지은 학교 건물"
    lines = stacked("새로 지은 학교", "건물 앞에 나무", "를 심었다")
    assert paragraphs(lines) == ["새로 지은 학교건물 앞에 나무를 심었다"]
    lines = stacked("새로 지은 학교에서", "건물 앞에 나무", "를 심었다")
    assert paragraphs(lines) == ["새로 지은 학교에서 건물 앞에 나무를 심었다"]


@pytest.mark.parametrize(
    ("above", "below", "text"),
    [
        ("แม่น้ำขึ้นสูง", "ในเดือนกุมภาพันธ์", "แม่น้ำขึ้นสูงในเดือนกุมภาพันธ์"),
        ("水位在二月", "上升", "水位在二月上升"),
        ("川の水位は", "二月に", "川の水位は二月に"),
        ("Das Wasser", "steigt", "Das Wasser steigt"),
        ("물이 불었다.", "그래서", "물이 불었다. 그래서"),
    ],
)
def test_other_scripts_join_as_they_are_written(above: str, below: str, text: str) -> None:
    """Thai, Chinese and Japanese have no space at a line's end; others have one, as does the end of a sentence."""
    assert joined(above, below) == text


def test_cells_join_as_paragraphs_do() -> None:
    """A Korean word that is broken within a cell is whole."""
    lines = [Line("생물테러감염", Box(0, 0, 90, 20), end="no space"), Line("병 또는", Box(0, 22, 90, 42), end="space")]
    assert tables._cell_text(lines) == "생물테러감염병 또는"


@pytest.mark.parametrize(
    ("spaces", "ends"),
    [
        ((True, False, True), ["space", "no space", "space"]),
        ((True, False, False), ["unknown"] * 3),
        ((False, False, False), ["unknown"] * 3),
    ],
)
def test_a_layer_keeps_the_spaces_at_line_ends_or_not(spaces: tuple[bool, ...], ends: list[str]) -> None:
    """Only a layer with several such spaces proves anything by one that is missing."""
    lines = [
        TextLine(text, (10.0, 30.0 * i, 190.0, 30.0 * i + 20), has_space_after=space)
        for i, (text, space) in enumerate(zip(KOREAN, spaces, strict=True))
    ]
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:, ::2] = 255
    assert [line.end for line in layer_lines(lines, layer_quads(lines), pixels)] == ends
