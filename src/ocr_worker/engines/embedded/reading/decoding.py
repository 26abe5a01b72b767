"""A recognizer that never reads Chinese signs. It runs the same network; only its decoding differs."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocr_worker.engines.embedded.reading.confidence import is_sign


def without_signs(recognizer: Any) -> Any:
    """Return a copy of RapidOCR's recognizer that takes the most likely character which is no Chinese sign.

    Relies on the name `postprocess_op` and on its list `character`, as RapidOCR 3.10 has them (contract test).
    """
    decode = recognizer.postprocess_op
    signs = np.asarray([len(character) == 1 and is_sign(character) for character in decode.character])

    def decode_others(probabilities: NDArray[np.float32], *arguments: Any, **options: Any) -> Any:
        """Decode the probabilities, float32 [lines, steps, characters], with those of the signs set to zero."""
        return decode(np.where(signs, np.float32(0), probabilities), *arguments, **options)

    other = copy.copy(recognizer)
    other.postprocess_op = decode_others
    return other
