"""Digits of tables, corrected by the text layer."""

from __future__ import annotations

import pytest

from ocr_worker.engines.paddleocr_vl.layer_tables import cells_of, fix_digits
from ocr_worker.engines.paddleocr_vl.layer_words import LayerWord

CELLS = ["Item", "Total", "Oil and wicks", "4,817.20", "Wages", "1,350.00"]


def table(*cells: str) -> str:
    return f"<table><tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr></table>"


def test_a_wrong_digit_is_corrected() -> None:
    """A cell that differs in digits from a single cell of the layer gets its digits; all else stays."""
    assert fix_digits(table("Item", "Oil and wicks", "4,877.20", "1,350.00"), CELLS) == table(
        "Item", "Oil and wicks", "4,817.20", "1,350.00"
    )


@pytest.mark.parametrize(
    ("cells", "layer"),
    [
        (["4,817.20"], ["4,817.20", "4,811.20"]),  # is in the layer as it is
        (["4,877.20"], ["4,817.20", "4,878.20"]),  # two candidates
        (["4,877.20", "4,878.20"], ["4,817.20"]),  # of two cells
        (["4,877.20", "4,877.20"], ["4,817.20", "4,877.21"]),
        (["1,111.11"], ["9,999.99"]),  # no digit is the same
        (["Oil 4 l"], ["Oil 4 kg"]),  # not only digits differ
        (["4,877.20"], []),
        (["a<br>4"], ["a 5"]),
    ],
)
def test_other_cells_stay(cells: list[str], layer: list[str]) -> None:
    """A cell with more than one candidate, or with other differences, stays as it was read."""
    assert fix_digits(table(*cells), layer) == table(*cells)


def test_cells_of_the_layer() -> None:
    """Words that are far apart in a row are cells of their own."""
    words = [
        LayerWord("Oil", (0, 0, 30, 20), 0, False, (1,), True),
        LayerWord("lamp", (36, 0, 80, 20), 0, True, (1,), True),
        LayerWord("4,817.20", (200, 0, 280, 20), 0, True, (1,), True),
        LayerWord("Wages", (0, 40, 60, 60), 1, False, (1,), True),
    ]
    assert cells_of(words) == ["Oil lamp", "4,817.20", "Wages"]
