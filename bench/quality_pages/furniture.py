"""Pages with running headers, footers and page numbers of many forms; none belongs in the Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from quality_pages import rendering as r
from quality_pages.page import Page
from quality_pages.parts import Furniture, Part, Text, columns
from quality_pages.prose import Writer

LEFT, MIDDLE, RIGHT = "left:20mm", "left:0;right:0;text-align:center", "right:20mm"
TOP, FOOT = "top:11mm", "bottom:11mm"


def _body(w: Writer, count: int) -> list[Part]:
    parts: list[Part] = [Text(w.prose(6), "text-indent:5mm;text-align:justify") for _ in range(6)]
    parts.insert(2, Text(w.phrase(), tag="h2"))
    return [columns(count, parts)] if count > 1 else parts


def _styles(w: Writer) -> dict[str, list[tuple[str, str, str]]]:
    """Return by page name each text with its height and its side."""
    author, title = w.name(), w.phrase()
    return {
        "corners": [(title, TOP, LEFT), ("128", TOP, RIGHT)],
        "left-number": [("244", TOP, LEFT), (author, TOP, f"{MIDDLE};font-style:italic")],
        "ruled-header": [(f"Chapter 4. {title}", TOP, f"{LEFT};{RIGHT};border-bottom:1px solid black")],
        "dated-footer": [
            ("Printed 12 May 2011", FOOT, LEFT),
            ("Company confidential", FOOT, MIDDLE),
            ("Page 3 of 10", FOOT, RIGHT),
        ],
        "address-footer": [("https://www.example.org/archive/2011/item-48213.html", FOOT, LEFT), ("3/10", FOOT, RIGHT)],
        "dashes": [("- 7 -", FOOT, MIDDLE)],
        "roman": [("xvii", FOOT, MIDDLE), (w.phrase().upper(), TOP, MIDDLE)],
        "journal": [
            (f"{author} / Journal of {w.word().capitalize()} Research 14 (2009) 201-219", TOP, MIDDLE),
            ("207", TOP, RIGHT),
            ("Copyright 2009 by the authors. All rights reserved.", FOOT, MIDDLE),
        ],
    }


TWO_COLUMNS = ("left-number", "address-footer", "journal")
SCANNED = ("left-number", "ruled-header", "dashes", "roman", "journal")


def pages() -> Iterator[Page]:
    """Yield the same kind of body with different furniture."""
    for name, items in _styles(Writer("furniture")).items():
        furniture = [Furniture(text, f"{height};{side}") for text, height, side in items]
        parts = [*furniture, *_body(Writer(name), 2 if name in TWO_COLUMNS else 1)]
        look = r.scan(r.add_noise(4), r.compress(70)) if name in SCANNED else None
        yield Page(f"furniture-{name}", "furniture", parts, look, 150 if name == "roman" else 200)
