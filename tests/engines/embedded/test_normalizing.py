"""The table in place of calculating a model's input."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.reading.normalizing import by_table


def test_the_table_gives_the_same_numbers() -> None:
    """Every level of every channel becomes the very number in 32 bits that the model's package calculates."""

    def normalize(pixels: NDArray[Any]) -> NDArray[Any]:
        return (pixels.astype("float32") / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])

    pixels = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert np.array_equal(by_table(normalize)(pixels), normalize(pixels).astype(np.float32))
