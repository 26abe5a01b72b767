"""The warm-up page: the first page that an engine parses, drawn with known text.

Parsing it loads everything that Paddle loads late. Its text must be in the result, which proves that the weights work.
"""

from __future__ import annotations

import logging
import time
from difflib import SequenceMatcher

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.engines.base import Engine
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.errors import EngineUnavailable
from ocr_worker.pages import PageImage
from ocr_worker.settings import Settings

log = logging.getLogger(__name__)

LINES = ("The quick brown fox", "jumps over the lazy dog", "Total 1,234.56 EUR")
_MIN_LIKENESS = 0.8  # of 1; a model with wrong weights returns noise, far below this


def run(engine: Engine[PaddleOcrVlOptions], settings: Settings) -> None:
    """Parse the warm-up page.

    Raises EngineUnavailable if its text is not in the result, unless `settings.warmup_check` is off.
    """
    started_at = time.monotonic()
    parsed_page = engine.parse([draw_page()], PaddleOcrVlOptions.model_validate({"max_new_tokens": 64}))[0]
    likeness = SequenceMatcher(None, " ".join(LINES), " ".join(parsed_page.markdown.split()), autojunk=False).ratio()
    log.info("warm-up page: %.1f s, text similarity %.2f", time.monotonic() - started_at, likeness)
    if settings.warmup_check and likeness < _MIN_LIKENESS:
        raise EngineUnavailable(
            f"the warm-up page was read wrongly (text similarity {likeness:.2f}, expected {_MIN_LIKENESS}):"
            " the weights may be damaged\n"
            f"check them: ocr-worker weights verify --version {settings.vl_version}"
            " (test weights: OCR_WARMUP_CHECK=false)"
        )


def draw_page() -> PageImage:
    """Return a page image with `LINES`, black on white, 1000 pixels wide."""
    image = Image.new("RGB", (1000, 60 * len(LINES) + 60), "white")
    draw = ImageDraw.Draw(image)
    for index, line in enumerate(LINES):
        draw.text((60, 30 + 60 * index), line, font=_font(), fill="black")
    return PageImage(number=1, pixels=np.ascontiguousarray(np.asarray(image)[:, :, ::-1]))


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.truetype("DejaVuSansMono.ttf", 24)
    except OSError:
        return ImageFont.load_default(24)
