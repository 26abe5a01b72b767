"""What a page is put together from. A part knows its HTML and what a reader is to make of it; nothing is said twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from quality_tables import Cell, Given, placed

MAIN = "main"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text to be read. flow: its order is stated among pieces of one flow; "" has no stated order."""

    text: str
    flow: str = MAIN


@dataclass(frozen=True)
class Part:
    """Something on a page."""

    @property
    def children(self) -> Sequence[Part]:
        """The parts inside it, as they are read."""
        return ()

    def html(self) -> str:
        """How it is drawn."""
        return "".join(child.html() for child in self.children)

    def pieces(self) -> Iterator[Piece]:
        """Its text, as it is read."""
        for child in self.children:
            yield from child.pieces()

    def absent(self) -> Iterator[str]:
        """What is drawn, but is not to be read."""
        for child in self.children:
            yield from child.absent()

    def tables(self) -> Iterator[list[Cell]]:
        """Its tables."""
        for child in self.children:
            yield from child.tables()


@dataclass(frozen=True)
class Text(Part):
    """A paragraph, or whatever `tag` says. hyphens: long words may be broken at a line's end."""

    text: str
    css: str = ""
    tag: str = "p"
    flow: str = MAIN
    hyphens: bool = False

    def html(self) -> str:
        """One element; line breaks in the text are kept."""
        written = escape(_breakable(self.text) if self.hyphens else self.text).replace("\n", "<br>")
        return f'<{self.tag} style="{self.css}">{written}</{self.tag}>'

    def pieces(self) -> Iterator[Piece]:
        """One."""
        yield Piece(self.text, self.flow)


@dataclass(frozen=True)
class Footnote(Text):
    """Small print under a short rule. PaddleOCR-VL leaves footnotes out of the Markdown, and so is every reader to."""

    def html(self) -> str:
        """The rule, and the note."""
        return rule("width:25mm;margin:3mm 0 1mm 0").html() + super().html()

    def pieces(self) -> Iterator[Piece]:
        """None."""
        return iter(())

    def absent(self) -> Iterator[str]:
        """The note."""
        yield self.text


@dataclass(frozen=True)
class Box(Part):
    """Parts inside an element of its own: columns, a frame, a sheet of its own size."""

    parts: Sequence[Part]
    css: str = ""

    @property
    def children(self) -> Sequence[Part]:
        """The parts."""
        return self.parts

    def html(self) -> str:
        """A division around them."""
        return f'<div style="{self.css}">{super().html()}</div>'


def columns(count: int, parts: Sequence[Part], css: str = "") -> Box:
    """The parts flow through as many columns."""
    return Box(parts, f"column-count:{count};column-gap:7mm;text-align:justify;{css}")


def beside(*parts: Part, css: str = "") -> Box:
    """The parts side by side, each as wide as the others."""
    return Box([Box([part], "flex:1;min-width:0") for part in parts], f"display:flex;gap:8mm;{css}")


@dataclass(frozen=True)
class Items(Part):
    """A list; its marks are not looked for, they may come back as any mark."""

    texts: Sequence[str]
    ordered: bool = False
    css: str = ""

    def html(self) -> str:
        """A list of HTML."""
        tag = "ol" if self.ordered else "ul"
        return f'<{tag} style="{self.css}">{"".join(f"<li>{escape(text)}</li>" for text in self.texts)}</{tag}>'

    def pieces(self) -> Iterator[Piece]:
        """One for each item, its number with it."""
        for number, text in enumerate(self.texts, start=1):
            yield Piece(f"{number}. {text}" if self.ordered else text)


@dataclass(frozen=True)
class Fields(Part):
    """Lines of a form: a label and what was filled in, beside or below it."""

    pairs: Sequence[tuple[str, str]]
    css: str = ""
    label_css: str = "width:45mm"
    value_css: str = "flex:1;border-bottom:1px solid #555"

    def html(self) -> str:
        """A row for each."""
        return "".join(
            f'<div style="display:flex;{self.css}"><span style="{self.label_css}">{escape(label)}</span>'
            f'<span style="{self.value_css}">{escape(value) or "&nbsp;"}</span></div>'
            for label, value in self.pairs
        )

    def pieces(self) -> Iterator[Piece]:
        """Label and value, each by itself: a form may come back as a table."""
        yield from (Piece(text) for pair in self.pairs for text in pair if text)


@dataclass(frozen=True)
class Table(Part):
    """A table; cells are strings or `Given`. heads: how many rows of headings. css, cell_css: of it, of each cell."""

    rows: Sequence[Sequence[str | Given]]
    heads: int = 1
    css: str = ""
    cell_css: str = ""
    style: str = "ruled"
    heads_align: str = "right"

    def _given(self) -> list[list[Given]]:
        rows = [[cell if isinstance(cell, Given) else Given(cell) for cell in row] for row in self.rows]
        return [
            [Given(cell.text, cell.rows, cell.columns, is_head=number < self.heads) for cell in row]
            for number, row in enumerate(rows)
        ]

    def html(self) -> str:
        """A table in the class `style`; numbers stand at the right, headings over them as `heads_align` says."""
        cells = placed(self._given())
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
        """The cells, row by row."""
        for row in self._given():
            yield from (Piece(cell.text, "") for cell in row if cell.text)

    def tables(self) -> Iterator[list[Cell]]:
        """This one."""
        yield placed(self._given())


@dataclass(frozen=True)
class Furniture(Part):
    """A running header, a footer, a page number: `css` says where, as of the sheet."""

    text: str
    css: str

    def html(self) -> str:
        """An element at its place."""
        return f'<div class="furniture" style="{self.css}">{escape(self.text)}</div>'

    def absent(self) -> Iterator[str]:
        """Its text."""
        yield self.text


@dataclass(frozen=True)
class Drawing(Part):
    """Raw HTML without text to read: a picture, a rule, a box to tick."""

    source: str

    def html(self) -> str:
        """As given."""
        return self.source


def rule(css: str = "") -> Drawing:
    """A line across."""
    return Drawing(f'<hr style="border:0;border-top:1px solid black;{css}">')


def chart(width: str = "100%", height: str = "45mm", bars: Sequence[int] = (30, 70, 45, 90, 60, 20, 75)) -> Drawing:
    """A bar chart without letters."""
    drawn = "".join(
        f'<rect x="{8 + 13 * i}" y="{100 - bar}" width="9" height="{bar}" fill="hsl({40 * i},45%,50%)"/>'
        for i, bar in enumerate(bars)
    )
    axes = '<path d="M4 2V100H100" stroke="black" fill="none"/>'
    return Drawing(
        f'<svg viewBox="0 0 104 104" preserveAspectRatio="none" style="width:{width};height:{height};display:block">'
        f"{drawn}{axes}</svg>"
    )


def _is_number(text: str) -> bool:
    return bool(text) and text[0] in "-$(0123456789"


def _breakable(text: str) -> str:
    """With soft hyphens in the middle of long words."""
    words = text.split(" ")
    return " ".join(
        f"{word[: len(word) // 2]}\u00ad{word[len(word) // 2 :]}" if word.isalpha() and len(word) > 6 else word
        for word in words
    )
