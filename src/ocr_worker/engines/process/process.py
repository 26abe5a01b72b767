"""One engine process as the worker sees it: its start, its two sockets, its log and its end.

Nothing here decides what an end means or whether another process follows; that is the subject of `engine`.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

import psutil

from ocr_worker import threads
from ocr_worker.engines.base import WorkerPart
from ocr_worker.engines.process.protocol import Channel, Header, Part, decode_error, encode_error
from ocr_worker.settings import MEGABYTE, engine_process_environment

log = logging.getLogger(__name__)

RECORD = "\x1e"  # begins a line that is a log record of the process, as JSON
_MODULE = "ocr_worker.engines.process.child"
_MAX_LINE_LENGTH = 500  # of what a library prints
_CODE_S = 5.0  # between the end of a socket and that of its process; one that only closed its sockets is killed then
_END_S = 20.0  # between SIGKILL and the end of a process that is not stuck in the kernel
_CLOSE_S = 10.0  # for an engine to release its resources


class ProcessEnded(Exception):
    """The process ended, or did not respond in time. The text says how, and is safe to log."""


class EngineProcess:
    """A process that builds and calls one engine. `kill` may be called on any thread.

    page_count: number of pages that it has parsed. is_counted: whether its end has been counted, or was planned.
    is_spared: whether its last call failed for a reason outside of it, so that `abandon` must not kill it.
    is_abandoned: whether its call was given up. is_killed: whether the worker ended it.
    """

    def __init__(self, worker_part: WorkerPart | None) -> None:
        self._worker_part = worker_part
        self.page_count = 0
        self.is_counted = False
        self.is_spared = False
        self.is_abandoned = False
        self.is_killed = False
        self._ended = threading.Event()
        self._code: int | None = None
        self._merge_lock = threading.Lock()  # one merge at a time
        work, child_work = socket.socketpair()
        merges, child_merges = socket.socketpair()
        self._work, self._merges = Channel(work), Channel(merges)
        pid: Future[int] = Future()
        with child_work, child_merges:
            threads.start(partial(self._run, [child_work.fileno(), child_merges.fileno()], pid), "engine-process")
            self.pid = pid.result()

    def call(
        self, command: str, values: Header, parts: Sequence[Part] = (), seconds: float | None = None
    ) -> tuple[Any, list[memoryview]]:
        """Send a command; return value and parts of its reply. Only one thread at a time.

        seconds: limit for each wait. Raises the error in the reply, or ProcessEnded.
        """
        self._work.limit(seconds)
        try:
            self._work.send({"command": command, **values}, parts)
            while "call" in (message := self._work.receive())[0]:
                self._work.send(self._answer(message[0]))
        except TimeoutError:
            raise ProcessEnded(f"it did not respond within {seconds:g} s") from None
        except EOFError:
            raise ProcessEnded(self._end_text()) from None
        header, reply_parts = message
        self.is_spared = bool(header.get("is_revivable"))
        return _value(header), reply_parts

    def merge(self, parts: Sequence[Part], seconds: float) -> list[memoryview]:
        """Return the merged pages of a document, both as parts. Raises the error in the reply, or ProcessEnded."""
        with self._merge_lock:
            self._merges.limit(seconds)
            try:
                self._merges.send({"command": "merge"}, parts)
                header, merged_parts = self._merges.receive()
            except TimeoutError:
                raise ProcessEnded(f"it did not merge pages within {seconds:g} s") from None
            except EOFError:
                raise ProcessEnded(self._end_text()) from None
        _value(header)
        return merged_parts

    def is_running(self) -> bool:
        """Return whether the process has neither ended nor been killed."""
        poller = select.poll()
        poller.register(self._work.fileno(), 0)  # no event but the hang-up
        return not self.is_killed and not poller.poll(0)

    def memory_mb(self) -> float:
        """Return the memory of the process in MB (PSS); 0 when it has ended."""
        with suppress(psutil.Error):
            return float(psutil.Process(self.pid).memory_full_info().pss) / MEGABYTE
        return 0.0

    def kill(self) -> None:
        """End the process with all its children, whatever they do, and all waits for it. Does not block."""
        self.is_killed = True
        if not self._ended.is_set():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self._work.shut()  # a process that is stuck in the kernel would keep its sockets open
        self._merges.shut()

    def has_ended(self) -> bool:
        """Wait for the end of a killed process. Return False if it is stuck and must be left behind."""
        return self._ended.wait(_END_S)

    def close(self) -> None:
        """Let the engine release its resources, then end the process. Only one thread at a time."""
        if self.is_running():
            with suppress(Exception):  # the process ends all the same
                self.call("close", {}, seconds=_CLOSE_S)
        self.kill()

    def _answer(self, header: Header) -> Header:
        try:
            if self._worker_part is None:
                raise RuntimeError("the engine has no part in the worker's process")
            return {"value": self._worker_part.call(header["call"], header["arguments"])}
        except Exception as error:
            return {"error": encode_error(error)}

    def _end_text(self) -> str:
        """Return how the process ended, after making sure that it has."""
        if self.is_killed:
            return "it was ended by the worker"
        if not self._ended.wait(_CODE_S):
            self.kill()
            return "it closed its connection"
        code = self._code or 0
        return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with exit code {code}"

    def _run(self, descriptors: Sequence[int], pid: Future[int]) -> None:
        """Start the process, relay its log, and wait for its end.

        One thread does all, because the kernel ends the process together with the thread that started it
        (PR_SET_PDEATHSIG, in `child`).
        """
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", _MODULE, *map(str, descriptors), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
                env=engine_process_environment(),
                start_new_session=True,
            )
        except BaseException as error:  # any exception belongs to the constructor
            pid.set_exception(error)
            return
        pid.set_result(process.pid)
        assert process.stdout is not None
        for line in process.stdout:
            relay(line.decode(errors="replace").rstrip())
        self._code = process.wait()
        self._ended.set()
        for channel in (self._work, self._merges):
            channel.shut()


def relay(line: str) -> None:
    """Log a line of the process: a record under its own name and level, and what libraries print at DEBUG."""
    if line.startswith(RECORD):
        with suppress(ValueError, KeyError, TypeError):
            record = json.loads(line[len(RECORD) :])
            logging.getLogger(record["name"]).log(record["level"], "%s", record["message"])
            return
    log.debug("engine process: %s", line[:_MAX_LINE_LENGTH])


def _value(header: Header) -> Any:
    if "error" in header:
        raise decode_error(header["error"])
    return header.get("value")
