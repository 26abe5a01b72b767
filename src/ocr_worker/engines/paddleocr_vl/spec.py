"""The declaration of PaddleOCR-VL: its options, weights, checks and builder, as an `EngineSpec`.

Importing this module is cheap. The functions below import the modules that do the work when they are called.
"""

from __future__ import annotations

from collections.abc import Callable

from ocr_worker.engines.base import Diagnosis, Engine, EngineSpec, Weights
from ocr_worker.engines.paddleocr_vl import weights
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions, check_options
from ocr_worker.settings import Settings


def _builder(settings: Settings) -> Callable[[], Engine[PaddleOcrVlOptions]]:
    from ocr_worker.engines.paddleocr_vl.builder import Builder

    return Builder(settings)


def _replicas(settings: Settings) -> int:
    """Return 1 for the native backend, which reads one crop at a time; a model server needs several pipelines."""
    return 1 if settings.backend == "native" else settings.replicas


def _merges_pages(options: PaddleOcrVlOptions) -> bool:
    return options.merge_pages


def _keeps_pixels(options: PaddleOcrVlOptions) -> bool:
    return not (options.use_doc_orientation_classify or options.use_doc_unwarping)


def _diagnose(settings: Settings) -> Diagnosis:
    from ocr_worker.engines.paddleocr_vl import doctor

    return doctor.examine(settings)


SPEC = EngineSpec(
    name="paddleocr-vl",
    options=PaddleOcrVlOptions,
    builder=_builder,
    replicas=_replicas,
    check_options=check_options,
    merges_pages=_merges_pages,
    keeps_pixels=_keeps_pixels,
    weights=Weights(
        locate=weights.locate,
        fetch=weights.fetch,
        flags={"version": "vl_version", "source": "weights_source"},
    ),
    diagnose=_diagnose,
)
