"""The division of PaddleOCR-VL between the worker's process and engine processes.

The worker owns all model servers: their guards, their restarts, and the choice among them. So the end of an engine
process leaves every server up, and a server that died is started again for all. In an engine process, `RemoteServer`
takes the place of the worker's `ModelServer` and passes each call to it. The weights are located, and fetched if need
be, once in the worker, before the first process starts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from ocr_worker.engines.base import CallWorker, Engine
from ocr_worker.engines.paddleocr_vl import weights
from ocr_worker.engines.paddleocr_vl.builder import Builder
from ocr_worker.engines.paddleocr_vl.gpu_memory import native_share
from ocr_worker.engines.paddleocr_vl.model_server import ModelServer, ServedModel, can_still_read
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.engines.paddleocr_vl.servers import ServerPool, start_pool
from ocr_worker.errors import EngineUnavailable, OcrWorkerError
from ocr_worker.settings import Settings


class WorkerParts:
    """Builder of the parts that stay in the worker, one for each engine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()  # all replicas are built at the same time
        self._servers: ServerPool | None = None
        self._error: Exception | None = None

    def __call__(self) -> PaddleOcrVlPart:
        """Return the part of one more engine.

        Raises WeightsMissing; SettingsInvalid: the command of a managed server does not exist. After an error, every
        further call raises the same error.
        """
        with self._lock:
            if self._error:
                raise self._error  # the worker is about to exit: do not fetch again
            try:
                return PaddleOcrVlPart(self._settings, self._share())
            except Exception as error:
                self._error = error
                raise

    def _share(self) -> ModelServer | None:
        settings = self._settings
        directories = weights.fetch(settings) if settings.download_weights else weights.locate(settings)
        if settings.backend == "native":
            return None
        self._servers = self._servers or start_pool(settings, directories)  # they start while processes import Paddle
        return self._servers.share()


class PaddleOcrVlPart:
    """The model server of one engine, in the worker's process; see `WorkerPart`. model_server: None natively."""

    def __init__(self, settings: Settings, model_server: ModelServer | None) -> None:
        self._settings = settings
        self._model_server = model_server
        self._served: tuple[ServedModel, int] | None = None  # of the current or last call
        if model_server:
            model_server.join()

    def call(self, method: str, arguments: Sequence[Any]) -> Any:
        """Return the result of a method of the model server, as JSON. Raises its errors. See `RemoteServer`."""
        assert self._model_server  # a native engine calls nothing
        if method == "url":
            return self._model_server.url
        if method == "wait":
            self._served = served_model, start = self._model_server.wait()
            return [asdict(served_model), start]
        assert method == "abandon"
        error = self._model_server.abandon(*arguments)
        return error and str(error)

    def examine(self) -> None:
        """Abandon the server of the last call if it does not read a crop: then the server hangs, not the process."""
        if self._model_server and self._served:
            served_model, start = self._served
            if not can_still_read(self._settings, served_model):
                self._model_server.abandon(start)

    def lost(self) -> OcrWorkerError | None:
        """Return why no model server will be usable again, or None."""
        return self._model_server.lost() if self._model_server else None

    def close(self) -> None:
        """Leave the model server; after the last engine, managed servers are stopped."""
        if self._model_server:
            self._model_server.leave()


class RemoteServer:
    """The `ModelServer` of an engine process. The worker counts the engines and stops the servers."""

    def __init__(self, call_worker: CallWorker) -> None:
        self._call_worker = call_worker
        self.url: str = call_worker("url")

    def join(self) -> None:
        """Do nothing: the worker has counted the engine."""

    def leave(self) -> None:
        """Do nothing: the worker has counted the engine."""

    def wait(self) -> tuple[ServedModel, int]:
        """Wait until a server can be used; return its model and its start. Raises the worker's error."""
        served_model, start = self._call_worker("wait")
        return ServedModel(**served_model), start

    def abandon(self, start: int) -> OcrWorkerError | None:
        """Report that the server of this start is dead or hangs. Return why none will be usable again, or None."""
        message = self._call_worker("abandon", start)
        return EngineUnavailable(message) if message else None

    def lost(self) -> OcrWorkerError | None:
        """Return None: only the worker's watchdog looks for a loss, and it uses the worker's own server."""
        return None

    def close(self) -> None:
        """Do nothing: the worker stops its servers."""


def process_builder(settings: Settings, call_worker: CallWorker) -> Callable[[], Engine[PaddleOcrVlOptions]]:
    """Return the function that builds the engine in an engine process."""
    if settings.backend == "native":
        return Builder(settings, gpu_share=native_share(settings))
    return Builder(settings, RemoteServer(call_worker))
