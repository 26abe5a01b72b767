"""Pictures as PaddleX's server gives them: JPEG in base64, at most 2000 pixels wide and high."""

from __future__ import annotations

import base64
import io

from PIL import Image, ImageDraw, ImageFont

from ocr_worker.app.paddlex.numbering import Blocks, ordered
from ocr_worker.pictures import jpeg

LARGEST = 2000
_QUALITY = 95  # OpenCV's own, which PaddleX takes
_COLOURS = ("#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2")


def shrunk(picture: str) -> str:
    """The picture, smaller if it is larger than PaddleX's server gives; else its very bytes."""
    image = _opened(picture)
    return picture if max(image.size) <= LARGEST else _encoded(image)


def with_boxes(page: str, blocks: Blocks) -> str:
    """The page with the boxes of its blocks, each with its label and its number in the reading order."""
    image = _opened(page).convert("RGB")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(int(0.018 * image.width) + 2)
    colours: dict[str, str] = {}
    for block, order in zip(blocks, ordered(blocks, ()), strict=True):
        label = block["block_label"]
        colour = colours.setdefault(label, _COLOURS[len(colours) % len(_COLOURS)])
        left, top, right, bottom = block["block_bbox"]
        draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour, width=2)
        draw.text((left + 4, max(0, top)), label, fill=colour, font=font, anchor="lt")
        draw.text((right - 4, max(0, top)), "" if order is None else str(order), fill="red", font=font, anchor="rt")
    return _encoded(image)


def _opened(picture: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture)))


def _encoded(image: Image.Image) -> str:
    factor = LARGEST / max(image.size)
    if factor < 1:
        image = image.resize((max(1, int(factor * image.width)), max(1, int(factor * image.height))))
    return jpeg(image, _QUALITY)
