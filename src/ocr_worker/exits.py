"""End processes in order: a command after Ctrl-C, and a child process with its parent.

A terminal sends Ctrl-C, which is SIGINT, to every process of its foreground group. A command catches it with
`Interrupts`: the first one asks the command to stop, the second ends the process. It then ends with `leave`, because a
native library can abort the process in the interpreter's own exit while a model runs on a daemon thread. A child
process is started in a session of its own, which the terminal's signals do not reach, and calls `follow_parent`.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

INTERRUPTED = 128 + signal.SIGINT  # exit code, as shells report it: 130


def leave(code: int) -> NoReturn:
    """Flush the standard streams and end the process with this exit code, without the interpreter's own exit."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


class Interrupts:
    """The SIGINT and SIGTERM of a command, as a context manager for the main thread.

    on_first: called at the first signal, on the main thread, between two instructions of whatever it does. Each later
    signal calls `on_later`, by default `leave_now`. count: signals so far. first: number of the first; None before it.
    """

    def __init__(self, on_first: Callable[[], None], on_later: Callable[[], None] | None = None) -> None:
        self.count = 0
        self.first: int | None = None
        self._on_first = on_first
        self._on_later = on_later or leave_now
        self._earlier_handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._earlier_handlers[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.count:
            return  # the process is about to end: a later signal must not interrupt that with a traceback
        for number, handler in self._earlier_handlers.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.first = self.first or number
        (self._on_first if self.count == 1 else self._on_later)()


def leave_now() -> NoReturn:
    """End the process as interrupted, at once: a stream that blocks is not waited for. Show the terminal's cursor."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), b"\x1b[?25h\n")  # a progress display hides it
    os._exit(INTERRUPTED)


def follow_parent(pipe: int) -> threading.Thread:
    """Let this child process ignore Ctrl-C, and end it when its parent closes the other end of `pipe`.

    Return the thread that waits for that. The process ends even while a native call hangs, if that call has released
    the interpreter lock.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch = threading.Thread(target=_exit_at_hang_up, args=(pipe,), name="parent-watch", daemon=True)
    watch.start()
    return watch


def _exit_at_hang_up(pipe: int) -> None:
    hang_up = select.poll()
    hang_up.register(pipe, 0)  # no event but the hang-up, which poll always reports
    hang_up.poll()
    os._exit(0)
