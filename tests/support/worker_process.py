"""`handler.py` in its own process, as the platform and a developer's terminal run it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ocr_worker.endpoint.processes import kill_group, launch
from support.control_plane import ControlPlane, Result
from support.processes import in_group
from support.waiting import PATIENCE_S, eventually

ROOT = Path(__file__).parents[2]
HANDLER = ROOT / "handler.py"
# Processes of tests call no server over TLS. Loading the machine's roots of trust would take a tenth of a second each.
# A second rasterizer process starts when a second document is open; it costs a fifth of a worker's start.
LIGHT_START = {
    "SSL_CERT_FILE": str(ROOT / "tests" / "resources" / "tls" / "authority.pem"),
    "OCR_RASTER_WORKERS": "1",
}


class Worker:
    """A worker process under the SDK's loop, with jobs from `plane`. Everything it prints goes to `log_file`."""

    def __init__(self, plane: ControlPlane, process: subprocess.Popen[bytes], log_file: Path) -> None:
        self.plane = plane
        self.process = process
        self.log_file = log_file

    def log(self) -> str:
        """Return the output of the process so far, both streams."""
        return self.log_file.read_text(errors="replace")

    def wait_ready(self, timeout: float = PATIENCE_S) -> Worker:
        """Wait until the worker asks for its first job. Raises AssertionError with its log when it does not."""
        assert eventually(lambda: self.plane.polls > 0 or self.process.poll() is not None, timeout), self.log()
        assert self.process.poll() is None, f"the worker ended with {self.process.returncode}:\n{self.log()}"
        return self

    def answer(self, job_input: Any, **beside: Any) -> Result:
        """Submit a job and wait for its response."""
        return self.plane.wait(self.plane.submit(job_input, **beside))

    def started(self, job_id: str, timeout: float = PATIENCE_S) -> bool:
        """Return whether the SDK calls the handler in time; until then a cancellation of the job is lost."""
        return eventually(lambda: f"{job_id} | Started." in self.log(), timeout)

    def logged(self, pattern: str, timeout: float = PATIENCE_S) -> bool:
        """Return whether a line that matches the pattern appears within the timeout."""
        return eventually(lambda: re.search(pattern, self.log()) is not None, timeout)

    def terminate(self) -> None:
        """Send SIGTERM, as the platform does before it takes a machine away."""
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self, timeout: float = PATIENCE_S) -> int:
        """Wait for the end of the process; return its exit code. Raises subprocess.TimeoutExpired."""
        return self.process.wait(timeout)

    def children(self) -> list[str]:
        """Return the command lines of the processes that are left of the worker's group after its end."""
        return in_group(self.process.pid)

    def kill(self) -> None:
        """Kill the process and its children."""
        kill_group(self.process)
        self.process.wait()


StartWorker = Callable[..., Worker]


def start_worker(plane: ControlPlane, log_file: Path, handler: Path = HANDLER, /, **settings: str) -> Worker:
    """Start `python handler.py` against `plane` with the settings in its environment; do not wait."""
    with log_file.open("wb") as log:
        variables = plane.environment("worker-1") | {"RUNPOD_LOG_LEVEL": "INFO"} | settings
        process = launch(handler, environment(variables), log)
    return Worker(plane, process, log_file)


def dry_run(arguments: Sequence[str], cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `python handler.py ARGUMENTS` in `cwd`, without the platform, to its end."""
    return subprocess.run(
        [sys.executable, str(HANDLER), *arguments],
        cwd=cwd,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=2 * PATIENCE_S,
    )


def python_path() -> str:
    """Return the folders of the worker's package and of the engine doubles."""
    return os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests")))


def environment(variables: dict[str, str]) -> dict[str, str]:
    """Return this process's environment without settings of a worker, and with `variables`."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("OCR_", "RUNPOD_", "DOUBLE_"))
    }
    return {
        **inherited,
        **LIGHT_START,
        "PYTHONPATH": python_path(),
        "PYTHONUNBUFFERED": "1",
        # The SDK's own checks want free memory, the internet and CUDA; they are not what is tested.
        "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
        "RUNPOD_SKIP_GPU_CHECK": "true",
        **variables,
    }
