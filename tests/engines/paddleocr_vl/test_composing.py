"""The text of a block from the words of the layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ocr_worker.engines.paddleocr_vl.composing import compose
from ocr_worker.engines.paddleocr_vl.layer_words import LayerWord
from ocr_worker.engines.text_layer.joins import LineEnd, words_of


def words(*lines: str, x: float = 100, right: float | None = None, is_rtl: bool = False) -> list[LayerWord]:
    """Return lines 24 pixels high and 40 apart, in letters 10 pixels wide; each begins at `x`, or ends at `right`."""
    result = []
    for index, line in enumerate(lines):
        units = [unit for part in line.split(" ") for unit in _units(part)]
        width = 10 * len(line)
        start = x if right is None else right - width
        position = start
        for text, has_space in units:
            position += 10 * has_space if position != start else 0
            box = (position, 40.0 * index, position + 10 * len(text), 40.0 * index + 24)
            if is_rtl:
                box = (2 * start + width - box[2], box[1], 2 * start + width - box[0], box[3])
            result.append(LayerWord(text, box, index, has_space and position != start, (1,), True))
            position += 10 * len(text)
    return result


def _units(part: str) -> Sequence[tuple[str, bool]]:
    """Return a word, or the characters of Chinese, each of which is a word of the layer."""
    if part.isascii() or not "\u4e00" <= part[0] <= "\u9fff":
        return [(part, True)]
    return [(character, index == 0) for index, character in enumerate(part)]


def composed(*lines: str, label: str = "text", is_rtl: bool = False, page: str = "") -> str:
    return compose([words(*lines, is_rtl=is_rtl)], label, words_of([*lines, page]))


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["The river rose in the", "second week of March"], "The river rose in the second week of March"),
        (["They wrote down the hy-", "phenated words of a page"], "They wrote down the hyphenated words of a page"),
        (["The rules are well-", "known in all the valley"], "The rules are well-known in all the valley"),
        (["Pages 12, 13, 17 and 19-", "23 of the second volume"], "Pages 12, 13, 17 and 19-23 of the second volume"),
        (["河水在二月上涨不是在四月", "草地没有被水淹没"], "河水在二月上涨不是在四月草地没有被水淹没"),
    ],
)
def test_rows_are_joined(lines: Sequence[str], text: str) -> None:
    """Rows are joined by a space, without the hyphen of a broken word, and without a space in Chinese."""
    assert composed(*lines) == text


def test_a_hyphen_that_the_page_has_elsewhere() -> None:
    """A word that the page has with its hyphen elsewhere keeps it at the end of a row."""
    assert composed("They met at the market-", "place in the town centre", page="the market-place") == (
        "They met at the market-place in the town centre"
    )


def test_rows_that_end_early() -> None:
    """A row that leaves room for the next word is a line of its own, as in an address."""
    assert composed("Ida Fennimore", "3 Mill Lane", "Saltby", "near the long old bridge") == (
        "Ida Fennimore\n3 Mill Lane\nSaltby\nnear the long old bridge"
    )


def test_rows_of_titles_and_entries() -> None:
    """Rows of a title are always joined, and rows of a table of contents never."""
    assert composed("On Reeds", "and the growth of the lower bank", label="doc_title") == (
        "On Reeds and the growth of the lower bank"
    )
    assert composed("1 Reeds ....... 3", "2 Banks ....... 7", label="content") == "1 Reeds ....... 3\n2 Banks ....... 7"


@pytest.mark.parametrize(("end", "between"), [("space", " "), ("no space", "")])
def test_lines_of_korean(end: LineEnd, between: str) -> None:
    """A row of Korean without a space at its end ends within a word, if the layer keeps such spaces."""
    rows = words("세계적 유행 단계에 돌", "입하였다고 발표했다")
    rows[3] = replace(rows[3], end=end)
    assert compose([rows], "text", ()) == f"세계적 유행 단계에 돌{between}입하였다고 발표했다"


def test_right_to_left() -> None:
    """Text of a right-to-left script is written in its own order, and its rows end at the left."""
    text = ["הנהר עלה בפברואר ולא באפריל", "והאחו עמד יבש כל הקיץ"]
    assert composed(*text, is_rtl=True) == " ".join(text)


def test_parts_of_a_row() -> None:
    """Two lines of the layer beside each other are one row, however they are ordered in the file."""
    first, second = words("Section 4"), words("Of the Rent", x=240)
    second = [LayerWord(each.text, each.box, 7, each.has_space_before, (1,), True) for each in second]
    assert compose([second + first], "paragraph_title", ()) == "Section 4 Of the Rent"


def test_a_merged_group() -> None:
    """The blocks of a group are joined in their order; a word broken between them is whole."""
    parts = [words("The first column ends in a bro-"), words("ken word, and here is the rest", x=600)]
    assert compose(parts, "text", ()) == "The first column ends in a broken word, and here is the rest"
