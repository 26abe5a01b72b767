"""Pages that lie on their side, stand on their head, or lean a little."""

from __future__ import annotations

import cv2
import numpy as np

from ocr_worker.engines.embedded.reading.models import Models, Quads, turned
from ocr_worker.pages import Pixels

SAMPLE = 5  # lines that are read to tell which side is up
LEGIBLE = 0.75  # below it no side reads: a script that the models do not know tells nothing, and the page stays
SURE = 0.9  # mean confidence of lines that stand upright
MIN_SKEW, MAX_SKEW = 0.4, 15.0  # degrees; less does no harm, more is no skew


def upright(models: Models, pixels: Pixels, side: int | None, others: Quads) -> tuple[Pixels, Quads, Quads]:
    """The page turned and levelled so that its lines run straight, and the corners of its lines and of others on it.

    side: pixels of the picture that lines are looked for on; None: as many as its print needs.
    """
    quads = models.find_lines(pixels, side)
    if not len(quads):
        return pixels, quads, others
    quarters = _quarters(models, pixels, quads)
    if quarters:
        others = turn_quads(others, quarters, pixels.shape[1], pixels.shape[0])
        pixels = turned(pixels, quarters)
        # Lines are outlined less tightly on pages that are not upright.
        quads = models.find_lines(pixels, side)
    angle = skew(quads)
    if MIN_SKEW <= abs(angle) <= MAX_SKEW:
        pixels, both = level(pixels, np.concatenate((quads, others)), angle)
        quads, others = both[: len(quads)], both[len(quads) :]
    return pixels, quads, others


def _quarters(models: Models, pixels: Pixels, quads: Quads) -> int:
    """Counter-clockwise quarter turns that set the page upright.

    The model's guess stands when the lines lie as it says and read well; else the side that reads best is taken.
    """
    guess = models.orientation(pixels) // 90
    tall = _tall(quads)
    likely = [1, 3] if tall else [0, 2]
    if guess == 0 and not tall:
        return 0
    if guess in likely:
        likely = sorted(likely, key=lambda quarters: quarters != guess)
    scores = [_score(models, pixels, quads, quarters) for quarters in likely]
    if tall and max(scores) < SURE:
        likely, scores = [*likely, 0], [*scores, _score(models, pixels, quads, 0)]
    if not tall and max(scores) < LEGIBLE:
        return 0
    return likely[int(np.argmax(scores))]


def _tall(quads: Quads) -> bool:
    """Whether most of the text, by length, runs from top to bottom."""
    width, height = np.ptp(quads[:, :, 0], axis=1), np.ptp(quads[:, :, 1], axis=1)
    return float(height[height > 1.5 * width].sum()) > float(width[width >= height].sum())


def _score(models: Models, pixels: Pixels, quads: Quads, quarters: int) -> float:
    """Mean confidence of a few long lines, read with the page turned so."""
    length = np.maximum(np.ptp(quads[:, :, 0], axis=1), np.ptp(quads[:, :, 1], axis=1))
    longest = quads[np.argsort(-length)[:SAMPLE]]
    corners = turn_quads(longest, quarters, pixels.shape[1], pixels.shape[0])
    lines = models.read_lines(turned(pixels, quarters), corners)
    return float(np.mean([line.score for line in lines])) if lines else 0.0


def turn_quads(quads: Quads, quarters: int, width: int, height: int) -> Quads:
    """The corners on the page turned counter-clockwise by `quarters` of 90 degrees, again from each top left.

    quads: float32 [n, 4, 2]; width, height: of the page before it is turned.
    """
    for _ in range(quarters % 4):
        x, y = quads[:, :, 0], quads[:, :, 1]
        quads = np.stack((y, width - x), axis=2)
        width, height = height, width
    if not len(quads):
        return quads
    # The corner that was the top left is another now; all lie clockwise, so the list is only begun elsewhere.
    start = np.argmin(quads.sum(axis=2), axis=1)
    return np.stack([np.roll(quad, -first, axis=0) for quad, first in zip(quads, start, strict=True)]).astype(
        np.float32
    )


def skew(quads: Quads) -> float:
    """By how many degrees the lines fall to the right: the median of the longer ones; 0 when there are too few."""
    run, fall = (quads[:, 1] - quads[:, 0]).T
    long = run > 5 * np.abs(quads[:, 3, 1] - quads[:, 0, 1])
    if long.sum() < 3:
        return 0.0
    return float(np.degrees(np.median(np.arctan2(fall[long], run[long]))))


def level(pixels: Pixels, quads: Quads, angle: float) -> tuple[Pixels, Quads]:
    """The page and the corners on it, turned counter-clockwise by `angle` degrees about the middle; white comes in."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    white = (255, 255, 255)
    straight = cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=white)
    return np.asarray(straight, np.uint8), np.asarray(quads @ matrix[:, :2].T + matrix[:, 2], np.float32)
