"""Pictures that leave an engine."""

from __future__ import annotations

import base64

import cv2

from ocr_worker.pages import Pixels

JPEG_QUALITY = 90


def jpeg(pixels: Pixels) -> str | None:
    """A JPEG of BGR pixels, in base64; None where there are none."""
    if not pixels.size:
        return None
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return base64.b64encode(data.tobytes()).decode() if done else None
