"""The import of a package without another package that it imports, but of which this worker calls nothing.

PaddleX imports all its pipelines at once, and with those for time series scikit-learn, which takes a third of the
import's processor time (2.3 s without it, 3.3 s with it; two CPU cores, November 2026). RapidOCR and RapidLayout import
requests for downloads of models, of which there are none: 0.09 of the 0.5 s of their import. RunPod's SDK imports
paramiko: see `runpod_sdk.load`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


@contextmanager
def without(package: str) -> Iterator[None]:
    """Import empty modules in place of this package while the context is open. Later imports get the real ones.

    Names that were imported from an empty module stay unusable. Does nothing if the package is imported already.
    """
    if package in sys.modules:
        yield
        return
    finder = _EmptyModules(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]


class _EmptyModules(MetaPathFinder, Loader):
    """A finder and loader of the modules of a package, with nothing behind any name in them."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] == self._package else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _EmptyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module empty."""


class _EmptyModule(ModuleType):
    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)
