"""The rendering children: a few warm ones, each with one document at a time, replaced when they die or swell."""

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
        """Ends all children, also those at work."""
        with self._lock:
            self._closed = True
            children = list(self._children)
        for child in children:
            self._discard(child)

    def _free_child(self, cancelled: Callable[[], bool]) -> ChildProcess:
        while True:
            if cancelled():
                raise Cancelled("the job was cancelled")
            if self._closed:
                raise RasterizerCrashed("the worker is closing; send the document again")
            with suppress(Empty):
                child = self._idle.get(timeout=POLL_S)
                if isinstance(child, ChildProcess) and child.is_alive():
                    return child
                self._start_another()
                if isinstance(child, DocumentError):
                    if self._failed_starts >= FAILED_STARTS:
                        raise child
                    continue
                self._discard(child)  # it was killed while it had nothing to do, which is no document's fault

    def _start_another(self) -> None:
        """Starts a child at once and awaits it in the background.

        Not on a thread of its own: the SDK forks a process when its loop starts, and a fork beside a half-started child
        keeps that child's pipes open, so that whoever starts it waits for ever.
        """
        try:
            child = ChildProcess(self._command)
        except OSError as error:  # no memory, no process table entry
            self._tell_no_start(type(error).__name__)
            return
        with self._lock:
            self._children.add(child)
        threads.start(lambda: self._await(child), "rasterizer-start")

    def _await(self, child: ChildProcess) -> None:
        try:
            child.receive(time.monotonic() + START_S, START_S, 0, lambda: self._closed)
        except (DocumentError, Cancelled) as error:
            self._discard(child)
            if not self._closed:
                self._tell_no_start(error.code)
            return
        self._failed_starts = 0
        self._idle.put(child)

    def _tell_no_start(self, why: str) -> None:
        """The next caller of `open` hears of it, in the place of the child."""
        log.error("a rendering child did not start reason=%s", why)
        self._failed_starts += 1
        self._idle.put(RasterizerUnavailable("no rendering process could be started; send the document again"))

    def _discard(self, child: ChildProcess) -> None:
        with self._lock:
            self._children.discard(child)
        child.kill()

    def _release(self, child: ChildProcess, lives: bool) -> None:
        """Takes a child back from its document; one that died, hangs or has swollen is replaced."""
        if lives and not self._closed:
            self._idle.put(child)
            return
        self._discard(child)
        if not self._closed:
            self._start_another()
