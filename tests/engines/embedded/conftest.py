"""The engine with its real models, loaded once, and the repository's own page."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_worker.engines.embedded.engine import EmbeddedEngine, create
from ocr_worker.pages import Pixels


@pytest.fixture(scope="session")
def engine() -> EmbeddedEngine:
    return create()


@pytest.fixture(scope="session")
def own_page() -> Pixels:
    from resources.make_page import page_png

    return np.asarray(cv2.imdecode(np.frombuffer(page_png(), np.uint8), cv2.IMREAD_COLOR), np.uint8)
