"""Pages that are on their side, upside down, or skewed.

`turn_as_text` turns a page by its text layer, which knows the direction of its letters. On other pages, `set_upright`
finds the lines, turns the page by quarters if they read better so, and then removes a small skew. The orientation model
only guesses; the confidence of a few lines that are read decides. It often calls a page of a few lines upright, so
`is_upside_down` looks once more at a page that hardly reads.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ocr_worker.engines.embedded.lines import Line
from ocr_worker.engines.embedded.reading.models import Models, Quads, turn
from ocr_worker.engines.embedded.reading.thresholds import THRESHOLDS
from ocr_worker.pages import PageImage, Pixels


def set_upright(models: Models, pixels: Pixels, side: int | None, others: Quads) -> tuple[Pixels, Quads, Quads]:
    """Return the page turned and leveled, the corners of its lines, and the corners of `others` on that page.

    side: pixels of the longer side of the image on which lines are found; None: as many as its print needs.
    """
    quads = models.find_lines(pixels, side)
    if not len(quads):
        return pixels, quads, others
    quarters = _quarters(models, pixels, quads)
    if quarters:
        others = turn_quads(others, quarters, pixels.shape[1], pixels.shape[0])
        pixels = turn(pixels, quarters)
        # Lines are outlined less tightly on pages that are not upright.
        quads = models.find_lines(pixels, side)
    angle = skew(quads)
    if THRESHOLDS.min_skew <= abs(angle) <= THRESHOLDS.max_skew:
        pixels, both = level(pixels, np.concatenate((quads, others)), angle)
        quads, others = both[: len(quads)], both[len(quads) :]
    return pixels, quads, others


def turn_as_text(page: PageImage, quads: Quads) -> tuple[Pixels, Quads]:
    """Return the page image turned so that the letters of its text layer are upright, and the corners on it."""
    if not page.text_turn:
        return page.pixels, quads
    height, width = page.pixels.shape[:2]
    return turn(page.pixels, page.text_turn), turn_quads(quads, page.text_turn, width, height)


def is_upright(models: Models, pixels: Pixels, quads: Quads, *, are_letters_upright: bool) -> bool:
    """Return whether the page needs no turn, by lines that are already at hand.

    quads: their corners. are_letters_upright: whether the text layer says so of its letters; if not, the model decides.
    """
    if not len(quads) or _is_vertical(quads) or abs(skew(quads)) >= THRESHOLDS.min_skew:
        return False
    return are_letters_upright or models.orientation(pixels) == 0


def is_upside_down(models: Models, pixels: Pixels, quads: Quads, lines: Sequence[Line]) -> bool:
    """Return whether the page reads only when it is turned by half; a page that reads costs no more than a look.

    quads: corners of its lines. lines: as they were read.
    """
    longest = sorted(lines, key=lambda line: -line.box.width)[: THRESHOLDS.side_sample]
    if not longest or np.mean([line.score for line in longest]) >= THRESHOLDS.certain_side:
        return False
    return _score(models, pixels, quads, 2) >= THRESHOLDS.certain_side


def _quarters(models: Models, pixels: Pixels, quads: Quads) -> int:
    """Return the counter-clockwise quarter turns that set the page upright.

    The model's guess is used if the direction of the lines agrees and they are legible. Otherwise the side with the
    highest confidence is used.
    """
    guess = models.orientation(pixels) // 90
    is_vertical = _is_vertical(quads)
    candidates = [1, 3] if is_vertical else [0, 2]
    if guess == 0 and not is_vertical:
        return 0
    if guess in candidates:
        candidates = sorted(candidates, key=lambda quarters: quarters != guess)
    scores = [_score(models, pixels, quads, quarters) for quarters in candidates]
    if is_vertical and max(scores) < THRESHOLDS.certain_side:
        candidates, scores = [*candidates, 0], [*scores, _score(models, pixels, quads, 0)]
    if not is_vertical and max(scores) < THRESHOLDS.legible_side:
        return 0
    return candidates[int(np.argmax(scores))]


def _is_vertical(quads: Quads) -> bool:
    """Return whether most of the text, by length, runs from top to bottom."""
    width, height = np.ptp(quads[:, :, 0], axis=1), np.ptp(quads[:, :, 1], axis=1)
    vertical = float(height[height > THRESHOLDS.vertical_line * width].sum())
    return vertical > float(width[width >= height].sum())


def _score(models: Models, pixels: Pixels, quads: Quads, quarters: int) -> float:
    """Return the mean confidence of the longest lines, read from the page turned by `quarters` of 90 degrees."""
    length = np.maximum(np.ptp(quads[:, :, 0], axis=1), np.ptp(quads[:, :, 1], axis=1))
    longest = quads[np.argsort(-length)[: THRESHOLDS.side_sample]]
    corners = turn_quads(longest, quarters, pixels.shape[1], pixels.shape[0])
    lines = models.read_lines(turn(pixels, quarters), corners)
    return float(np.mean([line.score for line in lines])) if lines else 0.0


def turn_quads(quads: Quads, quarters: int, width: int, height: int) -> Quads:
    """Return the corners on the page turned counter-clockwise by `quarters` of 90 degrees.

    Each list of corners again begins at the top left. quads: float32 [n, 4, 2]. width, height: of the page before the
    turn, in pixels.
    """
    for _ in range(quarters % 4):
        x, y = quads[:, :, 0], quads[:, :, 1]
        quads = np.stack((y, width - x), axis=2)
        width, height = height, width
    if not len(quads):
        return quads
    # Another corner is now the top left. All are still clockwise, so that the list only begins elsewhere.
    start = np.argmin(quads.sum(axis=2), axis=1)
    return np.stack([np.roll(quad, -first, axis=0) for quad, first in zip(quads, start, strict=True)]).astype(
        np.float32
    )


def skew(quads: Quads) -> float:
    """Return by how many degrees the lines fall to the right: the median of long lines; 0 with too few of them.

    It is also 0 when the lines fall by hardly more than the accuracy of their outlines. On a strip, where lines are
    short and far from the middle, a turn by such an error moves text off the page.
    """
    run, fall = (quads[:, 1] - quads[:, 0]).T
    height = np.abs(quads[:, 3, 1] - quads[:, 0, 1])
    is_long = run > THRESHOLDS.skew_line * height
    if is_long.sum() < THRESHOLDS.min_skew_lines:
        return 0.0
    if abs(np.median(fall[is_long] / height[is_long])) < THRESHOLDS.min_skew_fall:
        return 0.0
    return float(np.degrees(np.median(np.arctan2(fall[is_long], run[is_long]))))


def level(pixels: Pixels, quads: Quads, angle: float) -> tuple[Pixels, Quads]:
    """Return the page and the corners on it, turned counter-clockwise by `angle` degrees about the middle.

    The area outside the page becomes white.
    """
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    white = (255, 255, 255)
    straight = cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=white)
    return np.asarray(straight, np.uint8), np.asarray(quads @ matrix[:, :2].T + matrix[:, 2], np.float32)
