"""Worker processes: none is left behind, whatever else happens at that moment."""

from __future__ import annotations

import signal
from concurrent.futures import Future
from pathlib import Path

from ocr_worker.endpoint.processes import Process, WorkerPool, launch
from support.interleaving import WatchedLock, meanwhile


def test_a_worker_that_starts_while_all_are_killed_is_killed_too(tmp_path: Path) -> None:
    """`kill` on one thread leaves no worker that the endpoint's loop is just starting, and none starts afterwards."""
    handler = tmp_path / "handler.py"
    handler.write_text("import time\ntime.sleep(600)\n")
    lock = WatchedLock()
    started: list[Process] = []
    killing: list[Future[None]] = []

    def start(name: str) -> Process:
        with (tmp_path / "log").open("wb") as log:
            started.append(launch(handler, {}, log))
        killing.append(meanwhile(pool.kill, lock))
        return started[-1]

    pool = WorkerPool(2, start, on_lost=lambda name: None, on_event=lambda name, event: None)
    pool._lock = lock  # type: ignore[assignment]
    pool.update()
    for kill in killing:
        kill.result()
    try:
        assert {process.wait(20) for process in started} == {-signal.SIGKILL}
    finally:
        for process in started:
            process.kill()


def test_a_worker_that_was_lost_gets_no_more_jobs(tmp_path: Path) -> None:
    """A killed worker's poll can be open when its jobs go back to the queue: it takes none of them."""
    handler = tmp_path / "handler.py"
    handler.write_text("import time\ntime.sleep(600)\n")
    started: list[Process] = []

    def start(name: str) -> Process:
        with (tmp_path / "log").open("wb") as log:
            started.append(launch(handler, {}, log))
        return started[-1]

    leaving: list[bool] = []
    pool = WorkerPool(
        1, start, on_lost=lambda name: leaving.append(pool.is_leaving(name)), on_event=lambda name, event: None
    )
    try:
        pool.update()
        (worker,) = pool.workers
        assert not pool.is_leaving(worker.name)
        started[0].kill()
        started[0].wait(20)
        pool.update()
        assert leaving == [True]
        assert pool.is_leaving(worker.name)
        assert not any(pool.is_leaving(other.name) for other in pool.workers)
    finally:
        pool.kill()
        for process in started:
            process.wait(20)
