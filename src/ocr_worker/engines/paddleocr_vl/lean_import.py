"""The import of PaddleX without what this engine never calls.

PaddleX imports all its pipelines at once, and with those for time series scikit-learn, which takes a third of the
import's processor time (2.3 s without it, 3.3 s with it; two CPU cores, November 2026). The clients of model hubs are
the subject of `hub_clients`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

LEFT_OUT = "sklearn"


@contextmanager
def without_time_series() -> Iterator[None]:
    """Import empty modules in place of scikit-learn while the context is open. Later imports get the real ones.

    Names that were imported from an empty module stay unusable: those of PaddleX's time series and of its table
    pipelines. What PaddleX imports when it is called, such as for the levels of titles, is real.
    """
    if LEFT_OUT in sys.modules:
        yield
        return
    finder = _EmptyModules()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == LEFT_OUT]:
            del sys.modules[name]


class _EmptyModules(MetaPathFinder, Loader):
    """A finder and loader of modules that have any name, and nothing behind it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] == LEFT_OUT else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _EmptyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module empty."""


class _EmptyModule(ModuleType):
    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)
