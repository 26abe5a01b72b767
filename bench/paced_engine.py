"""An imaginary engine for bench/witness_cost.py: it takes a fixed time for each page and no processor time.

It takes the place of an engine on a GPU. Its results are the true blocks of the pages, which the benchmark sets in
`PAGES`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ocr_worker.engines.base import EngineSpec
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import Block, EngineInfo, ParseOptions

PAGES: list[list[Block]] = []  # the blocks of a document's pages
SECONDS = 1.0  # of a page; set by the benchmark
CALLS: list[tuple[float, float]] = []  # start and end of each page, in monotonic seconds


class PacedEngine:
    """An engine that sleeps."""

    info = EngineInfo(name="paced", version="1", backend="none")
    batch_size = 1

    def warm_up(self) -> None:
        """Do nothing."""

    def parse(self, pages: Sequence[PageImage], options: ParseOptions) -> list[ParsedPage]:
        """Return the true blocks after SECONDS for each page."""
        started_at = time.monotonic()
        time.sleep(SECONDS * len(pages))
        CALLS.append((started_at, time.monotonic()))
        return [self._page(page) for page in pages]

    def _page(self, page: PageImage) -> ParsedPage:
        height, width = page.pixels.shape[:2]
        blocks = PAGES[page.number - 1]
        return ParsedPage(width, height, "\n\n".join(block.content for block in blocks), blocks)

    def close(self) -> None:
        """Do nothing."""


def _builder(settings: Settings) -> Callable[[], PacedEngine]:
    return PacedEngine


SPEC = EngineSpec(name="paced", options=ParseOptions, builder=_builder)
