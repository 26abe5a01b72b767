"""A model server that runs elsewhere: this worker neither starts nor stops it.

One thread looks after it (`_supervise`). It proves the server at the start (`connect`). When a call fails, it checks at
once whether the server still reads; if not, the server is lost until it is proven again.
"""

from __future__ import annotations

import logging
import threading

from ocr_worker import threads
from ocr_worker.engines.paddleocr_vl.model_server import (
    ServedModel,
    can_still_read,
    check_version,
    connect,
    host_and_port,
)
from ocr_worker.errors import EngineUnavailable, OcrWorkerError, as_worker_error
from ocr_worker.settings import Settings

log = logging.getLogger(__name__)

_RETRY_S = 10.0  # between two attempts to connect to a lost server


class ExternalServer:
    """A model server at `url`. Construction returns at once.

    condition: the pool's. A start is the number of times that the server was proven, from 1.
    """

    def __init__(self, settings: Settings, url: str, condition: threading.Condition) -> None:
        self._settings = settings
        self.url = url.rstrip("/")
        self._condition = condition
        self._starts = 0
        self._served_model: ServedModel | None = None  # not None while the server can be used
        self._loss: OcrWorkerError | None = None
        self._is_closed = False
        threads.start(self._supervise, "model-server")

    def served(self) -> tuple[ServedModel, int] | None:
        """Return the model and the start if the server can be used now, else None."""
        return (self._served_model, self._starts) if self._served_model else None

    def abandon(self, start: int) -> OcrWorkerError | None:
        """Have the server checked, and use it for no call meanwhile. Return why it is lost, or None."""
        with self._condition:
            if start == self._starts and self._served_model:
                self._served_model = None
                self._condition.notify_all()
            return self._loss

    def lost(self) -> OcrWorkerError | None:
        """Return why the last check of the server failed, or None."""
        return self._loss

    def close(self) -> None:
        """End the supervision, but not the server."""
        with self._condition:
            self._is_closed = True
            self._served_model = None
            self._loss = self._loss or EngineUnavailable("the worker is stopping; send the job again")
            self._condition.notify_all()

    def _supervise(self) -> None:
        while not self._is_closed:
            try:
                served_model = connect(self._settings, self.url)
                check_version(self._settings, self.url)
                self._use_until_abandoned(served_model)
            except Exception as error:
                if not isinstance(error, OcrWorkerError):
                    log.exception("the check of the model server failed")
                self._lose(as_worker_error(error))

    def _use_until_abandoned(self, served_model: ServedModel) -> None:
        """Offer the server to all calls until a check fails. Raises EngineUnavailable then."""
        while self._offer(served_model):
            if not can_still_read(self._settings, served_model):
                raise EngineUnavailable(f"the model server at {host_and_port(self.url)} is lost; send the page again")

    def _offer(self, served_model: ServedModel) -> bool:
        """Offer the server until it is abandoned. Return False if it was closed."""
        with self._condition:
            if not self._is_closed:
                self._starts += 1
                self._loss = None
                self._served_model = served_model
                self._condition.notify_all()
            self._condition.wait_for(lambda: self._served_model is None)
            return not self._is_closed

    def _lose(self, error: OcrWorkerError) -> None:
        log.error("model server at %s: %s", host_and_port(self.url), error)
        with self._condition:
            self._loss = self._loss or error
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._is_closed, _RETRY_S)
