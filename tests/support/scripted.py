"""An engine that follows a script, and a scheduler that feeds it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from ocr_worker.errors import OcrWorkerError
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.parsing.replicas import Replicas
from ocr_worker.parsing.scheduler import ParseOutcome, Scheduler
from ocr_worker.wire.schema import EngineInfo, ParseOptions

OPTIONS = ParseOptions()
PAGE_BYTES = 300


def page(number: int) -> PageImage:
    return PageImage(number, np.zeros((10, 10, 3), np.uint8))


class Scripted:
    """An engine that calls `act` on each page, and records the order of the pages in `pages_seen`."""

    info = EngineInfo(name="scripted", version="1", backend="double")

    def __init__(self, act: Callable[[PageImage], None] = lambda page: None, batch_size: int = 1) -> None:
        self.act = act
        self.batch_size = batch_size
        self.pages_seen: list[int] = []
        self.closed = False

    def warm_up(self) -> None: ...

    def parse(self, pages: Sequence[PageImage], options: ParseOptions) -> Sequence[ParsedPage]:
        for image in pages:
            self.act(image)
        self.pages_seen += [image.number for image in pages]
        return [ParsedPage(10, 10, str(image.number), []) for image in pages]

    def close(self) -> None:
        self.closed = True


def wait(event: threading.Event) -> None:
    event.wait()


def acquire(gate: threading.Semaphore, is_held: bool = True) -> None:
    if is_held:
        gate.acquire()


@contextmanager
def running(
    *engines: Scripted, memory: int = 10**9, timeout: float = 60, lost: list[OcrWorkerError] | None = None
) -> Iterator[Scheduler]:
    lost = [] if lost is None else lost
    scheduler = Scheduler(memory)
    factories = [lambda engine=engine: engine for engine in engines]
    replicas = Replicas(scheduler, factories, call_timeout_s=timeout, on_lost=lost.append)
    replicas.start()
    try:
        yield scheduler
    finally:
        replicas.close()


def text_of(outcome: ParseOutcome) -> str:
    assert isinstance(outcome.result, ParsedPage)
    return outcome.result.markdown
