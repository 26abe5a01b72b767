"""Work that may crash, hang or fill the memory, in a copy of the rasterizer process.

Runs only in a rasterizer process. A look at a page that nobody asked for must not cost the page that is rendered.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

_PROCESSOR_S = 2  # of the copy; the kernel ends it after that
_MAX_BYTES = 1_000_000  # of the result
_MAX_FILES = 256  # file descriptors that the copy closes; a rasterizer process has about ten


def call_apart(work: Callable[[], Any]) -> Any:
    """Return the result of `work`, a JSON value, from a copy of this process; None when that fails in any way."""
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError:  # no memory or no process left
        os.close(reader)
        os.close(writer)
        return None
    if not pid:
        _work_and_exit(work, writer)
    os.close(writer)
    with open(reader, "rb") as pipe:
        result = pipe.read(_MAX_BYTES)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with suppress(ValueError):
        return json.loads(result)
    return None


def _work_and_exit(work: Callable[[], Any], writer: int) -> NoReturn:
    """Write the result of `work` to the pipe and end this process, which is the copy."""
    try:
        gc.disable()  # garbage of the original may wait in its destructor for threads that the copy does not have
        # The worker must not wait for the copy when the rasterizer process ends.
        os.closerange(0, writer)
        os.closerange(writer + 1, _MAX_FILES)
        resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_S, _PROCESSOR_S))
        with open(writer, "wb") as pipe:
            pipe.write(json.dumps(work()).encode())
    finally:
        os._exit(0)
