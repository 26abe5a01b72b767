"""PaddleX without the clients of model hubs: none is imported for local weights, and the download has the real ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.waiting import PATIENCE_S

pytestmark = [pytest.mark.paddle, pytest.mark.process, pytest.mark.slow]

# Checks that nothing of PaddleX uses more of the module than its one object, and that the object is the real one later.
PROGRAM = """
import sys
from ocr_worker.engines.paddleocr_vl import hub_clients
with hub_clients.deferred():
    import paddleocr
    import paddlex.inference.models as models
clients = {"modelscope", "aistudio_sdk"} & set(sys.modules)
assert not clients, clients
assert type(models.official_models).__name__ == "DeferredModels"
assert "PP-DocLayoutV3" in models.official_models
from ocr_worker.engines.paddleocr_vl import download
assert download.official_models.get_model_path == models.official_models.get_model_path
assert "modelscope" in sys.modules
with hub_clients.deferred():
    assert hub_clients.MODULE in sys.modules
assert sys.modules[hub_clients.MODULE].official_models is download.official_models
"""


def test_clients_are_imported_when_they_are_used() -> None:
    """Importing the library imports no client of a hub; its first use, and the download, get the real module."""
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert process.returncode == 0, process.stderr
