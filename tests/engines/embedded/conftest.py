"""The engine with its real models, loaded once, and the repository's own page."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ocr_worker.engines.embedded.engine import EmbeddedEngine, create
from ocr_worker.pages import Pixels


@pytest.fixture(scope="session")
def engine() -> EmbeddedEngine:
    return create()


@pytest.fixture(scope="session")
def own_page() -> Pixels:
    from resources.make_page import page_png

    with Image.open(io.BytesIO(page_png())) as page:
        return np.ascontiguousarray(np.asarray(page.convert("RGB"))[:, :, ::-1])
