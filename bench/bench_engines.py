"""Engine double with timed calls, and the bare loop that measures the limit of an engine.

Used by bench/busy_share.py and bench/delivery_cost.py.

`OCR_ENGINE=bench_engines:timed` sleeps BENCH_PAGE_S a page, as a GPU works while the interpreter is free. It appends
the start and end of each call (monotonic) to the file BENCH_CALLS. BENCH_BLOCKS: number of blocks of 200 letters per
page. Default: one short block. BENCH_BATCH: pages per call (1); a full call takes as long as a page, as on a server.
`python bench/bench_engines.py DOCUMENT OPTIONS` loads the engine of the environment and renders the document. For each
line on stdin it parses all pages and prints the seconds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ocr_worker.engines.base import EngineSpec
from ocr_worker.engines.registry import engine_spec
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.settings import MEGABYTE, Settings, load_settings
from ocr_worker.sources.rasterizer import RasterPool, RasterRequest
from ocr_worker.wire.schema import Block, EngineInfo, ParseOptions

SECONDS_PREFIX = "seconds: "


class TimedEngine:
    """An engine double that parses every page as the same short text."""

    info = EngineInfo(name="timed", version="1", backend="none")

    def __init__(self, page_s: float, calls: Path) -> None:
        self._page_s = page_s
        self._calls = calls
        self.batch_size = int(os.environ.get("BENCH_BATCH", "1"))
        self._blocks = int(os.environ.get("BENCH_BLOCKS", "1"))

    def warm_up(self) -> None:
        """Do nothing: the double is always warm."""

    def parse(self, pages: Sequence[PageImage], options: ParseOptions) -> list[ParsedPage]:
        """Sleep for the pages, log the call, and return one result per page."""
        started = time.monotonic()
        time.sleep(self._page_s * len(pages) / self.batch_size)
        parsed = [self._read(page) for page in pages]
        with self._calls.open("a") as calls:
            calls.write(f"{started} {time.monotonic()}\n")
        return parsed

    def _read(self, page: PageImage) -> ParsedPage:
        height, width = page.pixels.shape[:2]
        text = "text " * (40 if self._blocks > 1 else 1)
        block = Block(label="text", content=text, bbox=(0, 0, width, height))
        return ParsedPage(width, height, text * self._blocks, [block] * self._blocks)

    def close(self) -> None:
        """Do nothing: the double holds no resources."""


def _create_timed() -> TimedEngine:
    return TimedEngine(float(os.environ["BENCH_PAGE_S"]), Path(os.environ["BENCH_CALLS"]))


timed = EngineSpec(name="timed", options=ParseOptions, builder=lambda settings: _create_timed)


def render_pages(data: bytes, options: ParseOptions, settings: Settings, has_layer: bool) -> list[PageImage]:
    """Return the document's pages, as a rasterizer process renders them for an engine. Pages that fail are left out."""
    request = RasterRequest(
        None, None, options.dpi or 144, int(settings.max_page_mpx * 1e6), settings.max_pages, has_layer
    )
    memory = int(settings.raster_memory_mb * MEGABYTE)
    pool = RasterPool(workers=1, memory_bytes=memory, page_timeout_s=settings.raster_page_timeout_s)
    try:
        with pool.open(data, request) as document:
            return [page for page in document if isinstance(page, PageImage)]
    finally:
        pool.close()


def main() -> None:
    """Parse the document once per line on stdin, and print the seconds of each time."""
    settings = load_settings()
    spec = engine_spec(settings.engine)
    options = spec.options.model_validate(json.loads(sys.argv[2]))
    engine = spec.builder(settings)()
    engine.warm_up()
    pages = render_pages(Path(sys.argv[1]).read_bytes(), options, settings, spec.wants_text_layer(options))
    print(SECONDS_PREFIX + "0", flush=True)
    for _ in sys.stdin:
        started = time.monotonic()
        for page in pages:
            engine.parse([page], options)
        print(f"{SECONDS_PREFIX}{time.monotonic() - started}", flush=True)


if __name__ == "__main__":
    main()
