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
        self._losing = threading.Lock()  # held until `on_lost` has returned
        self._closed = threading.Event()

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

    @property
    def pages_read(self) -> int:
        """Pages that all engines have read, failed ones included."""
        return sum(replica.pages_read for replica in self._replicas)

    def __len__(self) -> int:
        return len(self._replicas)

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> Sequence[ParsedPage | None]:
        """Return a document's pages, merged by an engine that can, else as they are.

        Runs on the caller's thread, beside the engine's own: `MergesPages` allows no use of the engine's state, so that
        it does not matter which engine is asked, what it does meanwhile, or whether it was lost.
        """
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
            except OcrWorkerError as error:  # of `revive`; a call raises EngineUnavailable only
                self._give_up(replica, error, replica.let_go())
        engine.close()

    def _parse(self, replica: _Replica, batch: list[Task]) -> None:
        replica.extend(self._time_of(len(batch)))
        pages, options = [task.page for task in batch], batch[0].options
        left = len(batch)
        for task, (result, seconds) in zip(batch, parse_isolated(replica.loaded, pages, options), strict=True):
            left -= 1
            replica.pages_read += 1
            replica.finish(task, self._time_of(left))
            self._scheduler.settle(task, result, seconds)

    def _time_of(self, pages: int) -> float:
        """Seconds that a call on so many pages may take; for ever where there is none."""
        return self._call_timeout_s + (pages - 1) * self._page_timeout_s if pages else float("inf")

    def _watch(self) -> None:
        message = f"the engine did not answer within {self._call_timeout_s:g} s; send the page again"
        while not self._closed.wait(min(0.25, self._call_timeout_s / 4)):
            for replica in self._replicas:
                if late_pages := replica.let_go_if_late():
                    self._give_up(replica, EngineTimedOut(message), late_pages)
                elif reason := replica.died():
                    self._lose(replica, reason)

    def _give_up(self, replica: _Replica, error: OcrWorkerError, pages: Sequence[Task]) -> None:
        """Answer the pages of a call that failed or hangs. The engine is lost, too, unless it can be revived."""
        if replica.abandon() is not None:
            self._lose(replica, error, pages)
            return
        log.warning("engine call given up code=%s", error.code)
        for task in pages:
            self._scheduler.settle(task, error)

    def _lose(self, replica: _Replica, error: OcrWorkerError, pages: Sequence[Task] = ()) -> None:
        """Give the engine up, and answer `pages` and those that it still had in hand.

        The engine's thread and the watchdog may come here at once. The loss is told once, and before any page is
        answered: the worker must know that it drains when its jobs answer.
        """
        with self._losing:
            is_first, in_hand = replica.lose()
            if is_first:
                log.error("engine lost code=%s", error.code)
                self._on_lost(error)
        for task in (*pages, *in_hand):
            self._scheduler.settle(task, error)
        if all(other.lost for other in self._replicas):
            self._scheduler.close(EngineUnavailable("the engine is gone, a fresh worker is asked for; send this again"))


class _Replica:
    """One engine with the pages it has in hand.

    Two threads use it: the engine's own and the watchdog. What both change is changed under the lock. `lost`, which is
    never taken back, and `pages_read`, which one thread writes, are read without it.
    """

    def __init__(self, factory: Callable[[], Engine[Any]]) -> None:
        self._factory = factory
        self._engine: Engine[Any] | None = None
        self._lock = threading.Lock()
        self._in_hand: list[Task] = []
        self._deadline = float("inf")
        self.lost = False
        self.pages_read = 0  # written by the engine's thread alone

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

    def let_go_if_late(self) -> list[Task]:
        """Return the pages of a call that has passed its deadline, which no longer has them in hand; else none.

        One step, so that it is never the next call, which may begin at any moment, that loses its pages.
        """
        with self._lock:
            return self._emptied() if time.monotonic() > self._deadline else []

    def died(self) -> OcrWorkerError | None:
        """Why the engine will not be back, where it can tell without a call."""
        return self._engine.lost() if isinstance(self._engine, Revives) and not self.lost else None

    def abandon(self) -> OcrWorkerError | None:
        """After a call that failed or hangs: why the engine cannot go on; None when it can be revived."""
        if isinstance(self._engine, Revives):
            return self._engine.abandon()
        return EngineUnavailable("the engine cannot be revived")

    def lose(self) -> tuple[bool, list[Task]]:
        """Give the engine up. Return whether it was not lost before, and the pages it had in hand."""
        with self._lock:
            is_first, self.lost = not self.lost, True
            return is_first, self._emptied()

    def let_go(self) -> list[Task]:
        """Give the call up. Return the pages it had in hand."""
        with self._lock:
            return self._emptied()

    def _emptied(self) -> list[Task]:
        in_hand, self._in_hand = self._in_hand, []
        self._deadline = float("inf")
        return in_hand
