"""The stages that all jobs of a worker share: fetcher, rasterizer processes, scheduler, engines, second readers, cache.

`Stages` makes them from the settings, and starts nothing. `Pipeline` starts and ends them; `ParseJob` and
`PageSubmitter` use them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Protocol

from ocr_worker.delivery.page_cache import PageCache
from ocr_worker.engines.process.engine import engine_builders
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import OcrWorkerError
from ocr_worker.parsing.replicas import Replicas
from ocr_worker.parsing.scheduler import Scheduler
from ocr_worker.settings import MEGABYTE, Settings
from ocr_worker.sources.fetch import Fetcher
from ocr_worker.sources.rasterizer import RasterPool
from ocr_worker.witness.pool import Witnesses, default_workers
from ocr_worker.witness.process import WitnessProcess


class CountedJob(Protocol):
    """A job, as far as the stages count it. has_ended: whether it has its response."""

    has_ended: bool


class Stages:
    """The stages of a worker's jobs. on_engine_lost: called for each engine replica that is lost, with the error."""

    def __init__(self, settings: Settings, on_engine_lost: Callable[[OcrWorkerError], None]) -> None:
        self.settings = settings
        self.spec = engine_spec(settings.engine)
        self.fetcher = Fetcher(
            max_bytes=int(settings.max_source_mb * MEGABYTE),
            timeout_s=settings.fetch_timeout_s,
            allowed_hosts=settings.allowed_hosts,
            private_hosts=settings.private_hosts,
        )
        self.scheduler = Scheduler(int(settings.page_room_mb * MEGABYTE))
        self.engine = Replicas(
            self.scheduler,
            engine_builders(self.spec, settings),
            call_timeout_s=settings.engine_timeout_s,
            page_timeout_s=settings.engine_page_timeout_s,
            start_timeout_s=settings.start_timeout_s,
            on_lost=on_engine_lost,
        )
        self.cache: PageCache | None = None  # set by `Pipeline.begin`
        # Rasterizer processes are divided among the jobs, so that a short job need not wait for a long document.
        self.documents_rendered_per_job = max(1, settings.raster_workers // settings.jobs_at_once)
        self.rasters = RasterPool(
            workers=self.documents_rendered_per_job * settings.jobs_at_once,
            idle_workers=settings.raster_workers,
            memory_bytes=int(settings.raster_memory_mb * MEGABYTE),
            page_timeout_s=settings.raster_page_timeout_s,
        )
        # Half of the page memory stays free of pages that only wait for a second reading. No process starts before it
        # is needed.
        self.witnesses = Witnesses(
            settings.verify_processes or default_workers(),
            int(settings.page_room_mb * MEGABYTE / 2),
            wait_s=settings.verify_wait_s,
            process=partial(WitnessProcess, settings.verify_niceness),
        )
        self._verifying_jobs: set[CountedJob] = set()
        self._lock = threading.Lock()  # of that set

    @property
    def jobs_verifying(self) -> int:
        """Number of jobs whose pages are parsed and wait for their second reading only, at most as many as may run.

        As many other jobs may run meanwhile, since the engine would be idle.
        """
        with self._lock:
            return min(len(self._verifying_jobs), self.settings.jobs_at_once)

    def note_verifying(self, job: CountedJob, is_verifying: bool) -> None:
        """Count a job among those that wait for their second reading, until it has ended."""
        with self._lock:
            if is_verifying and not job.has_ended:
                self._verifying_jobs.add(job)
            else:
                self._verifying_jobs.discard(job)
