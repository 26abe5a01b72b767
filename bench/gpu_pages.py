"""Pages for bench/gpu.py: A4 with twelve blocks of text at fixed places, as PDF, as pixels and as crops.

Random weights find no block, so the places are fixed: `boxes` is where the page has text, and where `gpu_engine` says
that the layout model has detected it. Block heights are 60, 110 and 200 pixels at 144 dpi: lines, and short and long
paragraphs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
from bench_engines import render_pages
from PIL import Image

from ocr_worker.pages import PageImage
from ocr_worker.pictures import jpeg
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import ParseOptions
from support import files

WIDTH_PT, HEIGHT_PT = 595, 842
DPI = 144
BLOCKS = 12
_HEIGHTS_PX = (60, 110, 200)  # of the blocks, in turn
_GAP_PX, _TOP_PX = 12, 30
_LEFT, _RIGHT = 0.08, 0.92  # of the page's width
_LEADING_PT = 14
_TEXT = (
    "the gauges rose in spring and lower meadows stood under water for nine days before any road had to be closed"
    " because two sluices at the mill were opened by hand while the motor was still waiting for its part"
)
_WORDS = _TEXT.split()

Box = tuple[float, float, float, float]


def boxes() -> list[Box]:
    """Return left, top, right and bottom of each block, as shares of the page's width and height."""
    height = HEIGHT_PT * DPI / 72
    top, result = float(_TOP_PX), []
    for index in range(BLOCKS):
        bottom = top + _HEIGHTS_PX[index % len(_HEIGHTS_PX)]
        result.append((_LEFT, top / height, _RIGHT, bottom / height))
        top = bottom + _GAP_PX
    return result


def document(pages: int, first: int = 0) -> bytes:
    """Return a born-digital PDF of this number of pages. first: number of the first page, which decides the words."""
    return files.pages([_content(first + index) for index in range(pages)], box=f"0 0 {WIDTH_PT} {HEIGHT_PT}")


def _content(number: int) -> str:
    """Return the content stream of a page: Helvetica in each block."""
    lines = []
    for index, (left, top, _, bottom) in enumerate(boxes()):
        for row in range(int((bottom - top) * HEIGHT_PT // _LEADING_PT)):
            start = 7 * number + 3 * index + 5 * row
            text = " ".join(_WORDS[(start + place) % len(_WORDS)] for place in range(16))
            y = HEIGHT_PT * (1 - top) - 11 - _LEADING_PT * row
            lines.append(f"1 0 0 1 {left * WIDTH_PT + 3:.1f} {y:.1f} Tm ({text}) Tj")
    return f"BT /F 11 Tf {' '.join(lines)} ET"


def page_images(pages: int) -> list[PageImage]:
    """Return the pages as the worker's rasterizer renders them."""
    return render_pages(document(pages), ParseOptions(dpi=DPI), Settings(), False)


def crops(pages: Sequence[PageImage]) -> list[str]:
    """Return all blocks of the pages as JPEG in base64, as the pipeline sends them to a model server."""
    return [jpeg(crop) for page in pages for crop in _cut(page)]


def _cut(page: PageImage) -> list[Image.Image]:
    height, width = page.pixels.shape[:2]
    image = Image.fromarray(np.ascontiguousarray(page.pixels[:, :, ::-1]))
    return [image.crop((round(x1 * width), round(y1 * height), round(x2 * width), round(y2 * height)))
            for x1, y1, x2, y2 in boxes()]  # fmt: skip
