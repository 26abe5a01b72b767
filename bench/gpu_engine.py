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

from ocr_worker.engines.base import EngineSpec
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.engines.paddleocr_vl.spec import SPEC as PADDLEOCR_VL

_PROCESSORS = "paddlex.inference.models.layout_analysis.processors"
_TEXT = 22  # class of text blocks in PP-DocLayoutV3
_SCORE = 0.95


def _with_blocks(make_builder: Callable[..., Callable[[], Any]]) -> Callable[..., Callable[[], Any]]:
    """Return a function like the spec's `builder`, whose engines get our blocks from the layout model."""

    def make(*arguments: Any) -> Callable[[], Any]:
        build = make_builder(*arguments)

        def build_with_blocks() -> Any:
            engine = build()
            _replace_answer(sys.modules[_PROCESSORS].LayoutAnalysisProcess)
            return engine

        return build_with_blocks

    return make


def _spec() -> EngineSpec[PaddleOcrVlOptions]:
    changes: dict[str, Any] = {"builder": _with_blocks(PADDLEOCR_VL.builder)}
    if parts := getattr(PADDLEOCR_VL, "process_parts", None):  # how engines with processes of their own are built
        changes["process_parts"] = replace(parts, builder=_with_blocks(parts.builder))
    return replace(PADDLEOCR_VL, name="paddleocr-vl-blocks", **changes)


def _replace_answer(process: Any) -> None:
    """Let the layout model's postprocessing work on our blocks (class of paddlex 3.7.2, for both of its engines)."""
    if hasattr(process, "bench_original"):
        return
    process.bench_original = process.__call__

    def call(self: Any, outputs: Sequence[Any], inputs: Sequence[Any], **arguments: Any) -> Any:
        answers = [{"boxes": _detections(*page["ori_img_size"])} for page in inputs]
        return process.bench_original(self, answers, inputs, **arguments)

    process.__call__ = call


def _detections(width: float, height: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the blocks as the layout model does: class, score, left, top, right, bottom, order; in pixels."""
    scale = np.array([width, height, width, height])
    places = np.array(boxes()) * scale
    order = np.arange(BLOCKS)[:, None]
    columns = (np.full((BLOCKS, 1), _TEXT), np.full((BLOCKS, 1), _SCORE), places, order)
    detections: np.ndarray[Any, np.dtype[np.float32]] = np.concatenate(columns, axis=1).astype(np.float32)
    return detections


SPEC = _spec()
