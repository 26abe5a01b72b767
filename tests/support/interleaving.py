"""Races on demand: a second thread acts at one exact moment of the first, whatever the load of the machine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import TypeVar

from ocr_worker.threads import start

Value = TypeVar("Value")


class WatchedLock:
    """A `threading.Lock` that signals when a thread has to wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.changed = threading.Event()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.changed.set()
            self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


def meanwhile(act: Callable[[], Value], lock: WatchedLock) -> Future[Value]:
    """Run `act` on another thread. Return as soon as it has ended or waits for `lock`, which the caller may hold."""
    lock.changed.clear()
    future = start(act, "meanwhile")
    future.add_done_callback(lambda _: lock.changed.set())
    lock.changed.wait()
    return future
