"""A small reader on the CPU, with which an engine without such a reader checks the fonts of a text layer.

It is RapidOCR's recognizer, whose model comes inside its wheel (the extra `embedded`). Without it, or if it does not
load, nothing is read: fonts that their own tables do not prove stay open.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from ocr_worker.engines.text_layer.judge import Reading, Rectangle
from ocr_worker.engines.text_layer.rapid_ocr import load_rapid_ocr
from ocr_worker.pages import Pixels
from ocr_worker.settings import disable_telemetry

log = logging.getLogger(__name__)

_NOTHING = Reading("", 0.0)
_MIN_WIDTH = 32  # pixels to which a crop is padded; the package's 320 is wasted on words
_HEIGHT = 48  # pixels of a crop's height in the model's input
_BATCH = 1  # words of several lengths are padded to the longest: with 6, a page took 0.56 s instead of 0.32


class SmallReader:
    """A reader of single lines, loaded at its first use. Called from one thread."""

    def __init__(self) -> None:
        self._recognize: Any = None
        self._is_loaded = False

    def read(self, pixels: Pixels, boxes: Sequence[Rectangle]) -> list[Reading]:
        """Return a reading for each box in pixels of the page image; nothing at all if there is no model."""
        if not self._load():
            return []
        crops = [_crop(pixels, box) for box in boxes]
        legible = [i for i, crop in enumerate(crops) if crop.size]
        readings = [_NOTHING] * len(crops)
        if legible:
            from rapidocr.ch_ppocr_rec.typings import TextRecInput

            result = self._recognize(TextRecInput(img=[crops[i] for i in legible]))
            for i, text, score in zip(legible, result.txts or (), result.scores or (), strict=False):
                readings[i] = Reading(text.strip(), float(score))
        return readings

    def _load(self) -> bool:
        """Load the model at the first call. Return whether there is one."""
        if not self._is_loaded:
            self._is_loaded = True
            try:
                self._recognize = _load_recognizer()
            except (
                Exception
            ) as error:  # the extra is not installed, or a file of it is damaged: the page is parsed anyway
                log.info("no small reader: %s", type(error).__name__)
        return self._recognize is not None


def _load_recognizer() -> Any:
    disable_telemetry()
    ocr = load_rapid_ocr(
        {
            "Global.use_cls": False,
            "Global.log_level": "warning",
            "Rec.rec_img_shape": [3, _HEIGHT, _MIN_WIDTH],
            "Rec.rec_batch_num": _BATCH,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        }
    )
    return ocr._load_rec_model()


def _crop(pixels: Pixels, box: Rectangle) -> Pixels:
    height, width = pixels.shape[:2]
    x0, y0 = max(0, int(box[0])), max(0, int(box[1]))
    x1, y1 = min(width, round(box[2])), min(height, round(box[3]))
    return np.ascontiguousarray(pixels[y0 : max(y0, y1), x0 : max(x0, x1)])
