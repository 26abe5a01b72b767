"""Page images and crops in PaddleX's responses: JPEG in base64, at most 2000 pixels wide and high.

`shrink` limits the size of a picture, and `draw_boxes` draws the blocks on a page image.
"""

from __future__ import annotations

import base64
import io

from PIL import Image, ImageDraw, ImageFont

from ocr_worker.app.paddlex.numbering import Blocks, block_orders
from ocr_worker.pictures import jpeg

MAX_SIDE = 2000  # pixels, as PaddleX's server
_QUALITY = 95  # OpenCV's default, which PaddleX uses
_COLORS = ("#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2")


def shrink(picture: str) -> str:
    """Return the picture, scaled down if a side is longer than `MAX_SIDE`, else unchanged."""
    image = _decode(picture)
    return picture if max(image.size) <= MAX_SIDE else _encode(image)


def draw_boxes(page: str, blocks: Blocks) -> str:
    """Return the page image with the boxes of its blocks, each with its label and its number in the reading order."""
    image = _decode(page).convert("RGB")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(int(0.018 * image.width) + 2)
    colors: dict[str, str] = {}
    for block, order in zip(blocks, block_orders(blocks, ()), strict=True):
        label = block["block_label"]
        color = colors.setdefault(label, _COLORS[len(colors) % len(_COLORS)])
        left, top, right, bottom = block["block_bbox"]
        draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=color, width=2)
        draw.text((left + 4, max(0, top)), label, fill=color, font=font, anchor="lt")
        draw.text((right - 4, max(0, top)), "" if order is None else str(order), fill="red", font=font, anchor="rt")
    return _encode(image)


def _decode(picture: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture)))


def _encode(image: Image.Image) -> str:
    factor = MAX_SIDE / max(image.size)
    if factor < 1:
        image = image.resize((max(1, int(factor * image.width)), max(1, int(factor * image.height))))
    return jpeg(image, _QUALITY)
