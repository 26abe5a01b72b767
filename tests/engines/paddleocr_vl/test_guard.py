"""Nothing that runs under the guard outlives the worker, whichever way the worker ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ocr_worker.engines.paddleocr_vl import guard
from support.processes import is_alive
from support.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.process

# A server whose child has a session of its own and does not listen to SIGTERM, as a frozen one.
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
SERVER = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""
# A worker that starts it and ends as it is told.
WORKER = """
import os, subprocess, sys, time
command = [sys.executable, "-P", sys.argv[1], str(os.getpid()), sys.executable, "-c", sys.argv[2]]
subprocess.Popen(command, start_new_session=True)
exec(sys.stdin.readline())
"""
ENDS = {
    "returns": "pass",
    "os._exit": "os._exit(1)",
    "killed": "os.kill(os.getpid(), 9)",
}


@pytest.fixture
def worker() -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A worker process, with the processes of its server: the guard, the server, the server's child."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, guard.__file__, SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    family = psutil.Process(process.pid).children(recursive=True)
    yield process, family
    process.kill()
    for member in filter(is_alive, family):
        member.kill()


def end(family: list[psutil.Process]) -> bool:
    """Return whether all of the processes end."""
    return eventually(lambda: not any(map(is_alive, family)))


@pytest.mark.parametrize("way", ENDS)
def test_nothing_outlives_the_worker(worker: tuple[subprocess.Popen[str], list[psutil.Process]], way: str) -> None:
    """However the worker ends: the server, and the child that it left behind deaf to SIGTERM, end soon after."""
    process, family = worker
    assert len(family) == 3
    process.communicate(ENDS[way] + "\n", timeout=PATIENCE_S)
    assert end(family)


def test_a_server_that_ends_takes_its_children_with_it(
    worker: tuple[subprocess.Popen[str], list[psutil.Process]],
) -> None:
    """The server alone is killed: what it leaves behind is ended, and the guard with it."""
    process, family = worker
    family[1].send_signal(signal.SIGKILL)
    assert end(family)
    assert process.poll() is None


def test_a_guard_whose_worker_is_gone_already_ends_at_once() -> None:
    """The worker may end while the guard starts: the command is not left running."""
    command = [sys.executable, "-P", guard.__file__, str(os.getppid()), "sleep", "600"]
    assert subprocess.run(command, timeout=PATIENCE_S, check=False).returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("kill -9 $$", 128 + 9)])
def test_the_guard_passes_the_exit_code_on(command: str, code: int, tmp_path: Path) -> None:
    """The command's own code, or 128 and the signal it died of, is the guard's."""
    guard_command = [sys.executable, "-P", guard.__file__, str(os.getpid()), "sh", "-c", command]
    assert subprocess.run(guard_command, timeout=PATIENCE_S, check=False).returncode == code
