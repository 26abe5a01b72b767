"""Measure the memory of this worker: the bytes that its processes use, and the limit of its container."""

from __future__ import annotations

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
