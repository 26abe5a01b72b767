"""Pages with what makes real pages hard: drop capitals, cards, clauses, listings, narrow columns, strips.

They look like magazines, contracts and receipts, but are drawn here like all others. What begins a line on these pages
must begin a line in the Markdown. Whether a box is ticked is not tested, because readers write ticks in many forms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quality_pages import rendering as r
from quality_pages.page import Page, Scan
from quality_pages.parts import Box, Drawing, Furniture, Lines, Part, Piece, Table, Text, beside, columns
from quality_pages.prose import Writer

SANS = "10pt 'Liberation Sans', 'DejaVu Sans', sans-serif"
MONO = "'Liberation Mono', 'DejaVu Sans Mono', monospace"
GROUP = "hard"


class Initial(Text):
    """A paragraph whose first letter is as high as three lines."""

    def html(self) -> str:
        """Return the paragraph with its first letter apart."""
        css = "float:left;font-size:3.6em;line-height:0.8;padding:0.5mm 1mm 0 0"
        rest = Text(self.text[1:], tag="span").html()
        return f'<p style="{self.css}"><span style="{css}">{self.text[0]}</span>{rest}</p>'


class Listing(Lines):
    """Lines of a program, in letters of one width, with their indents."""

    def html(self) -> str:
        """Return the lines as they are."""
        content = "\n".join(self.texts)
        return f'<pre style="font:9pt {MONO};margin:2mm 0 4mm 4mm;{self.css}">{content}</pre>'


@dataclass(frozen=True)
class Purchase(Part):
    """A row of a receipt: what was bought at the left, its price at the right."""

    name: str
    price: str

    def html(self) -> str:
        """Return the two sides of the row."""
        css = "display:flex;justify-content:space-between"
        return f'<div style="{css}"><span>{self.name}</span><span>{self.price}</span></div>'

    def pieces(self) -> Iterator[Piece]:
        """Yield both sides separately, as a reader may write a receipt as a table."""
        yield from (Piece(self.name), Piece(self.price))

    def line_starts(self) -> Iterator[str]:
        """Yield the name."""
        yield self.name


def _magazine(w: Writer) -> list[Part]:
    paragraphs = [Text(w.prose(4), "text-indent:4mm;margin:0") for _ in range(5)]
    body = [Initial(w.prose(7), "margin:0"), *paragraphs[:2], Initial(w.prose(6), "margin:3mm 0 0 0"), *paragraphs[2:]]
    head = [
        Furniture(w.phrase(), "top:12mm;left:20mm;font-size:1em;font-style:italic"),
        Furniture("73", "top:12mm;right:20mm;font-size:1em"),
    ]
    return [*head, Text(w.phrase(), "font-size:2.2em;margin-bottom:5mm", "h1"), columns(2, body)]


def _cards(w: Writer) -> list[Part]:
    def card(number: int) -> Part:
        flow = f"card {number}"
        parts = [Text(w.phrase(), "margin:0 0 1mm 0", "h3", flow), Text(w.prose(2), "margin:0", flow=flow)]
        return Box(parts, "border:1px solid #99a;border-radius:2mm;padding:3mm;height:100%")

    rows = [beside(*(card(3 * row + place) for place in range(3)), css="margin-bottom:6mm") for row in range(3)]
    return [Text(w.phrase(), tag="h1"), Text(w.prose(2)), *rows]


def _contract(w: Writer) -> list[Part]:
    parts: list[Part] = [Text(f"Agreement on the {w.word()}", "text-align:center", "h1"), Text(w.prose(2))]
    for section in range(1, 4):
        clauses = [f"{section}.{clause} {w.sentence()}" for clause in range(1, 4)]
        points = [f"({mark}) {w.sentence()}" for mark in ("i", "ii")]
        parts += [Lines([f"{section}. {w.phrase()}"], "font-weight:bold"), Lines(clauses, "margin:0")]
        parts.append(Lines(points, "margin:0 0 0 10mm"))
    return [*parts, Furniture("Page 2 of 9", "bottom:12mm;left:0;right:0;text-align:center;font-size:1em")]


def _record(w: Writer) -> list[Part]:
    def record() -> list[str]:
        return [f"Reported by: {w.name()}", f"Street: {w.number(2, 90)} {w.word().capitalize()} Street",
                f"Kind of damage: {w.word()}", f"Estimated cost: {w.amount()}", f"Status: {w.word()}"]  # fmt: skip

    parts: list[Part] = [Text("Record of damages", tag="h1")]
    for number in range(1, 5):
        parts += [Text(f"Case {number}", tag="h2"), Lines(record(), "margin:0"), Text(w.prose(2), "margin-top:2mm")]
    return parts


def _listings(w: Writer) -> list[Part]:
    def listing() -> list[str]:
        a, b = w.word(), w.word()
        return [f"def count_{a}({b}s):", "    total = 0", f"    for {b} in {b}s:", f"        if {b}.is_{a}:",
                f"            total += {b}.weight", "    return total"]  # fmt: skip

    parts: list[Part] = [Text(w.phrase(), tag="h1")]
    for _ in range(3):
        parts += [Text(w.prose(4)), Listing(listing())]
    return [*parts, Text(w.prose(3))]


def _narrow_columns(w: Writer) -> list[Part]:
    years = [str(year) for year in range(1991, 1997)]
    rows = [[w.word().capitalize(), *(str(w.number(1, 99)) for _ in years)] for _ in range(12)]
    total = ["Total", *(str(w.number(200, 900)) for _ in years)]
    table = Table([["Goods", *years], *rows, total], style="plain", css="width:95mm", cell_css="padding:0.4mm 1.2mm")
    return [Text(w.phrase(), tag="h1"), Text(w.prose(5)), table, Text(w.prose(6))]


def _boxes(w: Writer) -> list[Part]:
    def choice() -> Part:
        mark = "&#10005;" if w.number(0, 1) else "&nbsp;"
        css = "display:inline-block;width:3.5mm;height:3.5mm;border:1px solid black;font-size:8pt;line-height:3.2mm"
        return Box([Drawing(f'<span style="{css}">{mark}</span> '), Text(w.phrase(), tag="span", flow="")])

    parts: list[Part] = [Text("Registration", tag="h1"), Text(w.prose(2))]
    for number in range(1, 5):
        parts += [Text(f"{number}. {w.sentence()}", "margin-top:4mm"), beside(choice(), choice(), choice())]
    return parts


def _formulas(w: Writer) -> list[Part]:
    def display() -> Drawing:
        a, b = w.number(2, 9), w.number(2, 9)
        content = f"<i>E</i> = <i>m</i><sub>{a}</sub> <i>v</i><sup>2</sup> / {b} + <i>k</i><sub>0</sub>"
        return Drawing(f'<p style="text-align:center;font-size:1.1em">{content}</p>')

    texts = [Text(w.prose(4), "text-align:justify") for _ in range(4)]
    return [Text(w.phrase(), tag="h1"), *(part for text in texts for part in (text, display()))]


def _receipt(w: Writer) -> list[Part]:
    rows = [Purchase(f"{w.word('A')} {w.word()}", w.amount(1, 90)) for _ in range(48)]
    name = Text(f"{w.word()} & {w.word()}".upper(), "text-align:center;font-weight:bold;font-size:1.2em")
    return [name, Text(_street(w), "text-align:center"), *rows, Text(w.sentence(), "text-align:center;margin-top:4mm")]


def _street(w: Writer) -> str:
    return f"{w.number(2, 180)} {w.word().capitalize()} Street"


def pages() -> Iterator[Page]:
    """Yield each kind once with its text layer, and once as a scan."""
    kinds = {
        "drop-capitals": _magazine,
        "cards": _cards,
        "contract": _contract,
        "record": _record,
        "listings": _listings,
        "narrow-columns": _narrow_columns,
        "boxes": _boxes,
        "formulas": _formulas,
    }
    for name, parts in kinds.items():
        font = SANS if name in ("cards", "record", "boxes") else Page.font
        yield Page(f"hard-{name}", GROUP, parts(Writer(name)), font=font)
        yield Page(f"hard-{name}-scan", GROUP, parts(Writer(f"{name} scan")), _look(), font=font)
    strip = {"size": (80, 300), "padding": "6mm 5mm", "font": f"9pt {MONO}"}
    yield Page("hard-receipt-scan", GROUP, _receipt(Writer("receipt")), _look(), **strip)  # type: ignore[arg-type]


def _look() -> Scan:
    return r.scan(r.skew(0.4), r.add_noise(5), r.compress(60))
