"""Pages of many arrangements with an honest text layer: titles, columns, tables, running heads, and text nobody sees.

`arranged_pages` draws them. Among the visible words there are hidden ones, each hidden in one of the ways of
`text_pdf.HIDDEN`. The text is set in Helvetica and its lines are filled, as word processors do.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from support.text_pdf import (
    CLIPPED,
    HIDDEN,
    LAYERS_OFF,
    SEEN_WORDS,
    TRANSPARENT,
    UNSEEN_WORDS,
    VISIBLE,
    WITHOUT_TRACE,
    Page,
    Run,
)

# What hides a word -> the ways of `HIDDEN` in which it does.
CHECKS: dict[str, tuple[str, ...]] = {
    "clip": CLIPPED,
    "cover": (
        "covered",
        "covered in white",
        "behind a picture",
        "behind an inline picture",
        "under a thick line",
        "under a pattern",
        "under a gradient",
        "drawings, covered",
    ),
    "alpha": TRANSPARENT,
    "optional content": LAYERS_OFF,
    "color": (
        "white",
        "almost white",
        "black on black",
        "spot color without ink",
        "in the picture's gray",
        "in the gradient's colors",
    ),
    "blending": ("white, multiplied", "black, screened", "black, lightened", "black difference"),
}
_SIZE, _LEADING, _SPACE = 11.0, 15.0, 3.1
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 535.0, 770.0, 90.0
_COLUMN_GAP = 28.0
_ROW = 18.0  # height of a table's row
_HYPHENATED = ("lighthouse", "grandfather", "understand", "waterfall")  # after the fifth letter
_ENDS = ("lanterns.", "timbers.", "boilers.")


class _Sheet:
    """A page in progress. words: those that are seen."""

    def __init__(self, draw: st.DrawFn, hidden: Sequence[str]) -> None:
        self.draw = draw
        self.hidden = hidden
        self.runs: list[Run] = []
        self.words: list[str] = []
        self.drawing: list[str] = []

    def happens(self, one_in: int) -> bool:
        return self.draw(st.integers(1, one_in)) == one_in

    def some_words(self, low: int, high: int) -> list[str]:
        return self.draw(st.lists(st.sampled_from(SEEN_WORDS), min_size=low, max_size=high))

    def show(self, text: str, x: float, y: float, size: float = _SIZE) -> float:
        """Draw a text that is seen, sometimes with a hidden word at its place; return where it ends."""
        way = self.draw(st.sampled_from(tuple(VISIBLE))) if self.happens(8) else "plain"
        traceless = [each for each in self.hidden if each in WITHOUT_TRACE]
        if traceless and self.happens(12):
            self.hide(x, y, size, traceless)
        run = Run(text, x, y, size, way, "H")
        self.runs.append(run)
        return x + run.width

    def hide(self, x: float, y: float, size: float = _SIZE, ways: Sequence[str] = ()) -> float:
        """Draw a word that nobody sees; return where it ends."""
        word, way = self.draw(st.sampled_from(UNSEEN_WORDS)), self.draw(st.sampled_from(ways or self.hidden))
        run = Run(word, x, y, size, way, "H")
        self.runs.append(run)
        return x + run.width

    def hides_here(self, one_in: int) -> bool:
        return bool(self.hidden) and self.happens(one_in)

    def line(self, words: Sequence[str], x: float, y: float, size: float = _SIZE) -> float:
        """Draw words that are seen in one line; return where the next one begins."""
        self.words += words
        for word in words:
            x = self.show(word, x, y, size) + _SPACE * size / _SIZE
        return x

    def paragraph(self, x: float, y: float, width: float) -> float:
        """Draw a paragraph; return the baseline of what follows."""
        right, at = x + width, x
        words = [*self.some_words(22, 44), self.draw(st.sampled_from(_HYPHENATED)), *self.some_words(0, 6)]
        for word in [*words, self.draw(st.sampled_from(_ENDS))]:
            self.words.append(word)
            if at + Run("discarded", at, y, font="H").width < right and self.hides_here(10):
                at = self.hide(at, y) + _SPACE
            rest = word
            if at + Run(word, at, y, font="H").width > right:
                if word in _HYPHENATED and at + Run(word[:5] + "-", at, y, font="H").width <= right:
                    self.show(word[:5] + "-", at, y)
                    rest = word[5:]
                at, y = x, y - _LEADING
            at = self.show(rest, at, y) + _SPACE
        return y - 2 * _LEADING

    def heading(self, x: float, y: float, width: float) -> float:
        """Draw a heading; return the baseline of what follows."""
        self.line(self.some_words(1, 2), x, y, 14)
        return y - 2 * _LEADING

    def table(self, x: float, y: float, width: float) -> float:
        """Draw a table of words and figures, with or without rules; return the baseline of what follows."""
        columns, rows = self.draw(st.integers(2, 3)), self.draw(st.integers(3, 5))
        step = width / columns
        for row in range(rows):
            for column in range(columns):
                place = x + step * column + 6, y - _ROW * row
                if row and column and self.hides_here(8):
                    self.hide(*place)
                else:
                    figure = (
                        self.draw(st.integers(100, 99_999).map(str)) if row and column else self.some_words(1, 1)[0]
                    )
                    self.line([figure], *place)
        if self.draw(st.booleans()):
            top, bottom = y + 13, y + 13 - _ROW * rows
            rules = [(x, top - _ROW * row, x + width, top - _ROW * row) for row in range(rows + 1)]
            rules += [(x + step * column, bottom, x + step * column, top) for column in range(columns + 1)]
            self.drawing += [f"0.7 w {x0:.1f} {y0:.1f} m {x1:.1f} {y1:.1f} l S" for x0, y0, x1, y1 in rules]
        return y - _ROW * rows - _LEADING

    def column(self, x: float, y: float, width: float) -> None:
        """Draw a column that begins with a paragraph."""
        y = self.paragraph(x, y, width)
        for kind in self.draw(st.lists(st.sampled_from(("paragraph", "heading", "table")), max_size=3)):
            if kind == "heading":
                y = self.paragraph(x, self.heading(x, y, width), width)
            else:
                y = self.table(x, y, width) if kind == "table" else self.paragraph(x, y, width)


@st.composite
def arranged_pages(draw: st.DrawFn, hidden: Sequence[str] = tuple(HIDDEN)) -> Page:
    """Draw a page; if there are hidden words, one is in its last line."""
    sheet = _Sheet(draw, hidden)
    y = _TOP
    if draw(st.booleans()):
        sheet.line(["Gazette", "of", "the", "northern", "coast"], _LEFT, y + 40)
        sheet.line([draw(st.integers(2, 400).map(str))], _RIGHT - 20, y + 40)
    if draw(st.booleans()):
        sheet.line(sheet.some_words(1, 4), _LEFT, y, 20)
        y -= 36
    columns = draw(st.integers(1, 2))
    width = (_RIGHT - _LEFT - _COLUMN_GAP * (columns - 1)) / columns
    for column in range(columns):
        sheet.column(_LEFT + (width + _COLUMN_GAP) * column, y, width)
    end = sheet.line(sheet.some_words(2, 3), _LEFT, _BOTTOM)
    if hidden:
        sheet.hide(end, _BOTTOM)
    if draw(st.booleans()):
        sheet.line([draw(st.integers(2, 400).map(str))], (_LEFT + _RIGHT) / 2, _BOTTOM - 40)
    return Page(tuple(sheet.runs), tuple(sheet.words), draw(st.booleans()), "\n".join(sheet.drawing))
