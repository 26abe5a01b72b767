"""Papers and magazines: columns, titles over their width, figures, captions, footnotes, references."""

from __future__ import annotations

from collections.abc import Iterator

from quality_pages import rendering as r
from quality_pages.page import Page
from quality_pages.parts import Box, Furniture, Part, Text, chart, columns, rule
from quality_pages.prose import Writer

SERIF = "9.5pt 'Liberation Serif', 'DejaVu Serif', serif"


def _section(writer: Writer, title: str, sentences: tuple[int, ...]) -> list[Part]:
    body = [Text(writer.prose(count), "text-indent:4mm", hyphens=True) for count in sentences]
    return [Text(title, tag="h2"), *body]


def _head(writer: Writer, abstract: int = 4) -> list[Part]:
    authors = f"{writer.name()}, {writer.name()} and {writer.name()}"
    return [
        Text(writer.phrase(), "text-align:center", "h1"),
        Text(authors, "text-align:center;font-size:1.1em"),
        Text("Abstract", "text-align:center;font-weight:bold", flow=""),
        Text(writer.prose(abstract), "margin:0 10mm 5mm 10mm;text-align:justify"),
    ]


def _caption(writer: Writer, number: int) -> Text:
    return Text(f"Figure {number}: {writer.sentence()}", "font-size:0.9em;margin:1mm 0 4mm 0", flow="")


def _footnote(writer: Writer, mark: str = "1") -> Box:
    note = Text(f"{mark} {writer.sentence()}", "font-size:0.8em;margin:0;text-align:left", flow="")
    return Box([rule("width:25mm;margin:3mm 0 1mm 0"), note])


def _references(writer: Writer, count: int) -> list[Part]:
    listed = [
        f"[{n}] {writer.name()} and {writer.name()}. {writer.phrase()}. Journal of {writer.word().capitalize()} "
        f"Studies, {writer.number(3, 80)}({writer.number(1, 12)}):{writer.number(10, 400)}-{writer.number(401, 900)}, "
        f"{writer.number(1950, 2019)}."
        for n in range(1, count + 1)
    ]
    css = "font-size:0.85em;margin:0 0 1mm 0;padding-left:6mm;text-indent:-6mm;text-align:left"
    return [Text("References", tag="h2", flow=""), *(Text(text, css) for text in listed)]


def pages() -> Iterator[Page]:
    """The papers."""
    w = Writer("one column")
    parts = [*_head(w), *_section(w, "1. Introduction", (6, 5)), *_section(w, "2. Method", (6, 6, 4)), _footnote(w)]
    yield Page("paper-one-column", "papers", [*parts, Furniture("1", "bottom:12mm;left:0;right:0;text-align:center")])

    w = Writer("two columns")
    body = [*_section(w, "1 Introduction", (6, 7)), *_section(w, "2 Related Work", (6, 6)), _footnote(w),
            *_section(w, "3 Approach", (6, 7, 6)), *_section(w, "4 Results", (5, 6))]  # fmt: skip
    yield Page("paper-two-columns", "papers", [*_head(w), columns(2, body)], font=SERIF)

    w = Writer("two columns scanned")
    body = [*_section(w, "1 Introduction", (6, 7)), chart(), _caption(w, 1), *_section(w, "2 Survey", (6, 5)),
            *_section(w, "3 Discussion", (6, 7))]  # fmt: skip
    header = Furniture(f"{w.name()} et al. / {w.phrase()}", "top:12mm;left:20mm")
    number = Furniture("317", "top:12mm;right:20mm")
    yield Page(
        "paper-two-columns-scan", "papers", [header, number, *_head(w, 3), columns(2, body)], r.compressed(60),
        font=SERIF,
    )  # fmt: skip

    w = Writer("three columns")
    body = [*_section(w, "Summary", (5,)), *_section(w, "Background", (6, 6)), *_section(w, "Findings", (6, 6, 6)),
            *_section(w, "Outlook", (5, 6))]  # fmt: skip
    title = Text(w.phrase(), "font-family:'Liberation Sans';margin-bottom:5mm", "h1")
    yield Page(
        "paper-three-columns", "papers", [title, columns(3, body)], r.scan(), font="9pt 'Liberation Serif', serif"
    )
