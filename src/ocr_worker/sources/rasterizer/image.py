"""Images by Pillow, turned, flattened and scaled as a reader would see them; in a child process only."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from ocr_worker.errors import Corrupt, PageTooLarge
from ocr_worker.sources.rasterizer.rendered import Rendered, warning
from ocr_worker.sources.rasterizer.types import RasterRequest

# The budget is checked from the header, before anything is decoded; Pillow's own guess at bombs is not needed.
Image.MAX_IMAGE_PIXELS = None

DECODED_PER_BUDGET = 4  # an image of up to so many times the budget is decoded, then scaled down


class ImageDocument:
    """An open image; a TIFF has as many pages as frames. Raises Corrupt."""

    def __init__(self, data: bytes, media_type: str, request: RasterRequest) -> None:
        self._max_pixels = request.max_pixels
        if media_type in ("image/heic", "image/avif"):
            import pillow_heif

            pillow_heif.register_heif_opener()
        try:
            self._image = Image.open(io.BytesIO(data))
            frames = getattr(self._image, "n_frames", 1)
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
            raise Corrupt("the image is damaged and cannot be opened: save it again and send that") from None
        self.page_count = frames if media_type == "image/tiff" else 1
        self.warnings: list[dict[str, str]] = []
        if frames > self.page_count and self._image.format != "MPO":
            self.warnings.append(warning("ANIMATION_FIRST_FRAME", f"of {frames} frames only the first is read"))

    def render(self, number: int) -> Rendered:
        """Frame `number`, from 1. Raises PageTooLarge, Corrupt."""
        warnings: list[dict[str, str]] = []
        try:
            self._image.seek(number - 1)
            full_width = self._image.width
            self._check_size()
            image = self._decoded(warnings)
        except (OSError, SyntaxError, ValueError, EOFError):
            raise Corrupt("the image is damaged: save it again and send that") from None
        dpi = _dpi(self._image)
        if dpi and self._image.width < full_width and self._image.format in ("JPEG", "MPO"):
            dpi = dpi * self._image.width / full_width
        upright = ImageOps.exif_transpose(image)
        flat = _flat(upright if upright is not None else image)
        scale = (self._max_pixels / (flat.width * flat.height)) ** 0.5
        if scale < 1:
            told = f"the image has {flat.width} x {flat.height} pixels: it was scaled down to the budget"
            warnings.append(warning("IMAGE_DOWNSCALED", told))
            flat = flat.resize(
                (max(1, int(flat.width * scale)), max(1, int(flat.height * scale))), Image.Resampling.BOX
            )
            dpi = dpi * scale if dpi else None
        return Rendered(np.asarray(flat)[:, :, ::-1], dpi, warnings)

    def close(self) -> None:
        """Frees the image."""
        self._image.close()

    def _check_size(self) -> None:
        width, height = self._image.size
        limit = self._max_pixels * DECODED_PER_BUDGET
        # A JPEG can be decoded at a half, a quarter or an eighth; other kinds take no notice.
        factor = next((f for f in (1, 2, 4, 8) if (width // f) * (height // f) <= limit), 8)
        if factor > 1:
            self._image.draft("RGB", (width // factor, height // factor))
        width, height = self._image.size
        if width * height > limit:
            raise PageTooLarge(f"the image has {width:,} x {height:,} pixels, the limit is {limit:,}: scale it down")

    def _decoded(self, warnings: list[dict[str, str]]) -> Image.Image:
        try:
            self._image.load()
        except OSError:
            ImageFile.LOAD_TRUNCATED_IMAGES = True  # a second try shows what there is
            try:
                self._image.load()
            finally:
                ImageFile.LOAD_TRUNCATED_IMAGES = False
            warnings.append(warning("TRUNCATED", "the image is cut off: what was missing is blank"))
        return self._image


def _dpi(image: Image.Image) -> float | None:
    """What the file says, when that can be true of a page."""
    try:
        dpi = float(image.info["dpi"][0])
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
    return round(dpi, 2) if 50 <= dpi <= 2400 else None


def _flat(image: Image.Image) -> Image.Image:
    """8-bit RGB; transparency on white, 16 bits scaled (Pillow itself would clip them)."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bit(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        colour = image.convert("RGBA")
        white = Image.new("RGBA", colour.size, "white")
        return Image.alpha_composite(white, colour).convert("RGB")
    return image.convert("RGB")


def _eight_bit(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Grey values of 16 or 32 bits or floats, each kind by its own range."""
    grey = np.nan_to_num(values.astype(np.float64))
    if values.dtype.kind == "f":
        top = 1.0 if grey.max(initial=0) <= 1 else 255.0
    else:
        top = 65535.0 if grey.max(initial=0) > 255 or values.dtype.newbyteorder("=") == np.uint16 else 255.0
    return np.asarray((grey.clip(0, top) * (255.0 / top)).round(), np.uint8)
