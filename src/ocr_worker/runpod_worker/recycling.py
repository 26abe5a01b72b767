"""When a worker has done enough: so many pages, or memory on its way to the limit. It then drains, in order, before the
kernel kills it in the midst of somebody's page."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from ocr_worker import threads
from ocr_worker.memory import container_memory, resident_bytes
from ocr_worker.settings import MEGABYTE, Settings

_LOOK_EVERY_S = 2.0
_WINDOW = 150  # looks: five minutes
_ENOUGH = 60  # looks before a trend counts
_LATELY = 20  # looks in which it must go on: a start that fills its caches is no trend
_AHEAD_S = 60.0  # what answering the admitted jobs may take
_SHARE = 0.9


class Recycling:
    """Watches from a thread of its own. pages_read: so far. due: told once, with the reason."""

    def __init__(self, settings: Settings, pages_read: Callable[[], int], due: Callable[[str], None]) -> None:
        self._pages_read = pages_read
        self._most_pages = settings.recycle_pages
        limit_mb = settings.recycle_memory_mb
        self._trend = Trend(limit_mb * MEGABYTE if limit_mb else container_memory() * _SHARE)
        self._due = due

    def start(self) -> None:
        """Begins to watch."""
        threads.start(self._watch, "recycling")

    def _watch(self) -> None:
        while not (reason := self.reason()):
            time.sleep(_LOOK_EVERY_S)
        self._due(reason)

    def reason(self) -> str | None:
        """Looks once: why the worker should be replaced, if so."""
        if self._most_pages is not None and self._pages_read() >= self._most_pages:
            return f"recycle: {self._most_pages} pages"
        return self._trend.reason(time.monotonic(), resident_bytes())


class Trend:
    """Memory over the last minutes. limit: in bytes; beyond it the worker is at risk."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._looks: deque[tuple[float, float]] = deque(maxlen=_WINDOW)

    def reason(self, now: float, used: float) -> str | None:
        """Takes one look at `now` (seconds) in: why memory asks for a replacement, if so."""
        self._looks.append((now, used))
        told = f"recycle: memory {used / MEGABYTE:.0f} of {self._limit / MEGABYTE:.0f} MB"
        if used > self._limit:
            return told
        if len(self._looks) >= _ENOUGH and used + self._slope() * _AHEAD_S > self._limit:
            return f"{told}, growing by {self._slope() * 60 / MEGABYTE:.0f} MB a minute"
        return None

    def _slope(self) -> float:
        """Bytes a second, by least squares: over all looks and over the last ones, whichever is less."""
        times, used = np.array(self._looks).T
        windows = (slice(None), slice(-_LATELY, None))
        return min(float(np.polynomial.polynomial.polyfit(times[one] - times[0], used[one], 1)[1]) for one in windows)
