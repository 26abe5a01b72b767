"""The run of a batch: send planned jobs, poll each until it ends, and hand its response to the collector.

Each job has a task (`_run_job`), which submits the job, polls it at growing intervals, and collects the response. One
task plans. Another requests the service's health, which sizes the window of jobs to have there. Everything runs on one
event loop; files are read and counted on threads. A run that is interrupted between two transactions of the ledger
continues from the last one when it is started again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from ocr_worker import threads
from ocr_worker.batch.collecting import Collector
from ocr_worker.batch.costs import place
from ocr_worker.batch.folders import Folder
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.model import BatchJob
from ocr_worker.batch.outputs import Output
from ocr_worker.batch.passwords import Passwords
from ocr_worker.batch.planning import Planner
from ocr_worker.batch.rates import Window
from ocr_worker.batch.sending import JobInputs, Links
from ocr_worker.batch.status import format_money
from ocr_worker.client.service import ENDED_STATES, Delay, JobStatus, Service, State
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
_JOB_S, _PAGE_S = 60.0, 30.0  # execution timeout of a job, and the extra time for each of its pages
_RESEND_S = 3.0  # before a job that the service did not accept is sent again
_HEALTH_S = 10.0  # between two requests for the service's health
_OUTAGE_S = 300.0  # without a response of the service, after which the run ends
_POLL_S = (0.2, 8.0)  # first and longest pause between two polls of a job
_POLLS_PER_S = 40.0  # over all jobs
_TICK_S = 0.25


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run.

    job_pages: most pages of a job. tries: most attempts of a job or page that may succeed in another attempt. max_cost:
    in the currency of the price, for the estimate with cold starts, jobs in progress included. outage_s: seconds
    without a response of the service, after which the run ends. deadline: time, in seconds since the epoch, after which
    no job should end.
    """

    job_pages: int = 10
    tries: int = 4
    max_cost: float | None = None
    outage_s: float = _OUTAGE_S
    deadline: float | None = None


class Runner:
    """A run of the batch in a ledger.

    pause_reason: why no more jobs are sent; None: they are. collector: the `Collector` of this run.
    """

    def __init__(
        self,
        folder: Folder,
        ledger: Ledger,
        output: Output,
        service: Service,
        settings: Settings,
        passwords: Passwords,
        options: RunOptions | None = None,
    ) -> None:
        self.options = options or RunOptions()
        self.pause_reason: str | None = None
        self._ledger = ledger
        self._service = service
        self._inputs = JobInputs(passwords, Links(settings), ledger.idempotency_key, service.payload_bytes)
        self.collector = Collector(folder, ledger, output, self.options.job_pages, self.options.tries)
        self._planner = Planner(
            ledger,
            settings,
            passwords,
            self.options.job_pages,
            service.payload_bytes,
            self.collector.record_unreadable,
        )
        self._window = Window(service.jobs_at_once)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._service_ids: dict[int, str] = {}  # of jobs that this run has submitted
        self._pages_done: dict[int, int] = {}
        self._pages_opened: dict[int, int] = {}
        self._is_stopped = False
        self._last_response_at = time.monotonic()
        self._has_outage = False
        self._next_try_at = 0.0  # monotonic

    @property
    def delay(self) -> Delay | None:
        """Reason why the service processes no jobs at the moment, with the next try; None: nothing is wrong."""
        delay = self._service.delay()
        wait_s = self._next_try_at - time.monotonic()
        if delay and delay.tries and delay.next_try_s is None and wait_s > 0:
            return replace(delay, next_try_s=wait_s)  # the call has given up; this run makes the next one
        return delay

    @property
    def pages_opened(self) -> int:
        """Pages of the open documents, in jobs that have not ended, whose length the ledger does not know yet."""
        return sum(self._pages_opened.values())

    @property
    def pages_in_progress(self) -> int:
        """Pages parsed in jobs that have not ended, as far as the service reports them."""
        return sum(self._pages_done.values())

    @property
    def jobs_in_progress(self) -> int:
        """Number of jobs that have not ended."""
        return len(self._tasks)

    def stop(self) -> None:
        """Send no more jobs; `run` then returns after the last job in progress. May be called by a signal handler."""
        self._is_stopped = self._planner.is_stopped = True

    async def run(self) -> None:
        """Process documents until each has a result, or, after `stop`, until no job is in progress.

        Nothing is planned before the service has responded to a first check. Raises AuthenticationFailed,
        EndpointUnavailable, SettingsInvalid: the endpoint does not exist; BatchUnusable, and the errors of a local
        engine's start.
        """
        if not await self._is_service_usable():
            return
        self.collector.settle_finished()
        for job in self._ledger.jobs_at_service():  # sent by an earlier run
            if self._service.outlives_client:
                self._start(job)
            else:
                self._ledger.mark_not_sent(job.id, 0.0)
        planning = asyncio.ensure_future(self._planner.run())
        health = asyncio.ensure_future(self._update_window())
        try:
            while not self._has_ended(planning):
                self._send()
                await self._withdraw_waiting()
                await self._wait_for_job()
                self._remove_ended([planning, health])
        finally:
            tasks = (planning, health, *self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._planner.close()

    async def _is_service_usable(self) -> bool:
        """Wait for the service's first response. Return False after `stop`. Raises as `Service.check`."""
        check = asyncio.ensure_future(self._service.check())
        try:
            while not check.done() and not self._is_stopped:
                await asyncio.wait([check], timeout=_TICK_S)
        finally:
            check.cancel()
        if self._is_stopped:
            return False
        self._window.set_health(check.result())
        self._record_response()
        return True

    def _has_ended(self, planning: asyncio.Future[None]) -> bool:
        if self._tasks:
            return False
        if self._is_stopped or self.pause_reason:
            return True
        return planning.done() and not self._ledger.has_unsent_jobs()

    async def _wait_for_job(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(_TICK_S)

    def _remove_ended(self, background_tasks: list[asyncio.Future[None]]) -> None:
        """Remove the tasks that have ended. Raises the exception that ended a task; an error of a job is none."""
        for job, task in list(self._tasks.items()):
            if task.done():
                del self._tasks[job]
                self._pages_done.pop(job, None)
                self._pages_opened.pop(job, None)
                self._service_ids.pop(job, None)
                self.pause_reason = None  # the job may have been cheaper than expected
                if not task.cancelled():  # by `_withdraw_waiting`
                    task.result()
        for background_task in background_tasks:
            if background_task.done():
                background_task.result()
        if self._has_outage and time.monotonic() - self._last_response_at > self.options.outage_s:
            raise EndpointUnavailable(f"{self._service.name} has not responded for {self.options.outage_s:.0f} s")

    # ----------------------------------------------------------------- jobs

    def _send(self) -> None:
        """Start jobs while there is room, including those whose submission an earlier run left unfinished."""
        if self._is_stopped:
            return
        room = self._window.size - len(self._tasks)
        for job in self._ledger.jobs_to_send(max(room, 0) + len(self._tasks)):
            if job.id in self._tasks:
                continue
            if room <= 0 or not self._is_in_time(job) or not self._is_affordable(job):
                return
            self._start(job)
            room -= 1

    def _start(self, job: BatchJob) -> None:
        self._tasks[job.id] = asyncio.ensure_future(self._run_job(job))

    def _is_in_time(self, job: BatchJob) -> bool:
        """Return whether the job would end before the deadline, by the mean execution time of a page."""
        if self.options.deadline is None:
            return True
        pages = self._ledger.executed_pages()
        job_s = self._ledger.usage().execution_s / pages * job.pages if pages else 0.0
        if time.time() + job_s <= self.options.deadline:
            return True
        deadline = datetime.fromtimestamp(self.options.deadline).astimezone()
        self.pause_reason = f"the next job would end after the deadline {deadline:%Y-%m-%d %H:%M} (--deadline)"
        return False

    def _is_affordable(self, job: BatchJob) -> bool:
        """Return whether the job and all jobs in progress cost less than the limit, by the mean cost of a page.

        See `Usage.limited_s` for the seconds that count.
        """
        price, limit = self._ledger.get_number("price_per_second") or 0.0, self.options.max_cost
        if limit is None:
            return True
        usage, pages = self._ledger.usage(), self._ledger.executed_pages()
        if not pages and self._tasks:
            return False  # the first job shows what a page costs
        # Twice the mean, because pages differ. But the last jobs share their workers with few others or none.
        shared_s = 2 * usage.busy_s / max(pages, 1) * (self._ledger.pages_of_jobs(self._tasks) + job.pages)
        alone_s = usage.execution_s / max(pages, 1) * job.pages
        if (usage.limited_s + max(shared_s, alone_s)) * price > limit:
            self.pause_reason = (
                f"the next job would exceed the cost limit of {format_money(limit)} (--max-cost):"
                f" {format_money(usage.limited_s * price)} so far, estimated with cold starts,"
                f" and {format_money(usage.bound_s * price)} at most"
            )
            return False
        self.pause_reason = None
        return True

    async def _withdraw_waiting(self) -> None:
        """After `stop`, take back the jobs that a service in this process has not begun. Nobody else would run them."""
        if not self._is_stopped or self._service.outlives_client:
            return
        for job, task in self._tasks.items():
            service_id = self._service_ids.get(job)
            if service_id is None:  # its file is read, or the engine starts: the next run sends it again
                task.cancel()
            elif not task.done() and (await self._service.status(service_id)).state is State.QUEUED:
                await self._service.cancel(service_id)
                task.cancel()
                self._ledger.mark_not_sent(job, 0.0)

    async def _run_job(self, job: BatchJob) -> None:
        try:
            submitted_at, service_id = None, job.service_id
            if job.state not in (State.QUEUED, State.RUNNING):
                submitted_at, service_id = await self._submit(job)
            status = await self._wait_for_end(job, service_id or "", submitted_at)
        except (AuthenticationFailed, BatchUnusable, EngineUnavailable, Internal, SettingsInvalid):
            raise  # not an error of this job: a local engine that cannot start or is lost
        except _NotSent:
            return
        except OcrWorkerError as error:
            self.collector.fail(job, error)
        else:
            self._window.job_ended()
            self.collector.collect(job, status)

    async def _submit(self, job: BatchJob) -> tuple[float, str]:
        """Send the job. Return the time, in seconds since the epoch, and its id at the service.

        A job whose response is lost is sent again under the same idempotency key.
        """
        rows, documents = self.collector.contents_of(job)
        work = partial(self._inputs.build, job, rows, documents, by_path=self._service.reads_files)
        job_input = await asyncio.wrap_future(threads.start(work, "batch"))
        self._ledger.mark_submitting(job.id)
        submitted_at = time.time()
        try:
            service_id = await self._service.submit(
                job_input, execution_timeout_s=_JOB_S + _PAGE_S * job.pages, ttl_s=TTL_S
            )
        except EndpointUnavailable as error:
            wait_s = _jittered(_RESEND_S)
            self._ledger.mark_not_sent(job.id, time.time() + wait_s)
            self._record_outage(error, wait_s)
            raise _NotSent from None
        self._record_response()
        self._service_ids[job.id] = service_id
        self._ledger.mark_queued(job.id, service_id)
        return submitted_at, service_id

    async def _wait_for_end(self, job: BatchJob, service_id: str, submitted_at: float | None) -> JobStatus:
        """Poll the job until it has ended. Return its status. submitted_at: None: by an earlier run."""
        pause, max_pause = _POLL_S
        state, open_at = job.state, submitted_at
        rows, documents = self.collector.contents_of(job)
        known_pages = sum(
            len(row.slice.pages)
            for row, document in zip(rows, documents, strict=True)
            if document.page_count is not None
        )
        while True:
            pause_s = _jittered(pause)
            await asyncio.sleep(pause_s)
            # The first poll finds quick jobs done; all others share the polls per second.
            pause = max(min(pause * 1.5, max_pause), len(self._tasks) / _POLLS_PER_S)
            try:
                status = await self._service.status(service_id)
            except EndpointUnavailable as error:
                self._record_outage(error, pause)
                continue
            self._record_response()
            self._pages_done[job.id] = status.pages_done
            self._pages_opened[job.id] = max(0, status.pages_expected - known_pages)
            if status.state in ENDED_STATES:
                times = place(status.times, submitted_at=submitted_at, open_at=open_at, pause_s=pause_s)
                return replace(status, times=times)
            open_at = time.time()
            if status.state is State.RUNNING and state is not State.RUNNING:
                state = State.RUNNING
                self._ledger.mark_running(job.id)

    def _record_response(self) -> None:
        self._last_response_at, self._has_outage = time.monotonic(), False

    def _record_outage(self, error: OcrWorkerError, wait_s: float) -> None:
        """Record a call that failed after all its retries. wait_s: seconds until this run makes the next one."""
        now = time.monotonic()
        self._has_outage = True
        self._next_try_at = now + wait_s if self._next_try_at < now else min(self._next_try_at, now + wait_s)
        event(log, "service_unavailable", code=error.code)

    async def _update_window(self) -> None:
        """Keep the size of the window in step with the service's workers."""
        while True:
            wait_s = _jittered(_HEALTH_S)
            await asyncio.sleep(wait_s)
            try:
                self._window.set_health(await self._service.health())
                self._record_response()
            except (EndpointUnavailable, SettingsInvalid) as error:  # the endpoint existed when the run began
                self._record_outage(error, wait_s)


class _NotSent(Exception):
    """Signal that the service may not have the job, which is sent again."""


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.7, 1.3)
