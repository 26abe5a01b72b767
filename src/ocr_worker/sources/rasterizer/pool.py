"""The rendering children: a few warm ones, each with one document at a time, replaced when they die or swell.

A child belongs to one thread at a time: to the one that awaits its start, then to the document that has it; nobody owns
an idle one. Only its owner closes its pipes: another thread that did so would free the number of a file that the owner
still reads from. The pool's own state is touched under its lock alone.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from queue import Empty, SimpleQueue
from threading import Lock

from ocr_worker import threads
from ocr_worker.errors import Cancelled, DocumentError, RasterizerCrashed, RasterizerUnavailable
from ocr_worker.sources.rasterizer.document import RasterDocument, told_error
from ocr_worker.sources.rasterizer.media_type import media_type
from ocr_worker.sources.rasterizer.process import POLL_S, ChildProcess
from ocr_worker.sources.rasterizer.types import RasterRequest

log = logging.getLogger(__name__)

START_S = 60.0  # a cold disk and a busy machine
FAILED_STARTS = 3  # in a row: then it is no accident, and documents are told


class RasterPool:
    """`workers` children that render documents; thread-safe.

    memory_bytes: address space a child may take beyond what it needs to start. page_timeout_s: for opening a
    document, and for each page. The children start in the background and die with this process.
    """

    def __init__(
        self, *, workers: int, memory_bytes: int, page_timeout_s: float, _command: Sequence[str] | None = None
    ) -> None:
        command = [sys.executable, "-m", "ocr_worker.sources.rasterizer.child"] if _command is None else _command
        self._command = [*command, str(memory_bytes)]
        self._page_timeout_s = page_timeout_s
        self._idle: SimpleQueue[ChildProcess | DocumentError] = SimpleQueue()
        self._children: set[ChildProcess] = set()
        self._closed = False
        self._failed_starts = 0
        self._lock = Lock()
        for _ in range(workers):
            self._start_another()

    def open(
        self, data: bytes, request: RasterRequest, cancelled: Callable[[], bool] = lambda: False
    ) -> RasterDocument:
        """The document, in a child of its own; waits for a free one.

        Raises DocumentError for what cannot be opened, Cancelled.
        """
        kind = media_type(data)
        child = self._free_child(cancelled)
        try:
            header = {"do": "open", "media_type": kind, "request": asdict(request)}
            child.send(header, data, self._page_timeout_s, cancelled)
            deadline = time.monotonic() + self._page_timeout_s
            opened, _ = child.receive(deadline, self._page_timeout_s, 0, cancelled)
        except BaseException:
            self._release(child, False)
            raise
        if error := told_error(opened):
            self._release(child, True)
            raise error
        return RasterDocument(child, opened, request, self._page_timeout_s, cancelled, self._release)

    def close(self) -> None:
        """End all children, also those at work; whoever uses one is told that it crashed."""
        with self._lock:
            self._closed = True
            children = list(self._children)
        for child in children:
            child.kill()
        with suppress(Empty):
            while True:
                if isinstance(idle := self._idle.get_nowait(), ChildProcess):
                    self._discard(idle)

    def _is_closed(self) -> bool:
        with self._lock:
            return self._closed

    def _free_child(self, cancelled: Callable[[], bool]) -> ChildProcess:
        while True:
            if cancelled():
                raise Cancelled("the job was cancelled")
            if self._is_closed():
                raise RasterizerCrashed("the worker is closing; send the document again")
            with suppress(Empty):
                child = self._idle.get(timeout=POLL_S)
                if isinstance(child, ChildProcess) and child.is_alive():
                    return child
                self._start_another()
                if isinstance(child, DocumentError):
                    if self._is_hopeless():
                        raise child
                    continue
                self._discard(child)  # it was killed while it had nothing to do, which is no document's fault

    def _start_another(self) -> None:
        """Start a child at once and wait for it in the background; do nothing once the pool is closed.

        Not on a thread of its own: the SDK forks a process when its loop starts, and a fork beside a half-started child
        keeps that child's pipes open, so that whoever starts it waits for ever.
        """
        if self._is_closed():
            return
        try:
            child = ChildProcess(self._command)
        except OSError as error:  # no memory, no process table entry
            self._note_failed_start(type(error).__name__)
            return
        with self._lock:
            self._children.add(child)
        threads.start(lambda: self._await(child), "rasterizer-start")

    def _await(self, child: ChildProcess) -> None:
        """Wait until the child is ready, and hand it to the next document. One that no document may have is ended."""
        try:
            child.receive(time.monotonic() + START_S, START_S, 0, self._is_closed)
        except (DocumentError, Cancelled) as error:
            self._discard(child)
            self._note_failed_start(error.code)
            return
        with self._lock:
            self._failed_starts = 0
        if not self._offer(child):
            self._discard(child)

    def _note_failed_start(self, reason: str) -> None:
        """Count a failed start. The next caller of `open` gets an error in the place of the child."""
        with self._lock:
            if self._closed:
                return
            self._failed_starts += 1
            self._idle.put(RasterizerUnavailable("no rendering process could be started; send the document again"))
        log.error("a rendering child did not start reason=%s", reason)

    def _is_hopeless(self) -> bool:
        """Return whether so many starts failed in a row that documents must not wait for the next one."""
        with self._lock:
            return self._failed_starts >= FAILED_STARTS

    def _offer(self, child: ChildProcess) -> bool:
        """Hand the child to the next document. Return False when the pool is closed, which takes no more children."""
        with self._lock:
            if not self._closed:
                self._idle.put(child)
            return not self._closed

    def _discard(self, child: ChildProcess) -> None:
        with self._lock:
            self._children.discard(child)
        child.close()

    def _release(self, child: ChildProcess, lives: bool) -> None:
        """Take a child back from its document; replace one that died, hangs or has swollen."""
        if lives and self._offer(child):
            return
        self._discard(child)
        self._start_another()
