"""Where a job's time goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Seconds by stage, added up from several threads."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(("fetch", "rasterize", "wait", "engine"), 0.0)
        self._lock = threading.Lock()

    def add(self, stage: str, seconds: float) -> None:
        """Adds to one stage."""
        with self._lock:
            self.seconds[stage] += seconds

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Adds the time of the block to one stage."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.add(stage, time.monotonic() - started)
