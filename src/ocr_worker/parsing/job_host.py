"""Run jobs for every caller: the handler, the HTTP app, the batch client's local service, and the command line.

The callers are asynchronous, and the pipeline uses threads; `JobHost` connects the two. It runs each job on a daemon
thread, turns a cancellation into `ParseJob.stop`, logs unexpected exceptions, and raises only typed errors. `run`
returns the response itself. `answer` also delivers it, for jobs of the platform.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from ocr_worker import threads
from ocr_worker.delivery import Deliveries
from ocr_worker.delivery.checkpoints import Checkpoints
from ocr_worker.engines.registry import read_request
from ocr_worker.errors import Cancelled, OcrWorkerError, as_worker_error
from ocr_worker.log import event
from ocr_worker.parsing.parse_job import OnOpen, OnPage, ParseJob
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.wire import response
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import ParseRequest, ParseResponse

log = logging.getLogger(__name__)

Value = TypeVar("Value")


class JobHost:
    """A runner of jobs on one pipeline, which its owner starts and closes. Call it from an event loop."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._jobs: set[ParseJob] = set()  # those that run
        self._is_interrupted = False

    def interrupt(self) -> None:
        """End all jobs soon, later ones too: each returns what is parsed. For signal handlers, on the loop's thread."""
        self._is_interrupted = True
        for job in list(self._jobs):
            job.interrupt()

    async def read(self, job_input: Any) -> ParseRequest:
        """Return the validated request in a job's `input`. Raises InvalidRequest, which lists every problem.

        The input is read on a thread, since a large one must not block the event loop.
        """
        return await asyncio.wrap_future(threads.start(lambda: read_request(job_input, self._pipeline.spec), "request"))

    async def run(
        self,
        request: ParseRequest,
        job_id: str,
        on_page: OnPage | None = None,
        on_open: OnOpen = lambda document_id, pages_expected: None,
        checkpoints: Checkpoints | None = None,
        on_parsed: Callable[[], None] = lambda: None,
    ) -> ParseResponse:
        """Run a job and return its response. If the task is cancelled, pending pages are dropped.

        checkpoints: store of pages; by default nothing is stored. on_parsed: called on any thread, at most once, if all
        pages are parsed and wait for their second reading.

        Raises InvalidRequest for options that this worker would have to ignore, Cancelled when the job was stopped, and
        Internal for an unexpected exception.
        """
        with typed_errors(job_id):
            job = self._pipeline.job(request, job_id, on_page, checkpoints, on_open)
            job.on_parsed = on_parsed
            return await self._run_on_thread(job, job.run)

    async def answer(
        self, job: Mapping[str, Any], deliveries: Deliveries, on_page: OnPage, *, is_streamed: bool = False
    ) -> response.JsonObject:
        """Run a job of the platform, deliver its response, and return the JSON for the platform, also on an error.

        job: with `id` and `input`, and perhaps `s3Config`. is_streamed: `on_page` sends the pages, so that the response
        has none.
        """
        try:
            with typed_errors(job["id"]):
                request = await self.read(job["input"])
                delivery = deliveries.plan(request, job, is_streamed=is_streamed)
                parse_job = self._pipeline.job(request, job["id"], on_page, delivery.checkpoints)

                def run_and_deliver() -> response.JsonObject:
                    delivery.check()  # before any page is parsed
                    return delivery.destination.deliver(parse_job.run())

                return await self._run_on_thread(parse_job, run_and_deliver)
        except OcrWorkerError as error:
            event(log, "job", job=job["id"], status="failed", error=error.code)
            return response.failure(error_info(error))

    async def _run_on_thread(self, job: ParseJob, work: Callable[[], Value]) -> Value:
        """Run `work`, which runs `job`, on a daemon thread; stop the job if this coroutine is cancelled."""
        self._jobs.add(job)
        if self._is_interrupted:
            job.interrupt()
        try:
            return await asyncio.wrap_future(threads.start(work, f"job-{job.id}"))
        except asyncio.CancelledError:
            job.stop(Cancelled("the job was cancelled"))
            raise
        finally:
            self._jobs.discard(job)


@contextmanager
def typed_errors(job_id: str) -> Iterator[None]:
    """Raise every exception of the block as an OcrWorkerError. Log the traceback of any other exception."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, OcrWorkerError):
            log.exception("unexpected error job=%s", job_id)
        raise as_worker_error(error) from None
