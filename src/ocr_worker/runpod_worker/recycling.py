"""Recycling: the decision that a worker has done enough and must be replaced.

A worker is due after a number of pages, or when its memory approaches the limit. It then drains in order, before the
kernel kills it in the middle of a page. This module only decides; `drain` does the rest.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from ocr_worker import threads
from ocr_worker.memory import container_memory, resident_bytes
from ocr_worker.settings import MEGABYTE, Settings

_SAMPLE_EVERY_S = 2.0
_WINDOW = 150  # samples: five minutes
_MIN_SAMPLES = 60  # before a trend counts
_RECENT_SAMPLES = 20  # in which the trend must continue: a start that fills its caches is no trend
_HORIZON_S = 60.0  # enough time to answer the admitted jobs
_MEMORY_SHARE = 0.9


class Recycling:
    """A monitor of a worker's pages and memory, on a thread of its own.

    pages_read: returns the number of pages so far. request_drain: called once, with the reason.
    """

    def __init__(self, settings: Settings, pages_read: Callable[[], int], request_drain: Callable[[str], None]) -> None:
        self._pages_read = pages_read
        self._max_pages = settings.recycle_pages
        limit_mb = settings.recycle_memory_mb
        self._trend = MemoryTrend(limit_mb * MEGABYTE if limit_mb else container_memory() * _MEMORY_SHARE)
        self._request_drain = request_drain

    def start(self) -> None:
        """Start the thread."""
        threads.start(self._watch, "recycling")

    def _watch(self) -> None:
        while not (reason := self.reason()):
            time.sleep(_SAMPLE_EVERY_S)
        self._request_drain(reason)

    def reason(self) -> str | None:
        """Sample pages and memory. Return the reason to replace the worker, or None."""
        if self._max_pages is not None and self._pages_read() >= self._max_pages:
            return f"recycle: {self._max_pages} pages"
        return self._trend.reason(time.monotonic(), resident_bytes())


class MemoryTrend:
    """The memory samples of the last minutes. limit: bytes, beyond which the worker is at risk."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._samples: deque[tuple[float, float]] = deque(maxlen=_WINDOW)

    def reason(self, now: float, used: float) -> str | None:
        """Add a sample: `used` bytes at `now` (seconds). Return the reason to replace the worker, or None.

        The reason is memory that exceeds the limit, or that will exceed it within a minute.
        """
        self._samples.append((now, used))
        message = f"recycle: memory {used / MEGABYTE:.0f} of {self._limit / MEGABYTE:.0f} MB"
        if used > self._limit:
            return message
        if len(self._samples) >= _MIN_SAMPLES and used + self._slope() * _HORIZON_S > self._limit:
            return f"{message}, growing by {self._slope() * 60 / MEGABYTE:.0f} MB a minute"
        return None

    def _slope(self) -> float:
        """Return the growth in bytes per second: the lower of the least-squares slopes of all and of recent samples."""
        times, used = np.array(self._samples).T
        windows = (slice(None), slice(-_RECENT_SAMPLES, None))
        slopes = [np.polynomial.polynomial.polyfit(times[part] - times[0], used[part], 1)[1] for part in windows]
        return min(map(float, slopes))
