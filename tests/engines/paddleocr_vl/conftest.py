"""One real engine on the test weights for all modules here: building it takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ocr_worker.engines.base import Engine
from ocr_worker.engines.paddleocr_vl.builder import Builder
from support import tinyvl


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    engine = Builder(tinyvl.settings())()
    yield engine
    engine.close()
