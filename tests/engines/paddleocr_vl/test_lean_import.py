"""The import of PaddleX without scikit-learn."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from ocr_worker.engines.paddleocr_vl import adapter
assert "sklearn" not in sys.modules, "PaddleX imports scikit-learn by another way"
from paddlex.inference.pipelines.layout_parsing import title_level
from sklearn.cluster import KMeans  # as PaddleX does for the levels of titles
print(KMeans(n_clusters=2, n_init=1).fit([[0.0], [1.0]]).labels_.size)
"""


@pytest.mark.paddle
def test_scikit_learn_is_imported_only_when_it_is_called() -> None:
    """The adapter's import leaves scikit-learn out, and what imports it later gets the real one."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300)
    assert (done.stdout.strip().splitlines() or [done.stderr])[-1] == "2"
