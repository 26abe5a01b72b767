"""Tables of every kind: ruled, open, spanning, empty cells, wrapped cells, dense."""

from __future__ import annotations

from collections.abc import Iterator

from quality_tables import Given

from quality_pages import rendering as r
from quality_pages.page import Page
from quality_pages.parts import Table, Text
from quality_pages.prose import Writer


def _plain(w: Writer, rows: int, columns: int) -> list[list[str]]:
    """Names down the side, amounts under headings."""
    heads = ["Region", *(w.word().capitalize() for _ in range(columns - 1))]
    sides = [f"{w.word('A').capitalize()} {w.word()}" for _ in range(rows)]
    return [heads, *([side, *(w.amount() for _ in range(columns - 1))] for side in sides)]


def pages() -> Iterator[Page]:
    """The tables."""
    w = Writer("ruled")
    yield Page("table-ruled", "tables", [Text(w.prose(3)), Table(_plain(w, 9, 5)), Text(w.prose(3))], r.scan(), dpi=150)

    w = Writer("booktabs")
    yield Page(
        "table-booktabs", "tables", [Text(w.prose(4)), Table(_plain(w, 8, 5), style="booktabs"), Text(w.prose(4))]
    )

    w = Writer("unruled")
    yield Page(
        "table-unruled-scan", "tables", [Text(w.prose(3)), Table(_plain(w, 12, 4), style="open"), Text(w.prose(3))],
        r.scan(r.noisy(6)),
    )  # fmt: skip

    w = Writer("spans")
    years = ["1998", "1999", "2000", "2001"]
    rows = [
        [Given("Product", 2), Given("Domestic", 1, 2), Given("Foreign", 1, 2)],
        list(years),
        *([w.word().capitalize(), *(w.amount(10, 999) for _ in years)] for _ in range(7)),
    ]
    yield Page("table-spans", "tables", [Text(w.prose(3)), Table(rows, heads=2), Text(w.prose(2))], r.scan())
