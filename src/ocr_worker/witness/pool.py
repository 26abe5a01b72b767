"""The witness processes of a worker, and the pages that wait for them.

Each process has a thread that starts it with the first page, hands it page after page, and starts it again after its
death. The pages that wait are bounded in number and bytes. What does not fit is not witnessed, so that the engine never
waits. A page of a document with few witnessed pages takes the place of one of a document with more: so the sample is
spread evenly over the documents.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from ocr_worker import threads
from ocr_worker.pages import PageImage
from ocr_worker.witness.evidence import Evidence
from ocr_worker.witness.process import WitnessFailed, WitnessProcess

log = logging.getLogger(__name__)

_WAITING_PER_PROCESS = 2  # pages; so that a process never waits for the next one
_NEWEST = 0.3  # weight of the newest page in the moving average of seconds per page
_FORGOTTEN = 0.95  # factor of that average for each page that it keeps out
_FAILED_STARTS = 3  # in a row, after which a process is not started again


@dataclass(eq=False, slots=True)
class _Task:
    page: PageImage
    document: str
    release: Callable[[], None]
    future: Future[Evidence | None] = field(default_factory=Future)


class Witnesses:
    """A pool of `workers` witness processes; thread-safe.

    memory_bytes: limit for the pixels that wait for a process or are being read. wait_s: seconds for which a page waits
    for its evidence; one that would wait longer, at the pace of the pages before it, is not accepted. The processes end
    with this one.
    """

    def __init__(
        self,
        workers: int,
        memory_bytes: int,
        *,
        wait_s: float = math.inf,
        process: Callable[[], WitnessProcess] = WitnessProcess,
    ) -> None:
        self._workers = workers
        self._memory_bytes = memory_bytes
        self._wait_s = wait_s
        self._process = process
        self._condition = threading.Condition()
        self._waiting: list[_Task] = []
        self._held_bytes = 0
        self._accepted: Counter[str] = Counter()  # pages by document
        self._processes: set[WitnessProcess] = set()
        self._started = 0  # threads
        self._alive = workers
        self._is_closed = False
        self._seconds_per_page = 0.0  # of one process, a moving average; 0 before the first page
        self.pages_read = 0

    def offer(
        self, page: PageImage, document: str, release: Callable[[], None] = lambda: None
    ) -> Future[Evidence | None]:
        """Return a future of the page's evidence, or of None if it is not witnessed. It never raises.

        document: an id that is unique in this process. release: called once, when the pixels are no longer held.
        """
        task = _Task(page, document, release)
        with self._condition:
            displaced = self._make_room(task)
            if displaced is not task:
                self._accepted[document] += 1
                self._held_bytes += page.pixels.nbytes
                self._waiting.append(task)
                self._start_thread()
                self._condition.notify()
        if displaced:
            displaced.release()
            displaced.future.set_result(None)
        return task.future

    def forget(self, document: str) -> None:
        """Give up the pages of a document that still wait, and its place in the sample."""
        with self._condition:
            dropped = [task for task in self._waiting if task.document == document]
            for task in dropped:
                self._remove(task)
            del self._accepted[document]
        for task in dropped:
            task.release()
            task.future.set_result(None)

    def close(self) -> None:
        """End the processes. Pages that wait are not witnessed."""
        with self._condition:
            self._is_closed = True
            dropped, self._waiting = self._waiting, []
            processes = list(self._processes)
            self._condition.notify_all()
        for task in dropped:
            task.release()
            task.future.set_result(None)
        for process in processes:
            process.kill()

    # ----------------------------------------------------------------- under the lock

    def _make_room(self, task: _Task) -> _Task | None:
        """Return the task that is not witnessed, so that the others fit: this one, one that waits, or None."""
        size = task.page.pixels.nbytes
        if self._is_closed or not self._alive:
            return task
        if self._expected_wait_s() > self._wait_s:
            self._seconds_per_page *= _FORGOTTEN  # else a slow moment would keep all later pages out
            return task
        has_room = self._held_bytes + size <= self._memory_bytes or not self._held_bytes
        if len(self._waiting) < _WAITING_PER_PROCESS * self._workers and has_room:
            return None
        last = max(self._waiting, key=lambda other: self._accepted[other.document], default=None)
        if last is None or self._accepted[last.document] <= self._accepted[task.document] + 1:
            return task
        if self._held_bytes - last.page.pixels.nbytes + size > self._memory_bytes:
            return task
        self._remove(last)
        self._accepted[last.document] -= 1
        return last

    def _expected_wait_s(self) -> float:
        """Return the seconds until a page that is accepted now has its evidence."""
        return (len(self._waiting) / self._alive + 1) * self._seconds_per_page

    def _remove(self, task: _Task) -> None:
        self._waiting.remove(task)
        self._held_bytes -= task.page.pixels.nbytes

    def _start_thread(self) -> None:
        if self._started < self._workers:
            self._started += 1
            threads.start(self._serve, "witness")

    # ----------------------------------------------------------------- on the threads of the processes

    def _serve(self) -> None:
        process: WitnessProcess | None = None
        failures = 0
        while failures < _FAILED_STARTS and (task := self._next_task()):
            evidence: Evidence | None = None
            started_at: float | None = None
            try:
                process = process or self._start()
                process.wait_ready()
                failures, started_at = 0, time.monotonic()
                evidence = process.read(task.page)
            except (WitnessFailed, OSError) as error:
                log.warning("a page was not witnessed: %s", error)
                if process is None or not process.is_usable:
                    failures += started_at is None
                    self._end(process)
                    process = None
            if started_at is not None:
                self._note_pace(time.monotonic() - started_at, is_read=evidence is not None)
            self._settle(task, evidence)
        self._end(process)
        with self._condition:
            self._alive -= 1
            dropped = [] if self._alive else [*self._waiting]
            for task in dropped:
                self._remove(task)
        for task in dropped:
            task.release()
            task.future.set_result(None)

    def _note_pace(self, seconds: float, is_read: bool) -> None:
        with self._condition:
            self.pages_read += is_read
            average = self._seconds_per_page
            self._seconds_per_page = average + (seconds - average) * _NEWEST if average else seconds

    def _next_task(self) -> _Task | None:
        with self._condition:
            self._condition.wait_for(lambda: self._waiting or self._is_closed)
            return None if self._is_closed else self._waiting.pop(0)

    def _start(self) -> WitnessProcess:
        process = self._process()
        with self._condition:
            self._processes.add(process)
            is_closed = self._is_closed
        if is_closed:
            process.kill()
        return process

    def _end(self, process: WitnessProcess | None) -> None:
        if process:
            with self._condition:
                self._processes.discard(process)
            process.close()

    def _settle(self, task: _Task, evidence: Evidence | None) -> None:
        with self._condition:
            self._held_bytes -= task.page.pixels.nbytes
        task.release()
        task.future.set_result(evidence)


def default_workers() -> int:
    """Return the number of processes that leave half of the processors to the engine: 1 to 4."""
    return max(1, min(4, len(os.sched_getaffinity(0)) // 2))
