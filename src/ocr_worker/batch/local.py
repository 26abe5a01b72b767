"""The pipeline in this process as a service: what a worker would answer, without an endpoint and its limits."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from concurrent.futures import Future
from contextlib import suppress

from ocr_worker import threads
from ocr_worker.batch.model import ENDED_STATES, JobStatus, JobTimes, Json, ServiceHealth, State
from ocr_worker.errors import EngineUnavailable, Internal, JobExpired, OcrWorkerError
from ocr_worker.parsing.job_host import JobHost, typed_errors
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.settings import Settings
from ocr_worker.wire.results import error_info, job_error
from ocr_worker.wire.schema import ErrorInfo, PageResult, ParseResponse

log = logging.getLogger(__name__)

_KEPT_S = 60.0  # an answer, after it was first told; a batch's answers together are too much for one memory
_CLOSE_S = 10.0


class LocalPipeline:
    """A `Service`. Jobs are answered as a worker with these settings would, but always whole: no limit of bytes, no
    bucket, no checkpoints, no time-to-live, whatever `options.delivery` and `idempotency_key` say."""

    def __init__(self, settings: Settings) -> None:
        self.name = f"this machine, with the engine {settings.engine}"
        self.jobs_at_once = settings.jobs_at_once
        self.payload_bytes = 200_000_000
        self._settings = settings
        self._jobs: dict[str, _LocalJob] = {}
        self._places = asyncio.Semaphore(settings.jobs_at_once)
        self._starting: Future[Pipeline] | None = None
        self._lost: OcrWorkerError | None = None
        self._lock = threading.Lock()  # of the end of the start against `close`
        self._pipeline: Pipeline | None = None
        self._closed = False

    async def submit(self, job_input: Json, *, execution_timeout_s: float, ttl_s: float) -> str:
        """See `Service`. The first call starts the engine and waits for it. Raises what the engine raises, each time,
        and EngineUnavailable once it is lost: a worker would be replaced, this process cannot be."""
        pipeline = await self._started()
        if self._lost:
            raise EngineUnavailable(f"the engine is gone ({self._lost.code}: {self._lost}); start the command again")
        self._forget()
        job = _LocalJob(str(uuid.uuid4()), job_input, execution_timeout_s)
        self._jobs[job.id] = job
        job.task = asyncio.create_task(self._run(JobHost(pipeline), job))
        return job.id

    async def status(self, job_id: str) -> JobStatus:
        """See `Service`."""
        job = self._jobs.get(job_id)
        if job is None:
            raise JobExpired("this process does not know the job: it is an earlier run's, or was answered a while ago")
        return job.status()

    async def cancel(self, job_id: str) -> None:
        """See `Service`."""
        if job := self._jobs.get(job_id):
            job.stop(State.CANCELLED)

    async def health(self) -> ServiceHealth:
        """See `Service`."""
        return ServiceHealth(workers=1, in_queue=sum(job.state is State.QUEUED for job in self._jobs.values()))

    async def close(self) -> None:
        """See `Service`. What hangs is left behind: all threads are daemons."""
        with self._lock:
            self._closed, pipeline = True, self._pipeline
        for job in self._jobs.values():
            job.stop(State.CANCELLED)
        if pipeline is None:  # one that is starting closes itself
            return
        with suppress(Exception):
            closing = threads.start(pipeline.close, "pipeline-close")
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(closing)), _CLOSE_S)

    # ----------------------------------------------------------------- the pipeline

    async def _started(self) -> Pipeline:
        if self._starting is None:
            self._starting = threads.start(self._start, "pipeline-start")
        # Whoever is cancelled while he waits must not cancel the start for the others.
        started = asyncio.wrap_future(self._starting)
        started.add_done_callback(lambda done: done.cancelled() or done.exception())  # told, whoever waits or not
        return await asyncio.shield(started)

    def _start(self) -> Pipeline:
        pipeline = Pipeline(self._settings, on_engine_lost=self._lose)
        try:
            pipeline.start()
            with self._lock:
                if self._closed:
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

    def _lose(self, error: OcrWorkerError) -> None:
        self._lost = error

    # ----------------------------------------------------------------- jobs

    async def _run(self, host: JobHost, job: _LocalJob) -> None:
        """Wait for a place, then run the job."""
        async with self._places:
            try:
                with typed_errors(job.id):
                    request = await host.read(job.input)
                    job.input = {}  # the request has it now
                    job.begin()
                    job.end(await host.run(request, job.id, job.on_page))
            except OcrWorkerError as error:
                job.end(error=error_info(error))

    def _forget(self) -> None:
        self._jobs = {name: job for name, job in self._jobs.items() if not job.is_over()}


class _LocalJob:
    """One job. All but `on_page` runs on the event loop. `look` stops one that runs too long, as an endpoint would."""

    def __init__(self, job_id: str, job_input: Json, execution_timeout_s: float) -> None:
        self.id = job_id
        self.input = job_input
        self.state = State.QUEUED
        self.task: asyncio.Task[None] | None = None  # set by who made the job; ends with it
        self._execution_timeout_s = execution_timeout_s
        self._counting = threading.Lock()
        self._response: ParseResponse | None = None
        self._error: ErrorInfo | None = None
        self._pages_done = 0
        self._submitted_at = time.monotonic()
        self._began_at: float | None = None
        self._ended_at: float | None = None
        self._told_at: float | None = None

    def on_page(self, document_id: str, pages_expected: int, page: PageResult) -> None:
        """Count a page. See `OnPage`."""
        with self._counting:
            self._pages_done += 1

    def begin(self) -> None:
        """Note that the job has its place and a valid request."""
        self.state, self._began_at = State.RUNNING, time.monotonic()

    def end(self, response: ParseResponse | None = None, error: ErrorInfo | None = None) -> None:
        """End the job with its response, or with the error that it has none for; no effect after `stop`."""
        if self.state not in ENDED_STATES:
            self._response, self._error = response, job_error(response) if response else error
            self._settle(State.FAILED if self._error else State.COLLECTED)

    def stop(self, state: State) -> None:
        """End the job in this state, unless it has ended; its pages in the engine are finished and dropped."""
        if self.state not in ENDED_STATES:
            self._settle(state)
            if self.task:
                self.task.cancel()

    def _settle(self, state: State) -> None:
        self.state, self._ended_at = state, time.monotonic()

    def status(self) -> JobStatus:
        """How the job stands."""
        if self.state is State.RUNNING and self._execution_s() > self._execution_timeout_s:
            self.stop(State.TIMED_OUT)
        if self.state in ENDED_STATES:
            self._told_at = self._told_at or time.monotonic()
        times = JobTimes(
            execution_s=self._execution_s() if self.state in ENDED_STATES else 0.0,
            delay_s=(self._began_at or self._ended_at or time.monotonic()) - self._submitted_at,
        )
        return JobStatus(self.state, self._response, self._error, times, self._pages_done)

    def is_over(self) -> bool:
        """Whether the answer was told and kept long enough."""
        return self._told_at is not None and time.monotonic() - self._told_at > _KEPT_S

    def _execution_s(self) -> float:
        return (self._ended_at or time.monotonic()) - self._began_at if self._began_at is not None else 0.0
