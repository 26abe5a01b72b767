"""The start of a worker: a fast import of the SDK, the time of each phase, and the report of a failure.

A failure is reported where its reader looks: on the platform in the endpoint's console, in a dry run on stderr.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from ocr_worker import runpod_sdk
from ocr_worker.errors import OcrWorkerError
from ocr_worker.exits import leave_now
from ocr_worker.log import event
from ocr_worker.settings import disable_telemetry, is_dry_run, is_on_platform, keep_logs_from_callers

log = logging.getLogger(__name__)


def load_sdk() -> Any:
    """Import the SDK and return the package `runpod`. In a dry run, let Ctrl-C end the process without a traceback."""
    if is_dry_run():
        signal.signal(signal.SIGINT, lambda number, frame: leave_now())
    keep_logs_from_callers()
    disable_telemetry()
    return runpod_sdk.load()


class StartUp:
    """The phases of the start, with the seconds of each, since the process began."""

    def __init__(self) -> None:
        self._start_time = _process_start()
        self._phase_start = self._start_time
        self.seconds: dict[str, float] = {}

    def end_phase(self, name: str, seconds: float | None = None) -> None:
        """Record a phase that ends now, with the time since the last one ended, or with `seconds` if given."""
        now = _now()
        self.seconds[name] = now - self._phase_start if seconds is None else seconds
        self._phase_start = now

    def log_ready(self, limit_s: float) -> None:
        """Log the phases in one line, and a warning when the start took more than half of `limit_s`.

        limit_s: seconds that the platform allows for a start.
        """
        total = _now() - self._start_time
        event(log, "ready", **self.seconds, total=total)
        if total > limit_s / 2:
            log.warning("the start took %.0f s; the platform allows %.0f s", total, limit_s)


def _now() -> float:
    """Return the seconds since the machine's boot, on the clock of `_process_start`."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _process_start() -> float:
    """Return the start of this process, to a hundredth of a second; psutil's value may be wrong by a second."""
    fields_after_name = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields_after_name[19]) / os.sysconf("SC_CLK_TCK")  # field 22, starttime: man 5 proc


def fail(error: Exception) -> None:
    """Report that the worker cannot start because of `error`.

    In a dry run, print the message on stderr and exit with code 1. On the platform, register a fitness check that
    raises the message: a failed start reaches the platform only by a fitness check. The SDK then ends the process.
    """
    if isinstance(error, OcrWorkerError):
        message = f"{error.code}: {error}"
    else:
        log.error("the worker cannot start", exc_info=error)
        message = f"INTERNAL: the worker cannot start ({type(error).__name__}); the log has the details"
    if not is_on_platform():
        print(message, file=sys.stderr)
        raise SystemExit(1)
    runpod_sdk.report_failed_start(message)
