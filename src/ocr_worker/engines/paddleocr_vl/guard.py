"""Runs a command that must not outlive the worker: `guard.py WORKER_PID COMMAND [ARGUMENT ...]`.

Servers leave processes behind when only their first one is killed; vLLM's go on holding the card's memory. Whatever
becomes of the worker (it returns, calls `os._exit`, is killed), this process notices that it has another parent, and
ends the command's process group and all that the command ever started, which it adopts (PR_SET_CHILD_SUBREAPER, see
`man 2 prctl`). Only a kill of this very process leaves them to the system. Exits with the command's code.

Uses nothing of this package: it is started as a file, quickly, in whatever environment.
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

GRACE_S = 5.0  # between asking the command to end and killing it
_LOOK_EVERY_S = 0.1
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def main(parent: int, command: Sequence[str]) -> int:
    """Runs the command to its end, or to the parent's, or to a SIGTERM; its exit code."""
    told = False

    def tell(signum: int, frame: object) -> None:
        nonlocal told
        told = True

    signal.signal(signal.SIGTERM, tell)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the worker leaves first
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    _wait(lambda: process.poll() is not None or told or os.getppid() != parent)
    _end(process)
    return process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks all of the command's processes to end, and kills those that do not; at once what it left behind."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        _wait(lambda: _gone(process), GRACE_S)
    while not _gone(process):  # who is killed may leave a child to us
        _signal(process.pid, signal.SIGKILL)
        _wait(lambda: _gone(process), _LOOK_EVERY_S)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.send_signal(number)


def _gone(process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    for child in psutil.Process().children():
        if child.pid != process.pid:
            with suppress(ChildProcessError):
                os.waitpid(child.pid, os.WNOHANG)  # an adopted one that has ended
    return not psutil.Process().children()


def _wait(condition: Callable[[], bool], timeout_s: float = float("inf")) -> None:
    """Returns when the condition holds, or after the timeout."""
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)


if __name__ == "__main__":
    code = main(int(sys.argv[1]), sys.argv[2:])
    sys.exit(code if code >= 0 else 128 - code)
