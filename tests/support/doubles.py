"""Engines for tests, named by `OCR_ENGINE=support.doubles:<spec>`.

The color of a page decides how they treat it, so that a test chooses the behavior by drawing a page. A page whose color
is not in `BEHAVIOURS` is read normally.
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

from ocr_worker.engines.base import BlockRepair, EngineSpec
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
    """Read the color: the Markdown is `the page's colour is #rrggbb`. Append the page's number to DOUBLE_JOURNAL."""
    red, green, blue = colour_of(page)
    if journal := os.environ.get("DOUBLE_JOURNAL"):
        with open(journal, "a") as lines:
            lines.write(f"{page.number}\n")
    text = f"{READING} #{red:02x}{green:02x}{blue:02x}"
    height, width = page.pixels.shape[:2]
    return ParsedPage(width, height, text, [Block(label="text", content=text, bbox=(0, 0, width, height))])


def read_slowly(page: PageImage, options: ParseOptions) -> ParsedPage:
    """Read the page after DOUBLE_SECONDS (default: half a second)."""
    time.sleep(float(os.environ.get("DOUBLE_SECONDS", "0.5")))
    return read(page, options)


def read_when_let(page: PageImage, options: ParseOptions) -> ParsedPage:
    """Read the page once the file DOUBLE_GATE exists, so that a test can act while the page is parsed."""
    wait_for_gate()
    return read(page, options)


def wait_for_gate() -> None:
    """Wait until the file DOUBLE_GATE exists. A file beside it says that something waits (see `is_held`)."""
    Path(f"{os.environ['DOUBLE_GATE']}.held").touch()
    while not Path(os.environ["DOUBLE_GATE"]).exists():
        time.sleep(0.01)


def is_held(gate: Path) -> bool:
    """Return whether an engine waits for the file DOUBLE_GATE. All pages that it took before have their results."""
    return Path(f"{gate}.held").exists()


def fail(page: PageImage, options: ParseOptions) -> Any:
    """Raise an unexpected exception."""
    raise RuntimeError("the double was told to raise")


def babble(page: PageImage, options: ParseOptions) -> Any:
    """Return something that is not a page."""
    return {"markdown": ["not", "a", "page"]}


def answer_nan(page: PageImage, options: ParseOptions) -> Any:
    """Return a page with a NaN in a box, past the checks of the block's own type."""
    block = Block.model_construct(label="text", content="x", bbox=(float("nan"), 0, 1, 1))
    return ParsedPage(1, 1, "x", [block])


def answer_large_figures(page: PageImage, options: ParseOptions) -> ParsedPage:
    """Return a page with a large figure, if figures are requested."""
    parsed = read(page, options)
    data = "A" * LARGE if options.figures == "inline" else None
    parsed.figures.append(Figure(name=figure_name(page.number, 1), bbox=(0, 0, 1, 1), base64=data))
    return parsed


def answer_large_blocks(page: PageImage, options: ParseOptions) -> ParsedPage:
    """Return a page with a large block and a large figure."""
    parsed = answer_large_figures(page, options)
    parsed.blocks.append(Block(label="table", content="A" * LARGE, bbox=(0, 0, 1, 1)))
    return parsed


def answer_large_markdown(page: PageImage, options: ParseOptions) -> ParsedPage:
    """Return a page whose Markdown alone is large."""
    return ParsedPage(1, 1, "A" * LARGE, [])


def answer_huge(page: PageImage, options: ParseOptions) -> ParsedPage:
    """Return a page whose Markdown is `HUGE_TEXT`."""
    return ParsedPage(1, 1, HUGE_TEXT, [])


def answer_many_small_blocks(page: PageImage, options: ParseOptions) -> ParsedPage:
    """Return a page of about 5 kB, mostly brackets, commas and letters of more than one byte."""
    blocks = [Block(label="text", content="ä", bbox=(0, 0, 1, 1)) for _ in range(100)]
    return ParsedPage(1, 1, "", blocks)


def hang(page: PageImage, options: ParseOptions) -> Any:
    """Never return."""
    threading.Event().wait()


def die(page: PageImage, options: ParseOptions) -> Any:
    """Raise the error of an engine that cannot continue."""
    raise EngineUnavailable("the double's engine died")


def run_out_of_memory(page: PageImage, options: ParseOptions) -> Any:
    """Raise the error of a device with too little memory for this page."""
    raise EngineOutOfMemory("the double's device is full; send the page at a lower dpi")


def leave_out(page: PageImage, options: ParseOptions) -> None:
    """Return None, which the engine leaves out of its results."""


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

    def __init__(self, behaviour_of: Callable[[Colour], Behaviour]) -> None:
        self.batch_size = int(os.environ.get("DOUBLE_BATCH", "4"))
        self._behaviour_of = behaviour_of
        self._thread = threading.get_ident()

    def warm_up(self) -> None:
        """Do nothing."""

    def parse(self, pages: Sequence[PageImage], options: ParseOptions) -> list[Any]:
        """Return the results of all pages, except those that a behavior leaves out. Only on the engine's own thread."""
        if threading.get_ident() != self._thread:
            raise EngineUnavailable("the engine was called on another thread than it was built on")
        results = [self._behaviour_of(nearest(colour_of(page)))(page, options) for page in pages]
        return [result for result in results if result is not None]

    def close(self) -> None:
        """Do nothing."""


def behaviour_by_colour(colour: Colour) -> Behaviour:
    """Return the behavior for the color in `BEHAVIOURS`; by default, `read`."""
    return BEHAVIOURS.get(colour, read)


def colour_of(page: PageImage) -> Colour:
    """Return the mean color."""
    blue, green, red = page.pixels.reshape(-1, 3).mean(axis=0).round()
    return int(red), int(green), int(blue)


def nearest(colour: Colour) -> Colour:
    """Return the color of `BEHAVIOURS` that is close to `colour`, as JPEG in a PDF changes it; else `colour`."""
    for behaviour_colour in BEHAVIOURS:
        if all(abs(value - expected) <= 8 for value, expected in zip(behaviour_colour, colour, strict=True)):
            return behaviour_colour
    return colour


class MergingOptions(ParseOptions):
    """Options of `Merging`. merge_pages: number the pages in their Markdown, once all are read."""

    merge_pages: bool = False


class Merging(Double):
    """An engine that can merge the pages it has read."""

    def parse(self, pages: Sequence[PageImage], options: MergingOptions) -> list[Any]:
        """Parse as `Double` does; a page that will be merged carries its number."""
        parsed = super().parse(pages, options)
        if not options.merge_pages:
            return parsed
        return [replace(result, raw={"number": page.number}) for result, page in zip(parsed, pages, strict=True)]

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> list[ParsedPage | None]:
        """See `MergesPages`."""
        return [page and replace(page, markdown=f"{page.raw['number']} of {len(pages)}") for page in pages]


# --------------------------------------------------------------------------- specs


def spec(build: Callable[[], Double]) -> EngineSpec[ParseOptions]:
    """Return the spec of an engine that `build` builds."""
    return EngineSpec(
        name="double",
        options=ParseOptions,
        builder=lambda settings: build,
        preferred_dpi=72,
        replicas=lambda settings: settings.replicas or 1,
    )


@spec
def by_colour() -> Double:
    """Build an engine that treats each page by its color."""
    return Double(behaviour_by_colour)


@spec
def reading() -> Double:
    """Build an engine that reads every page: after DOUBLE_SECONDS if set, pages of the color HELD after DOUBLE_GATE."""
    usual = read_slowly if "DOUBLE_SECONDS" in os.environ else read
    return Double(lambda colour: read_when_let if colour == HELD and "DOUBLE_GATE" in os.environ else usual)


RECITED = os.environ.get("DOUBLE_RECITED", "")  # the text of every page, for `reciting`


def recite(page: PageImage, options: ParseOptions) -> ParsedPage:
    """Answer `RECITED` as one block in the upper third, whatever is on the page."""
    height, width = page.pixels.shape[:2]
    return ParsedPage(width, height, RECITED, [Block(label="text", content=RECITED, bbox=(0, 0, width, height // 3))])


@spec
def reciting() -> Double:
    """Build an engine that answers `RECITED`."""
    return Double(lambda colour: recite)


class RepairingOptions(ParseOptions):
    """Options of `Repairing`. is_block: the page is a crop of a block."""

    is_block: bool = False


REREAD: list[str] = []  # the texts of crops, in their order, for `repairing`


class Repairing(Double):
    """An engine that answers `RECITED` for a page, and writes Markdown anew from its blocks."""

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> list[ParsedPage | None]:
        """See `MergesPages`."""
        return [page and replace(page, markdown="\n\n".join(block.content for block in page.blocks)) for page in pages]


def recite_block(page: PageImage, options: ParseOptions) -> ParsedPage:
    """Answer as `recite` does for a page, and the next text of `REREAD` for a crop."""
    parsed = recite(page, options)
    if not getattr(options, "is_block", False):
        return parsed
    text = REREAD.pop(0)
    return replace(parsed, markdown=text, blocks=[Block(label="ocr", content=text, bbox=parsed.blocks[0].bbox)])


repairing = EngineSpec(
    name="repairing",
    options=RepairingOptions,
    builder=lambda settings: lambda: Repairing(lambda colour: recite_block),
    preferred_dpi=72,
    block_repair=BlockRepair(
        options=lambda options, label, settings: options.model_copy(update={"is_block": True, "verify": "off"}),
        with_blocks=lambda page, blocks: replace(page, blocks=list(blocks)),
    ),
)


@spec
def raising() -> Double:
    """Build an engine that fails on every page."""
    return Double(lambda colour: fail)


@spec
def babbling() -> Double:
    """Build an engine that returns garbage for every page."""
    return Double(lambda colour: babble)


@spec
def slow_to_load() -> Double:
    """Build an engine once the file DOUBLE_GATE exists."""
    wait_for_gate()
    return Double(behaviour_by_colour)


@spec
def unstartable() -> Double:
    """Raise WeightsMissing."""
    raise WeightsMissing("the double has no weights; give it some")


@spec
def renamed() -> Double:
    """Build an engine like `by_colour`, of another version."""
    double = Double(behaviour_by_colour)
    double.info = EngineInfo(name="double", version="2", backend="none")
    return double


merging = EngineSpec(
    name="merging",
    options=MergingOptions,
    builder=lambda settings: lambda: Merging(lambda colour: read),
    preferred_dpi=72,
    merges_pages=lambda options: options.merge_pages,
)
