"""The witness process: reads page images from stdin and writes evidence to stdout, one page at a time.

After its start it runs with the lowest priority, so that it uses only the time that the engine leaves. It ends when its
stdin does, that is, with its worker, even while it reads a page. Messages are framed as those of the rasterizer
processes.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ocr_worker.exits import follow_parent
from ocr_worker.pages import Pixels
from ocr_worker.sources.rasterizer import protocol
from ocr_worker.sources.rasterizer.document import make_text_line
from ocr_worker.witness.confirmation import confirm

if TYPE_CHECKING:
    from ocr_worker.engines.embedded.reading.models import Models

_LOWEST = 19
_AUTOGROUP, _THREADS = Path("/proc/self/autogroup"), Path("/proc/self/task")


def main() -> None:
    """Serve pages with the niceness of the command line."""
    watch = follow_parent(0)
    niceness = int(sys.argv[1])
    serve(lambda: lower_priority(niceness, watch))


def lower_priority(niceness: int, watch: threading.Thread) -> None:
    """Give the processors to other processes first. niceness: 0 to 19; 0 changes nothing.

    watch: the thread that follows the parent. It alone keeps the usual priority, since on a busy machine the page that
    is read might never end. Linux counts the niceness of each thread, and the models run on threads of their own. The
    process is in a session of its own, which Linux may treat as an autogroup: then the niceness counts only inside of
    it, and the group has one of its own. `SCHED_IDLE` lets a thread of the worker that wakes up run at once.
    """
    if not niceness:
        return
    niceness = min(_LOWEST, os.getpriority(os.PRIO_PROCESS, 0) + niceness)
    for thread in {int(entry.name) for entry in _THREADS.iterdir()} - {watch.native_id}:
        with suppress(OSError):  # a thread that has ended
            os.setpriority(os.PRIO_PROCESS, thread, niceness)
            if niceness == _LOWEST:
                os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError):
        _AUTOGROUP.write_text(str(niceness))


def serve(on_loaded: Callable[[], None] = lambda: None) -> None:
    """Announce that the models are loaded, then answer each page with its evidence or an error.

    on_loaded: called once before that. On a busy machine, a process of low priority might never be loaded.
    """
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not mix with the messages
    from ocr_worker.engines.embedded.reading.models import Models
    import cv2  # isort: skip

    models = Models(threads=1)
    cv2.setNumThreads(1)
    on_loaded()
    _write(out, {"ready": True})
    while True:
        try:
            header, payload = protocol.read_message(sys.stdin.buffer.read)
        except EOFError:
            os._exit(0)  # onnxruntime's threads would delay the interpreter's own exit
        pixels = np.frombuffer(payload, np.uint8).reshape(header["shape"])
        try:
            reply: dict[str, Any] = _read(models, pixels, header)
        except Exception as error:
            reply = {"error": type(error).__name__}
        _write(out, reply)


def _read(models: Models, pixels: Pixels, header: protocol.Header) -> dict[str, Any]:
    from ocr_worker.witness.reader import read_evidence

    text_lines = [make_text_line(*line) for line in header["text_lines"]]
    lines, honest_fonts = confirm(text_lines, header["proven_fonts"], header["readings"])
    return read_evidence(models, pixels, lines, honest_fonts).to_json()


def _write(out: Any, header: dict[str, Any]) -> None:
    out.write(protocol.encode(header))
    out.flush()


if __name__ == "__main__":
    main()
