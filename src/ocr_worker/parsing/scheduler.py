"""Bring the pages of all jobs to the engine, fairly and in bounded memory. One page is one unit of work.

Jobs hand pages over (`ScheduledJob.submit`), and each engine replica takes the pages that wait as soon as it is free
(`Scheduler.take`). A batch is thus a share of what waits at that moment; there are no timers. Jobs take turns, page by
page: the job that was served longest ago is next. The bytes of rendered pages are bounded, and `submit` blocks until
there is room. Room goes to the job that holds the fewest bytes, and the room for the last page to a job that holds
none. A page leaves in exactly one way: parsed, failed with its error, or given up with the error that stopped its job.
This module does not know the threads that parse (`replicas`), the platform, or HTTP.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType

from ocr_worker.errors import Cancelled, OcrWorkerError
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.wire.schema import ParseOptions


@dataclass(frozen=True, slots=True)
class ParseOutcome:
    """Outcome of one page: result or error, seconds in the queue, seconds of engine time."""

    result: ParsedPage | OcrWorkerError
    wait_s: float
    engine_s: float


@dataclass(eq=False, slots=True)
class PageTask:
    """A page on its way to a result. The scheduler keeps its pixels in memory until it has one."""

    job: ScheduledJob
    page: PageImage
    options: ParseOptions
    future: Future[ParseOutcome] = field(default_factory=Future)
    queued_at: float = field(default_factory=time.monotonic)
    holders: int = 1  # of the pixels: the page's way to the engine, and those who read it a second time

    @property
    def size(self) -> int:
        """Size of the pixels in bytes."""
        return self.page.pixels.nbytes

    def resolve(self, result: ParsedPage | OcrWorkerError, engine_s: float = 0.0) -> None:
        """Set the page's outcome, unless it has one. Call with the scheduler's lock.

        Only the first outcome counts: the engine may still return a page that was given up.
        """
        if not self.future.done():
            wait_s = max(0.0, time.monotonic() - self.queued_at - engine_s)
            self.future.set_result(ParseOutcome(result, wait_s, engine_s))


# The scheduler's count of pages at the job's last turn, then the order of admission among jobs of equal count.
Turn = tuple[float, int]


class ScheduledJob:
    """A job as the scheduler sees it; a context manager. `Scheduler.admit` makes it."""

    def __init__(self, scheduler: Scheduler, turn: Turn) -> None:
        self._scheduler = scheduler
        self.turn = turn  # its last one
        self.waiting_tasks: deque[PageTask] = deque()
        self.engine_tasks: set[PageTask] = set()
        self.held_bytes = 0
        self.stop_error: OcrWorkerError | None = None

    def submit(self, page: PageImage, options: ParseOptions) -> Future[ParseOutcome]:
        """Wait until there is room for the page, then hand it over. The future never raises.

        Raises the error that stopped the job, or the error that closed the scheduler.
        """
        return self._scheduler._submit(PageTask(self, page, options))

    def submit_shared(
        self, page: PageImage, options: ParseOptions, readers: int = 1
    ) -> tuple[Future[ParseOutcome], Callable[[], None]]:
        """Submit a page whose pixels `readers` others read as well; as `submit`.

        The pixels count as held until the page has left the engine and each of them called the returned function, once.
        """
        task = PageTask(self, page, options, holders=1 + readers)
        return self._scheduler._submit(task), lambda: self._scheduler._release_shared(task)

    def submit_parts(self, parts: Sequence[tuple[PageImage, ParseOptions]]) -> list[Future[ParseOutcome]]:
        """Submit parts of a page that was parsed, each with its options, before the job's other pages; as `submit`.

        They do not wait for room, which pages that wait for their parts may hold; but they count.
        """
        return self._scheduler._submit_parts(self, [PageTask(self, part, options) for part, options in parts])

    def stop(self, error: OcrWorkerError) -> None:
        """Give up every page that has no result yet: each gets `error` at once. Only the first call has an effect."""
        self._scheduler._stop(self, error)

    def __enter__(self) -> ScheduledJob:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(Cancelled("the job ended before this page was parsed"))


class Scheduler:
    """The queue of pages between jobs and engine replicas.

    memory_bytes: limit for the rendered pages of all jobs together.
    """

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._condition = threading.Condition()
        self._waiting_jobs: set[ScheduledJob] = set()  # jobs with pages that wait for an engine
        self._turns = 0  # pages taken by engines so far
        self._engine_count = 0  # pages that engines have now
        self._admissions = itertools.count()
        self._entering_tasks: list[PageTask] = []  # pages whose `submit` waits for room
        self._held_bytes = 0
        self._close_error: OcrWorkerError | None = None

    def admit(self) -> ScheduledJob:
        """Return a new job. Its turn is right before the job that is being served, and after all that wait longer."""
        return ScheduledJob(self, (self._turns - 0.5, next(self._admissions)))

    @property
    def pages_waiting(self) -> int:
        """Number of pages that wait for an engine."""
        with self._condition:
            return self._count_waiting()

    def _count_waiting(self) -> int:
        return sum(len(job.waiting_tasks) for job in self._waiting_jobs)

    def close(self, error: OcrWorkerError) -> None:
        """Accept no more pages. Pages that wait, and pages submitted later, get `error`; `take` returns none."""
        with self._condition:
            self._close_error = self._close_error or error
            for job in list(self._waiting_jobs):
                self._give_up_waiting(job, error)
            self._condition.notify_all()

    # ----------------------------------------------------------------- for jobs

    def _submit(self, task: PageTask) -> Future[ParseOutcome]:
        with self._condition:
            self._entering_tasks.append(task)
            try:
                self._condition.wait_for(lambda: task.job.stop_error or self._close_error or self._has_room(task))
            finally:
                self._entering_tasks.remove(task)
                self._condition.notify_all()
            if error := task.job.stop_error or self._close_error:
                raise error
            self._hold(task, task.size)
            task.queued_at = time.monotonic()
            task.job.waiting_tasks.append(task)
            self._waiting_jobs.add(task.job)
            return task.future

    def _submit_parts(self, job: ScheduledJob, tasks: Sequence[PageTask]) -> list[Future[ParseOutcome]]:
        with self._condition:
            if error := job.stop_error or self._close_error:
                raise error
            for task in tasks:
                self._hold(task, task.size)
            job.waiting_tasks.extendleft(reversed(tasks))
            self._waiting_jobs.add(job)
            self._condition.notify_all()
        return [task.future for task in tasks]

    def _has_room(self, task: PageTask) -> bool:
        """Return whether the page may enter now: the fairness rule of memory.

        The job that holds the fewest bytes comes first, and a job that holds pages leaves room for one more page. A
        long job thus never keeps a short one out, not even for the time of a page.
        """
        first = min(self._entering_tasks, key=lambda entry: entry.job.held_bytes)
        reserve = task.size if task.job.held_bytes else 0
        fits = self._held_bytes + task.size + reserve <= self._memory_bytes
        return first is task and (fits or self._held_bytes == 0)

    def _hold(self, task: PageTask, size: int) -> None:
        self._held_bytes += size
        task.job.held_bytes += size

    def _release(self, task: PageTask) -> None:
        task.holders -= 1
        if not task.holders:
            self._hold(task, -task.size)

    def _release_shared(self, task: PageTask) -> None:
        with self._condition:
            self._release(task)
            self._condition.notify_all()

    def _stop(self, job: ScheduledJob, error: OcrWorkerError) -> None:
        with self._condition:
            if job.stop_error:
                return
            job.stop_error = error
            if job.waiting_tasks:
                self._give_up_waiting(job, error)
            for task in job.engine_tasks:
                task.resolve(error)
            self._condition.notify_all()

    def _give_up_waiting(self, job: ScheduledJob, error: OcrWorkerError) -> None:
        self._waiting_jobs.remove(job)
        for task in job.waiting_tasks:
            task.resolve(error)
            self._release(task)
        job.waiting_tasks.clear()

    # ----------------------------------------------------------------- for engine replicas

    def take(self, size: int, replicas: int = 1) -> list[PageTask]:
        """Wait for pages, and return at most `size` of them, all with equal options; none once closed.

        A replica takes at most its share of all pages, those of the other `replicas` included: when there are few, it
        leaves some to the next replica, since a call ends only with its slowest page.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._close_error or self._waiting_jobs)
            share = math.ceil((self._count_waiting() + self._engine_count) / max(1, replicas))
            batch: list[PageTask] = []
            while len(batch) < min(size, share) and (job := self._next_job(batch)):
                batch.append(self._next_page(job))
            return batch

    def _next_job(self, batch: list[PageTask]) -> ScheduledJob | None:
        """Return the job whose turn it is, or None: the fairness rule of turns.

        It is the job that was served longest ago, of those whose next page fits into the batch.
        """
        candidates = (
            job for job in self._waiting_jobs if not batch or job.waiting_tasks[0].options == batch[0].options
        )
        return min(candidates, key=lambda job: job.turn, default=None)

    def _next_page(self, job: ScheduledJob) -> PageTask:
        """Take the job's next page, which counts as its turn."""
        self._turns += 1
        self._engine_count += 1
        job.turn = (self._turns, 0)
        task = job.waiting_tasks.popleft()
        job.engine_tasks.add(task)
        if not job.waiting_tasks:
            self._waiting_jobs.remove(job)
        return task

    def settle(self, task: PageTask, result: ParsedPage | OcrWorkerError, engine_s: float = 0.0) -> None:
        """Record the outcome of a page that was taken.

        Only the first outcome counts: a call that was given up may still return.
        """
        with self._condition:
            if task in task.job.engine_tasks:
                task.job.engine_tasks.remove(task)
                self._engine_count -= 1
                self._release(task)
                task.resolve(result, engine_s)
                self._condition.notify_all()
