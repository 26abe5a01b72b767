"""Denormal numbers, which slow the processor down, are taken for zero on the models' threads only."""

from __future__ import annotations

import platform
from multiprocessing.pool import ThreadPool

import numpy as np
import pytest

from ocr_worker.engines.embedded.engine import EmbeddedEngine
from ocr_worker.engines.embedded.reading.denormals import flush_denormals

IS_SLOW = platform.machine() == "x86_64"  # the only kind of processor on which anything is changed


def keeps_denormals() -> bool:
    """Return whether this thread calculates with denormal numbers."""
    return bool((np.full(8, 1e-40, np.float32) * np.float32(2)).any())


def test_the_mode_is_that_of_a_single_thread() -> None:
    """A thread that flushes denormal numbers takes them for zero, and the thread that started it does not."""
    with ThreadPool(1, flush_denormals) as threads:
        assert threads.apply(keeps_denormals) is not IS_SLOW
    assert keeps_denormals()


@pytest.mark.process
def test_the_models_run_without_denormals(engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line detector runs on a thread that takes denormal numbers for zero."""
    models, modes = engine._models, []
    network = models._network

    def observe(image: np.ndarray) -> np.ndarray:
        modes.append(keeps_denormals())
        return network(image)

    monkeypatch.setattr(models, "_network", observe)
    models.find_lines(np.full((64, 64, 3), 255, np.uint8))
    assert modes == [not IS_SLOW]
