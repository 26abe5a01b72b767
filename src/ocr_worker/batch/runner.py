"""The run of a batch: it sends planned jobs, follows each to its end, and hands it to the collector.

One task carries each job (`_carry`): it submits the job, looks at it at growing intervals, and collects the answer. One
task plans, and one asks for the service's health, which sizes the window of jobs to have there. Everything runs on one
event loop; files are read and counted on threads. Whatever happens between two transactions of the ledger, a run that
is started again continues from the last one.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from functools import partial

from ocr_worker import threads
from ocr_worker.batch.collecting import Collector
from ocr_worker.batch.folders import Folder
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import ENDED_STATES, BatchJob, JobStatus, Service, State
from ocr_worker.batch.planning import Planner
from ocr_worker.batch.rates import Window
from ocr_worker.batch.sending import job_input
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
_JOB_S, _PAGE_S = 60.0, 30.0  # a job's execution timeout: so much, and so much for each page
_RESEND_S = 3.0  # before a job that the service did not take is sent again
_HEALTH_S = 10.0  # between two questions for the service's health
_OUTAGE_S = 300.0  # without an answer of the service, then the run ends
_POLL_S = (0.2, 8.0)  # first and longest pause between two looks at a job
_POLLS_PER_S = 40.0  # over all jobs
_TICK_S = 0.25


@dataclass(frozen=True, slots=True)
class RunOptions:
    """job_pages: most pages of a job. tries: most attempts of a job or page that may succeed another time. max_cost:
    in the price's currency, jobs under way included. outage_s: without an answer of the service, then the run ends."""

    job_pages: int = 10
    tries: int = 4
    max_cost: float | None = None
    outage_s: float = _OUTAGE_S


class Runner:
    """One run of a batch whose documents are in the ledger. waiting: why nothing more is sent, if so."""

    def __init__(
        self, folder: Folder, ledger: Ledger, service: Service, settings: Settings, options: RunOptions | None = None
    ) -> None:
        self.options = options or RunOptions()
        self.waiting: str | None = None
        self._ledger = ledger
        self._service = service
        self.collector = Collector(folder, ledger, self.options.job_pages, self.options.tries)
        self._planner = Planner(
            ledger, settings, self.options.job_pages, service.payload_bytes, self.collector.record_unreadable
        )
        self._window = Window(service.jobs_at_once)
        self._carried: dict[int, asyncio.Task[None]] = {}
        self._pages_under_way: dict[int, int] = {}
        self._stopped = False
        self._answered_at = time.monotonic()
        self._outage = False

    @property
    def pages_under_way(self) -> int:
        """Pages parsed in jobs that have not ended, as far as the service says."""
        return sum(self._pages_under_way.values())

    @property
    def jobs_under_way(self) -> int:
        """Number of jobs that have not ended."""
        return len(self._carried)

    def stop(self) -> None:
        """Send nothing more; `run` then ends with the last job under way."""
        self._stopped = self._planner.is_stopped = True

    async def run(self) -> None:
        """Return when every document has a result, or after `stop`, when no job is under way.

        Raises AuthenticationFailed, EndpointUnavailable, BatchUnusable, and what a local engine raises at its start.
        """
        self.collector.settle_finished()
        for job in self._ledger.jobs_at_service():  # since an earlier run
            self._carry(job)
        planning = asyncio.ensure_future(self._planner.run())
        health = asyncio.ensure_future(self._follow_health())
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
        return planning.done() and not self._ledger.has_unsent_jobs()

    async def _next_event(self) -> None:
        if self._carried:
            await asyncio.wait(self._carried.values(), timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(_TICK_S)

    def _reap(self, others: list[asyncio.Future[None]]) -> None:
        """Forget the jobs that have ended. Raises what ended a task; a job's own failure does not."""
        for job, task in list(self._carried.items()):
            if task.done():
                del self._carried[job]
                self._pages_under_way.pop(job, None)
                self.waiting = None  # the job may have been cheaper than expected
                task.result()
        for other in others:
            if other.done():
                other.result()
        if self._outage and time.monotonic() - self._answered_at > self.options.outage_s:
            raise EndpointUnavailable(f"{self._service.name} has not answered for {self.options.outage_s:.0f} s")

    # ----------------------------------------------------------------- carrying

    def _send(self) -> None:
        """Send jobs as far as there is room, also those whose submission an earlier run did not see end."""
        if self._stopped:
            return
        room = self._window.size - len(self._carried)
        for job in self._ledger.jobs_to_send(max(room, 0) + len(self._carried)):
            if job.id in self._carried:
                continue
            if room <= 0 or not self._affordable(job):
                return
            self._carry(job)
            room -= 1

    def _carry(self, job: BatchJob) -> None:
        self._carried[job.id] = asyncio.ensure_future(self._carry_through(job))

    def _affordable(self, job: BatchJob) -> bool:
        """Return whether the cost of the job and of all that is under way, by the price of a page so far, fits under
        the limit."""
        price, limit = float(self._ledger.get("price_per_second", "0")), self.options.max_cost
        if limit is None:
            return True
        seconds, pages = self._ledger.seconds_and_pages()
        if not pages and self._carried:
            return False  # the first job shows what a page costs
        # Twice the mean: jobs that share a worker take longer than the first, which had it alone.
        page_s = 2 * seconds / pages if pages else 0.0
        expected_s = seconds + page_s * (self._ledger.pages_of_jobs(self._carried) + job.pages)
        if expected_s * price > limit:
            self.waiting = f"the next job would go over the cost limit of {limit:g}"
            return False
        self.waiting = None
        return True

    async def _carry_through(self, job: BatchJob) -> None:
        try:
            service_id = job.service_id if job.state in (State.QUEUED, State.RUNNING) else await self._submit(job)
            status = await self._end_of(job, service_id or "")
        except (AuthenticationFailed, BatchUnusable, EngineUnavailable, Internal, SettingsInvalid):
            raise  # not a failure of this job: a local engine that cannot start, or is gone
        except _NotSent:
            return
        except OcrWorkerError as error:
            self.collector.fail(job, error)
        else:
            self._window.job_ended()
            self.collector.collect(job, status)

    async def _submit(self, job: BatchJob) -> str:
        """Send the job and return its id at the service. One whose answer is lost is sent again under the same key."""
        rows, documents = self.collector.contents_of(job)
        work = partial(job_input, job, rows, documents, self._ledger.key, self._service.payload_bytes)
        value = await asyncio.wrap_future(threads.start(work, "batch"))
        self._ledger.mark_submitting(job.id)
        try:
            service_id = await self._service.submit(
                value, execution_timeout_s=_JOB_S + _PAGE_S * job.pages, ttl_s=TTL_S
            )
        except EndpointUnavailable as error:
            self._ledger.mark_not_sent(job.id, time.time() + _jittered(_RESEND_S))
            self._note_outage(error)
            raise _NotSent from None
        self._note_answer()
        self._ledger.mark_queued(job.id, service_id)
        return service_id

    async def _end_of(self, job: BatchJob, service_id: str) -> JobStatus:
        """Return what the service says of the job when it has ended."""
        pause, longest = _POLL_S
        state = job.state
        while True:
            await asyncio.sleep(_jittered(pause))
            # The first look finds quick jobs done; all others share the looks per second.
            pause = max(min(pause * 1.5, longest), len(self._carried) / _POLLS_PER_S)
            try:
                status = await self._service.status(service_id)
            except EndpointUnavailable as error:
                self._note_outage(error)
                continue
            self._note_answer()
            self._pages_under_way[job.id] = status.pages_done
            if status.state in ENDED_STATES:
                return status
            if status.state is State.RUNNING and state is not State.RUNNING:
                state = State.RUNNING
                self._ledger.mark_running(job.id)

    def _note_answer(self) -> None:
        self._answered_at, self._outage = time.monotonic(), False

    def _note_outage(self, error: OcrWorkerError) -> None:
        self._outage = True
        event(log, "service_unavailable", code=error.code)

    async def _follow_health(self) -> None:
        """Size the window by the service's workers, again and again."""
        while True:
            try:
                self._window.set_health(await self._service.health())
                self._note_answer()
            except EndpointUnavailable as error:
                self._note_outage(error)
            await asyncio.sleep(_jittered(_HEALTH_S))


class _NotSent(Exception):
    """The service may not have the job; it is sent again."""


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.7, 1.3)
