"""The pipeline behind the routes: loading, ready or dead; so many jobs at once, so many more that wait."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from typing import Literal

from ocr_worker import threads
from ocr_worker.app.metrics import Metrics
from ocr_worker.errors import EngineUnavailable, OcrWorkerError, QueueFull, as_worker_error
from ocr_worker.log import event
from ocr_worker.parsing.job_host import JobHost
from ocr_worker.parsing.pipeline import OnPage, Pipeline
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import EngineInfo, ParseRequest, ParseResponse

log = logging.getLogger(__name__)

State = Literal["loading", "ready", "dead"]


class Service:
    """Loads its engine on a thread of its own once `start` is called; until then, and after, it says how it stands."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.began = time.monotonic()
        self.jobs = 0  # taken and not answered
        self.last_error: str | None = None  # its code
        self._pipeline: Pipeline | None = None
        self._failed: OcrWorkerError | None = None
        self._lock = threading.Lock()  # of the end of loading against `close`
        self._closed = False
        self._running = asyncio.Semaphore(settings.jobs_at_once)

    def start(self) -> None:
        """Begins to load."""
        threads.start(self._load, "load")

    def _load(self) -> None:
        try:
            pipeline = Pipeline(self.settings, on_engine_lost=self._lost)
            pipeline.start()
            with self._lock:
                is_closed, self._pipeline = self._closed, pipeline
            if is_closed:
                pipeline.close()
            event(log, "ready", seconds=time.monotonic() - self.began)
        except Exception as error:
            if not isinstance(error, OcrWorkerError):
                log.exception("the engine cannot start")
            self._failed = as_worker_error(error)
            self.last_error = self._failed.code
            log.error("the engine cannot start code=%s: %s", self._failed.code, self._failed)

    def _lost(self, error: OcrWorkerError) -> None:
        self.last_error = error.code

    def close(self) -> None:
        """End the engine and the rendering children, or have them ended as soon as they are loaded."""
        with self._lock:
            self._closed, pipeline = True, self._pipeline
        if pipeline:
            pipeline.close()

    # ----------------------------------------------------------------- how it stands

    @property
    def state(self) -> State:
        """Ready while at least one engine lives that has parsed its warm-up page."""
        if self._pipeline:
            return "ready" if self._pipeline.engine.alive_count else "dead"
        return "dead" if self._failed else "loading"

    @property
    def engine_info(self) -> EngineInfo | None:
        """What parses; None before it is loaded."""
        return self._pipeline.engine.info if self._pipeline else None

    @property
    def replicas(self) -> tuple[int, int]:
        """Engines alive, and engines in all."""
        return (self._pipeline.engine.alive_count, len(self._pipeline.engine)) if self._pipeline else (0, 0)

    @property
    def pages_waiting(self) -> int:
        """Pages that wait for an engine."""
        return self._pipeline.scheduler.pages_waiting if self._pipeline else 0

    def pipeline(self) -> Pipeline:
        """The pipeline. Raises EngineUnavailable, or the reason why it could not be loaded."""
        if self._failed:
            raise self._failed
        if self._pipeline is None:
            raise EngineUnavailable("the engine is still loading; come again in a moment")
        return self._pipeline

    # ----------------------------------------------------------------- work

    async def parse(
        self, request: ParseRequest, *, job_id: str | None = None, on_page: OnPage | None = None
    ) -> ParseResponse:
        """Run a job and return its response. If it is cancelled, its pages are dropped.

        Raises InvalidRequest, EngineUnavailable, QueueFull, Cancelled, Internal.
        """
        host = JobHost(self.pipeline())
        if self.jobs >= self.settings.queue:
            raise QueueFull(f"{self.jobs} jobs wait already; come again in some seconds")
        self.jobs += 1
        try:
            async with self._running:
                response = await host.run(request, job_id or uuid.uuid4().hex, on_page)
        except OcrWorkerError as error:
            self._note(error.code)
            raise
        finally:
            self.jobs -= 1
        self.metrics.answered(response)
        for document in response.documents:
            for fault in (document.error, *(page.error for page in document.pages)):
                if fault:
                    self._note(fault.code)
        return response

    def _note(self, code: str) -> None:
        self.last_error = code
        self.metrics.error(code)
