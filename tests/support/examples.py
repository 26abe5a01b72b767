"""The folder `examples/` and its scripts, for the tests that run them."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

EXAMPLES = Path(__file__).parents[2] / "examples"


def load_script(name: str) -> SimpleNamespace:
    """Return the names that a script in `examples/` or beside it defines, without running its `main`."""
    return SimpleNamespace(**runpy.run_path(str(EXAMPLES / name), run_name="example"))
