"""A process that runs a command which must not outlive the worker: `guard.py WORKER_PID COMMAND [ARGUMENT ...]`.

Servers leave processes behind when only their first process is killed; those of vLLM keep the GPU's memory. However the
worker ends (it returns, calls `os._exit`, is killed), this process notices that its parent changed. It then ends the
command's process group and every process that the command started: it adopts them (PR_SET_CHILD_SUBREAPER, see
`man 2 prctl`). They survive only if this process itself is killed. It exits with the command's code.

Uses nothing of this package: it runs as a file, starts fast, and needs no particular environment.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psutil

GRACE_S = 5.0  # between SIGTERM and SIGKILL
_POLL_INTERVAL_S = 0.1
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def main(parent: int, command: Sequence[str]) -> int:
    """Run the command until it or the parent ends, or until SIGTERM. Return the command's exit code."""
    is_stopped = False

    def stop(signum: int, frame: object) -> None:
        nonlocal is_stopped
        is_stopped = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal: the worker ends first
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    _wait(lambda: process.poll() is not None or is_stopped or os.getppid() != parent)
    _end_processes(process)
    return process.wait()


def _end_processes(process: subprocess.Popen[bytes]) -> None:
    """Stop all processes of the command, and kill those that do not end within `GRACE_S`.

    If the command itself has already ended, its remaining processes are killed at once.
    """
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        _wait(lambda: _has_ended(process), GRACE_S)
    while not _has_ended(process):  # a killed process may leave a child, which this process adopts
        _signal(process.pid, signal.SIGKILL)
        _wait(lambda: _has_ended(process), _POLL_INTERVAL_S)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.send_signal(number)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    for child in psutil.Process().children():
        if child.pid != process.pid:
            with suppress(ChildProcessError):
                os.waitpid(child.pid, os.WNOHANG)  # an adopted process that has ended
    return not psutil.Process().children()


def _wait(condition: Callable[[], bool], timeout_s: float = float("inf")) -> None:
    """Wait until the condition is true, or until the timeout."""
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(_POLL_INTERVAL_S)


if __name__ == "__main__":
    code = main(int(sys.argv[1]), sys.argv[2:])
    sys.exit(code if code >= 0 else 128 - code)
