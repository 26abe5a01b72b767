"""The witness processes of a worker, and the pages that wait for them.

Each process has a thread that starts it with the first page, hands it page after page, and starts it again after its
death. As long as the engine has a page, its pixels are in memory anyway: it may wait for a process, too. When the
engine has parsed it, the page waits on its own. Such pages come first, and are bounded in bytes and in the time that
they would wait. What does not fit is not witnessed, so that neither the engine nor a job waits in vain. A page of a
document with few witnessed pages takes the place of one of a document with more: so the sample is spread evenly over
the documents.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

from ocr_worker import threads
from ocr_worker.pages import PageImage
from ocr_worker.settings import processor_count
from ocr_worker.wire.schema import Block
from ocr_worker.witness.confirmation import needs_confirmation
from ocr_worker.witness.evidence import Evidence
from ocr_worker.witness.process import WitnessFailed, WitnessProcess

log = logging.getLogger(__name__)

_NEWEST = 0.3  # weight of the newest page in the moving average of seconds per page
_FAILED_STARTS = 3  # in a row, after which a process is not started again

# Why a page has no evidence: it would come after the page's wait; the pixels of pages that wait fill the memory; the
# engine could not parse the page; no process could read it; its document or the pool ended.
SkipReason = Literal["late", "no room", "not parsed", "not read", "ended"]


@dataclass(eq=False, slots=True)
class _Task:
    """A page on its way to its evidence.

    page: None once a process has its pixels. is_early: whether it may be read before the engine has parsed it. blocks:
    of the engine. parsed_at, started_at: monotonic times at which the engine had parsed it, and a process began to read
    it.
    """

    page: PageImage | None
    document: str
    release: Callable[[], None]
    size: int  # of the pixels, in bytes
    is_early: bool
    blocks: Sequence[Block] = ()
    parsed_at: float | None = None
    started_at: float | None = None
    is_settled: bool = False
    offered_at: float = field(default_factory=time.monotonic)
    future: Future[Evidence | None] = field(default_factory=Future)

    def free(self) -> None:
        """Let the pixels go; once."""
        release, self.release, self.page = self.release, _do_nothing, None
        release()


def _do_nothing() -> None:
    pass


class Witnesses:
    """A pool of `workers` witness processes; thread-safe.

    memory_bytes: limit for the pixels that wait for a process alone, after the engine has parsed the page. wait_s:
    seconds for which a parsed page waits for its evidence; one that would wait longer, at the pace of the pages before
    it, is given up at once. The processes end with this one.
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
        self._waiting: list[_Task] = []  # for a process, in the order of the offers
        self._accepted: Counter[str] = Counter()  # pages by document that are read, or will be
        self._processes: set[WitnessProcess] = set()
        self._started = 0  # threads
        self._alive = workers
        self._is_closed = False
        self._seconds_per_page = 0.0  # of one process, a moving average; 0 before the first page
        self._parse_s = 0.0  # until the engine has parsed a page that is offered, a moving average
        self._reading = 0  # pages that processes have
        self.pages_read = 0
        self.skips: Counter[SkipReason] = Counter()  # pages without evidence

    def has_time(self, document: str) -> bool:
        """Return whether a page of the document, offered now, would be read in time at the pace of those before it.

        If not, it counts as skipped and is not to be offered. As long as a process is idle, there is time: only a page
        that is read shows a new pace. Ask before work that only the second reading needs.
        """
        with self._condition:
            if self._reading + len(self._waiting) < self._alive:
                return True
            pages_before = len(self._waiting) + self._reading / 2  # those that are read are half done
            seconds = (pages_before / max(1, self._alive) + 1) * self._seconds_per_page
            if seconds <= self._wait_s + self._parse_s:
                return True
            counts = self._accepted + Counter(task.document for task in self._waiting if task.parsed_at is None)
            takes_place = any(counts[task.document] > counts[document] + 1 for task in self._waiting)
            self.skips["late"] += not takes_place
            return takes_place

    def offer(
        self,
        page: PageImage,
        document: str,
        release: Callable[[], None] = _do_nothing,
        parsed: Future[Sequence[Block] | None] | None = None,
    ) -> Future[Evidence | None]:
        """Return a future of the page's evidence, or of None if it is not witnessed. It never raises.

        document: an id that is unique in this process. release: called once, when the pixels are no longer needed.
        parsed: the engine's blocks, once it has parsed the page; None if it could not. A text layer that these may
        confirm waits for them. By default the page is parsed, and its blocks are unknown.
        """
        is_early = not needs_confirmation(page.text_lines or (), page.proven_fonts)
        task = _Task(page, document, release, page.pixels.nbytes, is_early)
        with self._condition:
            is_open = not self._is_closed and self._alive > 0
            if is_open:
                self._waiting.append(task)
                self._start_thread()
                self._condition.notify()
        if not is_open:
            self._give_up([task], "ended")
        elif parsed:
            parsed.add_done_callback(lambda future: self._note_parsed(task, future.result()))
        else:
            self._note_parsed(task, ())
        return task.future

    def forget(self, document: str) -> None:
        """Give up the pages of a document that still wait, and its place in the sample."""
        with self._condition:
            dropped = [task for task in self._waiting if task.document == document]
            self._remove(dropped)
            del self._accepted[document]
        self._give_up(dropped, "ended")

    def close(self) -> None:
        """End the processes. Pages that wait are not witnessed."""
        with self._condition:
            self._is_closed = True
            dropped, self._waiting = self._waiting, []
            processes = list(self._processes)
            self._condition.notify_all()
        self._give_up(dropped, "ended")
        for process in processes:
            process.kill()

    def _note_parsed(self, task: _Task, blocks: Sequence[Block] | None) -> None:
        """Decide whether the page is witnessed, now that only its evidence is missing. blocks: None: there are none."""
        with self._condition:
            task.parsed_at, task.blocks = time.monotonic(), blocks or ()
            self._parse_s += (task.parsed_at - task.offered_at - self._parse_s) * _NEWEST
            skip: tuple[_Task, SkipReason] | None = (task, "not parsed") if blocks is None else self._surplus(task)
            self._condition.notify()
            is_waiting = skip is not None and skip[0] in self._waiting
            if skip and is_waiting:
                self._remove([skip[0]])
        if skip and is_waiting:
            self._give_up([skip[0]], skip[1])
        elif skip:  # its process reads on, which shows the pace
            self._settle([skip[0]], skip[1])

    # ----------------------------------------------------------------- under the lock

    def _surplus(self, task: _Task) -> tuple[_Task, SkipReason] | None:
        """Return the page that is not witnessed, so that the others are in time, and why; None if all are.

        It is this one, or one that waits.
        """
        if task.started_at is not None:
            is_late = task.started_at + self._seconds_per_page > time.monotonic() + self._wait_s
            return (task, "late") if is_late else None
        if task not in self._waiting:
            return None
        others = [other for other in self._waiting if other.parsed_at is not None and other is not task]
        room = self._memory_bytes - sum(other.size for other in others) if others else math.inf
        is_late = (len(others) / max(1, self._alive) + 1) * self._seconds_per_page > self._wait_s
        if not is_late and task.size <= room:
            self._accepted[task.document] += 1
            return None
        reason: SkipReason = "late" if is_late else "no room"
        last = max(others, key=lambda other: self._accepted[other.document], default=None)
        is_fair = last is None or self._accepted[last.document] <= self._accepted[task.document] + 1
        if last is None or is_fair or self._seconds_per_page > self._wait_s or task.size > room + last.size:
            return task, reason
        self._accepted[last.document] -= 1
        self._accepted[task.document] += 1
        return last, reason

    def _readable(self) -> list[_Task]:
        return [task for task in self._waiting if task.is_early or task.parsed_at is not None]

    def _choose(self) -> _Task | None:
        """Return the page to read next: the first that was parsed, or else the last that was offered.

        That one has the most time until the engine has parsed it, which a slow process may need.
        """
        readable = self._readable()
        parsed = [task for task in readable if task.parsed_at is not None]
        return min(parsed, key=lambda task: task.parsed_at or 0.0) if parsed else readable[-1] if readable else None

    def _remove(self, tasks: Sequence[_Task]) -> None:
        self._waiting = [task for task in self._waiting if task not in tasks]

    def _start_thread(self) -> None:
        if self._started < self._workers:
            self._started += 1
            threads.start(self._serve, "witness")

    # ----------------------------------------------------------------- without the lock

    def _give_up(self, tasks: Sequence[_Task], reason: SkipReason) -> None:
        """End the wait of pages that no process has."""
        for task in tasks:
            task.free()
        self._settle(tasks, reason)

    def _settle(self, tasks: Sequence[_Task], reason: SkipReason, evidence: Evidence | None = None) -> None:
        """Set the result of pages that have none yet. reason: counts where there is no evidence."""
        with self._condition:
            unsettled = [task for task in tasks if not task.is_settled]
            for task in unsettled:
                task.is_settled = True
            if unsettled and evidence is None:
                self.skips[reason] += len(unsettled)
        for task in unsettled:
            task.future.set_result(evidence)

    # ----------------------------------------------------------------- on the threads of the processes

    def _serve(self) -> None:
        process: WitnessProcess | None = None
        failures = 0
        while failures < _FAILED_STARTS and (task := self._next_task()):
            evidence: Evidence | None = None
            is_ready = False
            try:
                process = process or self._start()
                process.wait_ready()
                failures, is_ready = 0, True
                evidence = self._read(process, task)
            except (WitnessFailed, OSError) as error:
                log.warning("a page was not witnessed: %s", error)
                if process is None or not process.is_usable:
                    failures += not is_ready
                    self._end(process)
                    process = None
            task.free()
            with self._condition:
                self._reading -= 1
            self._settle([task], "not read", evidence)
        self._end(process)
        with self._condition:
            self._alive -= 1
            dropped = [] if self._alive else [*self._waiting]
            self._remove(dropped)
        self._give_up(dropped, "not read")

    def _read(self, process: WitnessProcess, task: _Task) -> Evidence:
        """Return the evidence of the page, whose pixels are freed as soon as the process has them."""
        started_at = time.monotonic()
        assert task.page is not None
        try:
            process.send(task.page, task.blocks)
            task.free()
            evidence = process.receive()
        except WitnessFailed:
            self._note_pace(time.monotonic() - started_at, is_read=False)
            raise
        self._note_pace(time.monotonic() - started_at, is_read=True)
        return evidence

    def _note_pace(self, seconds: float, is_read: bool) -> None:
        with self._condition:
            self.pages_read += is_read
            average = self._seconds_per_page
            self._seconds_per_page = average + (seconds - average) * _NEWEST if average else seconds

    def _next_task(self) -> _Task | None:
        """Return the next page to read; None once the pool is closed."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._readable() or self._is_closed)
                if self._is_closed:
                    return None
                late = [task for task in self._waiting if self._is_late(task)]
                self._remove(late)
                self._accepted.subtract(task.document for task in late)
                task = self._choose()
                if task:
                    self._remove([task])
                    task.started_at = time.monotonic()
                    self._reading += 1
                    self._accepted[task.document] += task.parsed_at is None
            self._give_up(late, "late")
            if task:
                return task

    def _is_late(self, task: _Task) -> bool:
        """Return whether the evidence would come after the page's wait."""
        if task.parsed_at is None:
            return False
        return time.monotonic() + self._seconds_per_page > task.parsed_at + self._wait_s

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


def default_workers() -> int:
    """Return the number of processes that leave half of the engine's processors to it: 1 to 4."""
    return max(1, min(4, processor_count() // 2))
