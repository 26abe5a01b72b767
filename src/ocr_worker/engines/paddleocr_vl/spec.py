"""The declaration of PaddleOCR-VL: its options, weights, checks and builder, as an `EngineSpec`.

Importing this module is cheap. The functions below import the modules that do the work when they are called.
"""

from __future__ import annotations

from collections.abc import Callable

from ocr_worker.engines.base import Diagnosis, Engine, EngineSpec, Weights
from ocr_worker.engines.paddleocr_vl import weights
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions, check_options, fill_options, wants_text_layer
from ocr_worker.settings import Settings


def _builder(settings: Settings) -> Callable[[], Engine[PaddleOcrVlOptions]]:
    from ocr_worker.engines.paddleocr_vl.builder import Builder

    return Builder(settings)


def _replicas(settings: Settings) -> int:
    """Return 1 for the native backend, which reads one crop at a time; a model server needs several pipelines."""
    return 1 if settings.backend == "native" else settings.replicas


def _merges_pages(options: PaddleOcrVlOptions) -> bool:
    return options.merge_pages


def _diagnose(settings: Settings) -> Diagnosis:
    from ocr_worker.engines.paddleocr_vl import doctor

    return doctor.examine(settings)


SPEC = EngineSpec(
    name="paddleocr-vl",
    options=PaddleOcrVlOptions,
    builder=_builder,
    replicas=_replicas,
    check_options=check_options,
    fill_options=fill_options,
    wants_text_layer=wants_text_layer,
    reads_repeated_lines=False,
    merges_pages=_merges_pages,
    weights=Weights(
        locate=weights.locate,
        fetch=weights.fetch,
        flags={"version": "vl_version", "source": "weights_source"},
    ),
    diagnose=_diagnose,
)
