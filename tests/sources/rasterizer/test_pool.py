"""The pool's own state under several threads: nothing is miscounted, and nothing outlives the pool."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from ocr_worker import threads
from ocr_worker.errors import Cancelled
from ocr_worker.sources.rasterizer import RasterPool
from ocr_worker.sources.rasterizer import pool as module
from ocr_worker.sources.rasterizer.process import RasterizerProcess
from support import files
from support.files import RED, request
from support.interleaving import WatchedLock, meanwhile
from support.waiting import PATIENCE_S, eventually

PAGES = files.pages([files.filled(RED)] * 3)


def pool_of(workers: int) -> RasterPool:
    return RasterPool(workers=workers, memory_bytes=1_000_000_000, page_timeout_s=20)


def test_two_starts_that_fail_at_once_count_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed start that is counted in the midst of another one's count is not lost."""
    lock = WatchedLock()
    others: list[Future[None]] = []

    class Counting(RasterPool):
        @property
        def _failed_starts(self) -> int:
            count: int = vars(self)["count"]
            if not vars(self).setdefault("interrupted", False):
                vars(self)["interrupted"] = True
                others.append(meanwhile(lambda: self._note_failed_start("second"), lock))
            return count

        @_failed_starts.setter
        def _failed_starts(self, count: int) -> None:
            vars(self)["count"] = count

    pool = Counting(workers=0, memory_bytes=1_000_000_000, page_timeout_s=20)
    monkeypatch.setattr(pool, "_lock", lock)
    pool._note_failed_start("first")
    others[0].result()
    assert vars(pool)["count"] == 2


def test_the_pool_grows_with_the_open_documents() -> None:
    """It starts with one process; each document that finds none idle gets one more, up to the limit."""
    pool = RasterPool(workers=2, idle_workers=1, memory_bytes=1_000_000_000, page_timeout_s=PATIENCE_S)
    assert eventually(lambda: not pool._idle_processes.empty())
    with pool.open(PAGES, request()) as first:
        assert len(pool._processes) == 1
        pool.open(PAGES, request())
        assert len(pool._processes) == 2
        third = threads.start(lambda: pool.open(PAGES, request()), "document")
        assert len(list(first)) == 3
    third.result(PATIENCE_S)
    assert len(pool._processes) == 2
    pool.close()


def test_a_child_that_starts_while_the_pool_closes_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that is closed in the midst of a start leaves no child behind, however fast the child is ready."""
    pool = pool_of(0)
    made: list[RasterizerProcess] = []
    waits: list[Future[Any]] = []

    class Interrupted(RasterizerProcess):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            select.select([self._stdout], [], [])  # it is ready before anybody awaits it
            made.append(self)
            pool.close()

    real_start = threads.start

    def start(function: Callable[[], Any], name: str) -> Future[Any]:
        waits.append(real_start(function, name))
        return waits[-1]

    monkeypatch.setattr(module, "RasterizerProcess", Interrupted)
    monkeypatch.setattr(threads, "start", start)
    pool._start_process()
    for wait in waits:
        wait.result()
    assert not made[0].is_alive()


def test_closing_the_pool_leaves_a_reader_its_pipes() -> None:
    """A document that waits for its page when the pool is closed is cancelled, and never reads from a file that is
    closed, or by then another one's."""
    pool = pool_of(1)
    closed = False

    def close() -> bool:
        """Stands for another thread that closes the pool between two looks at the pipe."""
        nonlocal closed
        if not closed:
            closed = True
            pool.close()
        return False

    with pool.open(PAGES, request()) as document:
        os.kill(document._process.pid, signal.SIGSTOP)
        document._is_cancelled = close
        with pytest.raises(Cancelled):
            list(document)
    assert closed
    assert not document._process.is_alive()
    assert pool._processes == set()


def test_a_closed_pool_keeps_no_idle_child() -> None:
    """Children that wait for a document end with the pool, and one that comes back later is not kept."""
    pool = pool_of(2)
    idle, late = (pool.open(PAGES, request())._process for _ in range(2))
    pool._release(idle, True)
    pool.close()
    pool._release(late, True)
    assert not idle.is_alive()
    assert not late.is_alive()
    assert pool._processes == set()
