"""Engines for tests, named by `OCR_ENGINE=support.doubles:<spec>`.

What they do with a page is told by its colour, so that a test chooses it by drawing a page. A colour that is not in
`BEHAVIOURS` is read and nothing more.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ocr_worker.engines.base import EngineSpec
from ocr_worker.errors import EngineOutOfMemory, EngineUnavailable, WeightsMissing
from ocr_worker.pages import PageImage, ParsedPage, figure_name
from ocr_worker.wire.schema import Block, EngineInfo, Figure, ParseOptions

Colour = tuple[int, int, int]  # RGB
Behaviour = Callable[[PageImage, ParseOptions], Any]

RAISES: Colour = (200, 0, 0)
BABBLES: Colour = (0, 200, 0)
NAN: Colour = (0, 0, 200)
TOO_FEW: Colour = (200, 200, 0)
LARGE_FIGURES: Colour = (200, 0, 200)
LARGE_BLOCKS: Colour = (0, 200, 200)
LARGE_MARKDOWN: Colour = (100, 0, 0)
MANY_SMALL_BLOCKS: Colour = (0, 100, 0)
HANGS: Colour = (0, 0, 0)
ENGINE_DIES: Colour = (100, 0, 100)
OUT_OF_MEMORY: Colour = (100, 100, 0)
SLOW: Colour = (0, 100, 100)
HUGE: Colour = (50, 50, 50)
HELD: Colour = (150, 150, 0)

LARGE = 200_000  # characters
READING = "the page's colour is"
HUGE_TEXT = "".join(f'{number}: "ä\\\n' for number in range(300_000))  # 5 MB that JSON has to escape


def read(page: PageImage, options: ParseOptions) -> ParsedPage:
    """Reads the colour: the Markdown is `the page's colour is #rrggbb`. Each page's number goes to DOUBLE_JOURNAL."""
    red, green, blue = colour_of(page)
    if journal := os.environ.get("DOUBLE_JOURNAL"):
        with open(journal, "a") as lines:
            lines.write(f"{page.number}\n")
    text = f"{READING} #{red:02x}{green:02x}{blue:02x}"
    height, width = page.pixels.shape[:2]
    return ParsedPage(width, height, text, [Block(label="text", content=text, bbox=(0, 0, width, height))])


def read_slowly(page: PageImage, options: ParseOptions) -> ParsedPage:
    """Reads, after DOUBLE_SECONDS (half a second)."""
    time.sleep(float(os.environ.get("DOUBLE_SECONDS", "0.5")))
    return read(page, options)


def read_when_let(page: PageImage, options: ParseOptions) -> ParsedPage:
    """Reads once the file DOUBLE_GATE is there: a test does first what has to be done while the page is parsed."""
    wait_for_gate()
    return read(page, options)


def wait_for_gate() -> None:
    """Returns once the file DOUBLE_GATE is there."""
    while not Path(os.environ["DOUBLE_GATE"]).exists():
        time.sleep(0.01)


def fail(page: PageImage, options: ParseOptions) -> Any:
    """Fails in a way nobody foresaw."""
    raise RuntimeError("the double was told to raise")


def babble(page: PageImage, options: ParseOptions) -> Any:
    """Answers what a model's raw output may look like."""
    return {"markdown": ["not", "a", "page"]}


def answer_nan(page: PageImage, options: ParseOptions) -> Any:
    """A page whose block has no place, past the checks of the block's own type."""
    block = Block.model_construct(label="text", content="x", bbox=(float("nan"), 0, 1, 1))
    return ParsedPage(1, 1, "x", [block])


def answer_large_figures(page: PageImage, options: ParseOptions) -> ParsedPage:
    """A page with a large picture, when pictures are asked for."""
    parsed = read(page, options)
    data = "A" * LARGE if options.figures == "inline" else None
    parsed.figures.append(Figure(name=figure_name(page.number, 1), bbox=(0, 0, 1, 1), base64=data))
    return parsed


def answer_large_blocks(page: PageImage, options: ParseOptions) -> ParsedPage:
    """A page with a large block beside a large picture."""
    parsed = answer_large_figures(page, options)
    parsed.blocks.append(Block(label="table", content="A" * LARGE, bbox=(0, 0, 1, 1)))
    return parsed


def answer_large_markdown(page: PageImage, options: ParseOptions) -> ParsedPage:
    """A page whose Markdown alone is large."""
    return ParsedPage(1, 1, "A" * LARGE, [])


def answer_huge(page: PageImage, options: ParseOptions) -> ParsedPage:
    """A page whose Markdown is `HUGE_TEXT`."""
    return ParsedPage(1, 1, HUGE_TEXT, [])


def answer_many_small_blocks(page: PageImage, options: ParseOptions) -> ParsedPage:
    """A page of some 5 kB that is mostly brackets, commas and letters of more than one byte."""
    blocks = [Block(label="text", content="ä", bbox=(0, 0, 1, 1)) for _ in range(100)]
    return ParsedPage(1, 1, "", blocks)


def hang(page: PageImage, options: ParseOptions) -> Any:
    """Never answers."""
    threading.Event().wait()


def die(page: PageImage, options: ParseOptions) -> Any:
    """Says that the engine cannot go on."""
    raise EngineUnavailable("the double's engine died")


def run_out_of_memory(page: PageImage, options: ParseOptions) -> Any:
    """Says that the device has too little memory for this page."""
    raise EngineOutOfMemory("the double's device is full; send the page at a lower dpi")


def leave_out(page: PageImage, options: ParseOptions) -> None:
    """Stands for a result that is missing; the engine leaves it out of its answer."""


BEHAVIOURS: Mapping[Colour, Behaviour] = MappingProxyType(
    {
        RAISES: fail,
        BABBLES: babble,
        NAN: answer_nan,
        TOO_FEW: leave_out,
        LARGE_FIGURES: answer_large_figures,
        LARGE_BLOCKS: answer_large_blocks,
        LARGE_MARKDOWN: answer_large_markdown,
        MANY_SMALL_BLOCKS: answer_many_small_blocks,
        HANGS: hang,
        ENGINE_DIES: die,
        OUT_OF_MEMORY: run_out_of_memory,
        HUGE: answer_huge,
        SLOW: read_slowly,
        HELD: read_when_let,
    }
)


class Double:
    """An engine that treats each page by `behaviour_of(colour)`."""

    info = EngineInfo(name="double", version="1", backend="none")
    preferred_dpi = 72

    def __init__(self, behaviour_of: Callable[[Colour], Behaviour]) -> None:
        self.batch_size = int(os.environ.get("DOUBLE_BATCH", "4"))
        self._behaviour_of = behaviour_of
        self._thread = threading.get_ident()

    def warm_up(self) -> None:
        """Is warm."""

    def parse(self, pages: Sequence[PageImage], options: ParseOptions) -> list[Any]:
        """One result for each page, save those that a behaviour leaves out; on its own thread only."""
        if threading.get_ident() != self._thread:
            raise EngineUnavailable("the engine was called on another thread than it was built on")
        results = [self._behaviour_of(nearest(colour_of(page)))(page, options) for page in pages]
        return [result for result in results if result is not None]

    def close(self) -> None:
        """Holds nothing."""


def behaviour_by_colour(colour: Colour) -> Behaviour:
    """What `BEHAVIOURS` says of the colour; reading, where it says nothing."""
    return BEHAVIOURS.get(colour, read)


def colour_of(page: PageImage) -> Colour:
    """The mean colour."""
    blue, green, red = page.pixels.reshape(-1, 3).mean(axis=0).round()
    return int(red), int(green), int(blue)


def nearest(colour: Colour) -> Colour:
    """The colour of `BEHAVIOURS` that is meant, where a JPEG inside a PDF has changed it a little; else `colour`."""
    for behaviour_colour in BEHAVIOURS:
        if all(abs(value - expected) <= 8 for value, expected in zip(behaviour_colour, colour, strict=True)):
            return behaviour_colour
    return colour


class MergingOptions(ParseOptions):
    """merge_pages: number the pages in their Markdown, once all are read."""

    merge_pages: bool = False


class Merging(Double):
    """Reads every page, and merges those that it read for that."""

    def parse(self, pages: Sequence[PageImage], options: MergingOptions) -> list[Any]:
        """As `Double` does; a page that is to be merged carries its number."""
        parsed = super().parse(pages, options)
        if not options.merge_pages:
            return parsed
        return [replace(result, raw={"number": page.number}) for result, page in zip(parsed, pages, strict=True)]

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> list[ParsedPage | None]:
        """See `MergesPages`."""
        return [page and replace(page, markdown=f"{page.raw['number']} of {len(pages)}") for page in pages]


# --------------------------------------------------------------------------- specs


def spec(build: Callable[[], Double]) -> EngineSpec[ParseOptions]:
    """The spec of an engine that `build` builds."""
    return EngineSpec(name="double", options=ParseOptions, builder=lambda settings: build)


@spec
def by_colour() -> Double:
    """Does with each page what its colour says."""
    return Double(behaviour_by_colour)


@spec
def reading() -> Double:
    """Reads every page, each after DOUBLE_SECONDS when that is set; those of the colour HELD wait for DOUBLE_GATE."""
    usual = read_slowly if "DOUBLE_SECONDS" in os.environ else read
    return Double(lambda colour: read_when_let if colour == HELD and "DOUBLE_GATE" in os.environ else usual)


@spec
def raising() -> Double:
    """Fails on every page."""
    return Double(lambda colour: fail)


@spec
def babbling() -> Double:
    """Answers garbage for every page."""
    return Double(lambda colour: babble)


@spec
def slow_to_load() -> Double:
    """Comes to be once the file DOUBLE_GATE is there."""
    wait_for_gate()
    return Double(behaviour_by_colour)


@spec
def unstartable() -> Double:
    """Never comes to be."""
    raise WeightsMissing("the double has no weights; give it some")


@spec
def renamed() -> Double:
    """Reads as `by_colour` does, but is of another version."""
    double = Double(behaviour_by_colour)
    double.info = EngineInfo(name="double", version="2", backend="none")
    return double


merging = EngineSpec(
    name="merging",
    options=MergingOptions,
    builder=lambda settings: lambda: Merging(lambda colour: read),
    merges_pages=lambda options: options.merge_pages,
)
