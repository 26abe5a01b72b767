"""`ocr-worker serve` in its own process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from support.waiting import PATIENCE_S, eventually
from support.worker_process import ROOT, environment


class App:
    """A running app at `url`. Everything it prints goes to `log_file`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log_file: Path) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.log_file = log_file

    def ping(self) -> int | None:
        """Return the status of `/ping`; None while nothing listens."""
        try:
            return requests.get(f"{self.url}/ping", timeout=PATIENCE_S).status_code
        except requests.ConnectionError:
            return None

    def wait(self, status: int, timeout: float = PATIENCE_S) -> App:
        """Wait until `/ping` has this status. Raises AssertionError with the log when it never has."""
        assert eventually(lambda: self.ping() == status or self.process.poll() is not None, timeout), self.log()
        assert self.process.poll() is None, f"the app ended with {self.process.returncode}:\n{self.log()}"
        return self

    def log(self) -> str:
        """Return the output so far."""
        return self.log_file.read_text(errors="replace")


@contextmanager
def serving(log_file: Path, *arguments: str, **settings: str) -> Iterator[App]:
    """Run an app with these settings; kill it at the end."""
    port = free_port()
    command = [sys.executable, "-m", "ocr_worker.cli", "serve", "--port", str(port), *arguments]
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(settings), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield App(process, port, log_file)
    finally:
        with_children = os.getpgid(process.pid) if process.poll() is None else None
        if with_children is not None:
            os.killpg(with_children, signal.SIGKILL)
        process.wait(PATIENCE_S)


def health(app: App) -> dict[str, Any]:
    """Return the response of `/health`."""
    report: dict[str, Any] = requests.get(f"{app.url}/health", timeout=PATIENCE_S).json()
    return report


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
