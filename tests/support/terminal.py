"""A pseudo-terminal in which a test types Ctrl-C, as a person does: the whole foreground group gets SIGINT."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from support.processes import descendants, is_alive
from support.waiting import PATIENCE_S, eventually
from support.worker_process import ROOT, environment

_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
# The leader of a session that opens a terminal makes it the session's own. $0 is the terminal, $1 the file for stdout.
_OPEN_TERMINAL = 'stdout=$1; shift; exec "$@" <"$0" >"$stdout" 2>"$0"'


class Terminal:
    """A command in the foreground of a terminal of its own; its stdout may be a file. Kill it with `kill`."""

    def __init__(self, command: Sequence[str | Path], stdout: Path | None, cwd: Path, settings: dict[str, str]) -> None:
        self._screen = b""
        self._typing_end, self._terminal = os.openpty()
        name = os.ttyname(self._terminal)
        self.process = subprocess.Popen(
            ["sh", "-c", _OPEN_TERMINAL, name, str(stdout or name), *map(str, command)],
            cwd=cwd,
            env=environment({"TERM": "xterm", "COLUMNS": "100", **settings}),
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError):  # the terminal is closed
            while output := os.read(self._typing_end, 1 << 16):
                self._screen += output

    def screen(self) -> str:
        """Return everything shown so far, without control sequences."""
        return _CONTROL_SEQUENCE.sub("", self._screen.decode(errors="replace"))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition. Raises AssertionError with the screen if it stays false or the command ends before."""
        assert eventually(lambda: condition() or self.process.poll() is not None), self.screen()
        assert condition(), f"the command ended with {self.process.returncode}:\n{self.screen()}"

    def shows(self, text: str) -> None:
        """Wait until the screen has this text."""
        self.wait_for(lambda: text in self.screen())

    def type_ctrl_c(self) -> list[psutil.Process]:
        """Type Ctrl-C. Return the processes that the command has started and not ended."""
        children = descendants(psutil.Process(self.process.pid))
        os.write(self._typing_end, b"\x03")
        return children

    def end(self) -> tuple[int, str]:
        """Wait for the exit. Return the exit code and the screen, which never has a traceback or an abort."""
        code = self.process.wait(PATIENCE_S)
        # The screen is complete when it shows what is written after the command's end.
        os.write(self._terminal, b"<end of the command>")
        assert eventually(lambda: "<end of the command>" in self.screen())
        for trouble in ("Traceback", "terminate called", "Fatal Python error", "never retrieved"):
            assert trouble not in self.screen(), self.screen()
        return code, self.screen()

    def kill(self) -> None:
        """Kill the command with its group, if it runs, and close the terminal."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._terminal)


@contextmanager
def terminal(*command: str | Path, stdout: Path | None = None, cwd: Path = ROOT, **settings: str) -> Iterator[Terminal]:
    """Run a command in a terminal, with these settings in its environment."""
    running = Terminal(command, stdout, cwd, settings)
    try:
        yield running
    finally:
        running.kill()


def all_ended(processes: Sequence[psutil.Process]) -> bool:
    """Return whether these processes end soon."""
    return eventually(lambda: not any(map(is_alive, processes)))
