"""Images with transparency, put on a ground on which they can be seen.

Runs only in a rasterizer process. White letters on a transparent ground are made for a dark page, and vanish on white.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ocr_worker.ink import has_ink

_GROUNDS = (255, 0, 128)  # gray levels, the preferred one first
_SUFFICIENT = 40  # gray levels between the faintest tenth of the drawing and the ground
_VISIBLE = 64  # alpha, of 255, from which a pixel is part of the drawing
_FAINT = 128  # alpha: if no pixel has more, the whole drawing is made opaque, so that it can be read
_INVISIBLE = 8  # alpha: if no pixel has more, the channel is useless and the colors are all there is
_MAX_STROKE = 0.02  # share of the shorter side: half the width of the widest letters and lines
_MIN_STROKES = 0.002  # share of the drawing that letters and lines outside of its panels have, at least


def flatten_transparency(image: Image.Image) -> Image.Image:
    """Return the image as RGB on white, or on black or gray where the drawing would hardly be seen on white."""
    drawing = image.convert("RGBA")
    alpha = drawing.getchannel("A")
    colors = drawing.convert("RGB")
    most = int(np.asarray(alpha).max())
    if most <= _INVISIBLE:
        return colors if has_ink(np.asarray(colors)) else Image.new("RGB", image.size, "white")
    if most < _FAINT:
        alpha = alpha.point(lambda value: value * 255 // most)
        drawing.putalpha(alpha)
    shade = _choose_ground(np.asarray(colors.convert("L"), np.int16), alpha)
    ground = Image.new("RGBA", image.size, (shade, shade, shade, 255))
    return Image.alpha_composite(ground, drawing).convert("RGB")


def _choose_ground(gray: NDArray[np.int16], alpha: Image.Image) -> int:
    """Return the first ground on which letters and lines are seen. The inside of a panel is seen on every ground."""
    visible = alpha.point(lambda value: 255 * (value >= _VISIBLE))
    drawn = np.asarray(visible) > 0
    if drawn.all() or not drawn.any():
        return _GROUNDS[0]
    size = 2 * max(2, round(_MAX_STROKE * min(alpha.size))) + 1
    inside = visible.filter(ImageFilter.MinFilter(size))
    strokes = drawn & (np.asarray(inside.filter(ImageFilter.MaxFilter(size))) == 0)
    if np.count_nonzero(strokes) < _MIN_STROKES * np.count_nonzero(drawn):
        if np.ptp(gray[drawn]) > _SUFFICIENT:
            return _GROUNDS[0]  # a picture of its own
        strokes = drawn & (np.asarray(inside) == 0)
    contrasts = [float(np.percentile(np.abs(gray[strokes] - ground), 10)) for ground in _GROUNDS]
    sufficient = [ground for ground, contrast in zip(_GROUNDS, contrasts, strict=True) if contrast >= _SUFFICIENT]
    return sufficient[0] if sufficient else _GROUNDS[int(np.argmax(contrasts))]
