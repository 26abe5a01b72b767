"""Import the clients of model hubs only when one is used: PaddleX imports them all.

`paddlex.inference.utils.official_models` (3.7.2) imports the clients of three hubs. PaddleX uses its object
`official_models` for a model without a local directory only. This worker gives a directory for each model. So the
object is replaced by `DeferredModels`, which imports the real module at its first use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

MODULE = "paddlex.inference.utils.official_models"


class DeferredModels:
    """Substitute of PaddleX's `official_models` that imports the real object at its first use."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_real_models(), name)

    def __getitem__(self, name: str) -> Any:
        return _real_models()[name]

    def __contains__(self, name: object) -> bool:
        return name in _real_models()


@contextmanager
def deferred() -> Iterator[None]:
    """Let imports of PaddleX inside the block import no client. Without effect if the clients are imported already."""
    if MODULE in sys.modules:
        yield
        return
    substitute = ModuleType(MODULE)
    substitute.official_models = DeferredModels()  # type: ignore[attr-defined]
    sys.modules[MODULE] = substitute
    try:
        yield
    finally:
        del sys.modules[MODULE]  # a later import, such as that of `download`, gets the real module


def _real_models() -> Any:
    return import_module(MODULE).official_models
