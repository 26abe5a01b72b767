"""A pool of rasterizer processes: a few warm ones, each with one document at a time.

A process is replaced when it died, hangs, or has grown too large. It belongs to one thread at a time: first to the
thread that waits for its start, then to the one that uses its document. An idle process belongs to no thread. Only the
owner closes the pipes of a process: another thread that did so would free a file descriptor that the owner still reads
from. The pool's own state is accessed under its lock only.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock

from ocr_worker import awake, threads
from ocr_worker.errors import Cancelled, DocumentError, RasterizerUnavailable
from ocr_worker.sources.rasterizer.document import RasterDocument, read_error
from ocr_worker.sources.rasterizer.media_type import detect_media_type
from ocr_worker.sources.rasterizer.process import POLL_S, WALL_FACTOR, RasterizerProcess
from ocr_worker.sources.rasterizer.protocol import Header
from ocr_worker.sources.rasterizer.types import RasterRequest

log = logging.getLogger(__name__)

START_S = 60.0  # enough for a cold disk and a busy machine
FAILED_STARTS = 3  # in a row; so many are no accident, and documents fail with an error
KILLED_STARTS = 10  # in a row, by a SIGKILL from outside, as when memory is short for a moment


class RasterPool:
    """A pool of at most `workers` rasterizer processes; thread-safe.

    memory_bytes: address space that a process may use beyond what it needs to start. page_timeout_s: processor
    time for opening a document, and for each page; `WALL_FACTOR` times as long by the clock. idle_workers: number of
    processes to start with; by default all. One more is started for a document that finds no idle process. The
    processes start in the background and end with this process.
    """

    def __init__(
        self,
        *,
        workers: int,
        memory_bytes: int,
        page_timeout_s: float,
        idle_workers: int | None = None,
        _command: Sequence[str] | None = None,
    ) -> None:
        command = [sys.executable, "-m", "ocr_worker.sources.rasterizer.child"] if _command is None else _command
        self._command = [*command, str(memory_bytes)]
        self._page_timeout_s = page_timeout_s
        self._idle_processes: SimpleQueue[RasterizerProcess | DocumentError] = SimpleQueue()
        self._processes: set[RasterizerProcess] = set()
        self._closed = False
        self._failed_starts = 0
        self._killed_starts = 0
        self._lock = Lock()
        self._workers = workers
        self._started = 0  # processes, without those that replace another one
        for _ in range(workers if idle_workers is None else min(workers, idle_workers)):
            self._grow()

    def open(
        self, data: bytes, request: RasterRequest, is_cancelled: Callable[[], bool] = lambda: False
    ) -> RasterDocument:
        """Open the document in an idle process, after waiting for one. The document occupies the process until its end.

        The document keeps `data`, so that another process can continue after one that is killed from outside.

        Raises DocumentError when the file cannot be opened, Cancelled when `is_cancelled` returns true meanwhile.
        """
        command = {"do": "open", "media_type": detect_media_type(data), "request": asdict(request)}
        open_process = partial(self._open_process, command, data, is_cancelled)
        process, header = open_process()
        return RasterDocument(process, header, open_process, request, self._page_timeout_s, is_cancelled, self._release)

    def _open_process(
        self, command: Header, data: bytes, is_cancelled: Callable[[], bool]
    ) -> tuple[RasterizerProcess, Header]:
        """Open the document in an idle process. Return the process and its reply.

        A process that is killed from outside is replaced by another one, once. Raises the exceptions of `open`.
        """
        is_second = False
        while True:
            process = self._take_idle_process(is_cancelled)
            try:
                process.send(command, data, self._page_timeout_s, is_cancelled)
                deadline = awake.now() + WALL_FACTOR * self._page_timeout_s
                header, _ = process.receive(deadline, self._page_timeout_s, 0, is_cancelled)
            except BaseException:
                self._release(process, False)
                if is_second or not process.was_killed:
                    raise
                is_second = True
                continue
            if error := read_error(header):
                self._release(process, True)
                raise error
            return process, header

    def close(self) -> None:
        """End all processes, including those that render. Documents in progress raise Cancelled."""
        with self._lock:
            self._closed = True
            processes = list(self._processes)
        for process in processes:
            process.kill()
        with suppress(Empty):
            while True:
                if isinstance(process_or_error := self._idle_processes.get_nowait(), RasterizerProcess):
                    self._discard(process_or_error)

    def _is_closed(self) -> bool:
        with self._lock:
            return self._closed

    def _take_idle_process(self, is_cancelled: Callable[[], bool]) -> RasterizerProcess:
        """Wait for an idle process and return it. Raises Cancelled, RasterizerUnavailable."""
        if self._idle_processes.empty():
            self._grow()
        while True:
            if is_cancelled():
                raise Cancelled("the job was cancelled")
            if self._is_closed():
                raise Cancelled("the worker is stopping; send the document again")
            with suppress(Empty):
                process = self._idle_processes.get(timeout=POLL_S)
                if isinstance(process, RasterizerProcess) and process.is_alive():
                    return process
                self._start_process()
                if isinstance(process, DocumentError):
                    if self._is_hopeless():
                        raise process
                    continue
                self._discard(process)  # it was killed while idle, so no document is to blame

    def _grow(self) -> None:
        """Start one more process, unless there are `workers`."""
        with self._lock:
            is_full = self._started >= self._workers
            self._started += not is_full
        if not is_full:
            self._start_process()

    def _start_process(self) -> None:
        """Start a process at once and wait for it in the background; do nothing once the pool is closed.

        The start itself is not on a background thread. The SDK forks a process when its loop starts, and a fork during
        a start keeps the new process's pipes open, so that the thread that starts it would wait forever.
        """
        if self._is_closed():
            return
        try:
            process = RasterizerProcess(self._command)
        except OSError as error:  # no memory, or no process table entry
            self._note_failed_start(type(error).__name__)
            return
        with self._lock:
            self._processes.add(process)
        threads.start(lambda: self._await_ready(process), "rasterizer-start")

    def _await_ready(self, process: RasterizerProcess) -> None:
        """Wait until the process is ready and offer it to the next document. End it if that is not possible."""
        try:
            process.receive(awake.now() + START_S, START_S, 0, self._is_closed)
        except (DocumentError, Cancelled) as error:
            self._discard(process)
            self._note_failed_start(error.code, was_killed=process.was_killed)
            return
        with self._lock:
            self._failed_starts = self._killed_starts = 0
        if not self._offer(process):
            self._discard(process)

    def _note_failed_start(self, reason: str, *, was_killed: bool = False) -> None:
        """Count a failed start. The next caller of `open` gets an error in place of the process."""
        with self._lock:
            if self._closed:
                return
            self._killed_starts += was_killed
            self._failed_starts += not was_killed
            self._idle_processes.put(
                RasterizerUnavailable("no rasterizer process could be started; send the document again")
            )
        log.error("a rasterizer process did not start reason=%s", reason)

    def _is_hopeless(self) -> bool:
        """Return whether so many starts failed in a row that documents must not wait for the next one."""
        with self._lock:
            return self._failed_starts >= FAILED_STARTS or self._killed_starts >= KILLED_STARTS

    def _offer(self, process: RasterizerProcess) -> bool:
        """Offer the process to the next document. Return False when the pool is closed and accepts no process."""
        with self._lock:
            if not self._closed:
                self._idle_processes.put(process)
            return not self._closed

    def _discard(self, process: RasterizerProcess) -> bool:
        """End the process. Return whether it was still one of the pool's."""
        with self._lock:
            is_member = process in self._processes
            self._processes.discard(process)
        process.close()
        return is_member

    def _release(self, process: RasterizerProcess, is_reusable: bool) -> None:
        """Take a process back from its document. Replace it, once, if it died, hangs or has grown too large."""
        if is_reusable and self._offer(process):
            return
        if self._discard(process):
            self._start_process()
