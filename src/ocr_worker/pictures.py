"""Encode pictures as results contain them: JPEG in base64."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUALITY = 90  # of 100, as Pillow counts it


def jpeg(image: Image.Image, quality: int = QUALITY) -> str:
    """Return the image as a base64 JPEG, without transparency."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def jpeg_of_pixels(pixels: NDArray[np.uint8]) -> str | None:
    """Return BGR pixels [height, width, 3] as a base64 JPEG, or None for an empty array."""
    return jpeg(Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))) if pixels.size else None
