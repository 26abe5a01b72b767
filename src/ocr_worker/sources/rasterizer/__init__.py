"""From a document's bytes to its pages, in disposable child processes: PDFium is C++, and strangers feed it."""

from ocr_worker.sources.rasterizer.document import RasterDocument
from ocr_worker.sources.rasterizer.pool import RasterPool
from ocr_worker.sources.rasterizer.types import PageFault, RasterRequest

__all__ = ["PageFault", "RasterDocument", "RasterPool", "RasterRequest"]
