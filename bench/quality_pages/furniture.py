"""Running headers, footers and page numbers in the forms that they take; none belongs into the Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from quality_pages import rendering as r
from quality_pages.page import Page
from quality_pages.parts import Furniture, Part, Text, columns
from quality_pages.prose import Writer

MIDDLE = "left:0;right:0;text-align:center"


def _body(w: Writer, count: int) -> list[Part]:
    parts: list[Part] = [Text(w.prose(6), "text-indent:5mm;text-align:justify") for _ in range(6)]
    parts.insert(2, Text(w.phrase(), tag="h2"))
    return [columns(count, parts)] if count > 1 else parts


def pages() -> Iterator[Page]:
    """The same kind of body under ever other furniture."""
    w = Writer("furniture")
    author, title = w.name(), w.phrase()
    styles: list[tuple[str, list[tuple[str, str]], int, bool]] = [
        ("corners", [(title, "top:11mm;left:20mm"), ("128", "top:11mm;right:20mm")], 1, False),
        ("left-number", [("244", "top:11mm;left:20mm"), (author, f"top:11mm;{MIDDLE};font-style:italic")], 2, True),
        ("ruled-header", [(f"Chapter 4. {title}", "top:10mm;left:20mm;right:20mm;border-bottom:1px solid black")], 1, True),
        ("dated-footer", [("Printed 12 May 2011", "bottom:10mm;left:20mm"), ("Company confidential", f"bottom:10mm;{MIDDLE}"),
                          ("Page 3 of 10", "bottom:10mm;right:20mm")], 1, False),
        ("address-footer", [("https://www.example.org/archive/2011/item-48213.html", "bottom:9mm;left:20mm"),
                            ("3/10", "bottom:9mm;right:20mm")], 2, False),
        ("dashes", [("- 7 -", f"bottom:13mm;{MIDDLE}")], 1, True),
        ("roman", [("xvii", f"bottom:13mm;{MIDDLE}"), (w.phrase().upper(), f"top:12mm;{MIDDLE}")], 1, True),
        ("journal", [(f"{author} / Journal of {w.word().capitalize()} Research 14 (2009) 201-219", f"top:12mm;{MIDDLE}"),
                     ("207", "top:12mm;right:20mm"), ("Copyright 2009 by the authors. All rights reserved.", f"bottom:11mm;{MIDDLE}")], 2, True),
    ]  # fmt: skip
    for name, drawn, count, scanned in styles:
        parts = [*(Furniture(*one) for one in drawn), *_body(Writer(name), count)]
        look = r.scan(r.noisy(4), r.compressed(70)) if scanned else None
        yield Page(f"furniture-{name}", "furniture", parts, look, 150 if name == "roman" else 200)
