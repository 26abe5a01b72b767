"""The start of a worker: the SDK imported fast, its phases timed, and its failure told to whoever can read it."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from ocr_worker import runpod_sdk
from ocr_worker.errors import OcrWorkerError
from ocr_worker.log import event
from ocr_worker.settings import is_on_platform, keep_logs_from_callers

log = logging.getLogger(__name__)


def load_sdk() -> Any:
    """Import the SDK and return the package `runpod`."""
    keep_logs_from_callers()
    return runpod_sdk.load()


class StartUp:
    """Seconds of each phase since the process began."""

    def __init__(self) -> None:
        self._began = _process_start()
        self._last = self._began
        self.seconds: dict[str, float] = {}

    def phase(self, name: str, seconds: float | None = None) -> None:
        """Ends a phase: what passed since the last one, or what was measured elsewhere."""
        now = _now()
        self.seconds[name] = now - self._last if seconds is None else seconds
        self._last = now

    def ready(self, limit_s: float) -> None:
        """The one line about the start, and a warning when it took half of what the platform allows."""
        total = _now() - self._began
        event(log, "ready", **self.seconds, total=total)
        if total > limit_s / 2:
            log.warning("the start took %.0f s of the %.0f s that the platform allows", total, limit_s)


def _now() -> float:
    """Seconds since the machine's boot, the clock of `_process_start`."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _process_start() -> float:
    """When this process began, to a hundredth of a second; psutil's answer may be a second off."""
    fields_after_name = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields_after_name[19]) / os.sysconf("SC_CLK_TCK")  # field 22, starttime: man 5 proc


def fail(error: Exception) -> None:
    """The worker cannot start. In a dry run: the reason on stderr, exit code 1. On the platform: the reason is raised
    again by a fitness check, the only place from which the platform gets it; the SDK then ends the process."""
    if isinstance(error, OcrWorkerError):
        reason = f"{error.code}: {error}"
    else:
        log.error("the worker cannot start", exc_info=error)
        reason = f"INTERNAL: the worker cannot start ({type(error).__name__}); the log has the details"
    if not is_on_platform():
        print(reason, file=sys.stderr)
        raise SystemExit(1)
    runpod_sdk.report_failed_start(reason)
