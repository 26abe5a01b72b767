"""Cost of a run, for bench/gpu.py: use of the GPU by `nvidia-smi`, and processor time and memory by process."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

_SAMPLED = "utilization.gpu,memory.used,power.draw"
_EVERY_MS = 200


def describe_gpu() -> dict[str, Any] | None:
    """Return name, memory (MiB) and driver of the first GPU, or None without one."""
    fields = _query("name,memory.total,driver_version")
    return {"name": fields[0], "memory_mib": float(fields[1]), "driver": fields[2]} if fields else None


def free_gpu_bytes() -> int:
    """Return the free memory of the first GPU; 0 without one."""
    fields = _query("memory.free")
    return int(fields[0]) * 2**20 if fields else 0


def _query(fields: str) -> list[str]:
    """Return the values of the fields, as `nvidia-smi` prints them for the first GPU; none without it."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    query = [command, "--id=0", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    try:
        line = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return []
    return [field.strip() for field in line.split(",")]


class Card:
    """Samples of the first GPU, five a second. `busy` is the part of the time in which a kernel ran, in percent."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, list[float]]] = []
        command = ["nvidia-smi", "--id=0", f"--query-gpu={_SAMPLED}", "--format=csv,noheader,nounits"]
        self._process = subprocess.Popen(
            [*command, f"--loop-ms={_EVERY_MS}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()

    def close(self) -> None:
        """End the sampling."""
        self._process.kill()
        self._process.wait()

    def between(self, start: float, end: float) -> dict[str, float]:
        """Return means of busy share (percent) and power (watts), and the largest memory (GB); times are monotonic."""
        rows = [values for at, values in list(self._samples) if start <= at <= end]
        if not rows:
            return {}
        busy, memory, watts = zip(*rows, strict=True)
        return {
            "busy_percent": round(sum(busy) / len(rows), 1),
            "gpu_gb": round(max(memory) * 2**20 / 1e9, 1),
            "watts": round(sum(watts) / len(rows)),
        }

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._samples.append((time.monotonic(), [_number(field) for field in line.split(",")]))


def _number(field: str) -> float:
    """Return the number; 0 for "[N/A]", as some cards report their power."""
    try:
        return float(field)
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds and memory (MB) of a process and its descendants at one moment."""

    main_s: float
    children_s: float
    memory_mb: float


def usage(pid: int) -> Usage | None:
    """Return the usage of a process and its descendants, or None if it has ended. Shared memory counts once (PSS)."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return None
    seconds, memory = [], 0.0
    for member in family:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            times = member.cpu_times()
            memory += member.memory_full_info().pss / 1e6
            seconds.append(times.user + times.system)
    return Usage(seconds[0], sum(seconds[1:]), memory) if seconds else None


def cores(before: Mapping[str, Usage | None], after: Mapping[str, Usage | None], seconds: float) -> dict[str, Any]:
    """Return, by name, the cores in use of each process and of its descendants, and their memory in GB at the end."""
    return {
        name: {
            "main": round((last.main_s - first.main_s) / seconds, 2),
            "children": round((last.children_s - first.children_s) / seconds, 2),
            "memory_gb": round(last.memory_mb / 1000, 2),
        }
        for name in before
        if (first := before[name]) and (last := after.get(name))
    }
