"""Parts that a page is composed of: texts, lists, forms, tables, page furniture, drawings.

A part knows its HTML and the text expected of a reader. Both come from the same fields, so that they cannot disagree.
The layout of the sheet is the task of `page`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from quality_tables import Cell, SourceCell, place_cells

MAIN = "main"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text to be read.

    flow: pieces of one flow have an expected order; "" has none.
    """

    text: str
    flow: str = MAIN


@dataclass(frozen=True)
class Part:
    """A part of a page. By default it is only its children."""

    @property
    def children(self) -> Sequence[Part]:
        """Return the parts inside it, in reading order."""
        return ()

    def html(self) -> str:
        """Return its HTML."""
        return "".join(child.html() for child in self.children)

    def pieces(self) -> Iterator[Piece]:
        """Yield its text, in reading order."""
        for child in self.children:
            yield from child.pieces()

    def absent(self) -> Iterator[str]:
        """Yield texts that are drawn, but must be absent from the Markdown."""
        for child in self.children:
            yield from child.absent()

    def tables(self) -> Iterator[list[Cell]]:
        """Yield its tables."""
        for child in self.children:
            yield from child.tables()

    def line_starts(self) -> Iterator[str]:
        """Yield texts that must begin a line of the Markdown."""
        for child in self.children:
            yield from child.line_starts()


@dataclass(frozen=True)
class Text(Part):
    """A paragraph, or another element (`tag`).

    hyphens: allow a break in long words at the end of a line.
    """

    text: str
    css: str = ""
    tag: str = "p"
    flow: str = MAIN
    hyphens: bool = False

    def html(self) -> str:
        """Return one element; line breaks in the text are kept."""
        content = escape(_breakable(self.text) if self.hyphens else self.text).replace("\n", "<br>")
        return f'<{self.tag} style="{self.css}">{content}</{self.tag}>'

    def pieces(self) -> Iterator[Piece]:
        """Yield the text."""
        yield Piece(self.text, self.flow)


@dataclass(frozen=True)
class Lines(Part):
    """Texts that each begin a line, such as clauses and the lines of a record."""

    texts: Sequence[str]
    css: str = ""

    def html(self) -> str:
        """Return a paragraph for each text."""
        return "".join(Text(text, self.css).html() for text in self.texts)

    def pieces(self) -> Iterator[Piece]:
        """Yield each text."""
        yield from map(Piece, self.texts)

    def line_starts(self) -> Iterator[str]:
        """Yield the first words of each text."""
        yield from (" ".join(text.split()[:3]) for text in self.texts)


@dataclass(frozen=True)
class Footnote(Text):
    """A text in small print under a short rule.

    PaddleOCR-VL leaves footnotes out of the Markdown, and so must every reader.
    """

    def html(self) -> str:
        """Return the rule and the note."""
        return rule("width:25mm;margin:3mm 0 1mm 0").html() + super().html()

    def pieces(self) -> Iterator[Piece]:
        """Yield nothing."""
        return iter(())

    def absent(self) -> Iterator[str]:
        """Yield the note."""
        yield self.text


@dataclass(frozen=True)
class Box(Part):
    """An element with parts inside: columns, a frame, a sheet of another size."""

    parts: Sequence[Part]
    css: str = ""

    @property
    def children(self) -> Sequence[Part]:
        """Return the parts."""
        return self.parts

    def html(self) -> str:
        """Return a division around the parts."""
        return f'<div style="{self.css}">{super().html()}</div>'


def columns(count: int, parts: Sequence[Part], css: str = "") -> Box:
    """Return the parts in a box with this number of columns."""
    return Box(parts, f"column-count:{count};column-gap:7mm;text-align:justify;{css}")


def beside(*parts: Part, css: str = "") -> Box:
    """Return the parts side by side, in equal widths."""
    return Box([Box([part], "flex:1;min-width:0") for part in parts], f"display:flex;gap:8mm;{css}")


@dataclass(frozen=True)
class Items(Part):
    """A list; its bullets are not tested, as a reader may write any mark."""

    texts: Sequence[str]
    ordered: bool = False
    css: str = ""

    def html(self) -> str:
        """Return an HTML list."""
        tag = "ol" if self.ordered else "ul"
        return f'<{tag} style="{self.css}">{"".join(f"<li>{escape(text)}</li>" for text in self.texts)}</{tag}>'

    def pieces(self) -> Iterator[Piece]:
        """Yield each item, with its number."""
        for number, text in enumerate(self.texts, start=1):
            yield Piece(f"{number}. {text}" if self.ordered else text)


@dataclass(frozen=True)
class Fields(Part):
    """Lines of a form: a label and the value beside or below it."""

    pairs: Sequence[tuple[str, str]]
    css: str = ""
    label_css: str = "width:45mm"
    value_css: str = "flex:1;border-bottom:1px solid #555"

    def html(self) -> str:
        """Return a row for each pair."""
        return "".join(
            f'<div style="display:flex;{self.css}"><span style="{self.label_css}">{escape(label)}</span>'
            f'<span style="{self.value_css}">{escape(value) or "&nbsp;"}</span></div>'
            for label, value in self.pairs
        )

    def pieces(self) -> Iterator[Piece]:
        """Yield label and value separately, as a reader may write a form as a table."""
        yield from (Piece(text) for pair in self.pairs for text in pair if text)


@dataclass(frozen=True)
class Table(Part):
    """A table; cells are strings or `SourceCell`.

    heads: number of heading rows. css, cell_css: style of the table and of each cell.
    """

    rows: Sequence[Sequence[str | SourceCell]]
    heads: int = 1
    css: str = ""
    cell_css: str = ""
    style: str = "ruled"
    heads_align: str = "right"

    def _source_cells(self) -> list[list[SourceCell]]:
        rows = [[cell if isinstance(cell, SourceCell) else SourceCell(cell) for cell in row] for row in self.rows]
        return [
            [SourceCell(cell.text, cell.rows, cell.columns, is_head=number < self.heads) for cell in row]
            for number, row in enumerate(rows)
        ]

    def html(self) -> str:
        """Return a table of the class `style`; numbers are at the right, their headings as in `heads_align`."""
        cells = place_cells(self._source_cells())
        numeric = {cell.column for cell in cells if not cell.is_head and _is_number(cell.text)}
        rows: list[str] = ["" for _ in self.rows]
        for cell in cells:
            tag, align = "td", "right" if _is_number(cell.text) else "left"
            if cell.is_head:
                over = "center" if cell.columns > 1 else self.heads_align
                tag, align = "th", over if cell.column in numeric else "left"
            rows[cell.row] += (
                f'<{tag} rowspan="{cell.rows}" colspan="{cell.columns}" style="text-align:{align};{self.cell_css}">'
                f"{escape(cell.text)}</{tag}>"
            )
        return f'<table class="{self.style}" style="{self.css}"><tr>{"</tr><tr>".join(rows)}</tr></table>'

    def pieces(self) -> Iterator[Piece]:
        """Yield the cells, row by row."""
        for row in self._source_cells():
            yield from (Piece(cell.text, "") for cell in row if cell.text)

    def tables(self) -> Iterator[list[Cell]]:
        """Yield this table."""
        yield place_cells(self._source_cells())


@dataclass(frozen=True)
class Furniture(Part):
    """A running header, a footer or a page number; `css` has its position on the sheet."""

    text: str
    css: str

    def html(self) -> str:
        """Return an element at its position."""
        return f'<div class="furniture" style="{self.css}">{escape(self.text)}</div>'

    def absent(self) -> Iterator[str]:
        """Yield the text."""
        yield self.text


@dataclass(frozen=True)
class Drawing(Part):
    """Raw HTML without text to read: an image, a rule, a box to tick."""

    source: str

    def html(self) -> str:
        """Return the HTML as it is."""
        return self.source


def rule(css: str = "") -> Drawing:
    """Return a line across."""
    return Drawing(f'<hr style="border:0;border-top:1px solid black;{css}">')


def chart(width: str = "100%", height: str = "45mm", bars: Sequence[int] = (30, 70, 45, 90, 60, 20, 75)) -> Drawing:
    """Return a bar chart without letters."""
    rectangles = "".join(
        f'<rect x="{8 + 13 * i}" y="{100 - bar}" width="9" height="{bar}" fill="hsl({40 * i},45%,50%)"/>'
        for i, bar in enumerate(bars)
    )
    axes = '<path d="M4 2V100H100" stroke="black" fill="none"/>'
    return Drawing(
        f'<svg viewBox="0 0 104 104" preserveAspectRatio="none" style="width:{width};height:{height};display:block">'
        f"{rectangles}{axes}</svg>"
    )


def _is_number(text: str) -> bool:
    return bool(text) and text[0] in "-$(0123456789"


def _breakable(text: str) -> str:
    """Return the text with soft hyphens in the middle of long words."""
    words = text.split(" ")
    return " ".join(
        f"{word[: len(word) // 2]}\u00ad{word[len(word) // 2 :]}" if word.isalpha() and len(word) > 6 else word
        for word in words
    )
