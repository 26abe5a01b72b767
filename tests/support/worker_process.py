"""`handler.py` as a process of its own, as the platform and a developer's terminal run it."""

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


class Worker:
    """A worker process under the SDK's loop, taking its jobs from `plane`; everything it prints goes to `log_file`."""

    def __init__(self, plane: ControlPlane, process: subprocess.Popen[bytes], log_file: Path) -> None:
        self.plane = plane
        self.process = process
        self.log_file = log_file

    def log(self) -> str:
        """What the process has printed so far, both streams."""
        return self.log_file.read_text(errors="replace")

    def wait_ready(self, timeout: float = PATIENCE_S) -> Worker:
        """Returns when the worker asks for its first job. Raises AssertionError with its log when it does not."""
        assert eventually(lambda: self.plane.polls > 0 or self.process.poll() is not None, timeout), self.log()
        assert self.process.poll() is None, f"the worker ended with {self.process.returncode}:\n{self.log()}"
        return self

    def answer(self, job_input: Any, **beside: Any) -> Result:
        """Submits a job and waits for its answer."""
        return self.plane.wait(self.plane.submit(job_input, **beside))

    def started(self, job_id: str, timeout: float = PATIENCE_S) -> bool:
        """Whether the SDK calls the handler for the job within the timeout; until then a cancellation is lost on it."""
        return eventually(lambda: f"{job_id} | Started." in self.log(), timeout)

    def logged(self, pattern: str, timeout: float = PATIENCE_S) -> bool:
        """Whether a line of this pattern comes within the timeout."""
        return eventually(lambda: re.search(pattern, self.log()) is not None, timeout)

    def terminate(self) -> None:
        """Sends SIGTERM, as the platform does before it takes a machine away."""
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self, timeout: float = PATIENCE_S) -> int:
        """Of the process, once it has ended. Raises subprocess.TimeoutExpired."""
        return self.process.wait(timeout)

    def children(self) -> list[str]:
        """Command lines of the processes that are left of the worker's group once it has ended."""
        return in_group(self.process.pid)

    def kill(self) -> None:
        """Ends the process and its children, whatever they do."""
        kill_group(self.process)
        self.process.wait()


StartWorker = Callable[..., Worker]


def start_worker(plane: ControlPlane, log_file: Path, handler: Path = HANDLER, **settings: str) -> Worker:
    """Starts `python handler.py` against `plane` with the settings in its environment; does not wait."""
    with log_file.open("wb") as log:
        variables = plane.environment("worker-1") | {"RUNPOD_LOG_LEVEL": "INFO"} | settings
        process = launch(handler, environment(variables), log)
    return Worker(plane, process, log_file)


def dry_run(arguments: Sequence[str], cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """`python handler.py ARGUMENTS` in `cwd`, without the platform, to its end."""
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
    """Where the worker's package and the engine doubles are."""
    return os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests")))


def environment(variables: dict[str, str]) -> dict[str, str]:
    """This process's environment without the settings of a worker, and with `variables`."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("OCR_", "RUNPOD_", "DOUBLE_"))
    }
    return {
        **inherited,
        "PYTHONPATH": python_path(),
        "PYTHONUNBUFFERED": "1",
        # The SDK's own checks want free memory, the internet and CUDA; they are not what is tested.
        "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
        "RUNPOD_SKIP_GPU_CHECK": "true",
        **variables,
    }
