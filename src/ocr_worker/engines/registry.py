"""The engines, chosen by name and never by accident."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from ocr_worker.engines.base import Engine
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.errors import SettingsInvalid
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import ParseOptions

_FACTORIES = {
    "paddleocr-vl": "ocr_worker.engines.paddleocr_vl.builder:create",
    "embedded": "ocr_worker.engines.embedded.engine:create",
}


def engine_builders(settings: Settings) -> list[Callable[[], Engine]]:
    """What builds each engine of this worker; several run side by side only where a model server does the reading."""
    if settings.engine == "paddleocr-vl":
        from ocr_worker.engines.paddleocr_vl.builder import Builder

        return [Builder(settings)] * (1 if settings.backend == "native" else settings.replicas)
    return [lambda: create_engine(settings)]


def create_engine(settings: Settings) -> Engine:
    """The engine that `settings.engine` names: one of ours, or `module:factory` of one that was installed beside us.

    The factory takes the settings. Raises SettingsInvalid for an unknown name; what the factory raises goes through.
    """
    target = _FACTORIES.get(settings.engine, settings.engine)
    module, colon, factory = target.partition(":")
    if not colon:
        known = ", ".join(sorted(_FACTORIES))
        raise SettingsInvalid(f"OCR_ENGINE={settings.engine!r} is unknown; choose one of: {known}")
    try:
        create = getattr(import_module(module), factory)
    except (ImportError, AttributeError) as error:
        raise SettingsInvalid(f"OCR_ENGINE={settings.engine!r} cannot be imported: {error}") from None
    engine: Engine = create(settings)
    return engine


ENGINE_OPTIONS: dict[str, type[ParseOptions]] = {
    "paddleocr-vl": PaddleOcrVlOptions,
    "embedded": EmbeddedOptions,
}


def options_model(engine: str) -> type[ParseOptions]:
    """The options model of the engine of this name; engines from outside have the common options only."""
    return ENGINE_OPTIONS.get(engine, ParseOptions)
