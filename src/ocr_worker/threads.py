"""Run functions on daemon threads and return their results as futures.

The executors of the standard library join their threads at exit, and a hanging page must not block the exit of the
worker. These functions start one thread for each call and keep no pool.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


def start(function: Callable[[], Value], name: str) -> Future[Value]:
    """Run `function` on a new daemon thread. Return a future of its value or exception."""
    future: Future[Value] = Future()

    def run() -> None:
        future.set_running_or_notify_cancel()  # the future can no longer be cancelled
        try:
            value = function()
        except BaseException as error:  # any exception belongs to the code that waits for the future
            future.set_exception(error)
        else:
            future.set_result(value)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def map_bounded(function: Callable[[Item], Value], items: Sequence[Item], limit: int, name: str) -> list[Value]:
    """Return `[function(item) for item in items]`, computed on at most `limit` threads at the same time.

    A single item is computed on the caller's thread. Raises the error of the first item that failed, in order.
    """
    if len(items) == 1:
        return [function(items[0])]
    slots = threading.Semaphore(limit)

    def run(item: Item) -> Value:
        try:
            return function(item)
        finally:
            slots.release()

    futures = []
    for item in items:
        slots.acquire()
        futures.append(start(partial(run, item), name))
    return [future.result() for future in futures]
