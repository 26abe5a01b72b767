"""The declaration of the embedded engine, as the registry finds it.

`SPEC` is cheap to import. It loads no engine library before its builder's result is called on the engine's thread.
"""

from __future__ import annotations

from collections.abc import Callable

from ocr_worker.engines.base import Diagnosis, Engine, EngineSpec
from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.extras import installed_version, not_installed_message
from ocr_worker.settings import Settings


def _builder(settings: Settings) -> Callable[[], Engine[EmbeddedOptions]]:
    """Return the function that builds a replica's engine."""
    from ocr_worker.engines.embedded.engine import create

    return create


def _replicas(settings: Settings) -> int:
    return settings.replica_count


def _has_processes(settings: Settings) -> bool:
    """Return whether several engines shall fill the processor: on threads, they would wait for each other in Python."""
    return settings.replica_count > 1


def _wants_text_layer(options: EmbeddedOptions) -> bool:
    """Return whether the engine uses the text layers of PDF pages."""
    return options.text_layer == "auto"


def _diagnose(settings: Settings) -> Diagnosis:
    """Return what to install if RapidOCR is missing."""
    return Diagnosis(remedies=[] if installed_version("rapidocr") else [not_installed_message("RapidOCR", "embedded")])


SPEC = EngineSpec(
    name="embedded",
    options=EmbeddedOptions,
    builder=_builder,
    preferred_dpi=200,
    replicas=_replicas,
    has_processes=_has_processes,
    proves_by_warm_up=False,  # the models come inside their packages
    wants_text_layer=_wants_text_layer,
    reads_as_witness=True,
    diagnose=_diagnose,
)
