"""The declaration of PaddleOCR-VL: its options, weights, checks and builder, as an `EngineSpec`.

Importing this module is cheap. The functions below import the modules that do the work when they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ocr_worker.engines.base import (
    BlockRepair,
    CallWorker,
    Diagnosis,
    Engine,
    EngineSpec,
    ProcessParts,
    Weights,
    WorkerPart,
)
from ocr_worker.engines.paddleocr_vl import weights
from ocr_worker.engines.paddleocr_vl.options import (
    PaddleOcrVlOptions,
    block_options,
    check_options,
    fill_options,
    wants_text_layer,
)
from ocr_worker.pages import ParsedPage
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import Block


def _builder(settings: Settings) -> Callable[[], Engine[PaddleOcrVlOptions]]:
    from ocr_worker.engines.paddleocr_vl.builder import Builder

    return Builder(settings)


def _worker_part(settings: Settings) -> Callable[[], WorkerPart]:
    from ocr_worker.engines.paddleocr_vl.parts import WorkerParts

    return WorkerParts(settings)


def _process_builder(settings: Settings, call_worker: CallWorker) -> Callable[[], Engine[PaddleOcrVlOptions]]:
    from ocr_worker.engines.paddleocr_vl.parts import process_builder

    return process_builder(settings, call_worker)


def _replicas(settings: Settings) -> int:
    return settings.replica_count


def _has_processes(settings: Settings) -> bool:
    """Return whether each engine has a process of its own by default.

    Natively, a crash of the framework would end the worker, and several engines would share one interpreter lock.
    Pipelines on one model server share the worker's process, which does not limit them. On an H200 with two servers,
    pipelines in processes of their own read about one and a half times as many pages.
    """
    if settings.backend == "native":
        return settings.device != "cpu" or settings.replica_count > 1
    return settings.device != "cpu" and settings.server_count > 1


def _merges_pages(options: PaddleOcrVlOptions) -> bool:
    return options.merge_pages


def _keeps_pixels(options: PaddleOcrVlOptions) -> bool:
    return not (options.use_doc_orientation_classify or options.use_doc_unwarping)


def _with_blocks(page: ParsedPage, blocks: Sequence[Block]) -> ParsedPage:
    from ocr_worker.engines.paddleocr_vl.convert import with_blocks

    return with_blocks(page, blocks)


def _diagnose(settings: Settings) -> Diagnosis:
    from ocr_worker.engines.paddleocr_vl import doctor

    return doctor.examine(settings)


SPEC = EngineSpec(
    name="paddleocr-vl",
    options=PaddleOcrVlOptions,
    builder=_builder,
    preferred_dpi=144,  # PaddleX's resolution for PDFs: 2.0 times 72
    replicas=_replicas,
    has_processes=_has_processes,
    process_parts=ProcessParts(worker_part=_worker_part, builder=_process_builder),
    check_options=check_options,
    fill_options=fill_options,
    wants_text_layer=wants_text_layer,
    reads_repeated_lines=False,
    merges_pages=_merges_pages,
    keeps_pixels=_keeps_pixels,
    block_repair=BlockRepair(options=block_options, with_blocks=_with_blocks),
    weights=Weights(
        locate=weights.locate,
        fetch=weights.fetch,
        flags={"version": "vl_version", "source": "weights_source"},
    ),
    diagnose=_diagnose,
)
