"""The pipeline behind the routes, where a fault must strike at a moment that no caller can choose."""

from __future__ import annotations

from concurrent.futures import Future

from ocr_worker.app.worker import AppWorker
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.settings import Settings
from support.interleaving import WatchedLock, meanwhile


def test_a_service_that_is_closed_in_the_moment_of_its_start_ends() -> None:
    """The pipeline is closed whether `close` or the end of loading comes first."""
    lock = WatchedLock()
    closing: list[Future[None]] = []

    class Interrupted(AppWorker):
        loaded: Pipeline | None = None

        @property
        def _pipeline(self) -> Pipeline | None:
            return self.loaded

        @_pipeline.setter
        def _pipeline(self, pipeline: Pipeline | None) -> None:
            if pipeline:
                closing.append(meanwhile(self.close, lock))
            self.loaded = pipeline

    worker = Interrupted(Settings(engine="support.doubles:reading"))
    worker._lock = lock
    worker._load()
    closing[0].result()
    assert worker.loaded
    assert worker.loaded.rasters._is_closed()


def test_a_service_that_is_closed_while_it_loads_ends() -> None:
    """A pipeline that is ready after `close` is closed at once."""
    worker = AppWorker(Settings(engine="support.doubles:reading"))
    worker.close()
    worker._load()
    assert worker.pipeline().rasters._is_closed()
