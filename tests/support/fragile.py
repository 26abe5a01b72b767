"""An engine whose process can be made to fail, named by `OCR_ENGINE=support.fragile:SPEC`.

The pixels of a page say what happens while it is parsed (`page`). The Markdown of a page is its number, its pixels' sum
and the process that parsed it. What happens "once" leaves a file in the folder FRAGILE, and then no more.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ocr_worker.engines.base import EngineSpec, ProcessParts
from ocr_worker.errors import EngineUnavailable, PageFailed
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import Block, EngineInfo, ParseOptions

log = logging.getLogger("ocr_worker.fragile")


class FragileOptions(ParseOptions):
    """Options of the engine. merge_pages: join the pages' arrays once all are read."""

    merge_pages: bool = False


def _fail() -> None:
    raise RuntimeError("an exception of a library")


def _fail_typed() -> None:
    class FragileError(PageFailed):  # in the engine process alone: documents list all errors of a process
        """An error that only this engine's package has."""

        code = "FRAGILE"
        retryable = True

    raise FragileError("an error of this engine's own")


def _poison() -> None:
    raise EngineUnavailable("the device is in a broken state")


def _say() -> None:
    log.warning("a warning of the engine")
    print("a line that a library prints")


ACTIONS: Mapping[str, Callable[[], object]] = MappingProxyType(
    {
        "read": lambda: None,
        "abort": os.abort,
        "exit": lambda: os._exit(7),
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
        "hang": lambda: threading.Event().wait(),
        "fail": _fail,
        "fail_typed": _fail_typed,
        "poison": _poison,
        "say": _say,
        "hold": lambda: _hold(),
    }
)
NAMES = [name for action in ACTIONS for name in (action, f"{action} once")]


def page(number: int, name: str = "read") -> PageImage:
    """Return a page of 20 x 10 pixels with which the engine does what `NAMES` says."""
    pixels = np.zeros((10, 20, 3), np.uint8)
    pixels[0, 0] = NAMES.index(name)
    pixels[1:, :, :] = number
    return PageImage(number, pixels)


class Fragile:
    """The engine, which may be called on one thread only."""

    info = EngineInfo(name="fragile", version="1", backend="double")

    def __init__(self) -> None:
        self.batch_size = int(os.environ.get("FRAGILE_BATCH", "1"))
        self._thread = threading.get_ident()

    def warm_up(self) -> None:
        """Fail as often as there are files named `no warm-up` in the folder."""
        for path in sorted(_folder().glob("no warm-up*"))[:1]:
            path.unlink()
            raise EngineUnavailable("the warm-up page was not read")

    def parse(self, pages: Sequence[PageImage], options: FragileOptions) -> list[ParsedPage]:
        """Do what the pages say, then read them."""
        if threading.get_ident() != self._thread:
            raise EngineUnavailable("the engine was called on another thread than it was built on")
        return [self._parse(image) for image in pages]

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> list[ParsedPage | None]:
        """Return the pages; their Markdown is the sum of all arrays, and the process. A file `no merge` ends it."""
        if (_folder() / "no merge").exists():
            (_folder() / "no merge").unlink()
            os._exit(8)
        total = sum(page.raw["array"].sum() for page in pages if page and page.raw)
        return [page and replace(page, markdown=f"{total} {os.getpid()}") for page in pages]

    def close(self) -> None:
        """Leave a file that says so."""
        (_folder() / f"closed {os.getpid()}").touch()

    def _parse(self, image: PageImage) -> ParsedPage:
        name = NAMES[image.pixels[0, 0, 0]]
        mark = _folder() / f"{name} {image.number}"
        if not (name.endswith("once") and mark.exists()):
            mark.touch()
            ACTIONS[name.removesuffix(" once")]()
        text = f"{image.number} {image.pixels[1:].sum()} {os.getpid()}"
        raw = {"array": np.arange(image.number, dtype=np.int32), "number": np.float32(0.5)}
        return ParsedPage(20, 10, text, [Block(label="text", content=text, bbox=(0, 0, 20, 10))], raw=raw)


def _folder() -> Path:
    return Path(os.environ["FRAGILE"])


def _hold() -> None:
    """Wait until the folder has a file `gate`."""
    while not (_folder() / "gate").exists():
        threading.Event().wait(0.01)


SPEC = EngineSpec(
    name="fragile",
    options=FragileOptions,
    builder=lambda settings: Fragile,
    replicas=lambda settings: settings.replica_count,
    has_processes=lambda settings: True,
    merges_pages=lambda options: options.merge_pages,
)


class ServedPart:
    """The part of `Served` in the worker: it records the calls, as a model server would get them."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.examined = 0
        self.closed = 0

    def call(self, method: str, arguments: Sequence[object]) -> object:
        """Record the call; return the number of calls so far."""
        self.calls.append(method)
        return len(self.calls)

    def examine(self) -> None:
        self.examined += 1

    def lost(self) -> None:
        return None

    def close(self) -> None:
        self.closed += 1


class Served(Fragile):
    """A `Fragile` whose work is done by a server in the worker."""

    def __init__(self, call_worker: Callable[..., object]) -> None:
        super().__init__()
        self._call_worker = call_worker

    def revive(self) -> None:
        self._call_worker("wait")

    def abandon(self) -> None:
        self._call_worker("abandon", 1)

    def lost(self) -> None:
        return None


part = ServedPart()


def _served_builder(settings: Settings, call_worker: Callable[..., object]) -> Callable[[], Served]:
    return lambda: Served(call_worker)


SERVED = replace(SPEC, process_parts=ProcessParts(worker_part=lambda settings: lambda: part, builder=_served_builder))
