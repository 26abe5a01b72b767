"""The construction of PaddleOCR-VL engines, one for each replica.

Only `adapter` and `download` import Paddle. Importing it takes seconds, so this module first does everything that can
fail without it: it locates the weights and connects to the model server or starts it. Then it imports `adapter`.
"""

from __future__ import annotations

import logging
import threading
import time

from ocr_worker import extras
from ocr_worker.engines.base import Engine
from ocr_worker.engines.paddleocr_vl import frameworks, weights
from ocr_worker.engines.paddleocr_vl.model_server import ModelServer
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.engines.paddleocr_vl.servers import ServerPool, start_pool
from ocr_worker.errors import EngineUnavailable
from ocr_worker.log import event
from ocr_worker.settings import Settings, configure_paddle

log = logging.getLogger(__name__)


class Builder:
    """Builder of a worker's engines. One thread at a time imports and builds, and all engines share the model servers.

    model_server: that of an engine process, which has one engine; None: servers are started or connected here.
    gpu_share: largest share of the GPU's memory for the models of this process; None: no limit.
    """

    def __init__(
        self, settings: Settings, model_server: ModelServer | None = None, gpu_share: float | None = None
    ) -> None:
        self._settings = settings
        self._model_server = model_server
        self._gpu_share = gpu_share
        self._lock = threading.Lock()  # all replicas are built at the same time
        self._servers: ServerPool | None = None
        self._build_error: Exception | None = None

    def __call__(self) -> Engine[PaddleOcrVlOptions]:
        """Return an engine, loaded from complete local weights.

        Raises WeightsMissing. Raises SettingsInvalid: the device or the server's command does not exist. Raises
        EngineUnavailable: Paddle or torch cannot be imported, or the model server cannot be used. Raises
        EngineTimedOut: the model server does not respond. After an error, every further call raises the same error.
        """
        with self._lock:
            if self._build_error:
                raise self._build_error  # the worker is about to exit: do not build more engines
            try:
                return self._build()
            except Exception as error:
                self._build_error = error
                if self._servers:
                    self._servers.close()  # before the worker exits, which may happen without notice
                raise

    def _build(self) -> Engine[PaddleOcrVlOptions]:
        settings = self._settings
        started_at = time.monotonic()
        directories = weights.fetch(settings) if settings.download_weights else weights.locate(settings)
        weights.read_ahead(directories.values())
        if settings.backend != "native" and not self._servers and not self._model_server:
            self._servers = start_pool(settings, directories)  # they start while the framework is imported
        located_at = time.monotonic()
        configure_paddle(settings)
        name, extra = ("torch", "torch") if settings.native == "transformers" else ("Paddle", "paddle")
        user = "OCR_NATIVE=transformers" if name == "torch" else "OCR_ENGINE=paddleocr-vl"
        try:
            with extras.needed_by(user, extra):
                framework = frameworks.load(settings)  # before PaddleX, which imports parts of it
            with extras.needed_by("OCR_ENGINE=paddleocr-vl", "paddle"):
                from ocr_worker.engines.paddleocr_vl import adapter  # takes 2 s: only after the weights were located
        except ImportError as error:
            raise EngineUnavailable(
                f"{name} cannot be loaded: {error}\ninstall it again: {extras.install_command(extra)},"
                " or set OCR_ENGINE=embedded"
            ) from error
        frameworks.check_device(framework, settings.device)
        if self._gpu_share:
            framework.limit_memory(settings.device, self._gpu_share)
        imported_at = time.monotonic()
        model_server = self._servers.share() if self._servers else self._model_server
        engine = adapter.load(settings, directories, framework, model_server)
        built_at = time.monotonic()
        event(
            log,
            "engine",
            weights=located_at - started_at,
            framework=imported_at - located_at,
            construct=built_at - imported_at,
        )
        return engine
