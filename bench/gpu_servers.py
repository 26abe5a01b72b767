"""Model servers of bench/gpu.py: vLLM on the GPU, with the arguments of the worker's managed servers, or doubles.

The benchmark starts the servers itself, one after another, and gives them to each worker as external ones: so a server
is started once and not for each row.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import requests
from server_backend import free_port

from ocr_worker.engines.paddleocr_vl import guard, managed_server
from ocr_worker.settings import load_settings, model_server_environment

_DOUBLE = Path(__file__).parent / "crop_server.py"
_START_S = 300
_STEPS = re.compile(r"took|seconds|KV cache|oncurrency|version|backend", re.IGNORECASE)
_KEPT_LINES, _KEPT_CHARACTERS = 40, 200


class Server:
    """A model server on a free port, which ends with this process."""

    def __init__(self, number: int, folder: Path) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/v1"
        self._log_file = folder / f"server-{number}.log"

    def start(self, command: Sequence[str]) -> dict[str, Any]:
        """Start the server and wait until it lists its models; return the seconds, and lines of its log on its start.

        Raises RuntimeError: it ends, or takes too long; with the end of its log.
        """
        started = time.monotonic()
        with self._log_file.open("wb") as log:
            # The guard ends the server and what it started, also when this process is killed.
            self.process = subprocess.Popen(
                [sys.executable, "-P", guard.__file__, str(os.getpid()), *command],
                env=model_server_environment(load_settings().volume_dir), stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > started + _START_S:
                self.close()
                raise RuntimeError(f"a model server did not start; the end of its log:\n{self._log()[-2000:]}")
            time.sleep(0.2)
        lines = [line[-_KEPT_CHARACTERS:] for line in self._log().splitlines() if _STEPS.search(line)]
        return {"ready_s": round(time.monotonic() - started, 1), "log": lines[-_KEPT_LINES:]}

    @property
    def pid(self) -> int:
        """Process id of the server itself, below its guard: of vLLM the API, whose descendants run the model."""
        children = psutil.Process(self.process.pid).children()
        return children[0].pid if children else self.process.pid

    def double_command(self) -> list[str]:
        """Return the command of the double."""
        return [sys.executable, str(_DOUBLE), str(self._port)]

    def vllm_command(self, program: str, weights: Path, model: str, share: float, more: Sequence[str]) -> list[str]:
        """Return the command of vLLM. share: of the GPU's memory. more: further arguments."""
        address = ["--host", "127.0.0.1", "--port", str(self._port), "--served-model-name", model]
        memory = ["--gpu-memory-utilization", f"{share:.2f}"]
        return [program, "serve", str(weights), *address, *managed_server._ARGUMENTS, *memory, *more]

    def close(self) -> None:
        """End the server and what it started."""
        self.process.terminate()
        self.process.wait(30)

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/models", timeout=2).ok
        except requests.RequestException:
            return False

    def _log(self) -> str:
        return self._log_file.read_text(encoding="utf-8", errors="replace")
