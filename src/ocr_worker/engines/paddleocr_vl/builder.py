"""The PaddleOCR-VL engine: `adapter` alone (and `download`) imports Paddle; what can fail before that fails here."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from ocr_worker import extras
from ocr_worker.engines.base import Engine
from ocr_worker.engines.paddleocr_vl import weights
from ocr_worker.engines.paddleocr_vl.managed_server import ManagedServer
from ocr_worker.engines.paddleocr_vl.model_server import ExternalServer, ModelServer
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.errors import EngineUnavailable
from ocr_worker.log import event
from ocr_worker.settings import Settings, configure_paddle

log = logging.getLogger(__name__)


class Builder:
    """Builds the engines of one worker: Paddle by one thread at a time, and one model server for all of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._building = threading.Lock()  # replicas start at once
        self._model_server: ModelServer | None = None
        self._failed: Exception | None = None

    def __call__(self) -> Engine[PaddleOcrVlOptions]:
        """An engine, loaded from whole local weights.

        Raises WeightsMissing, SettingsInvalid (a device or a program that is not there), EngineUnavailable (Paddle
        does not load, the model server is not what it should be) and EngineTimedOut (that server is frozen).
        """
        with self._building:
            if self._failed:
                raise self._failed  # the worker is ending: nothing more may be built meanwhile
            try:
                return self._build()
            except Exception as error:
                self._failed = error
                if self._model_server:
                    self._model_server.close()  # before the worker ends: it may end without a word
                raise

    def _build(self) -> Engine[PaddleOcrVlOptions]:
        settings = self._settings
        began = time.monotonic()
        directories = weights.fetch(settings) if settings.download_weights else weights.locate(settings)
        weights.read_ahead(directories.values())
        self._model_server = self._model_server or self._started_server(directories)
        found = time.monotonic()
        configure_paddle(settings)
        try:
            with extras.needed_by("OCR_ENGINE=paddleocr-vl", "paddle"):
                from ocr_worker.engines.paddleocr_vl import adapter  # 3 s: only once the weights are there
        except ImportError as error:
            raise EngineUnavailable(
                f"Paddle does not load: {error}\ninstall it again: {extras.install_command('paddle')},"
                " or set OCR_ENGINE=embedded"
            ) from error
        imported = time.monotonic()
        engine = adapter.load(settings, directories, self._model_server)
        built = time.monotonic()
        event(log, "engine", weights=found - began, paddle=imported - found, construct=built - imported)
        return engine

    def _started_server(self, directories: dict[str, Path]) -> ModelServer | None:
        settings = self._settings
        if settings.backend == "native":
            return None
        if settings.server == "external":
            return ExternalServer(settings)
        return ManagedServer(settings, directories["vl"])  # starts while Paddle is imported
