"""The resolution of pages in PaddleX's responses: 144 dpi, whatever the engine reads at.

PaddleX's server renders PDFs at 144 dpi, and clients rely on it: RAGFlow divides all coordinates by 2 to get points. An
engine reads at the resolution that suits it, so that its text does not depend on the route. `at_wire_resolution` scales
sizes, boxes and pictures afterwards. Images have no resolution on this wire: their pixels are those of the file.
"""

from __future__ import annotations

import base64
import io

from PIL import Image

from ocr_worker.app.paddlex.pictures import MAX_SIDE
from ocr_worker.pictures import jpeg
from ocr_worker.wire.schema import BBox, PageResult

WIRE_DPI = 144
_QUALITY = 90


def at_wire_resolution(page: PageResult) -> PageResult:
    """Return a page of a PDF with sizes, boxes and pictures as of a page rendered at 144 dpi.

    A failed page, and a page of that resolution, are returned as they are.
    """
    if page.dpi in (None, 0, WIRE_DPI) or page.width is None or page.height is None:
        return page
    factor = WIRE_DPI / (page.dpi or WIRE_DPI)
    figures = [
        figure.model_copy(
            update={
                "bbox": _scaled_box(figure.bbox, factor),
                "base64": figure.base64 and _scaled_picture(figure.base64, factor),
            }
        )
        for figure in page.figures
    ]
    return page.model_copy(
        update={
            "width": round(page.width * factor),
            "height": round(page.height * factor),
            "dpi": float(WIRE_DPI),
            "blocks": page.blocks
            and [block.model_copy(update={"bbox": _scaled_box(block.bbox, factor)}) for block in page.blocks],
            "figures": figures,
            "image": page.image and _scaled_picture(page.image, factor),
        }
    )


def _scaled_box(box: BBox, factor: float) -> BBox:
    x0, y0, x1, y1 = (round(value * factor) for value in box)
    return x0, y0, x1, y1


def _scaled_picture(picture: str, factor: float) -> str:
    """Return a JPEG in base64, scaled, but no larger than the wire's pictures are."""
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    factor = min(factor, max(1, MAX_SIDE / max(image.size)))
    width, height = (max(1, round(side * factor)) for side in image.size)
    return jpeg(image.resize((width, height), Image.Resampling.LANCZOS), _QUALITY)
