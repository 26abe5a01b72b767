"""Functions on processes that may end at any moment."""

from __future__ import annotations

import os
from contextlib import suppress

import psutil


def is_alive(process: psutil.Process) -> bool:
    """Return whether the process runs; a zombie does not."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def command_line(process: psutil.Process) -> list[str]:
    """Return the arguments of the process; none once it has ended."""
    with suppress(psutil.NoSuchProcess):
        return list(process.cmdline())
    return []


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """Return the children, grandchildren and so on; none once the process has ended."""
    with suppress(psutil.NoSuchProcess):
        return list(process.children(recursive=True))
    return []


def in_group(leader: int) -> list[str]:
    """Return the command lines of the processes in the group of this leader, itself among them while it lives."""
    group = [process for process in psutil.process_iter() if _group(process.pid) == leader]
    return [" ".join(command_line(process)) for process in group if is_alive(process)]


def _group(pid: int) -> int | None:
    with suppress(ProcessLookupError):
        return os.getpgid(pid)
    return None
