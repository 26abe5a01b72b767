"""The test weights for the real PaddleOCR-VL, and pages that they can read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocr_worker.pages import PageImage, Pixels
from ocr_worker.settings import Settings

HOME = Path(__file__).parents[1] / "resources" / "tinyvl"
LAYOUT = HOME / "layout_strip"
VL = HOME / "vl_trained"

WIDTH = 1000
LINE = 60
LIMIT = 80  # of tokens; a line in range needs fewer than 48

LINES = (
    "Invoice 20431",
    "Quarterly revenue rose by 12.5%",
    "Please wire the balance promptly",
    "Subtotal: 1,284.50 EUR",
    "on 14/03/2024 and again in May.",
    "Flight LH-1902 departs at 07:45",
    "Recipe: two cups of flour, salt,",
    "Bake for 35 minutes at 180 C",
    "Call 555-0142 before Thursday",
    "See chapter 9, page 311",
)


def settings(**fields: Any) -> Settings:
    """Return settings of a worker on the test weights."""
    chosen = {"device": "cpu", "layout_weights_dir": LAYOUT, "vl_weights_dir": VL, "retry_repetition": False} | fields
    return Settings.model_validate(chosen)


def environment(**variables: str) -> dict[str, str]:
    """Return the same as environment variables of a worker process."""
    return {
        "OCR_ENGINE": "paddleocr-vl",
        "OCR_DEVICE": "cpu",
        "OCR_LAYOUT_WEIGHTS_DIR": str(LAYOUT),
        "OCR_VL_WEIGHTS_DIR": str(VL),
        "OMP_NUM_THREADS": "1",
    } | variables


def draw(lines: Sequence[str], bar: bool = False) -> Image.Image:
    """Return a page of these lines, one every LINE pixels from the top.

    bar: add a dark bar below, which is a figure.
    """
    text_height = LINE * len(lines) + LINE
    height = text_height + (text_height if bar else 0)
    image = Image.new("RGB", (WIDTH, height), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype("DejaVuSansMono.ttf", 24)
    for index, line in enumerate(lines):
        draw.text((60, LINE // 2 + LINE * index), line, font=font, fill="black")
    if bar:
        draw.rectangle((100, text_height, WIDTH - 100, height - LINE), fill=(20, 40, 160))
    return image


def page(lines: Sequence[str], number: int = 1, bar: bool = False) -> PageImage:
    """Return the drawn page as engines get it."""
    return PageImage(number=number, pixels=pixels(draw(lines, bar)))


def tiff(pages: Sequence[Sequence[str]]) -> bytes:
    """Return a TIFF of drawn pages, one for each list of lines."""
    first, *others = [draw(lines) for lines in pages]
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", compression="tiff_deflate", save_all=True, append_images=others)
    return buffer.getvalue()


def pixels(image: Image.Image) -> Pixels:
    """Return uint8 pixels [height, width, 3], BGR."""
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def character_error_rate(read: str, written: str) -> float:
    """Return the Levenshtein distance divided by the length of `written`."""
    row = list(range(len(written) + 1))
    for i, character in enumerate(read, start=1):
        diagonal, row[0] = row[0], i
        for j, expected in enumerate(written, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (character != expected))
    return row[-1] / max(len(written), 1)
