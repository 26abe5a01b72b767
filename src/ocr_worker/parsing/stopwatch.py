"""Measure how much time a job spends in each stage; the sums become the response's `timing`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Sum of seconds by stage, over all threads of a job. Thread-safe."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(("fetch", "rasterize", "wait", "engine"), 0.0)
        self._lock = threading.Lock()

    def add(self, stage: str, seconds: float) -> None:
        """Add seconds to a stage."""
        with self._lock:
            self.seconds[stage] += seconds

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        started_at = time.monotonic()
        try:
            yield
        finally:
            self.add(stage, time.monotonic() - started_at)
