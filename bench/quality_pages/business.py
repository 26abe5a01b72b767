"""Pages of office documents: invoices, forms, letters, lists, tables of contents, slides."""

from __future__ import annotations

from collections.abc import Iterator

from quality_tables import SourceCell

from quality_pages import rendering as r
from quality_pages.page import Page
from quality_pages.parts import Box, Drawing, Fields, Furniture, Items, Part, Table, Text, beside, rule
from quality_pages.prose import Writer

SANS = "10pt 'Liberation Sans', 'DejaVu Sans', sans-serif"
MONO = "11pt 'Liberation Mono', 'DejaVu Sans Mono', monospace"


def _address(w: Writer) -> str:
    street = f"{w.number(2, 180)} {w.word().capitalize()} Street"
    return f"{w.name()}\n{street}\n{w.word().capitalize()}ton {w.number(10000, 99999)}"


def _invoice(w: Writer) -> list[Part]:
    lines = [
        [str(n), f"{w.word('A').capitalize()} {w.word()}", str(w.number(1, 40)), w.amount(5, 90), w.amount(100, 999)]
        for n in range(1, 9)
    ]
    total: list[str | SourceCell] = [SourceCell("Total", 1, 4), w.amount(2000, 9000)]
    heads = ["No.", "Description", "Quantity", "Unit price", "Amount"]
    return [
        beside(
            Text(f"{w.word().capitalize()} & {w.word().capitalize()} Ltd.", "color:#345", "h1"),
            Text(f"Invoice {w.number(10000, 99999)}", "text-align:right", "h1", ""),
        ),
        beside(
            Text(_address(w), flow="to"),
            Fields([("Date", f"{w.number(10, 28)} March 2014"), ("Customer", str(w.number(1000, 9999)))]),
            css="margin:8mm 0",
        ),
        Table([heads, *lines, total], style=w.pick(["booktabs", "shaded", "ruled"])),
        Text(w.prose(2)),
        Furniture(f"Registered in {w.word().capitalize()}ham, No. {w.number(10**6, 10**7)}", "bottom:10mm;left:20mm"),
    ]


def _form(w: Writer) -> list[Part]:
    names = ["Surname", "Given names", "Date of birth", "Place of birth", "Occupation", "Employer", "Telephone"]
    values = [w.name().split()[-1], w.name().split()[0], f"{w.number(10, 28)}.05.{w.number(1940, 1999)}",
              f"{w.word().capitalize()}ville", f"{w.word()} keeper", f"{w.word().capitalize()} Works",
              f"0{w.number(200, 900)} {w.number(10**5, 10**6)}"]  # fmt: skip
    return [
        Text("Application for a Permit", tag="h1"),
        Text(w.prose(2)),
        Text("Section A: Applicant", tag="h2"),
        Fields(list(zip(names, values, strict=True)), "margin-bottom:3mm"),
        Text("Section B: Declaration", tag="h2"),
        *(
            Box([Drawing(_box(w.number(0, 1))), Text(w.sentence(), "margin:0")], "display:flex;margin-bottom:3mm")
            for _ in range(5)
        ),
        Text(w.prose(2)),
        Fields([("Signature", ""), ("Date", "14 June 1987")], "margin-top:8mm"),
    ]


def _box(ticked: int) -> str:
    cross = '<path d="M2 2L12 12M12 2L2 12" stroke="black" stroke-width="1.6"/>' * ticked
    square = '<rect x="1" y="1" width="12" height="12" fill="none" stroke="black"/>'
    return f'<svg width="14" height="14" style="flex:none;margin:1px 10px 0 0">{square}{cross}</svg>'


def _letter(w: Writer) -> list[Part]:
    return [
        Text(f"{w.word().capitalize()} Trading Company", "text-align:center;font-size:1.5em;margin:0", flow=""),
        Text(f"Established {w.number(1850, 1910)}", "text-align:center;margin-bottom:12mm", flow=""),
        Text(f"{w.word().capitalize()}port, {w.number(2, 28)} October {w.number(1921, 1969)}", "text-align:right"),
        Text(_address(w), "margin-bottom:8mm"),
        Text(f"Dear {w.name()},"),
        *(Text(w.prose(4), "margin-bottom:4mm") for _ in range(4)),
        Text("Yours faithfully,", "margin-left:90mm"),
        Drawing('<svg width="150" height="50" style="margin-left:90mm"><path d="M5 35C20 5 30 5 28 30S60 10 70 28 '
                '100 40 145 15" fill="none" stroke="#223" stroke-width="2"/></svg>'),
        Text(w.name(), "margin-left:90mm"),
    ]  # fmt: skip


def _contents(w: Writer) -> list[Part]:
    entries = []
    page = 1
    for chapter in range(1, 8):
        page += w.number(3, 20)
        entries.append((f"{chapter}. {w.phrase()}", str(page)))
        for section in range(1, 4):
            page += w.number(1, 9)
            entries.append((f"{chapter}.{section} {w.word('A').capitalize()} {w.word()} and {w.word()}", str(page)))
    listed = Fields(
        entries, "margin-bottom:1.5mm", "flex:1;border-bottom:1px dotted black", "width:12mm;text-align:right"
    )
    return [Text("Contents", tag="h1"), listed, Furniture("iii", "bottom:12mm;left:0;right:0;text-align:center")]


def _report(w: Writer) -> list[Part]:
    return [
        Text(w.phrase(), tag="h1"), Text(w.prose(3)), Text("1. Purpose", tag="h2"), Text(w.prose(3)),
        Items([w.sentence() for _ in range(4)]), Text("2. Steps", tag="h2"), Text(w.prose(2)),
        Items([w.sentence() for _ in range(5)], ordered=True), Text("2.1 Exceptions", tag="h3"), Text(w.prose(4)),
    ]  # fmt: skip


def _slide(w: Writer) -> list[Part]:
    points = Items([w.phrase() for _ in range(5)], css="font-size:1em;line-height:1.7")
    title = Text(f"{w.word('A').capitalize()} {w.word()} plan", "color:#234;font-size:34pt", "h1")
    return [title, rule(), points, Furniture("12", "bottom:8mm;right:12mm;font-size:11pt")]


def pages() -> Iterator[Page]:
    """Yield the pages of office documents."""
    old = r.scan(r.age(70), r.add_noise(6), r.blur(0.6))
    yield Page("invoice", "business", _invoice(Writer("invoice")), font=SANS)
    yield Page("invoice-scan", "business", _invoice(Writer("invoice scanned")), r.scan(r.compress(60)), 150, font=SANS)
    yield Page("form-filled", "business", _form(Writer("form")), font=SANS)
    yield Page("form-filled-scan", "business", _form(Writer("form scanned")), r.scan(r.skew(0.6)), font=SANS)
    yield Page("letter", "business", _letter(Writer("letter")))
    yield Page("letter-typewriter-scan", "business", _letter(Writer("typed")), old, 150, font=MONO)
    yield Page("contents", "business", _contents(Writer("contents")))
    yield Page("contents-scan", "business", _contents(Writer("contents scanned")), r.scan(r.add_noise(5)))
    yield Page("report-lists", "business", _report(Writer("report")), font=SANS)
    wide = (254, 143)
    big = "20pt 'Liberation Sans', sans-serif"
    for name, look in (("slide", None), ("slide-scan", r.scan(r.compress(50)))):
        yield Page(name, "business", _slide(Writer(name)), look, 150, wide, "12mm 14mm", big)
