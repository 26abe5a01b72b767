"""The first page an engine sees: it loads what is loaded late, and its text must come back."""

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
_ALIKE = 0.8  # of 1; a model with the wrong weights answers noise, far below


def run(engine: Engine[PaddleOcrVlOptions], settings: Settings) -> None:
    """Parses the warm-up page. Raises EngineUnavailable when its text does not come back and the setting says check."""
    started = time.monotonic()
    parsed = engine.parse([page()], PaddleOcrVlOptions.model_validate({"max_new_tokens": 64}))[0]
    alike = SequenceMatcher(None, " ".join(LINES), " ".join(parsed.markdown.split()), autojunk=False).ratio()
    log.info("warm-up page: %.1f s, likeness of its text %.2f", time.monotonic() - started, alike)
    if settings.warmup_check and alike < _ALIKE:
        raise EngineUnavailable(
            f"the warm-up page did not read right (likeness {alike:.2f}, wanted {_ALIKE}): these weights do not read\n"
            f"check them: ocr-worker weights verify --version {settings.vl_version}"
            " (test weights: OCR_WARMUP_CHECK=false)"
        )


def page() -> PageImage:
    """A page of `LINES`, black on white, 1000 pixels wide."""
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
