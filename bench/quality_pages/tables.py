"""Pages with tables of every kind: ruled, open, spanning, with empty or wrapped cells, dense."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quality_tables import SourceCell

from quality_pages import rendering as r
from quality_pages.page import Page, Scan
from quality_pages.parts import Part, Table, Text, columns
from quality_pages.prose import Writer

Rows = Sequence[Sequence[str | SourceCell]]


def _plain(w: Writer, rows: int, columns: int, low: int = 100, high: int = 99_999) -> list[list[str]]:
    """Return rows with names at the side and amounts under headings."""
    heads = ["Region", *(w.word().capitalize() for _ in range(columns - 1))]
    sides = [f"{w.word('A').capitalize()} {w.word()}" for _ in range(rows)]
    return [heads, *([side, *(w.amount(low, high) for _ in range(columns - 1))] for side in sides)]


def _holes(w: Writer) -> Rows:
    rows = _plain(w, 10, 6, 10, 999)
    return [rows[0], *([row[0], *(text if w.number(0, 2) else "" for text in row[1:])] for row in rows[1:])]


def _wrapped(w: Writer) -> Rows:
    return [["Term", "Meaning", "Remarks"], *([w.word().capitalize(), w.sentence(), w.sentence()] for _ in range(6))]


def _heads_over(w: Writer) -> Rows:
    names = [SourceCell("Product", 2), SourceCell("Domestic", 1, 2), SourceCell("Foreign", 1, 2)]
    years = ["1998", "1999", "2000", "2001"]
    return [names, years, *([w.word().capitalize(), *(w.amount(10, 999) for _ in years)] for _ in range(8))]


def _sides_over(w: Writer) -> Rows:
    rows: list[Sequence[str | SourceCell]] = [["Area", "Station", "Depth", "Yield"]]
    for area in ("Northern", "Central", "Southern"):
        for number in range(3):
            rest = [f"{w.word().capitalize()} {w.number(1, 9)}", w.amount(1, 99), w.amount(100, 999)]
            rows.append([SourceCell(area, 3), *rest] if number == 0 else rest)
    return rows


def _financial(w: Writer) -> Rows:
    """Return groups of accounts with their sums, as in annual reports."""
    rows: list[Sequence[str]] = [["(in thousands)", "2009", "2008", "2007"]]
    for group in ("assets", "liabilities", "equity"):
        for _ in range(4):
            amounts = [
                f"({w.number(100, 999)})" if w.number(0, 4) == 0 else f"{w.number(1000, 99999):,}" for _ in range(3)
            ]
            rows.append([f"{w.word('A').capitalize()} {w.word()} {group}", *amounts])
        rows.append([f"Total {group}", *(f"{w.number(10**5, 10**6):,}" for _ in range(3))])
    return rows


def _page(name: str, table: Table, scan: Scan | None = None, dpi: int = 200, font: str = "") -> Page:
    w = Writer(name)
    caption = Text(f"Table {w.number(1, 9)}: {w.phrase()}", "text-align:center", flow="")
    parts: list[Part] = [Text(w.prose(5)), Text(w.prose(4)), caption, table, Text(w.prose(5)), Text(w.prose(4))]
    return Page(name, "tables", parts, scan, dpi, font=font or Page.font)


def pages() -> Iterator[Page]:
    """Yield the pages with tables."""
    noise = r.scan(r.add_noise(6))
    ruled = Table(_plain(Writer("ruled"), 9, 5))
    yield _page("table-ruled", ruled)
    yield _page("table-ruled-scan", ruled, r.scan(r.skew(0.5), r.add_noise(4)), 150)
    booktabs = Table(_plain(Writer("booktabs"), 8, 5), style="booktabs")
    yield _page("table-booktabs", booktabs)
    yield _page("table-booktabs-scan", booktabs, noise)
    financial = Table(_financial(Writer("financial")), style="open", cell_css="padding:0.4mm 2mm")
    aside = Table(_plain(Writer("heads aside"), 8, 5), style="booktabs", heads_align="left")
    yield _page("table-heads-left", aside)
    yield _page("table-financial", financial)
    yield _page("table-financial-scan", financial, noise)
    yield _page("table-heads-over-scan", Table(_heads_over(Writer("heads over")), heads=2), r.scan())
    yield _page("table-heads-over-booktabs", Table(_heads_over(Writer("heads over it")), heads=2, style="booktabs"))
    yield _page("table-sides-over-scan", Table(_sides_over(Writer("sides over"))), noise)
    yield _page("table-empty-cells-scan", Table(_holes(Writer("holes"))), noise)
    yield _page("table-empty-cells-open", Table(_holes(Writer("open holes")), style="booktabs"))
    yield _page("table-wrapped-scan", Table(_wrapped(Writer("wrapped"))), noise)
    yield _page("table-wrapped-open", Table(_wrapped(Writer("wrapped open")), style="booktabs"))
    dense = Table(_plain(Writer("dense"), 24, 12, 1, 999), cell_css="font-size:7pt;padding:0.4mm 0.8mm")
    yield _page("table-dense-scan", dense, r.scan())
    yield _page("table-shaded-scan", Table(_plain(Writer("shaded"), 10, 5), style="shaded"), r.scan(r.compress(60)))

    w = Writer("two tables")
    first, second = Table(_plain(w, 6, 4)), Table(_plain(w, 6, 5), style="booktabs")
    parts = [Text(w.prose(4)), first, Text(w.prose(5)), second, Text(w.prose(4))]
    yield Page("tables-two", "tables", parts, r.scan(r.compress(70)))

    w = Writer("in a column")
    small = Table(_plain(w, 6, 3, 10, 99), style="booktabs", cell_css="font-size:8.5pt")
    caption = Text(f"Table 2: {w.phrase()}", "font-size:0.9em", flow="")
    body = [Text(w.prose(7), hyphens=True), Text(w.prose(6)), caption, small, *(Text(w.prose(7)) for _ in range(4))]
    for name, look in (("table-in-column", None), ("table-in-column-scan", r.scan(r.compress(70)))):
        yield Page(name, "tables", [columns(2, body)], look)
