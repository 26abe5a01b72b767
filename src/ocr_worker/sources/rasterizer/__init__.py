"""The rasterizer: from a document's bytes to its page images, in disposable child processes.

Processes, because PDFium is C++ and its input comes from strangers. `RasterPool.open` gives a `RasterDocument`, an
iterator of pages. `pool`, `process`, `document` and `protocol` run in the worker. `child` is the program of the
rasterizer process, and `pdf`, `image`, `text_layer`, `visibility`, `repeats`, `characters`, `mapping` and `rendered`
run only there.
"""

from ocr_worker.sources.rasterizer.document import RasterDocument
from ocr_worker.sources.rasterizer.pool import RasterPool
from ocr_worker.sources.rasterizer.types import FailedPage, RasterRequest

__all__ = ["FailedPage", "RasterDocument", "RasterPool", "RasterRequest"]
