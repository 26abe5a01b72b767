"""Pages of papers and magazines: columns, titles over their width, figures, captions, footnotes, references."""

from __future__ import annotations

from collections.abc import Iterator

from quality_pages import rendering as r
from quality_pages.page import Page
from quality_pages.parts import Box, Footnote, Furniture, Part, Text, beside, chart, columns, rule
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


def _footnote(writer: Writer, mark: str = "1") -> Footnote:
    return Footnote(f"{mark} {writer.sentence()}", "font-size:0.8em;margin:0;text-align:left")


def _references(writer: Writer, count: int) -> list[Part]:
    listed = [
        f"[{n}] {writer.name()} and {writer.name()}. {writer.phrase()}. Journal of {writer.word().capitalize()} "
        f"Studies, {writer.number(3, 80)}({writer.number(1, 12)}):{writer.number(10, 400)}-{writer.number(401, 900)}, "
        f"{writer.number(1950, 2019)}."
        for n in range(1, count + 1)
    ]
    css = "font-size:0.85em;margin:0 0 1mm 0;padding-left:6mm;text-indent:-6mm;text-align:left"
    return [Text("References", tag="h2", flow=""), *(Text(text, css) for text in listed)]


def _one_and_two_columns() -> Iterator[Page]:
    w = Writer("one column")
    parts = [*_head(w), *_section(w, "1. Introduction", (6, 5)), *_section(w, "2. Method", (6, 6, 4)), _footnote(w)]
    yield Page("paper-one-column", "papers", [*parts, Furniture("1", "bottom:12mm;left:0;right:0;text-align:center")])

    w = Writer("two columns")
    body = [*_section(w, "1 Introduction", (6, 7)), *_section(w, "2 Related Work", (6, 6)),
            *_section(w, "3 Approach", (6, 7, 6)), *_section(w, "4 Results", (4,))]  # fmt: skip
    yield Page("paper-two-columns", "papers", [*_head(w), columns(2, body)], font=SERIF)

    w = Writer("two columns scanned")
    body = [*_section(w, "1 Introduction", (6, 7)), chart(), _caption(w, 1), *_section(w, "2 Survey", (6, 5)),
            *_section(w, "3 Discussion", (6, 7))]  # fmt: skip
    header = Furniture(f"{w.name()} et al. / {w.phrase()}", "top:12mm;left:20mm")
    number = Furniture("317", "top:12mm;right:20mm")
    parts = [header, number, *_head(w, 3), columns(2, body)]
    yield Page("paper-two-columns-scan", "papers", parts, r.compress(60), font=SERIF)

    w = Writer("footnotes")
    left = [*_section(w, "3.2 Sources", (6, 6, 5)), _footnote(w, "7"), _footnote(w, "8")]
    right = [*_section(w, "3.3 Selection", (5, 6, 6)), _footnote(w, "9")]
    for name, look in (("paper-footnotes", None), ("paper-footnotes-scan", r.scan(r.add_noise(4)))):
        yield Page(name, "papers", [beside(Box(left), Box(right))], look, font=SERIF)


def _figures_and_references() -> Iterator[Page]:
    w = Writer("three columns")
    body = [*_section(w, "Summary", (5,)), *_section(w, "Background", (6, 6)), *_section(w, "Findings", (6, 6, 6)),
            *_section(w, "Outlook", (5, 6))]  # fmt: skip
    title = Text(w.phrase(), "font-family:'Liberation Sans';margin-bottom:5mm", "h1")
    narrow = "9pt 'Liberation Serif', serif"
    yield Page("paper-three-columns", "papers", [title, columns(3, body)], r.scan(), font=narrow)

    w = Writer("figure across")
    above = columns(2, _section(w, "4.1 Trials", (6, 6, 5)), "margin-bottom:4mm")
    below = columns(2, _section(w, "4.2 Errors", (6, 6, 5)))
    figure = [chart(height="55mm", bars=(20, 90, 60, 35, 75, 50, 85)), _caption(w, 3)]
    yield Page("paper-figure-across", "papers", [above, *figure, below], r.scan(), font=SERIF)

    w = Writer("references")
    parts = [columns(2, [*_section(w, "6 Conclusion", (6,)), *_references(w, 26)])]
    yield Page("paper-references", "papers", parts, r.scan(r.compress(70)), font=SERIF)


def _magazines() -> Iterator[Page]:
    w = Writer("magazine")
    articles = []
    for number in range(2):
        flow = f"article {number}"
        body: list[Part] = [Text(w.prose(5), flow=flow) for _ in range(3)]
        head = Text(w.phrase(), "font-family:'Liberation Sans'", "h1", flow)
        byline = Text(f"By {w.name()}", "font-style:italic", flow=flow)
        articles += [head, byline, columns(3, body, "margin-bottom:6mm")]
    masthead = Furniture(f"The {w.word().capitalize()} Review", "top:10mm;left:20mm;font-style:italic")
    yield Page("magazine-two-articles", "papers", [masthead, *articles], r.scan(r.compress(70)), font=SERIF)

    w = Writer("newspaper")
    sides = []
    for number in range(4):
        flow = f"article {number}"
        texts = [Text(w.prose(4), "text-align:justify", flow=flow, hyphens=True) for _ in range(3)]
        sides.append(Box([Text(w.phrase(), "font-size:1.3em", "h2", flow), *texts]))
    name = Text("The Harbour Chronicle", "font-size:30pt;text-align:center", "h1", "")
    boxes = beside(*sides, css="gap:5mm")
    yield Page("newspaper-four-columns", "papers", [name, rule(), boxes], r.scan(r.age(60)), font=SERIF)


def pages() -> Iterator[Page]:
    """Yield the pages of papers and magazines."""
    yield from _one_and_two_columns()
    yield from _figures_and_references()
    yield from _magazines()
