"""Seconds that the embedded engine needs for dense pages, apart from its models.

`python bench/dense_pages.py [CASE ...]` parses pages of thousands of lines, rules, boxes or specks. The pages are drawn
here, as arrays of strokes; no page is a real one. The models are a double that returns the drawn lines and regions at
once, so that the rest remains: geometry, tables and the search for ink. A page has a time limit, `OCR_PAGE_TIMEOUT_S`,
and a function that compares all lines with all others exceeds it on such pages. Processor time is printed, because it
hardly depends on what else the machine does. `--profile` also prints the functions that need it.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import cv2
import numpy as np

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.regions import Detection
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.engines.embedded.page import parse_page
from ocr_worker.pages import PageImage, Pixels, TextLine, TextWord

SIDE = 2000  # of a page, in pixels
LIMIT_S = 120.0  # of processor time, as a page has by default
LETTER, SPACE, HEIGHT = 9, 5, 16  # pixels


class Case(NamedTuple):
    """A page: its lines, its regions, a function that draws more than the lines, and whether it has a text layer."""

    lines: Sequence[Line] = ()
    regions: Sequence[Detection] = ()
    draw: Callable[[Pixels], object] = lambda pixels: None
    has_layer: bool = False


class Models:
    """A double of the models of one page, also of its result: `get` returns the regions."""

    def __init__(self, lines: Sequence[Line], regions: Sequence[Detection]) -> None:
        self._lines, self._regions = lines, regions
        self._at = {(round(line.box.x0), round(line.box.y0)): line for line in lines}

    def begin_regions(self, pixels: Pixels) -> Models:
        """Return the result of the layout model."""
        return self

    def begin(self, find: Callable[[Pixels], Any], pixels: Pixels) -> Any:
        """Return the result of a function that runs on another thread."""
        return SimpleNamespace(get=lambda: find(pixels))

    def get(self) -> list[Detection]:
        """Return the drawn regions."""
        return sorted(self._regions, key=lambda region: -region.score)

    def find_lines(self, pixels: Pixels, side: int | None = None) -> Any:
        """Return the corners of the drawn lines."""
        boxes = [line.box for line in self._lines]
        corners = [[(b.x0, b.y0), (b.x1, b.y0), (b.x1, b.y1), (b.x0, b.y1)] for b in boxes]
        return np.asarray(corners, np.float32).reshape(-1, 4, 2)

    def find_lines_in(self, pixels: Pixels, areas: Sequence[Box], side: int) -> Any:
        """Return the corners of the lines beside a text layer: none."""
        return np.zeros((0, 4, 2), np.float32)

    def read_lines(self, pixels: Pixels, quads: Any, *arguments: Any, **options: Any) -> list[Line]:
        """Return the drawn line at each outline, or an empty one."""
        lines = (self._at.get((round(float(quad[0][0])), round(float(quad[0][1])))) for quad in quads)
        return [line or Line("", Box(*quad[0], *quad[2]), 0.0) for line, quad in zip(lines, quads, strict=True)]

    def orientation(self, pixels: Pixels) -> int:
        """Return that the page is upright."""
        return 0


def line_at(text: str, x: float, y: float, letter: float = LETTER, height: float = HEIGHT) -> Line:
    """Return a line of words at this place; all letters are equally wide."""
    words, start = [], x
    for word in text.split():
        end = start + letter * len(word)
        words.append(Word(word, Box(start, y, end, y + height)))
        start = end + SPACE
    return Line(text, Box(x, y, words[-1].box.x1, y + height), 0.95, tuple(words))


def grid(
    columns: int, rows: int, text: Callable[[int, int], str], step: tuple[float, float], **size: float
) -> list[Line]:
    """Return texts in columns and rows, `step` pixels apart. text: of a column and a row."""
    return [
        line_at(text(j, i), 20 + step[0] * j, 40 + step[1] * i, **size) for i in range(rows) for j in range(columns)
    ]


def region(label: str, score: float = 0.9) -> Detection:
    """Return a region that covers nearly the complete page."""
    return Detection(label, Box(5, 30, SIDE - 5, SIDE - 5), score)


def draw_grid(step: tuple[int, int]) -> Callable[[Pixels], None]:
    """Return a function that draws rules around all cells."""

    def draw(pixels: Pixels) -> None:
        pixels[36 :: step[1], 14:] = 0
        pixels[36:, 14 :: step[0]] = 0

    return draw


def draw_squares(pixels: Pixels, lines: Sequence[Line]) -> None:
    """Draw a square to tick, or a circle, before each line; every third is ticked."""
    for number, line in enumerate(lines):
        x, y = int(line.box.x0) - 20, int(line.box.y0)
        if number % 2:
            cv2.circle(pixels, (x + 7, y + 8), 7, (0, 0, 0), 1)
        else:
            cv2.rectangle(pixels, (x, y + 1), (x + 13, y + 14), (0, 0, 0), 1)
        if not number % 3:
            cv2.circle(pixels, (x + 7, y + 8), 3, (0, 0, 0), -1)


def draw_combs(pixels: Pixels) -> None:
    """Draw rows of boxes for characters."""
    for y in range(60, SIDE - 40, 60):
        for x in range(200, SIDE - 40, 26):
            cv2.rectangle(pixels, (x, y), (x + 24, y + 28), (0, 0, 0), 1)
            if x % 3:
                cv2.putText(pixels, "5", (x + 4, y + 22), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 2)


def draw_noise(pixels: Pixels) -> None:
    """Draw specks of one to four pixels, as on a copy of a copy."""
    specks = np.random.default_rng(1).random((SIDE // 2, SIDE // 2)) < 0.2
    pixels[cv2.resize(specks.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) > 0] = 0


def draw_halftone(pixels: Pixels) -> None:
    """Draw a page of dots, as of a printed picture."""
    y, x = np.mgrid[:SIDE, :SIDE]
    pixels[(np.sin(x * 0.8) + np.sin(y * 0.8)) > 0.6] = 0


def draw_hatching(pixels: Pixels) -> None:
    """Draw rules a little off the level, close together, down and across."""
    for start in range(-200, SIDE, 10):
        cv2.line(pixels, (0, start), (SIDE, start + 40), (0, 0, 0), 1)
        cv2.line(pixels, (start, 0), (start + 40, SIDE), (0, 0, 0), 1)


def draw_frames(pixels: Pixels) -> None:
    """Draw many small frames apart from one another."""
    for y in range(36, SIDE - 60, 50):
        for x in range(14, SIDE - 100, 100):
            cv2.rectangle(pixels, (x, y), (x + 90, y + 40), (0, 0, 0), 1)


def draw_dashes(pixels: Pixels) -> None:
    """Draw thousands of short rules."""
    for y in range(36, SIDE - 20, 9):
        for x in range(14, SIDE - 60, 50):
            pixels[y, x : x + 40] = 0


def contents(columns: int, rows: int, *, has_leaders: bool) -> list[Line]:
    """Return entries of contents, each with its page number as a line of its own."""
    lines = []
    for j in range(columns):
        for i in range(rows):
            x, y = 20 + 1960 // columns * j, 30 + 1940 // rows * i
            entry = f"Chapter {i} of words" + (" " + "." * 20 if has_leaders else "")
            lines += [line_at(entry, x, y, 4, 4), line_at(str(j * rows + i + 1), x + 1700 // columns, y, 4, 4)]
    return lines


def with_layer(lines: Sequence[Line]) -> Case:
    """Return a page whose text layer has these lines."""
    return Case(lines, has_layer=True)


def cases() -> dict[str, Callable[[], Case]]:
    """Return the cases by name."""
    rng = random.Random(1)
    words = ("alpha", "Beta", "gamma,", "Delta.", "12.50", "(a)", "epsilon")

    def prose(count: int) -> str:
        return " ".join(rng.choice(words) for _ in range(count))

    def amounts() -> list[Line]:
        texts = (("some item of a bill", 20), ("12.50", 400), ("another item", 700), ("7,- €", 1400))
        return [line_at(text, x, 20 * i + 50) for i in range(95) for text, x in texts]

    numbers = grid(32, 95, lambda j, i: str(rng.randint(1, 9999)), (60, 20))
    digits = grid(60, 60, lambda j, i: rng.choice("0123456789ABC"), (30, 20))
    values = grid(8, 95, lambda j, i: f"Key {i}: value", (245, 20))
    lists = grid(8, 95, lambda j, i: rng.choice(words), (245, 20))
    ragged = grid(9, 95, lambda j, i: prose(rng.randint(1, 3)), (215, 20))
    cells = grid(30, 60, lambda j, i: "Name" if not i or not j else f"{i}.{j}", (65, 32))
    tiny = grid(60, 120, lambda j, i: f"{i % 10}.{j % 10}", (32, 16), letter=5, height=9)
    heads = [line_at(" ".join("Net ab" for _ in range(30)), 20, 30)]
    heads += [line_at(" ".join(f"{j}.50" for j in range(30)), 20, 24 * i + 60) for i in range(60)]
    wide = [line_at(prose(2000), 10, 40, 0.1, 16), *grid(1, 60, lambda j, i: prose(12), (0, 28))[2:]]
    labels = grid(10, 95, lambda j, i: "Label", (195, 20))
    labels = [line.moved(lambda box: box._replace(x0=box.x0 + 25, x1=box.x1 + 25)) for line in labels]
    signs = [line_at(rng.choice("☐☑○"), line.box.x0 - 22, line.box.y0) for line in labels]
    small = grid(5, 220, lambda j, i: prose(9), (390, 8.8), letter=6, height=7)
    initials = grid(6, 30, lambda j, i: "T", (320, 64), letter=40, height=50)
    beside = [
        line_at("words of a row", x0 + 48, y0 + 18 * k)
        for x0, y0, _, _ in (line.box for line in initials)
        for k in (0, 1, 2)
    ]
    code = grid(2, 110, lambda j, i: f"if (x{i} == {j}) {{ y[{i}] = f(x); }}", (980, 17.5), letter=9, height=14)
    boxes = [Box(20 + 60 * j, 40 + 48 * i, 70 + 60 * j, 80 + 48 * i) for i in range(40) for j in range(32)]
    everywhere = grid(32, 80, lambda j, i: "word", (60, 24))
    pages: dict[str, Callable[[], Case]] = {
        "contents": lambda: Case(contents(1, 400, has_leaders=True)),
        "contents in 3 columns": lambda: Case(contents(3, 400, has_leaders=True)),
        "contents without leaders": lambda: Case(contents(3, 400, has_leaders=False)),
        "cells with rules, table": lambda: Case(cells, [region("table")], draw_grid((65, 32))),
        "cells with rules": lambda: Case(cells, [], draw_grid((65, 32))),
        "tiny cells with rules": lambda: Case(tiny, [], draw_grid((32, 16))),
        "long line": lambda: Case(wide),
        "squares and circles": lambda: Case(labels, [], lambda pixels: draw_squares(pixels, labels)),
        "signs of squares": lambda: Case([*labels, *signs]),
        "combs": lambda: Case(grid(1, 30, lambda j, i: "Name", (0, 60)), [], draw_combs),
        "initials": lambda: Case([*initials, *beside]),
        "listings": lambda: Case(code),
        "text of a layer": lambda: with_layer(small),
        "cells of a layer": lambda: with_layer(cells),
        "numbers of a layer": lambda: with_layer(numbers),
        "digits of a layer": lambda: with_layer(digits),
        "squares over a layer": lambda: with_layer(labels)._replace(draw=lambda pixels: draw_squares(pixels, labels)),
        "long line of a layer": lambda: with_layer(wide),
        "noise": lambda: Case(values, [], draw_noise),
        "halftone": lambda: Case(values, [], draw_halftone),
        "hatching": lambda: Case(values, [], draw_hatching),
        "frames": lambda: Case(everywhere, [], draw_frames),
        "short rules": lambda: Case(everywhere, [], draw_dashes),
        "small texts": lambda: Case(everywhere, [Detection("text", box, 0.8) for box in boxes]),
        "small titles": lambda: Case(everywhere, [Detection("paragraph_title", box, 0.8) for box in boxes]),
        "small figures": lambda: Case(everywhere, [Detection("image", box, 0.8) for box in boxes[::4]], draw_halftone),
        "small tables": lambda: Case(everywhere, [Detection("table", box, 0.8) for box in boxes[::4]]),
        "captions": lambda: Case(
            everywhere,
            [Detection(label, box, 0.8) for label, box in zip(("image", "figure_title") * 640, boxes, strict=True)],
        ),
    }
    for name, lines in (
        ("numbers", numbers),
        ("digits", digits),
        ("amounts", amounts()),
        ("prose in 9 columns", ragged),
        ("lists in 8 columns", lists),
        ("keys", values),
        ("touching headings", heads),
        ("cells", cells),
        ("tiny cells", tiny),
    ):
        pages[name] = partial(Case, lines)
        pages[f"{name}, table"] = partial(Case, lines, [region("table")])
        pages[f"{name}, picture"] = partial(Case, lines, [region("image", 0.5)])
    return pages


def page_of(case: Case) -> PageImage:
    """Return the page image, with strokes in place of letters."""
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    for line in case.lines:
        x0, y0, x1, y1 = map(int, line.box)
        margin = max(1, (y1 - y0) // 5)
        pixels[y0 + margin : y1 - margin, x0 : min(x1, SIDE - 1) : 3] = 0
    case.draw(pixels)
    if not case.has_layer:
        return PageImage(1, pixels)
    layer = [
        TextLine(line.text, line.box, tuple(TextWord(word.text, word.box) for word in line.words))
        for line in case.lines
    ]
    return PageImage(1, pixels, text_lines=tuple(layer), proven_fonts=frozenset({0}), text_turn=0)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after so many seconds of processor time."""

    def stop(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def main() -> None:
    """Print the seconds of each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", help="names of cases, or parts of them; default: all")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="processor seconds of a page")
    parser.add_argument("--profile", action="store_true", help="print the functions that need the time, too")
    arguments = parser.parse_args()
    for name, make in cases().items():
        if arguments.cases and not any(part in name for part in arguments.cases):
            continue
        case = make()
        page, models = page_of(case), Models(case.lines, case.regions)
        profile = cProfile.Profile(time.process_time)
        start, message = time.process_time(), ""
        if arguments.profile:
            profile.enable()
        try:
            with limited(arguments.limit):
                parse_page(models, page, EmbeddedOptions())  # type: ignore[arg-type]
        except TimeoutError:
            message = " or more"
        profile.disable()
        print(f"{time.process_time() - start:8.2f} s{message}  {name}, {len(case.lines)} lines", flush=True)
        if arguments.profile:
            pstats.Stats(profile).sort_stats("cumtime").print_stats(30)


if __name__ == "__main__":
    main()
