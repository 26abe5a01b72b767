"""A clock that leaves out the time in which this process stood still.

The platform may freeze an idle worker with all its processes, and wake it on another day. A deadline by the system's
clock would then be over, although nothing had time to happen: a watchdog would kill what works, and a request whose
connection was lost would not be repeated. So a worker's deadlines are moments of this clock. A thread reads it four
times per second. If more than a second passes between two readings, the process was stopped, or got no processor.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

_BEAT_S = 0.25
_STOPPED_S = 1.25  # between two readings


class AwakeClock:
    """A clock that counts seconds while it is read regularly; thread-safe.

    read: returns the seconds of the system's clock. It may jump back, as in a process that was restored elsewhere.
    """

    def __init__(self, read: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._last_reading: float | None = None
        self._left_out_s = 0.0

    def now(self) -> float:
        """Return the seconds since some moment, without those in which the clock was not read."""
        with self._lock:
            reading = self._read()
            elapsed_s = 0.0 if self._last_reading is None else reading - self._last_reading
            self._last_reading = reading
            is_awake = 0 <= elapsed_s <= _STOPPED_S
            if not is_awake:
                self._left_out_s += elapsed_s
            seconds = reading - self._left_out_s
        if not is_awake:
            log.info("the process stood still for %.0f s", elapsed_s)
        return seconds


_clock = AwakeClock()
_start_lock = threading.Lock()  # acquired once, by the first caller, which starts the thread


def now() -> float:
    """Return the seconds since some moment, without those in which this process stood still. Thread-safe."""
    if _start_lock.acquire(blocking=False):
        threading.Thread(target=_read_regularly, name="awake", daemon=True).start()
    return _clock.now()


def _read_regularly() -> None:
    while True:
        _clock.now()
        time.sleep(_BEAT_S)
