"""The start of a worker: its phases timed, and its failure told to whoever can read it."""

from __future__ import annotations

import logging
import sys
import time

import psutil

from ocr_worker.errors import OcrWorkerError
from ocr_worker.log import event
from ocr_worker.settings import on_platform

log = logging.getLogger(__name__)


class StartUp:
    """Seconds of each phase since the process began."""

    def __init__(self) -> None:
        self._began = psutil.Process().create_time()
        self._last = self._began
        self.seconds: dict[str, float] = {}

    def phase(self, name: str, seconds: float | None = None) -> None:
        """Ends a phase: what passed since the last one, or what was measured elsewhere."""
        now = time.time()
        self.seconds[name] = now - self._last if seconds is None else seconds
        self._last = now

    def ready(self) -> None:
        """The one line about the start."""
        event(log, "ready", **self.seconds, total=time.time() - self._began)


def fail(error: Exception) -> None:
    """The worker cannot start. In a dry run: the reason on stderr, exit code 1. On the platform: the reason is raised
    again by a fitness check, the only place from which the platform gets it; the SDK then ends the process."""
    if isinstance(error, OcrWorkerError):
        reason = f"{error.code}: {error}"
    else:
        log.error("the worker cannot start", exc_info=error)
        reason = f"INTERNAL: the worker cannot start ({type(error).__name__}); the log has the details"
    if not on_platform():
        print(reason, file=sys.stderr)
        raise SystemExit(1)
    import runpod

    @runpod.serverless.register_fitness_check  # type: ignore[untyped-decorator]
    def worker_can_start() -> None:
        raise RuntimeError(reason)
