"""Tell a page with ink from an empty one, in any color and on any ground.

An empty page is not always white: scans have grain, specks of dust, shadows at the edges and streaks, and paper has a
color. Ink is what differs from the ground around it on a patch as large as a letter, or a large flat shape that does
not reach the edge of the page. The module needs no OCR: it is used where nothing was read, for every engine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

_PATCHES = 120  # patches along the shorter side; one is about as high as a letter of 8 points
_MIN_PATCH = 8  # pixels
_GROUND = 5  # patches in whose median the ground is seen, so that it follows shadows; an odd number
_EDGE = 0.02  # share of the shorter side along the edges in which only shadows are expected
_MIN_CONTRAST = 10  # gray levels from the ground; paper and compression stay below
_NOISE_CONTRAST = 5.0  # standard deviations of the grain
_SLOPE = 4  # the ground may differ from its surroundings by so much less than these differ among themselves
_MIN_COVERAGE = 0.15  # share of a patch that ink covers; a speck of dust or a streak of one pixel covers less
_SPECKLED = 3.0, 0.2  # more than so many times the mean coverage of a speckled page, but at most by so much
_FLAT_CONTRAST = 48  # gray levels between a flat shape and the paper
_DERIVATIVE_MAD = 0.954  # median difference of two values of normally distributed noise, in standard deviations


def has_ink(pixels: NDArray[np.uint8]) -> bool:
    """Return whether anything is written, printed or drawn on the page. pixels: uint8 [height, width, 3]."""
    height, width = pixels.shape[:2]
    patch = max(_MIN_PATCH, round(min(height, width) / _PATCHES))
    if min(height, width) < 2:
        return False
    return any(_channel_has_ink(pixels[:, :, channel], patch) for channel in range(3))


def _channel_has_ink(values: NDArray[np.uint8], patch: int) -> bool:
    patches = _medians(values, patch)
    return _has_marks(values.astype(np.int16), patches, patch) or _has_flat_shape(patches.astype(np.int16))


def _medians(values: NDArray[np.uint8], patch: int) -> NDArray[np.uint8]:
    """Return the median of each patch. Unlike the mean, it is the ground's value even where there are specks."""
    height, width = values.shape
    padded = np.pad(values, ((0, -height % patch), (0, -width % patch)), mode="edge")
    rows, columns = padded.shape[0] // patch, padded.shape[1] // patch
    grouped = padded.reshape(rows, patch, columns, patch).swapaxes(1, 2).reshape(rows, columns, patch * patch)
    return np.asarray(np.partition(grouped, patch * patch // 2, axis=2)[:, :, patch * patch // 2], np.uint8)


def _has_marks(values: NDArray[np.int16], patches: NDArray[np.uint8], patch: int) -> bool:
    """Return whether ink covers enough of some patch."""
    ground = Image.fromarray(patches).filter(ImageFilter.MedianFilter(_GROUND))
    # Where the ground changes, as at the edge of a shadow, its values on both sides count as ground.
    darkest, brightest = (
        _enlarged(ground.filter(kind), patch)[: values.shape[0], : values.shape[1]]
        for kind in (ImageFilter.MinFilter(_GROUND), ImageFilter.MaxFilter(_GROUND))
    )
    contrast = max(_MIN_CONTRAST, _NOISE_CONTRAST * _grain(values, 2 * patch)) + (brightest - darkest) // _SLOPE
    mask = (values < darkest - contrast) | (values > brightest + contrast)
    edge = round(_EDGE * min(values.shape))
    if edge:
        mask[:edge] = mask[-edge:] = False
        mask[:, :edge] = mask[:, -edge:] = False
    times, most = _SPECKLED
    limit = _MIN_COVERAGE + min(times * float(mask.mean()), most)
    coverage = Image.fromarray(np.asarray(mask, np.uint8) * 255).filter(ImageFilter.BoxBlur((patch - 1) / 2))
    return bool(np.asarray(coverage).max() > limit * 255)


def _enlarged(patches: Image.Image, patch: int) -> NDArray[np.int16]:
    return np.asarray(patches, np.int16).repeat(patch, 0).repeat(patch, 1)


def _grain(values: NDArray[np.int16], distance: int) -> float:
    """Return the standard deviation of the page's noise in gray levels, from pixels at this distance."""
    differences = np.abs(values[:, distance:] - values[:, :-distance])
    return float(np.median(differences)) / _DERIVATIVE_MAD if differences.size else 0.0


def _has_flat_shape(patches: NDArray[np.int16]) -> bool:
    """Return whether patches differ from the paper that do not belong to a shadow or a stripe at the page's edge."""
    differs = np.abs(patches - np.median(patches)) > _FLAT_CONTRAST
    reached = np.zeros_like(differs)
    reached[[0, -1]] = differs[[0, -1]]
    reached[:, [0, -1]] |= differs[:, [0, -1]]
    count = -1
    while count != (count := int(reached.sum())):
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        reached = grown & differs
    return bool((differs & ~reached).any())
