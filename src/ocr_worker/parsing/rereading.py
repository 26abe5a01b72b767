"""Read regions of a page once more, for the option `verify: repair`.

Each region is cut out and goes through the scheduler as a page of its own, before the job's other pages, with the
options that the engine's `BlockRepair` names and at another resolution. The page's pixels are held until its second
reading was compared; `HeldPages` releases those that are never compared. Which region is read, and which reading is
kept, is decided in `witness.repair`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ocr_worker.engines.base import BlockRepair
from ocr_worker.errors import OcrWorkerError
from ocr_worker.pages import PageImage, ParsedPage, Pixels
from ocr_worker.parsing.scheduler import ParseOutcome, ScheduledJob
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import BBox, Block, ParseOptions
from ocr_worker.witness.regions import Region, can_reread

log = logging.getLogger(__name__)

_MARGIN = 4  # pixels around a region
_LARGER, _SMALLER = 1.4, 0.75  # factors of a crop's sides for its second reading
_LARGE = 1_500_000  # pixels of a crop, from which on it is reduced rather than enlarged


class Rereader:
    """A reader of regions of one page; used by the thread of its document, but for `release`.

    merge: writes a page's Markdown anew from its blocks. let_go: called once, when the page's pixels are not needed any
    more.
    """

    def __init__(
        self,
        page: PageImage,
        options: ParseOptions,
        settings: Settings,
        repair: BlockRepair[Any],
        job: ScheduledJob,
        merge: Callable[[ParsedPage], ParsedPage],
        let_go: Callable[[], None],
    ) -> None:
        self._page: PageImage | None = page
        self._options = options
        self._settings = settings
        self._repair = repair
        self._job = job
        self._merge = merge
        self._let_go = let_go
        self.engine_s = 0.0  # of the regions that were read

    def read(self, regions: Sequence[Region], blocks: Sequence[Block]) -> dict[Region, str]:
        """Return the text of each region that could be read. blocks: of the page."""
        page = self._page
        if page is None:
            return {}
        readable = [region for region in regions if can_reread(region, blocks)]
        parts = [
            (crop(page, region.bbox), self._repair.options(self._options, region.label, self._settings))
            for region in readable
        ]
        try:
            futures = self._job.submit_parts(parts) if parts else []
        except OcrWorkerError:  # the job was stopped, or the worker stops
            return {}
        outcomes = [future.result() for future in futures]
        self.engine_s += sum(outcome.engine_s for outcome in outcomes)
        texts = {region: _text(region, outcome) for region, outcome in zip(readable, outcomes, strict=True)}
        return {region: text for region, text in texts.items() if text}

    def rewritten(self, parsed: ParsedPage, blocks: Sequence[Block]) -> ParsedPage | None:
        """Return the page with these blocks, and the Markdown that follows from them; None if that fails."""
        try:
            return self._merge(self._repair.with_blocks(parsed, blocks))
        except Exception as error:
            log.warning("the Markdown of a repaired page could not be written error=%s", type(error).__name__)
            return None

    def release(self) -> None:
        """Let the page's pixels go, if that is still to be done. Any thread may call it, while no other one does."""
        if self._page is not None:
            self._page = None
            self._let_go()


def crop(page: PageImage, bbox: BBox) -> PageImage:
    """Return a region of a page with a small margin, at another resolution."""
    x0, y0, x1, y1 = bbox
    pixels = page.pixels[max(0, y0 - _MARGIN) : y1 + _MARGIN, max(0, x0 - _MARGIN) : x1 + _MARGIN]
    height, width = pixels.shape[:2]
    scale = _LARGER if height * width < _LARGE else _SMALLER
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resized: Pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    return PageImage(page.number, np.ascontiguousarray(resized), page.dpi and page.dpi * scale)


def _text(region: Region, outcome: ParseOutcome) -> str:
    """Return the text of a region; empty if it could not be read, or if a table was not read as one."""
    if not isinstance(outcome.result, ParsedPage):
        return ""
    contents = [block.content for block in outcome.result.blocks if block.content.strip()]
    if region.label == "table":
        return next((content for content in contents if "<table" in content), "")
    return "\n".join(contents)


class HeldPages:
    """The pages of a document whose pixels are held for a second reading by the engine. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rereaders: set[Rereader] = set()
        self._is_closed = False

    def add(self, rereader: Rereader) -> None:
        """Hold a page until it is released, or until `close`."""
        with self._lock:
            if not self._is_closed:
                self._rereaders.add(rereader)
                return
        rereader.release()

    def release(self, rereader: Rereader) -> None:
        """Let a page go; no effect if it was released before."""
        with self._lock:
            is_held = rereader in self._rereaders
            self._rereaders.discard(rereader)
        if is_held:
            rereader.release()

    def close(self) -> None:
        """Let all pages go, and later ones at once. The document has its result, or none of its pages counts."""
        with self._lock:
            rereaders, self._rereaders = self._rereaders, set()
            self._is_closed = True
        for rereader in rereaders:
            rereader.release()
