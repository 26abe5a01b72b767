"""Run the replicas of the engine: each lives on its own thread, from its construction to its last page.

A replica takes pages from the scheduler, parses them (`isolation`), and settles each with its outcome. It ends in three
ways: the scheduler closes, the engine raises an error that it cannot recover from, or a call passes its deadline. In
the last two cases, an engine that can be revived (`Revives`) loses only the pages in its hands; if its process ends by
itself, it loses only the page that ends it twice (`isolation`). A watchdog thread enforces the deadlines. It leaves a
hanging thread behind: the thread is a daemon, and its late results do not count.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from typing import Any

from ocr_worker import awake, threads
from ocr_worker.engines.base import Engine, MergesPages, Revives
from ocr_worker.errors import EngineCrashed, EngineTimedOut, EngineUnavailable, OcrWorkerError
from ocr_worker.pages import ParsedPage
from ocr_worker.parsing.isolation import parse_isolated
from ocr_worker.parsing.scheduler import PageTask, Scheduler
from ocr_worker.wire.schema import EngineInfo

log = logging.getLogger(__name__)


class Replicas:
    """The engines of a worker, each built by one of `factories` and fed by `scheduler`.

    call_timeout_s: limit for an engine call on one page. page_timeout_s: extra seconds per additional page in the call.
    start_timeout_s: limit for building and warming the engines. on_lost: called for each replica that is lost, with the
    error, on the thread that notices it. When the last replica is lost, the scheduler is closed.
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
        self._loss_lock = threading.Lock()  # held until `on_lost` has returned
        self._close_event = threading.Event()

    def start(self, *, warm_up: bool = True) -> dict[str, float]:
        """Begin, and wait until the engines are ready; see `begin` and `wait`."""
        self.begin(warm_up=warm_up)
        return self.wait()

    def begin(self, *, warm_up: bool = True) -> None:
        """Begin to build all engines at once, and to warm them if `warm_up` says so. `wait` must follow."""
        for replica in self._replicas:
            threads.start(partial(self._run, replica, warm_up), "engine")

    def wait(self) -> dict[str, float]:
        """Wait until the engines are ready. Return the seconds of the slowest by phase.

        Raises any error of an engine, and EngineTimedOut when the engines are not ready within `start_timeout_s`.
        """
        deadline = time.monotonic() + self._start_timeout_s
        try:
            phases = [
                replica.loading.result(timeout=max(0.0, deadline - time.monotonic())) for replica in self._replicas
            ]
        except FutureTimeoutError:
            message = f"the engine was not ready within {self._start_timeout_s:g} s; raise OCR_START_TIMEOUT_S"
            raise EngineTimedOut(message) from None
        threads.start(self._watch, "engine-watchdog")
        return max(phases, key=lambda seconds: sum(seconds.values()))

    @property
    def info(self) -> EngineInfo:
        """Name, version and backend of the engine; all replicas are alike. Waits until it is loaded."""
        return self._replicas[0].engine.info

    @property
    def alive_count(self) -> int:
        """Number of engines that are not lost."""
        return sum(not replica.is_lost for replica in self._replicas)

    @property
    def pages_read(self) -> int:
        """Number of pages that all engines have processed, failed ones included."""
        return sum(replica.pages_read for replica in self._replicas)

    def __len__(self) -> int:
        return len(self._replicas)

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> Sequence[ParsedPage | None]:
        """Return a document's pages, merged if the engine can merge pages, else unchanged.

        Runs on the caller's thread while the engine's own thread parses. `MergesPages` forbids the use of the engine's
        state, so any replica will do, even a busy one; those that can merge at once come first. If an engine's process
        ends meanwhile, the next one is tried, or the only one again.
        """
        first, *others = sorted(self._replicas, key=lambda replica: (replica.is_lost, replica.is_reviving))
        try:
            return _merge(first.engine, pages)
        except (EngineUnavailable, EngineCrashed) as error:
            log.warning("pages could not be merged code=%s; trying once more", error.code)
            return _merge((others or [first])[0].engine, pages)

    def close(self) -> None:
        """Let each thread end after its current call. Pages that wait get EngineUnavailable."""
        self._close_event.set()
        self._scheduler.close(EngineUnavailable("the worker is stopping; send the job again"))

    def _run(self, replica: _Replica, warm_up: bool) -> None:
        replica.load(warm_up)
        if replica.loading.exception() is None:
            self._serve(replica)

    def _serve(self, replica: _Replica) -> None:
        has_failed = False
        while not replica.is_lost:
            try:
                if has_failed:
                    replica.revive()  # before it takes pages, which another replica may parse meanwhile
                    has_failed = False
                if not (batch := self._scheduler.take(replica.engine.batch_size, self.alive_count)):
                    break
                replica.hold(batch)
                replica.revive()  # the process may have ended while there were no pages
                self._parse(replica, batch)
            except OcrWorkerError as error:  # from `revive`; a call raises EngineUnavailable only
                self._give_up(replica, error, replica.release())
                has_failed = True
        replica.engine.close()

    def _parse(self, replica: _Replica, batch: list[PageTask]) -> None:
        pages, options = [task.page for task in batch], batch[0].options
        remaining_count = len(batch)

        def revive() -> None:
            if not replica.suspend_deadline() and remaining_count:
                raise EngineUnavailable("the call was given up")  # by the watchdog, at the same moment
            replica.revive()
            replica.extend_deadline(self._call_limit_s(remaining_count))

        replica.extend_deadline(self._call_limit_s(remaining_count))
        results = parse_isolated(replica.engine, pages, options, revive)
        for task, (result, seconds) in zip(batch, results, strict=True):
            remaining_count -= 1
            replica.pages_read += 1
            replica.finish(task, self._call_limit_s(remaining_count))
            self._scheduler.settle(task, result, seconds)

    def _call_limit_s(self, page_count: int) -> float:
        """Return the seconds that a call on `page_count` pages may take; infinity for no pages."""
        return self._call_timeout_s + (page_count - 1) * self._page_timeout_s if page_count else float("inf")

    def _watch(self) -> None:
        message = f"the engine did not finish within {self._call_timeout_s:g} s; send the page again"
        while not self._close_event.wait(min(0.25, self._call_timeout_s / 4)):
            for replica in self._replicas:
                if late_tasks := replica.release_if_late():
                    self._give_up(replica, EngineTimedOut(message), late_tasks)
                elif error := replica.loss_error():
                    self._lose(replica, error)

    def _give_up(self, replica: _Replica, error: OcrWorkerError, tasks: Sequence[PageTask]) -> None:
        """Settle the pages of a call that failed or hangs. Give the engine up, too, unless it can be revived."""
        if replica.abandon() is not None:
            self._lose(replica, error, tasks)
            return
        log.warning("engine call abandoned code=%s", error.code)
        for task in tasks:
            self._scheduler.settle(task, error)

    def _lose(self, replica: _Replica, error: OcrWorkerError, tasks: Sequence[PageTask] = ()) -> None:
        """Give the engine up, and settle `tasks` and the pages that the engine still holds.

        The engine's thread and the watchdog may call this at the same time. `on_lost` is called once, and before any
        page is settled: the worker must already drain when its jobs return.
        """
        with self._loss_lock:
            is_first, held_tasks = replica.lose()
            if is_first:
                log.error("engine lost code=%s", error.code)
                self._on_lost(error)
        for task in (*tasks, *held_tasks):
            self._scheduler.settle(task, error)
        if all(member.is_lost for member in self._replicas):
            self._scheduler.close(
                EngineUnavailable("the engine is lost and the worker asks to be replaced; send the page again")
            )


def _merge(engine: Engine[Any], pages: Sequence[ParsedPage | None]) -> Sequence[ParsedPage | None]:
    return engine.merge_pages(pages) if isinstance(engine, MergesPages) else pages


class _Replica:
    """One engine with the pages that it holds.

    Two threads use it: the engine's own and the watchdog. They change shared state under the lock. Three attributes are
    read without it: `is_lost`, which never becomes false again, and `is_reviving` and `pages_read`, which one thread
    writes.
    """

    def __init__(self, factory: Callable[[], Engine[Any]]) -> None:
        self._factory = factory
        self._engine: Engine[Any] | None = None
        self.loading: Future[dict[str, float]] = Future()  # of the seconds by phase
        self._lock = threading.Lock()
        self._held_tasks: list[PageTask] = []
        self._deadline = float("inf")
        self.is_lost = False
        self.is_reviving = False  # written by the engine's thread alone
        self.pages_read = 0  # written by the engine's thread alone

    def load(self, warm_up: bool) -> None:
        """Build the engine, and warm it if `warm_up` says so; `loading` gets the seconds by phase, or the error."""
        started_at = time.monotonic()
        try:
            self._engine = self._factory()
            built_at = time.monotonic()
            if warm_up:
                self._engine.warm_up()
        except BaseException as error:  # any exception belongs to the caller of `Replicas.wait`
            self.loading.set_exception(error)
        else:
            self.loading.set_result({"engine": built_at - started_at, "warm_up": time.monotonic() - built_at})

    @property
    def engine(self) -> Engine[Any]:
        """The engine. Waits until it is loaded. Raises the error of loading it."""
        self.loading.result()
        assert self._engine is not None
        return self._engine

    def revive(self) -> None:
        """Wait until the engine can be used. It may take minutes, which must not count against a deadline."""
        if isinstance(self._engine, Revives):
            self.is_reviving = True
            self._engine.revive()
            self.is_reviving = False

    def hold(self, batch: list[PageTask]) -> None:
        """Hold the pages of a batch; their call has not begun."""
        with self._lock:
            self._held_tasks = list(batch)

    def extend_deadline(self, seconds: float) -> None:
        """Set the deadline of the call that begins or continues to `seconds` from now."""
        with self._lock:
            self._deadline = awake.now() + seconds

    def suspend_deadline(self) -> bool:
        """Let the call take any time, until its deadline is extended. Return whether it still holds pages."""
        with self._lock:
            self._deadline = float("inf")
            return bool(self._held_tasks)

    def finish(self, task: PageTask, seconds: float) -> None:
        """Release a page that is done. The deadline of the rest of the batch is `seconds` from now."""
        with self._lock:
            if task in self._held_tasks:
                self._held_tasks.remove(task)
                self._deadline = awake.now() + seconds

    def release_if_late(self) -> list[PageTask]:
        """Release and return the pages of a call that has passed its deadline; else return none.

        Check and release are one step: the next call may begin at any moment, and must not lose its pages.
        """
        with self._lock:
            return self._release_all() if awake.now() > self._deadline else []

    def loss_error(self) -> OcrWorkerError | None:
        """Return why the engine will not come back, if it knows without a call, or None."""
        return self._engine.lost() if isinstance(self._engine, Revives) and not self.is_lost else None

    def abandon(self) -> OcrWorkerError | None:
        """Give up a call that failed or hangs. Return why the engine cannot continue; None if it can be revived."""
        if isinstance(self._engine, Revives):
            return self._engine.abandon()
        return EngineUnavailable("the engine cannot be restarted")

    def lose(self) -> tuple[bool, list[PageTask]]:
        """Give the engine up. Return whether this was the first time, and the pages that it held."""
        with self._lock:
            is_first, self.is_lost = not self.is_lost, True
            return is_first, self._release_all()

    def release(self) -> list[PageTask]:
        """Give the call up. Return the pages that it held."""
        with self._lock:
            return self._release_all()

    def _release_all(self) -> list[PageTask]:
        tasks, self._held_tasks = self._held_tasks, []
        self._deadline = float("inf")
        return tasks
