"""The rasterizer: from a document's bytes to its page images, in disposable child processes.

Processes, because PDFium is C++ and its input comes from strangers. `RasterPool.open` gives a `RasterDocument`, an
iterator of pages. `pool`, `process`, `document` and `protocol` run in the worker. `child` is the program of the
rasterizer process, and `pdf`, `image`, `text_layer`, `visibility`, `repeats`, `characters`, `mapping` and `rendered`
run only there.

The names in `__all__` are for the worker. Each is imported when it is first used, so that a rasterizer process loads
none of the worker's side, which takes longer to import than its own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ocr_worker.sources.rasterizer.document import RasterDocument
    from ocr_worker.sources.rasterizer.pool import RasterPool
    from ocr_worker.sources.rasterizer.types import FailedPage, RasterRequest

__all__ = ["FailedPage", "RasterDocument", "RasterPool", "RasterRequest"]

_MODULES = {"FailedPage": "types", "RasterDocument": "document", "RasterPool": "pool", "RasterRequest": "types"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
