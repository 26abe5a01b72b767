"""A page of the quality benchmark: its HTML, and the tests that follow from its parts.

`Page.html` is drawn by `rendering`. `Page.truth` draws a fixed number of snippets, pairs and cells from the parts, for
`quality_metrics` to test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import TypeVar

import numpy as np
from quality_metrics import CellTest, Truth
from quality_tables import Cell, find_headings, find_neighbors

from quality_pages.parts import Part, Piece

T = TypeVar("T")
Scan = Callable[[np.ndarray], np.ndarray]

_SNIPPET_WORDS, _SNIPPET_CHARS = 9, 16  # where words are spaced, and where they are not
_SNIPPETS, _PAIRS, _CELLS = 24, 16, 12  # at most, of a page or of a table
_STYLE = """
@page {{ size: {width}mm {height}mm; margin: 0 }}
* {{ box-sizing: border-box }}
body {{ margin: 0; width: {width}mm; height: {height}mm; position: relative; overflow: hidden; padding: {padding};
  font: {font}; line-height: 1.28 }}
p, h1, h2, h3, ul, ol, table {{ margin: 0 0 2.2mm 0 }}
h1 {{ font-size: 1.7em }} h2 {{ font-size: 1.25em; margin-top: 3mm }} h3 {{ font-size: 1.05em; margin-top: 2mm }}
table {{ border-collapse: collapse; width: 100%; text-align: left }}
td, th {{ padding: 1mm 1.6mm; vertical-align: top }}
.ruled td, .ruled th {{ border: 1px solid black }}
.booktabs {{ border-top: 2px solid black; border-bottom: 2px solid black }}
.booktabs th {{ border-bottom: 1px solid black }}
.shaded tr:nth-child(even) {{ background: #e3e8ee }} .shaded th {{ background: #33445c; color: white }}
.furniture {{ position: absolute; font-size: 0.85em }}
"""


@dataclass(frozen=True)
class Page:
    """A page of the benchmark.

    scan: the change of its image; None if the PDF is read with its text. size: width and height in mm.
    """

    name: str
    group: str
    parts: Sequence[Part]
    scan: Scan | None = None
    dpi: int = 200
    size: tuple[int, int] = (210, 297)
    padding: str = "24mm 20mm"
    font: str = "10.5pt 'Liberation Serif', 'DejaVu Serif', serif"
    language: str = "en"

    def html(self) -> str:
        """Return the HTML document."""
        style = _STYLE.format(width=self.size[0], height=self.size[1], padding=self.padding, font=self.font)
        direction = "rtl" if self.language == "ar" else "ltr"
        body = "".join(part.html() for part in self.parts)
        return (
            f'<!doctype html><html lang="{self.language}" dir="{direction}"><meta charset="utf-8">'
            f"<style>{style}</style><body>{body}</body></html>"
        )

    def truth(self) -> Truth:
        """Return the content that is expected of a reader."""
        pieces = [piece for part in self.parts for piece in part.pieces()]
        cells = [test for part in self.parts for table in part.tables() for test in _cell_tests(table, self.name)]
        return Truth(
            text=" ".join(piece.text for piece in pieces),
            present=_some([snippet for piece in pieces for snippet in _snippets(piece.text)], _SNIPPETS),
            absent=[text for part in self.parts for text in part.absent()],
            order=_some(list(_pairs(pieces)), _PAIRS),
            cells=cells,
            lines=_some([text for part in self.parts for text in part.line_starts()], _SNIPPETS),
        )


def _snippets(text: str) -> list[str]:
    """Return the beginning and the end of a text, and a part from the middle of a long one."""
    words = text.replace("\n", " ").split()
    size, join = (_SNIPPET_WORDS, " ") if len(words) > 1 + len(text) // 20 else (_SNIPPET_CHARS, "")
    units: Sequence[str] = words if join else text
    if len(units) <= 2 * size:
        return [join.join(units[:size])] if len(text) > 3 else []
    middle = (len(units) - size) // 2
    starts = [0, middle, len(units) - size] if len(units) > 4 * size else [0, len(units) - size]
    return [join.join(units[start : start + size]).strip() for start in starts]


def _pairs(pieces: Sequence[Piece]) -> Iterator[tuple[str, str]]:
    """Yield snippets of one flow that follow each other, and pairs that are further apart."""
    flows: dict[str, list[str]] = {}
    for piece in pieces:
        if piece.flow:
            flows.setdefault(piece.flow, []).extend(_snippets(piece.text))
    for snippets in flows.values():
        unique = [snippet for snippet in snippets if len(snippet) > 10 and snippets.count(snippet) == 1]
        yield from pairwise(unique)
        yield from zip(unique, unique[4:], strict=False)


def _cell_tests(table: Sequence[Cell], seed: str) -> list[CellTest]:
    """Return tests of cells whose text occurs once in the table, with two of their neighbors or their headings."""
    texts = [cell.text for cell in table]
    unique = [cell for cell in table if cell.text and texts.count(cell.text) == 1 and not cell.is_head]
    sample = _some(Random(seed).sample(unique, len(unique)), _CELLS)
    tests = []
    for number, cell in enumerate(sample):
        sides = [("up", "right"), ("top", "side"), ("down", "left")][number % 3]
        near = {side: _text_at(cell, table, side) for side in sides}
        if any(near.values()):
            tests.append(CellTest(cell.text, {side: text for side, text in near.items() if text}))
    return tests


def _text_at(cell: Cell, table: Sequence[Cell], side: str) -> str:
    """Return the text of the only neighbor or of the heading at a side; empty if there is none or more than one."""
    is_heading = side in ("top", "side")
    cells = find_headings(cell, table, side) if is_heading else find_neighbors(cell, table, side)
    texts = list(dict.fromkeys(other.text for other in cells if other.text))
    return texts[-1] if texts and (is_heading or len(cells) == 1) else ""


def _some(items: Sequence[T], most: int) -> list[T]:
    """Return at most `most` of the items, evenly spread."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, most).round().astype(int)]
