"""The declaration of the embedded engine."""

from __future__ import annotations

from collections.abc import Callable

from ocr_worker.engines.base import Diagnosis, Engine, EngineSpec
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.extras import installed_version, not_installed_message
from ocr_worker.settings import Settings


def _builder(settings: Settings) -> Callable[[], Engine[EmbeddedOptions]]:
    from ocr_worker.engines.embedded.engine import create

    return create


def _wants_text_layer(options: EmbeddedOptions) -> bool:
    return options.text_layer == "auto"


def _diagnose(settings: Settings) -> Diagnosis:
    return Diagnosis(remedies=[] if installed_version("rapidocr") else [not_installed_message("RapidOCR", "embedded")])


SPEC = EngineSpec(
    name="embedded",
    options=EmbeddedOptions,
    builder=_builder,
    wants_text_layer=_wants_text_layer,
    diagnose=_diagnose,
)
