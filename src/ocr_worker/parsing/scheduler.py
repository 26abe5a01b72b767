"""The pages of all jobs, brought fairly to the engine: one page is one unit of work.

Jobs put pages in (`Job.submit`), engine replicas take *what waits* when they get free (`take`): natural batching, no
timers. Jobs take turns, page by page: the one that was served longest ago comes next. Rendered pages are bounded by
bytes: `submit` waits for room; room goes to the job that holds least, and the last page's room to one that holds none.
A page leaves in exactly one way: parsed, failed with its error, or given up with the error that
stopped its job. Nothing here knows of threads that parse, of the platform, or of HTTP.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType

from ocr_worker.errors import Cancelled, OcrWorkerError
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.wire.schema import ParseOptions


@dataclass(frozen=True, slots=True)
class Settled:
    """The word on a page, with the seconds it waited for an engine and its share of the engine's call."""

    result: ParsedPage | OcrWorkerError
    waited: float
    engine: float


@dataclass(eq=False, slots=True)
class Task:
    """A page on its way; the scheduler holds its pixels until it is settled."""

    job: Job
    page: PageImage
    options: ParseOptions
    future: Future[Settled] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        """Bytes of its pixels."""
        return self.page.pixels.nbytes

    def answer(self, result: ParsedPage | OcrWorkerError, engine_seconds: float = 0.0) -> None:
        """Under the scheduler's lock; the first word counts: a page given up may still come out of the engine."""
        if not self.future.done():
            waited = max(0.0, time.monotonic() - self.since - engine_seconds)
            self.future.set_result(Settled(result, waited, engine_seconds))


Turn = tuple[float, int]  # on the scheduler's count of pages taken; then, of jobs that came between two of them


class Job:
    """One job's place in the scheduler; a context manager. Made by `Scheduler.admit`."""

    def __init__(self, scheduler: Scheduler, turn: Turn) -> None:
        self._scheduler = scheduler
        self.turn = turn  # when it was served last
        self.waiting: deque[Task] = deque()
        self.in_engine: set[Task] = set()
        self.held_bytes = 0
        self.stopped: OcrWorkerError | None = None

    def submit(self, page: PageImage, options: ParseOptions) -> Future[Settled]:
        """Hands the page over as soon as there is room for it; the future never raises.

        Raises the error the job was stopped with, or the one the scheduler was closed with.
        """
        return self._scheduler._submit(Task(self, page, options))

    def stop(self, error: OcrWorkerError) -> None:
        """Gives up every page that has no result yet: it gets `error`, now. The first call counts."""
        self._scheduler._stop(self, error)

    def __enter__(self) -> Job:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(Cancelled("the job ended before this page was parsed"))


class Scheduler:
    """Where pages wait. `memory_bytes`: of rendered pages held at once, over all jobs."""

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._changed = threading.Condition()
        self._waiting: set[Job] = set()  # jobs with pages that wait
        self._taken = 0
        self._came = itertools.count()
        self._entering: list[Task] = []  # pages whose `submit` waits for room
        self._held_bytes = 0
        self._closed: OcrWorkerError | None = None

    def admit(self) -> Job:
        """A new job's place: right before the job that is being served, behind all that wait longer."""
        return Job(self, (self._taken - 0.5, next(self._came)))

    @property
    def pages_waiting(self) -> int:
        """Pages that wait for an engine."""
        with self._changed:
            return sum(len(job.waiting) for job in self._waiting)

    def close(self, error: OcrWorkerError) -> None:
        """No more pages: those that wait, and those still to come, get `error`; `take` returns nothing any more."""
        with self._changed:
            self._closed = self._closed or error
            for job in list(self._waiting):
                self._give_up_waiting(job, error)
            self._changed.notify_all()

    # ----------------------------------------------------------------- for jobs

    def _submit(self, task: Task) -> Future[Settled]:
        with self._changed:
            self._entering.append(task)
            try:
                self._changed.wait_for(lambda: task.job.stopped or self._closed or self._has_room(task))
            finally:
                self._entering.remove(task)
                self._changed.notify_all()
            if refusal := task.job.stopped or self._closed:
                raise refusal
            self._hold(task, task.size)
            task.since = time.monotonic()
            task.job.waiting.append(task)
            self._waiting.add(task.job)
            return task.future

    def _has_room(self, task: Task) -> bool:
        """The fairness rule of memory: the job that holds least comes first, and one that holds pages leaves room for
        another; so a long one never keeps a short one out, not even for the time of a page."""
        first = min(self._entering, key=lambda entering: entering.job.held_bytes)
        spared = task.size if task.job.held_bytes else 0
        fits = self._held_bytes + task.size + spared <= self._memory_bytes
        return first is task and (fits or self._held_bytes == 0)

    def _hold(self, task: Task, size: int) -> None:
        self._held_bytes += size
        task.job.held_bytes += size

    def _stop(self, job: Job, error: OcrWorkerError) -> None:
        with self._changed:
            if job.stopped:
                return
            job.stopped = error
            if job.waiting:
                self._give_up_waiting(job, error)
            for task in job.in_engine:
                task.answer(error)
            self._changed.notify_all()

    def _give_up_waiting(self, job: Job, error: OcrWorkerError) -> None:
        self._waiting.remove(job)
        for task in job.waiting:
            task.answer(error)
            self._hold(task, -task.size)
        job.waiting.clear()

    # ----------------------------------------------------------------- for engine replicas

    def take(self, size: int) -> list[Task]:
        """Waits for pages; at most `size` of them, all with equal options. Empty once the scheduler is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            batch: list[Task] = []
            while len(batch) < size and (job := self._next_job(batch)):
                batch.append(self._next_page(job))
            return batch

    def _next_job(self, batch: list[Task]) -> Job | None:
        """The fairness rule of turns: the job that was served longest ago, of those whose next page fits into the
        batch."""
        fitting = (job for job in self._waiting if not batch or job.waiting[0].options == batch[0].options)
        return min(fitting, key=lambda job: job.turn, default=None)

    def _next_page(self, job: Job) -> Task:
        """Takes the job's next page, which is its turn."""
        self._taken += 1
        job.turn = (self._taken, 0)
        task = job.waiting.popleft()
        job.in_engine.add(task)
        if not job.waiting:
            self._waiting.remove(job)
        return task

    def settle(self, task: Task, result: ParsedPage | OcrWorkerError, engine_seconds: float = 0.0) -> None:
        """The word on a page that was taken. Only the first counts: a call that was given up may still return."""
        with self._changed:
            if task in task.job.in_engine:
                task.job.in_engine.remove(task)
                self._hold(task, -task.size)
                task.answer(result, engine_seconds)
                self._changed.notify_all()
