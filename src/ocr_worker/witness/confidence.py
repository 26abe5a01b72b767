"""Confidence of a block: the probability that its text is right, from its agreement with the evidence.

A logistic function of a few features, followed by a monotone curve. Both were fitted by `bench/witness.py` on made
pages with planted errors, and are in `calibration.json` with a description of that data. Right means: at most 1 % wrong
characters, and every number equal. 1.0 is reserved for blocks that a reliable text layer confirms word by word. Blocks
that are hardly right have different values, too, so that the worst can be looked at first.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from ocr_worker.witness.comparison import Agreement

_RIGHT = 0.01  # share of wrong characters that a right block may have
_MANY = 5.0  # times as many are many, however many they are
_HIGHEST_WITH_FINDING = 0.2  # so that a warning and a high confidence never contradict each other
_HIGHEST = 0.99  # of a block that no reliable text layer confirms
_UNLIKELY = 0.02  # up to which a confidence says how much of a block is wrong rather than whether it is


def features(agreement: Agreement) -> list[float]:
    """Return what the confidence follows from; the order is that of the weights in `calibration.json`."""
    different = (1 - agreement.similarity) * max(agreement.length, 1)
    return [
        agreement.similarity,
        min((1 - agreement.similarity) / _RIGHT, _MANY),
        math.log1p(different),
        agreement.score,
        float(agreement.numbers == 1),
        math.log1p(agreement.length),
    ]


def confidence(agreement: Agreement) -> float:
    """Return the confidence of a block, 0 to 1, rounded to four digits."""
    if agreement.is_exact:
        return 1.0
    highest = _HIGHEST_WITH_FINDING * agreement.similarity if agreement.findings else _HIGHEST
    value = min(highest, calibrated(features(agreement), calibration()))
    return round(max(value, _UNLIKELY * agreement.similarity**2), 4)


def calibrated(values: Sequence[float], parameters: Mapping[str, Any]) -> float:
    """Return the probability for these features. parameters: weights, bias, and the curve's points `x` and `y`."""
    logit = parameters["bias"] + sum(w * value for w, value in zip(parameters["weights"], values, strict=True))
    probability = 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
    x, y = parameters["x"], parameters["y"]
    after = bisect_right(x, probability)
    if after in (0, len(x)):
        return float(y[0] if after == 0 else y[-1])
    share = (probability - x[after - 1]) / (x[after] - x[after - 1])
    return float(y[after - 1] + share * (y[after] - y[after - 1]))


@cache
def calibration() -> Mapping[str, Any]:
    """Return the stored parameters."""
    text = resources.files(__package__).joinpath("calibration.json").read_text(encoding="utf-8")
    parameters: dict[str, Any] = json.loads(text)
    return parameters
