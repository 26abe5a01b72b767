"""The threads that parse: each replica of the engine lives on one of its own, from its construction to its last page.

A replica ends in three ways: the scheduler closes, the engine says that it cannot go on, or a call passes its deadline.
The last two cost an engine that can be revived (`Revives`) its pages in hand only.
A thread that hangs is left behind: it is a daemon, and what it may still return no longer counts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any

from ocr_worker import threads
from ocr_worker.engines.base import Engine, MergesPages, Revives
from ocr_worker.errors import EngineTimedOut, EngineUnavailable, OcrWorkerError
from ocr_worker.pages import ParsedPage
from ocr_worker.parsing.isolation import parse_isolated
from ocr_worker.parsing.scheduler import Scheduler, Task
from ocr_worker.wire.schema import EngineInfo

log = logging.getLogger(__name__)


class Replicas:
    """Engines, each built by one of `factories`, fed by `scheduler`.

    call_timeout_s: longest an engine call may take, and page_timeout_s for each further page in it. start_timeout_s:
    longest the engines may take to be built and warmed. on_lost: told, on some thread, of each replica that was lost,
    with the reason. When the last one is lost the scheduler is closed.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        factories: Sequence[Callable[[], Engine[Any]]],
        *,
        call_timeout_s: float,
        page_timeout_s: float = 0,
        start_timeout_s: float = 400,
        on_lost: Callable[[OcrWorkerError], None] = lambda error: None,
    ) -> None:
        self._scheduler = scheduler
        self._call_timeout_s = call_timeout_s
        self._page_timeout_s = page_timeout_s
        self._start_timeout_s = start_timeout_s
        self._on_lost = on_lost
        self._replicas = [_Replica(factory) for factory in factories]
        self._closed = threading.Event()
        self.pages_read = 0  # by all engines; a page more or less, where two of them count at once, does not matter

    def start(self) -> dict[str, float]:
        """Builds and warms all engines at once; the seconds of the slowest, by phase.

        Raises what an engine raises, and EngineTimedOut.
        """
        ready = [self._start(replica) for replica in self._replicas]
        deadline = time.monotonic() + self._start_timeout_s
        try:
            phases = [future.result(timeout=max(0.0, deadline - time.monotonic())) for future in ready]
        except NotYet:
            told = f"the engine was not ready within {self._start_timeout_s:g} s; OCR_START_TIMEOUT_S gives it more"
            raise EngineTimedOut(told) from None
        threads.start(self._watch, "engine-watchdog")
        return max(phases, key=lambda seconds: sum(seconds.values()))

    @property
    def info(self) -> EngineInfo:
        """Of the first engine; all are alike."""
        return self._replicas[0].loaded.info

    @property
    def preferred_dpi(self) -> int:
        """The resolution the engine reads best."""
        return self._replicas[0].loaded.preferred_dpi

    @property
    def alive(self) -> int:
        """Engines that were not lost."""
        return sum(not replica.lost for replica in self._replicas)

    def __len__(self) -> int:
        return len(self._replicas)

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> Sequence[ParsedPage | None]:
        """A document's pages, looked over as a whole by an engine that can; else as they are."""
        engine = self._replicas[0].loaded
        return engine.merge_pages(pages) if isinstance(engine, MergesPages) else pages

    def close(self) -> None:
        """Lets each thread end after its call."""
        self._closed.set()
        self._scheduler.close(EngineUnavailable("the worker is stopping; send the job again"))

    def _start(self, replica: _Replica) -> Future[dict[str, float]]:
        ready: Future[dict[str, float]] = Future()

        def live() -> None:
            try:
                phases = replica.load()
            except BaseException as error:  # whatever it is belongs to the one who waits for `start`
                ready.set_exception(error)
                return
            ready.set_result(phases)
            self._serve(replica)

        threads.start(live, "engine")
        return ready

    def _serve(self, replica: _Replica) -> None:
        engine = replica.loaded
        while not replica.lost and (batch := self._scheduler.take(engine.batch_size)):
            replica.hold(batch)
            try:
                if isinstance(engine, Revives):
                    engine.revive()  # may take minutes, which are not the pages' time
                self._parse(replica, batch)
            except EngineUnavailable as error:
                self._give_up(replica, error)
        engine.close()

    def _parse(self, replica: _Replica, batch: list[Task]) -> None:
        replica.extend(self._time_of(len(batch)))
        pages, options = [task.page for task in batch], batch[0].options
        left = len(batch)
        for task, (result, seconds) in zip(batch, parse_isolated(replica.loaded, pages, options), strict=True):
            left -= 1
            self.pages_read += 1
            replica.finish(task, self._time_of(left))
            self._scheduler.settle(task, result, seconds)

    def _time_of(self, pages: int) -> float:
        """Seconds that a call on so many pages may take; for ever where there is none."""
        return self._call_timeout_s + (pages - 1) * self._page_timeout_s if pages else float("inf")

    def _watch(self) -> None:
        told = f"the engine did not answer within {self._call_timeout_s:g} s; send the page again"
        while not self._closed.wait(min(0.25, self._call_timeout_s / 4)):
            for replica in self._replicas:
                if replica.is_late():
                    self._give_up(replica, EngineTimedOut(told))
                elif reason := replica.died():
                    self._lose(replica, reason)

    def _give_up(self, replica: _Replica, error: OcrWorkerError) -> None:
        """The call failed and cost its pages; the engine, too, unless it can be revived."""
        if replica.abandon() is not None:
            self._lose(replica, error)
            return
        log.warning("engine call given up code=%s", error.code)
        for task in replica.let_go():
            self._scheduler.settle(task, error)

    def _lose(self, replica: _Replica, error: OcrWorkerError) -> None:
        known = replica.lost
        in_hand = replica.lose()
        if not known:  # before any page is answered: the worker must know that it drains when its jobs answer
            self._on_lost(error)
        for task in in_hand:
            self._scheduler.settle(task, error)
        if all(other.lost for other in self._replicas):
            self._scheduler.close(EngineUnavailable("the engine is gone, a fresh worker is asked for; send this again"))
        log.error("engine lost code=%s", error.code)


class _Replica:
    """One engine with the pages it has in hand; the watchdog looks at it from another thread."""

    def __init__(self, factory: Callable[[], Engine[Any]]) -> None:
        self._factory = factory
        self._engine: Engine[Any] | None = None
        self._lock = threading.Lock()
        self._in_hand: list[Task] = []
        self._deadline = float("inf")
        self.lost = False

    def load(self) -> dict[str, float]:
        """Builds and warms the engine; seconds by phase."""
        started = time.monotonic()
        self._engine = self._factory()
        built = time.monotonic()
        self._engine.warm_up()
        return {"engine": built - started, "warm_up": time.monotonic() - built}

    @property
    def loaded(self) -> Engine[Any]:
        """The engine. Raises EngineUnavailable before it was loaded."""
        if self._engine is None:
            raise EngineUnavailable("the engine was not loaded")
        return self._engine

    def hold(self, batch: list[Task]) -> None:
        """Pages are in hand; no call has begun."""
        with self._lock:
            self._in_hand = list(batch)

    def extend(self, seconds: float) -> None:
        """A call on the pages in hand begins, or goes on: it has so long from now."""
        with self._lock:
            self._deadline = time.monotonic() + seconds

    def finish(self, task: Task, seconds: float) -> None:
        """A page is done; the rest of the batch has so long from now."""
        with self._lock:
            if task in self._in_hand:
                self._in_hand.remove(task)
                self._deadline = time.monotonic() + seconds

    def is_late(self) -> bool:
        """Whether a call has passed its deadline."""
        with self._lock:
            return not self.lost and time.monotonic() > self._deadline

    def died(self) -> OcrWorkerError | None:
        """Why the engine will not be back, where it can tell without a call."""
        return self._engine.lost() if isinstance(self._engine, Revives) and not self.lost else None

    def abandon(self) -> OcrWorkerError | None:
        """After a call that failed or hangs: why the engine cannot go on; None when it can be revived."""
        if isinstance(self._engine, Revives):
            return self._engine.abandon()
        return EngineUnavailable("the engine cannot be revived")

    def lose(self) -> list[Task]:
        """Gives the engine up; the pages it had in hand."""
        self.lost = True
        return self.let_go()

    def let_go(self) -> list[Task]:
        """Gives the call up; the pages it had in hand."""
        with self._lock:
            in_hand, self._in_hand = self._in_hand, []
            self._deadline = float("inf")
            return in_hand
