"""The pipeline in this process as a service: a batch without an endpoint and its limits.

`LocalPipeline` starts the engine with the first job and runs as many jobs at once as a worker would. `_LocalJob` holds
the state of one job: queued until a slot is free, running, then ended with a response or an error. It enforces the
execution timeout as an endpoint would. Responses stay in memory for a minute after they were reported.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

from ocr_worker import threads
from ocr_worker.client.service import ENDED_STATES, Delay, JobStatus, JobTimes, Json, ServiceHealth, State
from ocr_worker.errors import EngineUnavailable, Internal, JobExpired, OcrWorkerError
from ocr_worker.parsing.job_host import JobHost, typed_errors
from ocr_worker.parsing.job_slots import JobSlots
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.settings import Settings
from ocr_worker.wire.results import error_info, job_error
from ocr_worker.wire.schema import ErrorInfo, PageResult, ParseResponse

log = logging.getLogger(__name__)

_RETENTION_S = 60.0  # of a response, after it was first reported; all responses of a batch do not fit into memory
_CLOSE_S = 10.0


def _in_memory(response: ParseResponse) -> Callable[[], ParseResponse]:
    return lambda: response


class LocalPipeline:
    """A `Service` that runs jobs as a worker with these settings would.

    keep: takes the response of a job that has ended, and returns a function that returns it; default: in memory.

    Responses are always complete: no byte limit, bucket, checkpoints or time-to-live. `options.delivery` and
    `idempotency_key` have no effect.
    """

    def __init__(
        self, settings: Settings, keep: Callable[[ParseResponse], Callable[[], ParseResponse]] = _in_memory
    ) -> None:
        self.name = f"this machine, with the engine {settings.engine}"
        self.jobs_at_once = settings.jobs_at_once
        self.payload_bytes = 200_000_000
        self.reads_files = False
        self.outlives_client = False
        self._settings = settings
        self._keep = keep
        self._worker_id = f"process-{uuid.uuid4()}"
        self._jobs: dict[str, _LocalJob] = {}
        self._slots = JobSlots(settings.jobs_at_once)
        self._pipeline_start: Future[Pipeline] | None = None
        self._loading_since = 0.0  # monotonic
        self._engine_error: OcrWorkerError | None = None
        self._lock = threading.Lock()  # orders the end of the start and `close`
        self._pipeline: Pipeline | None = None
        self._is_closed = False

    async def submit(self, job_input: Json, *, execution_timeout_s: float, ttl_s: float) -> str:
        """See `Service`. The first call starts the engine and waits for it.

        Raises the error of a failed start, in each call; EngineUnavailable: the engine is lost, because a worker can be
        replaced and this process cannot.
        """
        pipeline = await self._wait_for_pipeline()
        if self._engine_error:
            error = self._engine_error
            raise EngineUnavailable(f"the engine is lost ({error.code}: {error}); start the command again")
        self._remove_old_jobs()
        job = _LocalJob(str(uuid.uuid4()), job_input, execution_timeout_s, self._worker_id, self._keep)
        self._jobs[job.id] = job
        job.task = asyncio.create_task(self._run(JobHost(pipeline), job))
        return job.id

    async def status(self, job_id: str) -> JobStatus:
        """See `Service`."""
        job = self._jobs.get(job_id)
        if job is None:
            raise JobExpired("the job is unknown: it belongs to an earlier run, or its result is no longer kept")
        return job.status()

    async def cancel(self, job_id: str) -> None:
        """See `Service`."""
        if job := self._jobs.get(job_id):
            job.stop(State.CANCELLED)

    async def health(self) -> ServiceHealth:
        """See `Service`."""
        return ServiceHealth(workers=1, in_queue=sum(job.state is State.QUEUED for job in self._jobs.values()))

    async def check(self) -> ServiceHealth:
        """See `Service`."""
        return await self.health()

    def delay(self) -> Delay | None:
        """See `Service`. Until the engine is loaded: for how long it has been loading."""
        if self._pipeline_start is None or self._pipeline_start.done():
            return None
        return Delay(f"loading the engine ({time.monotonic() - self._loading_since:.0f} s)")

    async def close(self) -> None:
        """See `Service`. Does not wait for threads that hang, because all threads are daemons."""
        with self._lock:
            self._is_closed, pipeline = True, self._pipeline
        for job in self._jobs.values():
            job.stop(State.CANCELLED)
        if pipeline is None:  # a pipeline that is starting closes itself
            return
        with suppress(Exception):
            close_future = threads.start(pipeline.close, "pipeline-close")
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(close_future)), _CLOSE_S)

    # ----------------------------------------------------------------- the pipeline

    async def _wait_for_pipeline(self) -> Pipeline:
        if self._pipeline_start is None:
            self._loading_since = time.monotonic()
            self._pipeline_start = threads.start(self._start, "pipeline-start")
        # A caller that is cancelled must not cancel the start for the others.
        pipeline = asyncio.wrap_future(self._pipeline_start)
        # Retrieves the exception, so that asyncio logs none when nobody waits.
        pipeline.add_done_callback(lambda future: future.cancelled() or future.exception())
        return await asyncio.shield(pipeline)

    def _start(self) -> Pipeline:
        pipeline = Pipeline(self._settings, on_last_engine_lost=self._record_engine_error)
        try:
            pipeline.start()
            with self._lock:
                if self._is_closed:
                    raise EngineUnavailable("the pipeline was closed while it started")
                self._pipeline = pipeline
        except OcrWorkerError:
            pipeline.close()
            raise
        except Exception as error:
            pipeline.close()
            log.exception("the engine cannot start")
            raise Internal(f"the engine cannot start ({type(error).__name__}); the log has the details") from None
        return pipeline

    def _record_engine_error(self, error: OcrWorkerError) -> None:
        self._engine_error = error

    # ----------------------------------------------------------------- jobs

    async def _run(self, host: JobHost, job: _LocalJob) -> None:
        """Wait for a slot, then run the job, which leaves it early if its pages wait for their second reading only."""
        async with self._slots.slot() as free_slot:
            try:
                with typed_errors(job.id):
                    request = await host.read(job.input)
                    job.input = {}  # free the memory: the request has the data now
                    job.begin()
                    job.end(await host.run(request, job.id, job.on_page, job.on_open, on_parsed=free_slot))
            except OcrWorkerError as error:
                job.end(error=error_info(error))

    def _remove_old_jobs(self) -> None:
        self._jobs = {name: job for name, job in self._jobs.items() if not job.can_be_removed()}


class _LocalJob:
    """A job of the local pipeline.

    All methods except `on_page` and `on_open` run on the event loop. `status` stops a job that runs too long, as an
    endpoint would.
    """

    def __init__(
        self,
        job_id: str,
        job_input: Json,
        execution_timeout_s: float,
        worker_id: str,
        keep: Callable[[ParseResponse], Callable[[], ParseResponse]],
    ) -> None:
        self.id = job_id
        self.input = job_input
        self.state = State.QUEUED
        self.task: asyncio.Task[None] | None = None  # set by `submit`; ends with the job
        self._execution_timeout_s = execution_timeout_s
        self._worker_id = worker_id
        self._keep = keep
        self._pages_lock = threading.Lock()
        self._response: Callable[[], ParseResponse | None] = lambda: None
        self._error: ErrorInfo | None = None
        self._pages_done = self._pages_expected = 0
        self._submitted_at = time.monotonic()
        self._started_at: float | None = None
        self._ended_at: float | None = None
        self._reported_at: float | None = None

    def on_page(self, document_id: str, pages_expected: int, page: PageResult) -> None:
        """Count a page. See `OnPage`."""
        with self._pages_lock:
            self._pages_done += 1

    def on_open(self, document_id: str, pages_expected: int) -> None:
        """Count the pages of a document. See `OnOpen`."""
        with self._pages_lock:
            self._pages_expected += pages_expected

    def begin(self) -> None:
        """Record that the job has a slot and a valid request."""
        self.state, self._started_at = State.RUNNING, time.monotonic()

    def end(self, response: ParseResponse | None = None, error: ErrorInfo | None = None) -> None:
        """End the job with its response, or with its error. No effect after `stop`."""
        if self.state not in ENDED_STATES:
            self._error = job_error(response) if response else error
            if response:
                self._response = self._keep(response)
            self._set_state(State.FAILED if self._error else State.COLLECTED)

    def stop(self, state: State) -> None:
        """End the job in this state, unless it has ended. Its pages in the engine are finished and dropped."""
        if self.state not in ENDED_STATES:
            self._set_state(state)
            if self.task:
                self.task.cancel()

    def _set_state(self, state: State) -> None:
        self.state, self._ended_at = state, time.monotonic()

    def status(self) -> JobStatus:
        """Return the status of the job. Stops it first if it has exceeded its execution timeout."""
        if self.state is State.RUNNING and self._execution_s() > self._execution_timeout_s:
            self.stop(State.TIMED_OUT)
        if self.state in ENDED_STATES:
            self._reported_at = self._reported_at or time.monotonic()
        now = time.monotonic()
        times = JobTimes(
            execution_s=self._execution_s() if self.state in ENDED_STATES else 0.0,
            delay_s=(self._started_at or self._ended_at or now) - self._submitted_at,
            worker_id=self._worker_id if self._started_at is not None else None,
            ended_at=time.time() - (now - self._ended_at) if self._ended_at is not None else None,
        )
        return JobStatus(self.state, self._response(), self._error, times, self._pages_done, self._pages_expected)

    def can_be_removed(self) -> bool:
        """Return whether the response was reported more than a minute ago."""
        return self._reported_at is not None and time.monotonic() - self._reported_at > _RETENTION_S

    def _execution_s(self) -> float:
        return (self._ended_at or time.monotonic()) - self._started_at if self._started_at is not None else 0.0
