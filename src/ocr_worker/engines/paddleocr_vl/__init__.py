"""The PaddleOCR-VL engine: `adapter` alone (and `download`) imports Paddle; what can fail before that fails here."""

from __future__ import annotations

import threading

from ocr_worker import weights
from ocr_worker.engines.base import Engine
from ocr_worker.engines.paddleocr_vl import server
from ocr_worker.errors import EngineUnavailable
from ocr_worker.settings import Settings, tell_paddle

_building = threading.Lock()  # replicas start at once; Paddle is imported and built by one thread at a time


def create(settings: Settings) -> Engine:
    """The engine, loaded from whole local weights.

    Raises WeightsMissing, SettingsInvalid (a device that is not there), EngineUnavailable (Paddle does not load, the
    model server is not what it should be) and EngineTimedOut (the server is frozen).
    """
    with _building:
        return _create(settings)


def _create(settings: Settings) -> Engine:
    directories = weights.fetch(settings) if settings.download_weights else weights.locate(settings)
    connected = server.connect(settings) if settings.backend != "native" else None
    tell_paddle(settings)
    try:
        from ocr_worker.engines.paddleocr_vl import adapter  # 3 s: only once the weights are there
    except ImportError as error:
        raise EngineUnavailable(
            f"Paddle does not load: {error}\n"
            "install `ocr-worker[paddle]` and paddlepaddle-gpu (for the CPU: paddlepaddle), or set OCR_ENGINE=embedded"
        ) from error
    return adapter.load(settings, directories, connected)
