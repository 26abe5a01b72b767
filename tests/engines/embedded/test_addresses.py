"""Addresses beside one another: each is read by itself, on evidence."""

from __future__ import annotations

from ocr_worker.engines.embedded.addresses import separate_addresses
from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.lines import Line
from support.typeset import typeset

LEFT = ("BILL TO", "Ida Fennimore", "2 Mill Lane", "Weirton, NY 12210")
RIGHT = ("SHIP TO", "Jory Marrable", "3787 Ferry Drive", "Lockport, MA 12210")


def block(x: float, texts: tuple[str, ...], top: float = 100) -> list[Line]:
    return [typeset(text, x, top + 28 * i) for i, text in enumerate(texts)]


def texts(blocks: list[list[Line]]) -> list[list[str]]:
    return [[line.text for line in lines] for lines in blocks]


def test_two_addresses_are_read_one_after_the_other() -> None:
    """Level rows of two parties are no rows of a table; what is around them stays."""
    other = typeset("Invoice 4711", 100, 20)
    rest, addresses = separate_addresses([other, *block(100, LEFT), *block(500, RIGHT)], [])
    assert rest == [other]
    assert texts(addresses) == [list(LEFT), list(RIGHT)]


def test_other_texts_beside_one_another_stay() -> None:
    """A single address, an address beside a text without a postcode, and cells of a table."""
    facts = ("Invoice", "No. 4711", "11 February", "Net 30 days")
    lines = [*block(100, LEFT), *block(500, facts)]
    assert separate_addresses(lines, []) == (lines, [])
    both = [*block(100, LEFT), *block(500, RIGHT)]
    assert separate_addresses(both, [Box(0, 0, 900, 900)]) == (both, [])
    towns = tuple(f"Weirton, NY 1221{i}" for i in range(4))
    column = [*block(100, towns), *block(500, towns)]
    assert separate_addresses(column, []) == (column, [])
