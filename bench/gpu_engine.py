"""The engine of bench/gpu.py: PaddleOCR-VL on random weights, as `OCR_ENGINE=gpu_engine:SPEC`.

All of it is the product's own engine, and the layout model runs in full. Only its answer is replaced: random weights
detect nothing, so each page gets the blocks of `gpu_pages.boxes`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from gpu_pages import BLOCKS, boxes

from ocr_worker.engines.base import Engine
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.engines.paddleocr_vl.spec import SPEC as PADDLEOCR_VL
from ocr_worker.settings import Settings

_PROCESSORS = "paddlex.inference.models.layout_analysis.processors"
_TEXT = 22  # class of text blocks in PP-DocLayoutV3
_SCORE = 0.95


def _builder(settings: Settings) -> Callable[[], Engine[PaddleOcrVlOptions]]:
    build = PADDLEOCR_VL.builder(settings)

    def build_with_blocks() -> Engine[PaddleOcrVlOptions]:
        engine = build()
        if module := sys.modules.get(_PROCESSORS):  # else the pipeline is in another process, which builds it as here
            _replace_answer(module.LayoutAnalysisProcess)
        return engine

    return build_with_blocks


def _replace_answer(process: Any) -> None:
    """Let the layout model's postprocessing work on our blocks (class of paddlex 3.7.2, for both of its engines)."""
    if hasattr(process, "bench_original"):
        return
    process.bench_original = process.__call__

    def call(self: Any, outputs: Sequence[Any], datas: Sequence[Any], **arguments: Any) -> Any:
        answers = [{"boxes": _detections(*data["ori_img_size"])} for data in datas]
        return process.bench_original(self, answers, datas, **arguments)

    process.__call__ = call


def _detections(width: float, height: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the blocks as the layout model does: class, score, left, top, right, bottom, order; in pixels."""
    scale = np.array([width, height, width, height])
    places = np.array(boxes()) * scale
    order = np.arange(BLOCKS)[:, None]
    columns = (np.full((BLOCKS, 1), _TEXT), np.full((BLOCKS, 1), _SCORE), places, order)
    return np.concatenate(columns, axis=1).astype(np.float32)


SPEC = replace(PADDLEOCR_VL, name="paddleocr-vl-blocks", builder=_builder)
