"""Daemon threads with results. The standard executors join their threads at exit, and a hung page must not block it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


def start(function: Callable[[], Value], name: str) -> Future[Value]:
    """Runs `function` on a daemon thread of its own; its value or exception arrives in the future."""
    future: Future[Value] = Future()

    def run() -> None:
        future.set_running_or_notify_cancel()  # from here on it can no longer be cancelled
        try:
            value = function()
        except BaseException as error:  # whatever it is belongs to the one who waits for the future
            future.set_exception(error)
        else:
            future.set_result(value)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


def map_bounded(function: Callable[[Item], Value], items: Sequence[Item], limit: int, name: str) -> list[Value]:
    """`[function(item) for item in items]`, at most `limit` at once. Raises the first item's error."""
    if len(items) == 1:
        return [function(items[0])]
    gate = threading.Semaphore(limit)

    def run(item: Item) -> Value:
        try:
            return function(item)
        finally:
            gate.release()

    futures = []
    for item in items:
        gate.acquire()
        futures.append(start(partial(run, item), name))
    return [future.result() for future in futures]
