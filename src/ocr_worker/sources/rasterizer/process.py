"""One rendering child as its parent sees it: every wait has an end, and every way it can die has an error."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

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
MAX_HEADER_BYTES = 64_000_000
PIPE_BYTES = 1 << 20  # what Linux gives to everyone; at its default, 64 kB, a page costs a hundred switches of process

Bytes = NDArray[np.uint8]


class ChildProcess:
    """A child and its two pipes. It serves one document at a time, on one thread; only `kill` is for any thread.

    A child stands between strangers' files and the worker, so what it answers is checked for size before it is read.
    """

    def __init__(self, command: Sequence[str]) -> None:
        # Not PR_SET_PDEATHSIG: that signal comes when the *thread* that started the child ends. It watches its stdin.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self._stdin = self._process.stdin.fileno()
        self._stdout = self._process.stdout.fileno()
        with suppress(OSError):  # where a user's pipes are used up the small one stays, and does
            fcntl.fcntl(self._stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(self._stdin, False)
        os.set_blocking(self._stdout, False)

    def send(self, header: Header, payload: bytes, seconds: float, cancelled: Callable[[], bool]) -> None:
        """Writes one message. Raises RasterizerTimedOut, Cancelled, or the error that says how the child died."""
        deadline = time.monotonic() + seconds
        for part in (protocol.encode(header, len(payload)), payload):
            rest = memoryview(part)
            while rest:
                try:
                    rest = rest[os.write(self._stdin, rest) :]
                except BlockingIOError:
                    self._wait(self._stdin, select.POLLOUT, deadline, cancelled)
                except BrokenPipeError:
                    raise self._end() from None

    def receive(
        self, deadline: float, seconds: float, max_payload: int, cancelled: Callable[[], bool]
    ) -> tuple[Header, Bytes]:
        """One message, whose first byte must come by `deadline` (monotonic) and the rest within `seconds` of it.

        Raises RasterizerTimedOut, Cancelled, or the error that says how the child died.
        """
        sizes = self._read(protocol.SIZES.size, deadline, cancelled)
        deadline = time.monotonic() + seconds
        header_bytes, payload_bytes = protocol.SIZES.unpack(sizes.tobytes())
        if header_bytes > MAX_HEADER_BYTES or payload_bytes > max_payload:
            raise RasterizerCrashed("the rendering process answered more than a page can be; the document was given up")
        text = self._read(header_bytes, deadline, cancelled).tobytes()
        payload = self._read(payload_bytes, deadline, cancelled)
        try:
            return protocol.decode(text), payload
        except ValueError:
            raise RasterizerCrashed("the rendering process answered garbage; the document was given up") from None

    def is_alive(self) -> bool:
        """Whether the child still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the child, whatever it does. Its pipes stay open for the thread that uses it, which finds it dead."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the child and close its pipes; only on the thread that uses it. May be called again."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self, count: int, deadline: float, cancelled: Callable[[], bool]) -> Bytes:
        data = np.empty(count, np.uint8)
        rest = memoryview(data)  # type: ignore[arg-type]  # numpy's arrays are buffers
        while rest:
            try:
                got = os.readv(self._stdout, [rest])
            except BlockingIOError:
                self._wait(self._stdout, select.POLLIN, deadline, cancelled)
                continue
            if not got:
                raise self._end()
            rest = rest[got:]
        return data

    def _wait(self, pipe: int, event: int, deadline: float, cancelled: Callable[[], bool]) -> None:
        if cancelled():
            raise Cancelled("the job was cancelled")
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise RasterizerTimedOut("the document takes too long to render: send it at a lower dpi, or as images")
        poller = select.poll()
        poller.register(pipe, event)
        poller.poll(min(remaining, POLL_S) * 1000)

    def _end(self) -> DocumentError:
        """The error for a child that closed its pipes. PDFium and the C++ library abort when memory is refused; so
        does a damaged heap, which is the rarer case."""
        self._process.kill()
        code = self._process.wait()
        if code == -signal.SIGABRT:
            return RasterizerOutOfMemory("rendering the document needs too much memory: send it at a lower dpi")
        return RasterizerCrashed(
            "the document crashes the renderer: print it to a new PDF, or send images of its pages"
        )
