"""The PaddleOCR-VL engine: `adapter` alone (and `download`) imports Paddle; what can fail before that fails here."""

from __future__ import annotations

from ocr_worker import weights
from ocr_worker.engines.base import Engine
from ocr_worker.errors import EngineUnavailable
from ocr_worker.settings import Settings, tell_paddle


def create(settings: Settings) -> Engine:
    """The engine, loaded from whole local weights.

    Raises WeightsMissing, SettingsInvalid (a device that is not there) and EngineUnavailable (Paddle does not load).
    """
    directories = weights.fetch(settings) if settings.download_weights else weights.locate(settings)
    tell_paddle(settings)
    try:
        from ocr_worker.engines.paddleocr_vl import adapter  # 3 s: only once the weights are there
    except ImportError as error:
        raise EngineUnavailable(
            f"Paddle does not load: {error}\n"
            "install `ocr-worker[paddle]` and paddlepaddle-gpu (for the CPU: paddlepaddle), or set OCR_ENGINE=embedded"
        ) from error
    return adapter.load(settings, directories)
