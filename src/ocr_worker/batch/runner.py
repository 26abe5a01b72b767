"""A batch at work: documents are counted and planned, jobs carried to the service and back, documents put together.

Everything here runs on one event loop; files are read and counted on threads. Whatever happens between two transactions
of the ledger, a run that is started again goes on from the last one.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from functools import partial

from ocr_worker.batch.collecting import Collector
from ocr_worker.batch.folders import Folder
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import ENDED, Job, Look, Service, State
from ocr_worker.batch.planning import Planner, on_thread
from ocr_worker.batch.sending import job_input
from ocr_worker.batch.window import Window
from ocr_worker.errors import (
    AuthenticationFailed,
    BatchUnusable,
    EndpointUnavailable,
    EngineUnavailable,
    Internal,
    OcrWorkerError,
    SettingsInvalid,
)
from ocr_worker.log import event
from ocr_worker.settings import Settings

log = logging.getLogger(__name__)

TTL_S = 6 * 3600.0
_OUTAGE_S = 300.0  # without a word of the service, then the run ends
_LOOK_S = (0.2, 8.0)  # first and longest pause between two looks at a job
_LOOKS_A_SECOND = 40.0  # over all jobs
_TICK_S = 0.25


@dataclass(frozen=True, slots=True)
class RunOptions:
    """job_pages: most of a job. tries: of a job or page that may succeed another time. max_cost: in the price's
    currency, jobs under way included."""

    job_pages: int = 10
    tries: int = 4
    max_cost: float | None = None
    outage_s: float = _OUTAGE_S


class Runner:
    """One run of a batch whose documents are in the ledger. `waiting` says why nothing more is sent, if so."""

    def __init__(
        self, folder: Folder, ledger: Ledger, service: Service, settings: Settings, options: RunOptions | None = None
    ) -> None:
        self.options = options or RunOptions()
        self.waiting: str | None = None
        self._ledger = ledger
        self._service = service
        self.collector = Collector(folder, ledger, self.options.job_pages, self.options.tries)
        self._planner = Planner(ledger, self.collector, settings, self.options.job_pages, service.payload_bytes)
        self._window = Window(service.jobs_at_once)
        self._carried: dict[int, asyncio.Task[None]] = {}
        self._pages_under_way: dict[int, int] = {}
        self._stopped = False
        self._word_at = time.monotonic()
        self._outage = False

    @property
    def pages_under_way(self) -> int:
        """Pages parsed in jobs that are not back yet, as far as the service tells."""
        return sum(self._pages_under_way.values())

    @property
    def jobs_under_way(self) -> int:
        """Jobs that are not back yet."""
        return len(self._carried)

    def stop(self) -> None:
        """Nothing more is sent; what is under way is waited for."""
        self._stopped = self._planner.stopped = True

    async def run(self) -> None:
        """Returns when every document has its last word, or after `stop`, when nothing is under way.

        Raises AuthenticationFailed, EndpointUnavailable, BatchUnusable, and what a local engine raises at its start.
        """
        self.collector.settle_finished()
        for job in self._ledger.jobs([State.QUEUED, State.RUNNING]):  # since an earlier run
            self._carry(job)
        planning = asyncio.ensure_future(self._planner.run())
        health = asyncio.ensure_future(self._look_after())
        try:
            while not self._is_over(planning):
                self._send()
                await self._next_event()
                self._reap([planning, health])
        finally:
            tasks = (planning, health, *self._carried.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._planner.close()

    def _is_over(self, planning: asyncio.Future[None]) -> bool:
        if self._carried:
            return False
        if self._stopped or self.waiting:
            return True
        unsent = "SELECT 1 FROM jobs WHERE state IN ('planned', 'submitting') LIMIT 1"
        return planning.done() and not self._ledger.query(unsent)

    async def _next_event(self) -> None:
        if self._carried:
            await asyncio.wait(self._carried.values(), timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(_TICK_S)

    def _reap(self, others: list[asyncio.Future[None]]) -> None:
        """Raises what ended a task; a job's own faults do not."""
        for job, task in list(self._carried.items()):
            if task.done():
                del self._carried[job]
                self._pages_under_way.pop(job, None)
                self.waiting = None  # what is back may have been cheaper than it was thought
                task.result()
        for other in others:
            if other.done():
                other.result()
        if self._outage and time.monotonic() - self._word_at > self.options.outage_s:
            raise EndpointUnavailable(f"{self._service.name} has not answered for {self.options.outage_s:.0f} s")

    # ----------------------------------------------------------------- carrying

    def _send(self) -> None:
        """New jobs, as far as there is room; and those whose sending an earlier run did not see the end of."""
        if self._stopped:
            return
        room = self._window.size - len(self._carried)
        for job in self._ledger.jobs([State.SUBMITTING, State.PLANNED], max(room, 0) + len(self._carried)):
            if job.id in self._carried:
                continue
            if room <= 0 or not self._affordable(job):
                return
            self._carry(job)
            room -= 1

    def _carry(self, job: Job) -> None:
        self._carried[job.id] = asyncio.ensure_future(self._carried_through(job))

    def _affordable(self, job: Job) -> bool:
        """Whether the job's cost, by what pages cost so far, fits under the limit beside all that is under way."""
        price, limit = float(self._ledger.get("price_per_second", "0")), self.options.max_cost
        if limit is None:
            return True
        spent, read = self._ledger.query(
            "SELECT TOTAL(execution_s), TOTAL(pages) FILTER (WHERE execution_s > 0) FROM jobs"
        )[0]
        carried = ",".join(map(str, self._carried))
        ((under_way,),) = self._ledger.query(f"SELECT TOTAL(pages) FROM jobs WHERE id IN ({carried})")
        if not read and self._carried:
            return False  # the first job tells what a page costs
        # Twice the mean: jobs that share a worker take longer than the first, which had it alone.
        due = spent + 2 * (spent / read if read else 0.0) * (under_way + job.pages)
        if due * price > limit:
            self.waiting = f"the next job would go over the cost limit of {limit:g}"
            return False
        self.waiting = None
        return True

    async def _carried_through(self, job: Job) -> None:
        try:
            there = job.service_id if job.state in (State.QUEUED, State.RUNNING) else await self._submitted(job)
            look = await self._watched(job, there or "")
        except (AuthenticationFailed, BatchUnusable, EngineUnavailable, Internal, SettingsInvalid):
            raise  # no job is to blame: a local engine that cannot start, or is gone
        except _NotSent:
            return
        except OcrWorkerError as error:
            self.collector.failed(job, error)
        else:
            self._window.ended(look)
            self.collector.collect(job, look)

    async def _submitted(self, job: Job) -> str:
        """Sends the job; its id there. An answer that was lost on the way is asked for again under the same key."""
        rows, documents = self.collector.carried_by(job)
        payload = self._service.payload_bytes
        given = await on_thread(partial(job_input, job, rows, documents, self._ledger.key, payload))
        self._ledger.submitting(job.id)
        try:
            there = await self._service.submit(given, execution_timeout_s=60.0 + 30.0 * job.pages, ttl_s=TTL_S)
        except EndpointUnavailable as error:
            self._ledger.move(job.id, State.PLANNED, not_before=time.time() + _jittered(3.0))
            self._complain(error)
            raise _NotSent from None
        self._heard()
        self._ledger.move(job.id, State.QUEUED, service_id=there)
        return there

    async def _watched(self, job: Job, there: str) -> Look:
        """The job's end, as soon as it is told."""
        pause, longest = _LOOK_S
        state = job.state
        while True:
            await asyncio.sleep(_jittered(pause))
            # The first look finds quick jobs done; who is still at work is looked at in turn with all others.
            pause = max(min(pause * 1.5, longest), len(self._carried) / _LOOKS_A_SECOND)
            try:
                look = await self._service.look(there)
            except EndpointUnavailable as error:
                self._complain(error)
                continue
            self._heard()
            self._pages_under_way[job.id] = look.pages_done
            if look.state in ENDED:
                return look
            if look.state is State.RUNNING and state is not State.RUNNING:
                state = State.RUNNING
                self._ledger.move(job.id, state)

    def _heard(self) -> None:
        self._word_at, self._outage = time.monotonic(), False

    def _complain(self, error: OcrWorkerError) -> None:
        self._outage = True
        event(log, "service_unavailable", code=error.code)

    async def _look_after(self) -> None:
        """The service's size decides how many jobs are worth having there."""
        while True:
            try:
                self._window.heard(await self._service.health())
                self._heard()
            except EndpointUnavailable as error:
                self._complain(error)
            await asyncio.sleep(_jittered(10.0))


class _NotSent(Exception):
    """Nothing is known of the job there; it will be sent again."""


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.7, 1.3)
