"""A serverless worker that turns images and PDFs into Markdown and structured blocks.

This package runs as a RunPod worker (`runpod_worker`, started by `handler.py`), as an HTTP app (`app`), and as a
command line (`cli`). It also has clients for programs (`client`, `batch`) and a local endpoint (`endpoint`). All of
them parse documents in the same way (`parsing`), with an exchangeable engine (`engines`). ARCHITECTURE.md describes the
parts and their order.

The names in `__all__` are for programs. Each is imported when it is first used, so that `import ocr_worker` alone loads
nothing beyond the standard library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ocr_worker.batch import Batch
    from ocr_worker.client import AsyncClient, Client, RemoteEndpoint
    from ocr_worker.endpoint import LocalEndpoint
    from ocr_worker.errors import OcrWorkerError
    from ocr_worker.parsing.in_process import parse_file
    from ocr_worker.wire.schema import ParseResponse

__all__ = [
    "AsyncClient",
    "Batch",
    "Client",
    "LocalEndpoint",
    "OcrWorkerError",
    "ParseResponse",
    "RemoteEndpoint",
    "parse_file",
]

__version__ = "0.1.0"

_MODULES = {
    "AsyncClient": "ocr_worker.client",
    "Batch": "ocr_worker.batch",
    "Client": "ocr_worker.client",
    "LocalEndpoint": "ocr_worker.endpoint",
    "OcrWorkerError": "ocr_worker.errors",
    "ParseResponse": "ocr_worker.wire.schema",
    "RemoteEndpoint": "ocr_worker.client",
    "parse_file": "ocr_worker.parsing.in_process",
}


def __getattr__(name: str) -> Any:
    """Import the attribute on its first use. Raises SettingsInvalid: the extra that it needs is not installed."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
