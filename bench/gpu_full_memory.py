"""A page for which memory does not suffice, for bench/gpu.py: `python gpu_full_memory.py`, settings in the environment.

The engine reads a page. Then the device's memory is filled up (on a CPU, the address space is limited), and a page of
one very large crop comes. Printed, as one JSON line: the library's error and how `failures.classify` takes it, what the
engine makes of the same page, and whether it reads an ordinary page when the memory is free again.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gpu_pages
import numpy as np
from gpu_watch import free_gpu_bytes

from ocr_worker.engines.paddleocr_vl.failures import Failure, classify
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import OcrWorkerError
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.settings import load_settings

_ROOM = 100_000_000  # bytes that are left
_SIDE = 4096  # of the page, in pixels
_OPTIONS = {
    "use_layout_detection": False, "min_pixels": 3 * _SIDE**2 // 4, "max_pixels": _SIDE**2, "max_new_tokens": 4,
}  # fmt: skip
_TEXT_LENGTH = 1000


def main() -> None:
    """Run the steps and print what happened."""
    settings = load_settings()
    spec = engine_spec(settings.engine)
    engine = spec.builder(settings)()
    options = spec.options.model_validate({})
    page = gpu_pages.page_images(1)[0]
    large_page = PageImage(1, np.full((_SIDE, _SIDE, 3), 255, np.uint8))
    engine.parse([page], options)
    errors = _record_errors()
    free_memory = _fill_cpu() if settings.device == "cpu" else _fill_gpu()
    outcome = _attempt(lambda: engine.parse([large_page], spec.options.model_validate(_OPTIONS)))
    free_memory()
    next_page = _attempt(lambda: engine.parse([page], options))
    print(json.dumps({"library": errors, "large page": outcome, "next page": next_page}), flush=True)


def _record_errors() -> list[dict[str, str]]:
    """Return a list that gets each error that the engine classifies from now on, with its class."""
    from ocr_worker.engines.paddleocr_vl import adapter  # imports Paddle

    errors: list[dict[str, str]] = []

    def classify_and_record(error: BaseException) -> tuple[Failure, str]:
        failure, text = classify(error)
        classes = ", ".join(base.__name__ for base in type(error).__mro__[:-2])
        message = str(error)[:_TEXT_LENGTH]
        errors.append({"error": classes, "text": message, "classify": failure.name, "matched": text})
        return failure, text

    adapter.classify = classify_and_record  # type: ignore[attr-defined]  # imported there
    return errors


def _attempt(parse: Callable[[], Sequence[ParsedPage]]) -> str:
    """Return the outcome of the only page: read, its warnings, or its error."""
    try:
        (page,) = parse()
    except OcrWorkerError as error:
        return f"{error.code}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:_TEXT_LENGTH]
    return ", ".join(["read", *(warning.code for warning in page.warnings)])


def _fill_cpu() -> Callable[[], None]:
    """Limit the address space to what is in use and `_ROOM`; return what lifts the limit."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + _ROOM, limits[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_AS, limits)


def _fill_gpu() -> Callable[[], None]:
    """Allocate the GPU's free memory but `_ROOM`, by the library that runs the engine; return what frees it."""
    count = max(0, free_gpu_bytes() - _ROOM)
    held: list[Any] = []
    if torch := sys.modules.get("torch"):
        held.append(torch.empty(count, dtype=torch.uint8, device="cuda"))
        empty_cache = torch.cuda.empty_cache
    else:
        import paddle

        held.append(paddle.empty([count], dtype="uint8"))
        empty_cache = paddle.device.cuda.empty_cache

    def free_memory() -> None:
        held.clear()
        empty_cache()

    return free_memory


if __name__ == "__main__":
    main()
