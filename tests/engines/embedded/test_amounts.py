"""Amounts of receipts and bills: they are read with the text of their row, and each row is a line."""

from __future__ import annotations

import pytest

from ocr_worker.engines.embedded.amounts import has_amount_apart, join_amounts
from ocr_worker.engines.embedded.beginnings import find_beginnings
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line, rows

ITEMS = (("Wholemeal bread", "3.20"), ("Butter, salted", "2.49 A"), ("Olive oil", "$11.90"), ("Discount", "-1.50"))


def item(text: str, top: float, left: float, right: float) -> Line:
    return Line(text, Box(left, top, right, top + 20))


def receipt(skew: float = 0.0) -> list[Line]:
    """Return a receipt of items, each with its amount at the right and a code below it. skew: pixels a row."""
    lines = []
    for i, (name, amount) in enumerate(ITEMS):
        top, shift = 100 + 60 * i, skew * i
        lines.append(item(name, top, 50 + shift, 50 + shift + 11 * len(name)))
        lines.append(item(amount, top + 3, 500 + shift - 11 * len(amount), 500 + shift))
        lines.append(item(f"004912{i}", top + 30, 50 + shift, 130 + shift))
    return lines


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def test_amounts_are_read_with_the_text_in_their_row() -> None:
    """A column of amounts is no column of the page, also on a page that is a little skewed."""
    for skew in (0.0, 6.0, -6.0):
        joined = texts(join_amounts(receipt(skew), []))
        assert joined[::2] == [f"{name} {amount}" for name, amount in ITEMS]
        assert len(joined) == 2 * len(ITEMS)


def test_each_row_of_a_receipt_is_a_line() -> None:
    """Rows with amounts, and the rows between them, are not joined."""
    assert all(find_beginnings(rows(join_amounts(receipt(), []))))


@pytest.mark.parametrize("amounts", [("8 €", "10 €", "9€"), ("$8", "$12", "$1,200"), ("8,- €", "12,- €", "9,- €")])
def test_amounts_of_a_menu_need_no_decimals(amounts: tuple[str, str, str]) -> None:
    """The sign of a currency shows what they are."""
    lines = [
        part
        for i, amount in enumerate(amounts)
        for part in (item("A soup of the day", 100 + 40 * i, 50, 230), item(amount, 102 + 40 * i, 500, 560))
    ]
    assert texts(join_amounts(lines, [])) == [f"A soup of the day {amount}" for amount in amounts]


def test_a_row_of_parts_is_joined_from_its_text_on() -> None:
    """The number and the price between the text and the amount belong to the row."""
    lines = [part for i in range(3) for part in bill_row(i)]
    assert texts(join_amounts(lines, [])) == ["Brake cables 2 15.00 30.00"] * 3


def bill_row(i: int) -> list[Line]:
    top = 100 + 40 * i
    return [
        item("Brake cables", top, 50, 180),
        item("2", top, 300, 312),
        item("15.00", top, 400, 455),
        item("30.00", top, 500, 555),
    ]


def test_other_columns_stay_apart() -> None:
    """Amounts of a table, amounts without texts, a column of years, and a text that follows amounts are not joined."""
    lines = receipt()
    assert join_amounts(lines, [Box(0, 0, 600, 600)]) == lines
    alone = [line for line in lines if not line.text[0].isalpha()]
    assert join_amounts(alone, []) == alone
    years = [item("A report", 100 + 40 * i, 50, 150) for i in range(3)]
    years += [item(f"201{i}", 100 + 40 * i, 450, 500) for i in range(3)]
    assert join_amounts(years, []) == years
    followed = [*lines, *(item("of the next column", 100 + 60 * i, 560, 800) for i in range(4))]
    assert join_amounts(followed, []) == followed


def test_an_amount_within_a_sentence_is_not_apart() -> None:
    """Only much white before it makes an amount the end of a record."""
    assert not has_amount_apart([item("The total is $12.50", 0, 0, 200)])
    assert has_amount_apart([item("Total", 0, 0, 60), item("$12.50", 0, 300, 360)])
