"""Documents for tests: pages of one colour each, in memory."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from support.doubles import Colour

WHITE: Colour = (255, 255, 255)


def png(colour: Colour, size: tuple[int, int] = (48, 32)) -> bytes:
    """Return a PNG; size in pixels."""
    return _encoded([colour], size, "PNG")


def tiff(colours: Sequence[Colour], size: tuple[int, int] = (48, 32)) -> bytes:
    """Return a TIFF with a page for each color."""
    return _encoded(colours, size, "TIFF")


def pdf(colours: Sequence[Colour], size: tuple[int, int] = (48, 32)) -> bytes:
    """Return a PDF with a page for each color; size in points."""
    return _encoded(colours, size, "PDF")


def numbered_page(number: int) -> bytes:
    """Return a small page as PNG with a few words, different for each number."""
    picture = Image.new("RGB", (480, 160), "white")
    draw = ImageDraw.Draw(picture)
    for line, text in enumerate((f"Invoice {20000 + number}", f"Total: {number * 7 % 1000}.50 EUR", "Thank you")):
        draw.text((16, 12 + 46 * line), text, "black", ImageFont.load_default(30))
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


def document(data: bytes, **fields: Any) -> dict[str, Any]:
    """Return the document of a request with these bytes."""
    return {"base64": base64.b64encode(data).decode(), **fields}


def request(*documents: bytes, **options: Any) -> dict[str, Any]:
    """Return a job's input with these documents."""
    return {"documents": [document(data) for data in documents], "options": options}


def hexadecimal(colour: Colour) -> str:
    """Return the color as the doubles write it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _encoded(colours: Sequence[Colour], size: tuple[int, int], kind: str) -> bytes:
    images = [Image.new("RGB", size, colour) for colour in colours]
    several = {"save_all": True, "append_images": images[1:]} if len(images) > 1 else {}
    buffer = io.BytesIO()
    images[0].save(buffer, kind, **several)
    return buffer.getvalue()
