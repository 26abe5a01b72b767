"""The memory of this worker: what its processes use, the limit of its container, and when garbage is looked for."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

# Of cgroup version 2 and 1: https://docs.kernel.org/admin-guide/cgroup-v2.html, .../cgroup-v1/memory.html
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def resident_bytes() -> int:
    """Return the resident memory of this process and of all its descendants."""
    worker = psutil.Process()
    total = 0
    for process in (worker, *worker.children(recursive=True)):
        try:
            total += int(process.memory_info().rss)
        except psutil.NoSuchProcess:
            continue  # it ended after it was listed
    return total


def container_memory() -> int:
    """Return the container's memory limit in bytes, or the machine's memory if there is no limit."""
    limits = [int(psutil.virtual_memory().total)]
    for path in _CGROUP_LIMITS:
        if path.is_file() and (text := path.read_text(encoding="ascii").strip()).isdigit():
            limits.append(int(text))
    return min(limits)


@contextmanager
def garbage_kept() -> Iterator[None]:
    """Do not look for garbage meanwhile, in the complete process: imports make many objects, and hardly any garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
