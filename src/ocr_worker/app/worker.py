"""The worker behind the routes: its pipeline, which is loading, ready or dead, and the jobs on it.

`AppWorker` loads the pipeline in the background, so that the app can report its state from the first second. It limits
how many jobs run and how many wait, and counts what happens. Parsing itself is the pipeline's work.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Literal

from ocr_worker import threads
from ocr_worker.app.metrics import Metrics
from ocr_worker.delivery.checkpoints import Checkpoints
from ocr_worker.errors import EngineUnavailable, OcrWorkerError, QueueFull, as_worker_error
from ocr_worker.log import event
from ocr_worker.parsing.job_host import JobHost
from ocr_worker.parsing.job_slots import JobSlots
from ocr_worker.parsing.parse_job import OnOpen, OnPage
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import EngineInfo, ParseRequest, ParseResponse

log = logging.getLogger(__name__)

State = Literal["loading", "ready", "dead"]


class AppWorker:
    """The pipeline of an HTTP app, with its state, its queue and its metrics.

    `start` loads the engine on a thread of its own. The state can be read before, during and after loading.

    on_ready: called on that thread when the engine is ready, with the seconds since construction.
    started_at: monotonic time of construction, in seconds. jobs: accepted and not finished. last_error: code of the
    last error.
    """

    def __init__(self, settings: Settings, on_ready: Callable[[float], None] = lambda seconds: None) -> None:
        self.settings = settings
        self._on_ready = on_ready
        self.metrics = Metrics()
        self.started_at = time.monotonic()
        self.jobs = 0
        self.last_error: str | None = None
        self._pipeline: Pipeline | None = None
        self._load_error: OcrWorkerError | None = None
        self._lock = threading.Lock()  # orders `close` and the end of loading
        self._is_closed = False
        self._job_slots = JobSlots(settings.jobs_at_once)

    def start(self) -> None:
        """Begin to load the pipeline, on a thread."""
        threads.start(self._load, "load")

    def _load(self) -> None:
        try:
            pipeline = Pipeline(self.settings, on_engine_lost=self._on_engine_lost)
            pipeline.start()
            with self._lock:
                is_closed, self._pipeline = self._is_closed, pipeline
            seconds = time.monotonic() - self.started_at
            event(log, "ready", seconds=seconds)
            if is_closed:
                pipeline.close()
            else:
                self._on_ready(seconds)
        except Exception as error:
            if not isinstance(error, OcrWorkerError):
                log.exception("the engine cannot start")
            self._load_error = as_worker_error(error)
            self.last_error = self._load_error.code
            log.error("the engine cannot start code=%s: %s", self._load_error.code, self._load_error)

    def _on_engine_lost(self, error: OcrWorkerError) -> None:
        self.last_error = error.code

    def close(self) -> None:
        """Close the engine and the rasterizer processes; if they are still loading, close them right after that."""
        with self._lock:
            self._is_closed, pipeline = True, self._pipeline
        if pipeline:
            pipeline.close()

    # ----------------------------------------------------------------- state

    @property
    def state(self) -> State:
        """State of the worker: ready while at least one engine is alive that has parsed its warm-up page."""
        if self._pipeline:
            return "ready" if self._pipeline.engine.alive_count else "dead"
        return "dead" if self._load_error else "loading"

    @property
    def engine_info(self) -> EngineInfo | None:
        """Name, version and backend of the engine; None before it is loaded."""
        return self._pipeline.engine.info if self._pipeline else None

    @property
    def replicas(self) -> tuple[int, int]:
        """Number of replicas that are alive, and of all replicas."""
        return (self._pipeline.engine.alive_count, len(self._pipeline.engine)) if self._pipeline else (0, 0)

    @property
    def pages_waiting(self) -> int:
        """Number of pages that wait for an engine."""
        return self._pipeline.scheduler.pages_waiting if self._pipeline else 0

    @property
    def jobs_verifying(self) -> int:
        """Number of jobs beside which as many others may run; see `Pipeline.jobs_verifying`."""
        return self._pipeline.jobs_verifying if self._pipeline else 0

    def pipeline(self) -> Pipeline:
        """Return the pipeline. Raises EngineUnavailable while it is loading, or the error that loading ended with."""
        if self._load_error:
            raise self._load_error
        if self._pipeline is None:
            raise EngineUnavailable("the engine is still loading; try again in some seconds")
        return self._pipeline

    # ----------------------------------------------------------------- work

    async def parse(
        self,
        request: ParseRequest,
        *,
        job_id: str | None = None,
        on_page: OnPage | None = None,
        on_open: OnOpen = lambda document_id, pages_expected: None,
        checkpoints: Checkpoints | None = None,
    ) -> ParseResponse:
        """Run a job and return its response. If it is cancelled, its pages are dropped.

        on_page: receiver of each page. on_open: receiver of each open document. checkpoints: store of pages; by default
        nothing is stored.

        Raises InvalidRequest, EngineUnavailable, QueueFull, Cancelled, Internal.
        """
        host = JobHost(self.pipeline())
        if self.jobs >= self.settings.queue:
            raise QueueFull(f"the queue is full with {self.jobs} jobs; try again in some seconds")
        self.jobs += 1
        try:
            async with self._job_slots.slot() as free_slot:
                name = job_id or uuid.uuid4().hex
                response = await host.run(request, name, on_page, on_open, checkpoints, free_slot)
        except OcrWorkerError as error:
            self._count_error(error.code)
            raise
        finally:
            self.jobs -= 1
        self.metrics.count_response(response)
        for document in response.documents:
            for failure in (document.error, *(page.error for page in document.pages)):
                if failure:
                    self._count_error(failure.code)
        return response

    def _count_error(self, code: str) -> None:
        self.last_error = code
        self.metrics.count_error(code)
