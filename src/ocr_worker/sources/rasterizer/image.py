"""Image documents, decoded by Pillow: turned upright, flattened to RGB and scaled down to the budget.

Runs only in a rasterizer process. An image's size is checked from its header, before anything is decoded.
`image_metadata` reads what a file says besides its pixels, and `transparency` chooses the ground of a drawing.
"""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from ocr_worker.errors import Corrupt, PageTooLarge
from ocr_worker.sources.rasterizer.image_metadata import page_frames, read_dpi, without_comments
from ocr_worker.sources.rasterizer.rendered import MAX_SIDE, RenderedPage, make_warning
from ocr_worker.sources.rasterizer.transparency import flatten_transparency
from ocr_worker.sources.rasterizer.types import RasterRequest

# The budget is checked from the header, before anything is decoded. Pillow's own limit against bombs is not needed.
Image.MAX_IMAGE_PIXELS = None

_WHITES = (4095.0, 16_383.0, 65_535.0)  # of 12, 14 and 16 bits: cameras and scanners store fewer bits than 16 in 16
DECODED_PER_BUDGET = 4  # an image of up to so many times the budget is decoded and then scaled down


class ImageDocument:
    """An open image: one page, or a page for each full picture of a TIFF or HEIC file; of an animation the first frame.

    Raises Corrupt when it cannot be opened.
    """

    def __init__(self, data: bytes, media_type: str, request: RasterRequest) -> None:
        self._max_pixels = request.max_pixels
        if media_type in ("image/heic", "image/avif"):
            import pillow_heif

            pillow_heif.register_heif_opener()
        try:
            self._image = Image.open(io.BytesIO(without_comments(data) if media_type == "image/png" else data))
            frames = getattr(self._image, "n_frames", 1)
            self._frames = {
                "image/tiff": lambda: page_frames(self._image, frames),
                "image/heic": lambda: list(range(frames)),  # no animation, but several pictures, as of a scanner's app
            }.get(media_type, lambda: [0])()
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
            raise Corrupt("the image is damaged and cannot be opened; save it again and send the new file") from None
        self.page_count = len(self._frames)
        self.warnings: list[dict[str, str]] = []
        if frames > self.page_count and self._image.format not in ("MPO", "TIFF"):
            self.warnings.append(
                make_warning("ANIMATION_FIRST_FRAME", f"the image has {frames} frames, and only the first was parsed")
            )

    def render(self, number: int) -> RenderedPage:
        """Render page `number` (1-based).

        Raises PageTooLarge when the image exceeds the budget too far, Corrupt when it cannot be decoded.
        """
        warnings: list[dict[str, str]] = []
        try:
            self._image.seek(self._frames[number - 1])
            full_width = self._image.width
            self._check_size()
            image = self._decode(warnings)
        except (OSError, SyntaxError, ValueError, EOFError):
            raise Corrupt("the image is damaged; save it again and send the new file") from None
        dpi = read_dpi(self._image)
        if dpi and self._image.width < full_width and self._image.format in ("JPEG", "MPO"):
            dpi = dpi * self._image.width / full_width
        flat = _flatten(_turn_upright(image))
        scale = min((self._max_pixels / (flat.width * flat.height)) ** 0.5, MAX_SIDE / max(flat.size))
        if scale < 1:
            message = f"the image has {flat.width} x {flat.height} pixels and was scaled down to the pixel limit"
            warnings.append(make_warning("IMAGE_DOWNSCALED", message))
            flat = flat.resize(
                (max(1, int(flat.width * scale)), max(1, int(flat.height * scale))), Image.Resampling.BOX
            )
            dpi = dpi * scale if dpi else None
        return RenderedPage(np.asarray(flat)[:, :, ::-1], dpi, warnings)

    def read_layer(self, page: RenderedPage) -> None:
        """Do nothing: an image has no text layer."""

    def close(self) -> None:
        """Free the image."""
        self._image.close()

    def _check_size(self) -> None:
        width, height = self._image.size
        limit = self._max_pixels * DECODED_PER_BUDGET
        # A JPEG can be decoded at a half, a quarter or an eighth of its size; `draft` has no effect on other types.
        factor = next((f for f in (1, 2, 4, 8) if (width // f) * (height // f) <= limit), 8)
        if factor > 1:
            self._image.draft("RGB", (width // factor, height // factor))
        width, height = self._image.size
        if width * height > limit:
            raise PageTooLarge(f"the image has {width:,} x {height:,} pixels and the limit is {limit:,}; scale it down")

    def _decode(self, warnings: list[dict[str, str]]) -> Image.Image:
        try:
            self._image.load()
        except OSError:
            ImageFile.LOAD_TRUNCATED_IMAGES = True  # the second attempt decodes the part that exists
            try:
                self._image.load()
            finally:
                ImageFile.LOAD_TRUNCATED_IMAGES = False
            warnings.append(make_warning("TRUNCATED", "the image file is truncated; the missing part is blank"))
        return self._image


def _turn_upright(image: Image.Image) -> Image.Image:
    """Return the image as its EXIF data say; as it is if these are damaged."""
    try:
        return ImageOps.exif_transpose(image) or image
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return image


def _flatten(image: Image.Image) -> Image.Image:
    """Return the image as 8-bit RGB, without transparency, 16-bit values scaled (Pillow would clip them)."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        gray = Image.fromarray(_scale_to_8_bits(values))
        transparent_value = image.info.get("transparency")
        if not isinstance(transparent_value, int):
            return gray.convert("RGB")
        gray.putalpha(Image.fromarray(np.where(values == transparent_value, 0, 255).astype(np.uint8)))
        return flatten_transparency(gray)
    return flatten_transparency(image) if image.has_transparency_data else image.convert("RGB")


def _scale_to_8_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return gray values of 16 bits, 32 bits or floats as 8 bits, each type scaled from its own range."""
    gray = np.nan_to_num(values.astype(np.float64))
    if values.dtype.kind == "f":
        white = 1.0 if gray.max(initial=0) <= 1 else 255.0
    else:
        is_wide = gray.max(initial=0) > 255 or values.dtype.newbyteorder("=") == np.uint16
        white = next((white for white in _WHITES if gray.max(initial=0) <= white), _WHITES[-1]) if is_wide else 255.0
    return np.asarray((gray.clip(0, white) * (255.0 / white)).round(), np.uint8)
