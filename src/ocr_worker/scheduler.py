"""The pages of all jobs, brought fairly to the engine: one page is one unit of work.

Each replica of the engine has a thread of its own, on which it is built and called, and takes *what waits* whenever it
is free: natural batching, no timers. Jobs take turns, page by page. Rendered pages are bounded by bytes: `submit` waits
for room. A page leaves in exactly one way: parsed, failed with its error, or given up with the error that stopped its
job. The scheduler knows nothing of the platform or of HTTP.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType

from ocr_worker import threads
from ocr_worker.engines.base import Engine, PageImage, ParsedPage
from ocr_worker.engines.isolation import parse_isolated
from ocr_worker.errors import EngineTimedOut, EngineUnavailable, OcrWorkerError
from ocr_worker.schema import EngineInfo, ParseOptions

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """What became of a page, with the seconds it waited for an engine and its share of the engine's call."""

    result: ParsedPage | OcrWorkerError
    waited: float
    engine: float


@dataclass(eq=False, slots=True)
class _Task:
    job: Job
    page: PageImage
    options: ParseOptions
    future: Future[PageOutcome] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)

    def settle(self, result: ParsedPage | OcrWorkerError, engine_seconds: float = 0.0) -> None:
        """Under the scheduler's lock; the first word counts: a page given up may still come out of the engine."""
        if not self.future.done():
            waited = max(0.0, time.monotonic() - self.since - engine_seconds)
            self.future.set_result(PageOutcome(result, waited, engine_seconds))


class Job:
    """One job's place in the scheduler; a context manager. Made by `Scheduler.admit`."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.waiting: deque[_Task] = deque()
        self.held_bytes = 0
        self.in_engine: set[_Task] = set()
        self.stopped: OcrWorkerError | None = None

    def submit(self, page: PageImage, options: ParseOptions) -> Future[PageOutcome]:
        """Hands the page over as soon as there is room for it; the future never raises.

        Raises the error the job was stopped with, or EngineUnavailable when no engine is left.
        """
        return self._scheduler._submit(_Task(self, page, options))

    def stop(self, error: OcrWorkerError) -> None:
        """Gives up every page that has no result yet: it gets `error`, now. The first call counts."""
        self._scheduler._stop(self, error)

    def __enter__(self) -> Job:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scheduler._leave(self)


class _Replica:
    """One engine on its own thread. `dead` says that nothing it still returns counts."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.engine: Engine | None = None
        self.batch: list[_Task] = []
        self.deadline: float | None = None
        self.dead = False


class Scheduler:
    """Feeds engine replicas, each built by one of `factories`.

    memory_bytes: rendered pages held at once, over all jobs. call_timeout_s: longest an engine call may take, per page
    in it; then the replica is given up. on_engine_lost: called, on some thread, with the reason, each time one is lost.
    """

    def __init__(
        self,
        factories: Sequence[Callable[[], Engine]],
        *,
        memory_bytes: int,
        call_timeout_s: float,
        on_engine_lost: Callable[[OcrWorkerError], None] = lambda error: None,
    ) -> None:
        self._factories = factories
        self._memory_bytes = memory_bytes
        self._call_timeout_s = call_timeout_s
        self._on_engine_lost = on_engine_lost
        self._changed = threading.Condition()
        self._turns: deque[Job] = deque()
        self._entering: list[_Task] = []
        self._held_bytes = 0
        self._closed = False
        self._replicas = [_Replica(number) for number in range(len(factories))]

    # ----------------------------------------------------------------- for the worker

    def start(self) -> dict[str, float]:
        """Builds and warms the engines, all at once, each on its thread; the seconds of the slowest, by phase.

        Raises what a factory or a warm-up raises.
        """
        ready = [
            self._start(replica, factory) for replica, factory in zip(self._replicas, self._factories, strict=True)
        ]
        phases = [future.result() for future in ready]
        threads.start(self._watch, "engine-watchdog")
        return max(phases, key=lambda seconds: sum(seconds.values()))

    @property
    def engine_info(self) -> EngineInfo:
        """Of the first replica; all are alike."""
        return self._first_engine.info

    @property
    def preferred_dpi(self) -> int:
        """The resolution the engine reads best."""
        return self._first_engine.preferred_dpi

    @property
    def alive(self) -> bool:
        """Whether any replica can still parse."""
        return not all(replica.dead for replica in self._replicas)

    def admit(self) -> Job:
        """A new job's place."""
        return Job(self)

    def close(self) -> None:
        """Lets the replicas end after their call; pages that still wait get EngineUnavailable."""
        with self._changed:
            self._closed = True
            self._fail_waiting(EngineUnavailable("the worker is stopping; send the job again"))
            self._changed.notify_all()

    # ----------------------------------------------------------------- for jobs

    def _submit(self, task: _Task) -> Future[PageOutcome]:
        with self._changed:
            self._entering.append(task)
            try:
                self._changed.wait_for(lambda: self._refusal(task) or self._has_room(task))
            finally:
                self._entering.remove(task)
                self._changed.notify_all()
            if refusal := self._refusal(task):
                raise refusal
            self._hold(task, task.page.pixels.nbytes)
            task.since = time.monotonic()
            task.job.waiting.append(task)
            if len(task.job.waiting) == 1:
                self._turns.append(task.job)
            return task.future

    def _refusal(self, task: _Task) -> OcrWorkerError | None:
        if task.job.stopped:
            return task.job.stopped
        if self._closed or not self.alive:
            return EngineUnavailable("the engine is gone and the worker asks for a replacement; send the job again")
        return None

    def _has_room(self, task: _Task) -> bool:
        """Room goes to the job that holds least, so that a long document cannot keep a short one out."""
        first = min(self._entering, key=lambda entering: entering.job.held_bytes)
        fits = self._held_bytes + task.page.pixels.nbytes <= self._memory_bytes
        return first is task and (fits or self._held_bytes == 0)

    def _hold(self, task: _Task, size: int) -> None:
        self._held_bytes += size
        task.job.held_bytes += size

    def _stop(self, job: Job, error: OcrWorkerError) -> None:
        with self._changed:
            if job.stopped:
                return
            job.stopped = error
            for task in job.waiting:
                task.settle(error)
                self._hold(task, -task.page.pixels.nbytes)
            if job.waiting:
                self._turns.remove(job)
                job.waiting.clear()
            for task in job.in_engine:
                task.settle(error)
            self._changed.notify_all()

    def _leave(self, job: Job) -> None:
        self._stop(job, EngineUnavailable("the job left before this page was parsed"))

    # ----------------------------------------------------------------- for replicas

    def _start(self, replica: _Replica, factory: Callable[[], Engine]) -> Future[dict[str, float]]:
        ready: Future[dict[str, float]] = Future()

        def live() -> None:
            try:
                started = time.monotonic()
                replica.engine = factory()
                built = time.monotonic()
                replica.engine.warm_up()
            except BaseException as error:  # a start-up error belongs to whoever waits for `start`
                replica.dead = True
                ready.set_exception(error)
                return
            ready.set_result({"engine": built - started, "warm_up": time.monotonic() - built})
            self._serve(replica, replica.engine)

        threads.start(live, f"engine-{replica.number}")
        return ready

    def _serve(self, replica: _Replica, engine: Engine) -> None:
        while batch := self._take(replica, engine.batch_size):
            pages, options = [task.page for task in batch], batch[0].options
            try:
                for task, (result, seconds) in zip(batch, parse_isolated(engine, pages, options), strict=True):
                    self._settle(replica, task, result, seconds)
            except EngineUnavailable as error:
                self._lose(replica, error)
        engine.close()

    def _take(self, replica: _Replica, size: int) -> list[_Task]:
        """Pages that wait, at most `size`, one job after the other, all with equal options; empty: the replica ends."""
        with self._changed:
            self._changed.wait_for(lambda: replica.dead or self._closed or self._turns)
            if replica.dead or self._closed:
                return []
            batch: list[_Task] = []
            for _ in range(size):
                job = next(
                    (job for job in self._turns if not batch or job.waiting[0].options == batch[0].options), None
                )
                if job is None:
                    break
                batch.append(self._next_page(job))
            replica.batch = list(batch)
            self._extend(replica)
            self._changed.notify_all()
            return batch

    def _next_page(self, job: Job) -> _Task:
        """Takes the job's next page; the job goes to the end of the turns."""
        self._turns.remove(job)
        task = job.waiting.popleft()
        job.in_engine.add(task)
        if job.waiting:
            self._turns.append(job)
        return task

    def _settle(self, replica: _Replica, task: _Task, result: ParsedPage | OcrWorkerError, seconds: float) -> None:
        with self._changed:
            if not replica.dead:
                self._release(replica, task, result, seconds)
                self._extend(replica)

    def _release(
        self, replica: _Replica, task: _Task, result: ParsedPage | OcrWorkerError, seconds: float = 0.0
    ) -> None:
        replica.batch.remove(task)
        task.settle(result, seconds)
        task.job.in_engine.discard(task)
        self._hold(task, -task.page.pixels.nbytes)
        self._changed.notify_all()

    # ----------------------------------------------------------------- losing an engine

    def _extend(self, replica: _Replica) -> None:
        seconds = self._call_timeout_s * len(replica.batch)
        replica.deadline = time.monotonic() + seconds if replica.batch else None

    def _watch(self) -> None:
        """Gives up a replica whose call is past its deadline: its thread may hang for good, and nobody waits for it."""
        told = f"the engine did not answer within {self._call_timeout_s:g} s a page; send the page again"
        while not self._closed:
            for replica in self._replicas:
                self._lose(replica, EngineTimedOut(told), only_late=True)
            time.sleep(min(0.25, self._call_timeout_s / 4))

    def _lose(self, replica: _Replica, error: OcrWorkerError, *, only_late: bool = False) -> None:
        with self._changed:
            late = replica.deadline is not None and replica.deadline < time.monotonic()
            if replica.dead or (only_late and not late):
                return
            replica.dead = True
            for task in list(replica.batch):
                self._release(replica, task, error)
            if not self.alive:
                self._fail_waiting(EngineUnavailable("the engine is gone; send the page again"))
        log.error("engine lost replica=%d code=%s", replica.number, error.code)
        self._on_engine_lost(error)

    def _fail_waiting(self, error: OcrWorkerError) -> None:
        for job in self._turns:
            for task in job.waiting:
                task.settle(error)
                self._hold(task, -task.page.pixels.nbytes)
            job.waiting.clear()
        self._turns.clear()
        self._changed.notify_all()

    @property
    def _first_engine(self) -> Engine:
        engine = self._replicas[0].engine
        if engine is None:
            raise EngineUnavailable("the engine has not started")
        return engine
