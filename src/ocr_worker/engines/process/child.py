"""The program of an engine process: `python -m ocr_worker.engines.process.child WORK MERGES WORKER_PID`.

WORK and MERGES are file descriptors of two sockets to the worker; see `protocol` for the messages. The main thread
builds the engine and parses pages, a second one merges pages. The process ends when the worker is gone: a thread
notices the hang-up of its socket, even while a page is parsed, and the kernel kills it, even if it hangs.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import json
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ocr_worker import threads
from ocr_worker.engines.base import Engine, EngineSpec, MergesPages, Revives
from ocr_worker.engines.process import protocol
from ocr_worker.engines.process.process import RECORD
from ocr_worker.engines.process.protocol import Channel, Header, Part
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import EngineUnavailable
from ocr_worker.exits import follow_parent, leave
from ocr_worker.memory import garbage_kept
from ocr_worker.settings import restore_settings

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Serve the worker's commands until it closes the engine or is gone."""
    work, merges = (Channel(socket.socket(fileno=int(number))) for number in sys.argv[1:3])
    follow_parent(work.fileno())
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[3]):
        return  # the worker ended before the line above
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would contain pages
    child = Child(work)
    threads.start(partial(serve_merges, merges, child), "merges")
    child.serve()
    leave(0)  # native libraries can abort the process in the interpreter's own exit


class Child:
    """The engine of this process, and the commands that the worker sends for it."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._spec: EngineSpec[Any] | None = None
        self.engine: Engine[Any] | None = None  # not None after `build`

    def serve(self) -> None:
        """Run commands until `close`, or until the worker is gone."""
        commands: dict[str, Callable[[Header, Sequence[Part]], tuple[Any, Sequence[Part]]]] = {
            "build": self._build,
            "warm_up": self._warm_up,
            "revive": self._revive,
            "parse": self._parse,
            "close": self._close,
        }
        command = ""
        while command != "close":
            try:
                header, parts = self._channel.receive()
                command = header["command"]
                try:
                    value, reply_parts = commands[command](header, parts)
                except Exception as error:
                    self._channel.send(self._failure(error))
                else:
                    self._channel.send({"value": value}, reply_parts)
            except EOFError:
                return

    def _build(self, header: Header, parts: Sequence[Part]) -> tuple[Any, Sequence[Part]]:
        settings = restore_settings(header["settings"])
        send_log(settings.log_level)
        self._spec = engine_spec(settings.engine)
        division = self._spec.process_parts
        builder = division.builder(settings, self._call_worker) if division else self._spec.builder(settings)
        with garbage_kept():
            self.engine = engine = builder()
        gc.freeze()  # these objects stay: each complete search for garbage among them would take 0.2 s
        end_at_crashes()
        return {
            "info": engine.info.model_dump(),
            "batch_size": engine.batch_size,
            "merges_pages": isinstance(engine, MergesPages),
            "revives": isinstance(engine, Revives),
        }, ()

    def _warm_up(self, header: Header, parts: Sequence[Part]) -> tuple[Any, Sequence[Part]]:
        self._built().warm_up()
        return None, ()

    def _revive(self, header: Header, parts: Sequence[Part]) -> tuple[Any, Sequence[Part]]:
        engine = self._built()
        if isinstance(engine, Revives):
            engine.revive()
        return None, ()

    def _parse(self, header: Header, parts: Sequence[Part]) -> tuple[Any, Sequence[Part]]:
        assert self._spec is not None
        options = self._spec.options.model_validate_json(header["options"])
        pages = protocol.decode_images(header["pages"], parts)
        return None, protocol.encode_pages(list(self._built().parse(pages, options)))

    def _close(self, header: Header, parts: Sequence[Part]) -> tuple[Any, Sequence[Part]]:
        if self.engine:
            self.engine.close()
        return None, ()

    def _built(self) -> Engine[Any]:
        assert self.engine is not None  # the worker sends `build` first
        return self.engine

    def _failure(self, error: Exception) -> Header:
        """Return the reply for an error: `is_revivable` if `revive` can mend it in this process."""
        is_revivable = (
            isinstance(error, EngineUnavailable) and isinstance(self.engine, Revives) and self.engine.abandon() is None
        )
        return {"error": protocol.encode_error(error), "is_revivable": is_revivable}

    def _call_worker(self, method: str, *arguments: Any) -> Any:
        """Return the result of `WorkerPart.call`. Raises its error. See `CallWorker`."""
        self._channel.send({"call": method, "arguments": arguments})
        header, _ = self._channel.receive()
        if "error" in header:
            raise protocol.decode_error(header["error"])
        return header["value"]


def end_at_crashes() -> None:
    """Let a fatal signal end this process at once, after the Python stack was printed, which has no document text.

    Libraries install handlers of their own; that of Paddle can hang while it prints a C++ stack.
    """
    for number in (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV):
        signal.signal(number, signal.SIG_DFL)
    faulthandler.enable()


def serve_merges(channel: Channel, child: Child) -> None:
    """Merge pages as the worker asks for it, until it is gone."""
    while True:
        try:
            _, parts = channel.receive()
        except EOFError:
            return
        try:
            engine = child.engine
            assert isinstance(engine, MergesPages)  # the worker sends nothing else
            merged_parts = protocol.encode_pages(list(engine.merge_pages(protocol.decode_pages(parts))))
        except Exception as error:
            channel.send({"error": protocol.encode_error(error)})
        else:
            channel.send({"value": None}, merged_parts)


class RecordWriter(logging.Handler):
    """A handler that writes each record as a line for `process.relay`, with the traceback in its message."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        fields = {"name": record.name, "level": record.levelno, "message": self.format(record)}
        os.write(2, f"{RECORD}{json.dumps(fields)}\n".encode())


def send_log(level: str) -> None:
    """Send the records of this process to the worker: those of this package from `level`, others from WARNING."""
    logging.getLogger().handlers[:] = [RecordWriter()]
    logging.getLogger("ocr_worker").setLevel(level)


if __name__ == "__main__":
    main()
