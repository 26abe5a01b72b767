"""One rasterizer process, as the worker sees it: its start, its two pipes and its end.

Every wait has a limit of processor time and a deadline, and notices a cancelled job. Every way in which the process can
die has an error. The messages are those of `protocol`; their meaning is a subject of `document` and `pool`.
"""

from __future__ import annotations

import fcntl
import math
import os
import select
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np
import psutil
from numpy.typing import NDArray

from ocr_worker import awake
from ocr_worker.errors import (
    Cancelled,
    DocumentError,
    RasterizerCrashed,
    RasterizerOutOfMemory,
    RasterizerTimedOut,
)
from ocr_worker.sources.rasterizer import protocol
from ocr_worker.sources.rasterizer.protocol import Header

POLL_S = 0.1  # how soon a cancelled job is noticed
EXIT_S = 5.0  # between a process's last byte and its exit; one that only closed its pipes is ended after that
# A process on a busy machine gets only a part of a processor. It may wait so many times longer than it may compute.
WALL_FACTOR = 10
MAX_HEADER_BYTES = 64_000_000
_PIPE_BYTES = 1 << 20  # Linux's limit for every user; with its default, 64 kB, a page costs a hundred process switches

Bytes = NDArray[np.uint8]


def enlarge_pipe(pipe: int) -> None:
    """Let the pipe with this file descriptor hold much of a page, if the system allows it."""
    with suppress(OSError):  # when the user's pipe memory is used up, the small pipe remains, and suffices
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


class RasterizerProcess:
    """A rasterizer process and its two pipes. Only `kill` may be called on any thread.

    It serves one document at a time, on one thread. A stranger's file may control the process, so the size of each
    reply is checked before it is read.

    was_killed: whether the process was found to have ended by a SIGKILL that is not ours, such as that of the kernel
    when memory is short. Its document is not to blame.
    """

    def __init__(self, command: Sequence[str]) -> None:
        # Without PR_SET_PDEATHSIG: that signal comes when the *thread* that started the process ends. Instead, the
        # process watches its stdin. In a session of its own, the terminal's Ctrl-C does not reach it.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self.was_killed = False
        self._is_ended = False  # by `kill`
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self._processor_limit_s = math.inf
        self._stdin = self._process.stdin.fileno()
        self._stdout = self._process.stdout.fileno()
        enlarge_pipe(self._stdout)
        os.set_blocking(self._stdin, False)
        os.set_blocking(self._stdout, False)

    def send(self, header: Header, payload: bytes, seconds: float, is_cancelled: Callable[[], bool]) -> None:
        """Write one message within `WALL_FACTOR * seconds`.

        Raises RasterizerTimedOut, Cancelled, or the error for the way in which the process died.
        """
        deadline = awake.now() + WALL_FACTOR * seconds
        for part in (protocol.encode(header, len(payload)), payload):
            rest = memoryview(part)
            while rest:
                try:
                    rest = rest[os.write(self._stdin, rest) :]
                except BlockingIOError:
                    self._wait(self._stdin, select.POLLOUT, deadline, is_cancelled)
                except BrokenPipeError:
                    raise self._death_error() from None

    def receive(
        self, deadline: float, seconds: float, max_payload: int, is_cancelled: Callable[[], bool]
    ) -> tuple[Header, Bytes]:
        """Return one message. Its sizes must come by `deadline` (of `awake`), the rest soon after them.

        The process may use `seconds` of processor time meanwhile.
        max_payload: largest payload that is accepted, in bytes. Raises RasterizerTimedOut, Cancelled, or the error for
        the way in which the process died.
        """
        self._processor_limit_s = self._processor_s() + seconds
        sizes = self._read(protocol.SIZES.size, deadline, is_cancelled)
        deadline = awake.now() + WALL_FACTOR * seconds
        header_bytes, payload_bytes = protocol.SIZES.unpack(sizes.tobytes())
        if header_bytes > MAX_HEADER_BYTES or payload_bytes > max_payload:
            raise RasterizerCrashed("the rasterizer process sent an oversized reply; print the document to a new PDF")
        text = self._read(header_bytes, deadline, is_cancelled).tobytes()
        payload = self._read(payload_bytes, deadline, is_cancelled)
        try:
            return protocol.decode(text), payload
        except ValueError:
            raise RasterizerCrashed(
                "the rasterizer process sent an invalid reply; print the document to a new PDF"
            ) from None

    def is_alive(self) -> bool:
        """Return whether the process still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process, whatever it does. Its pipes stay open for the thread that uses it, which gets Cancelled."""
        self._is_ended = True
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process and close its pipes. Call on the thread that uses the process; may be called again."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self, count: int, deadline: float, is_cancelled: Callable[[], bool]) -> Bytes:
        data = np.empty(count, np.uint8)
        rest = memoryview(data)  # type: ignore[arg-type]  # numpy's arrays are buffers
        while rest:
            try:
                bytes_read = os.readv(self._stdout, [rest])
            except BlockingIOError:
                self._wait(self._stdout, select.POLLIN, deadline, is_cancelled)
                continue
            if not bytes_read:
                raise self._death_error()
            rest = rest[bytes_read:]
        return data

    def _wait(self, pipe: int, event: int, deadline: float, is_cancelled: Callable[[], bool]) -> None:
        """Wait for an event of `pipe`, at most `POLL_S`. Raises RasterizerTimedOut, Cancelled."""
        if is_cancelled():
            raise Cancelled("the job was cancelled")
        remaining = deadline - awake.now()
        if remaining <= 0 or self._processor_s() > self._processor_limit_s:
            raise RasterizerTimedOut("the document takes too long to render; send it with a lower dpi, or as images")
        poller = select.poll()
        poller.register(pipe, event)
        poller.poll(min(remaining, POLL_S) * 1000)

    def _processor_s(self) -> float:
        """Return the processor time of the process in seconds; 0 if it has ended, which is noticed elsewhere."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def _death_error(self) -> DocumentError | Cancelled:
        """Return the error for a process that closed its pipes, after making sure that it has ended.

        PDFium and the C++ library abort when they get no memory. A damaged heap aborts, too, but is the rarer case.
        """
        try:
            code = self._process.wait(EXIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            code = None
        if self._is_ended:
            return Cancelled("the worker stopped before this page was rendered; send the document again")
        if code == -signal.SIGABRT:
            return RasterizerOutOfMemory("rendering the document needs too much memory; send it with a lower dpi")
        if code == -signal.SIGKILL:
            self.was_killed = True
            return RasterizerCrashed(
                "the rasterizer process was killed again and again, which the system does when memory is short; send"
                " the document again, or give the container more memory"
            )
        return RasterizerCrashed(
            "the document crashed the rasterizer process; print it to a new PDF, or send images of its pages"
        )
