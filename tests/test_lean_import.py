"""Leaving packages out of imports."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from ocr_worker.lean_import import without

PROGRAM = """
import sys
from ocr_worker.engines.paddleocr_vl import adapter
assert "sklearn" not in sys.modules, "PaddleX imports scikit-learn by another way"
from paddlex.inference.pipelines.layout_parsing import title_level
from sklearn.cluster import KMeans  # as PaddleX does for the levels of titles
print(KMeans(n_clusters=2, n_init=1).fit([[0.0], [1.0]]).labels_.size)
"""


def test_a_package_is_left_out_until_the_context_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import gets empty modules in place of the package, a later one the package itself; once it is imported, it
    stays."""
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    with without("wave"):
        empty = import_module("wave")
    package = import_module("wave")
    with without("wave"):
        again = import_module("wave")
    assert empty.open is None
    assert again.open is package.open is not None


@pytest.mark.paddle
def test_scikit_learn_is_imported_only_when_it_is_called() -> None:
    """The adapter's import leaves scikit-learn out, and what imports it later gets the real one."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300)
    assert (done.stdout.strip().splitlines() or [done.stderr])[-1] == "2"
