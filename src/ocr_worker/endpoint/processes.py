"""The worker processes of an endpoint: `python handler.py`, each in its own session.

The pool keeps their number constant: when a worker ends, a new one with another name replaces it. A worker that asks
for a replacement gets SIGTERM, and at the end all workers do. After a grace period, the pool kills them and their
children.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

Process = subprocess.Popen[bytes]
OnEvent = Callable[[str, str], None]  # name of the worker, what happened

_LONGEST_PAUSE_S = 30.0


def launch(handler: Path, environment: Mapping[str, str], output: int | IO[bytes]) -> Process:
    """Start `python HANDLER` in the handler's folder, as leader of a new session. stdout and stderr go to `output`."""
    return subprocess.Popen(
        [sys.executable, str(handler)],
        cwd=handler.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def kill_group(process: Process) -> None:
    """Kill the process and everything that is left of its process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@dataclass(slots=True)
class Worker:
    """A worker process. start_error: why it cannot start. kill_at: time of the clock, set when it must leave."""

    name: str
    process: Process
    is_ready: bool = False
    start_error: str | None = None
    kill_at: float | None = None


class WorkerPool:
    """A pool of `count` workers. Everything except the constructor and `kill` runs on the endpoint's loop.

    start_process: starts the process of a worker with this name. on_lost: called with the name of each worker that
    ended. on_event: called with a worker's name and a text for people. grace_s: between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        count: int,
        start_process: Callable[[str], Process],
        on_lost: Callable[[str], None],
        on_event: OnEvent,
        grace_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.on_event = on_event
        self._count = count
        self._start_process = start_process
        self._on_lost = on_lost
        self._grace_s = grace_s
        self._clock = clock
        self._workers: dict[str, Worker] = {}
        self._lost: set[str] = set()  # names, which are not used again
        self._start_count = 0
        self._failures = 0  # in a row, of workers that ended before they were ready
        self._next_start = 0.0
        self._is_closing = False
        self._lock = threading.Lock()  # keeps `kill`, which any thread may call, apart from a start

    @property
    def workers(self) -> list[Worker]:
        """The workers that were not lost yet, oldest first."""
        return list(self._workers.values())

    def update(self) -> bool:
        """Remove workers that ended, kill those that must, start missing ones. Return whether anything changed."""
        now = self._clock()
        ended_workers = [worker for worker in self.workers if worker.process.poll() is not None]
        for worker in ended_workers:
            self._remove(worker, now)
        for worker in self.workers:
            if worker.kill_at is not None and now >= worker.kill_at:
                kill_group(worker.process)
        missing = 0 if self._is_closing or now < self._next_start else self._count - len(self._workers)
        for _ in range(missing):
            self._start_worker()
        return bool(ended_workers or missing > 0)

    def mark_ready(self, name: str) -> bool:
        """Record that the worker asks for jobs. Return whether this is the first time."""
        worker = self._workers.get(name)
        if worker is None or worker.is_ready:
            return False
        worker.is_ready = True
        self._failures = 0
        self.on_event(name, "ready")
        return True

    def mark_unhealthy(self, name: str, error: str) -> None:
        """Record why the worker cannot start. The worker ends by itself."""
        if worker := self._workers.get(name):
            worker.start_error = error

    def replace(self, name: str) -> None:
        """Let the worker leave, because it asked to be replaced. A new one starts when it has ended."""
        if name in self._workers and not self.is_leaving(name):
            self.on_event(name, "asks to be replaced")
            self._terminate(self._workers[name])

    def is_leaving(self, name: str) -> bool:
        """Return whether the worker must leave or has ended, so that it gets no more jobs.

        The poll of a killed worker can still be open when its jobs are given to others: it must not take one of them.
        """
        worker = self._workers.get(name)
        return name in self._lost or (worker is not None and worker.kill_at is not None)

    def close(self) -> None:
        """Let all workers leave. Call `update` until `workers` is empty."""
        self._is_closing = True
        for worker in self.workers:
            if worker.kill_at is None:
                self._terminate(worker)

    def kill(self) -> None:
        """End all workers at once; none starts afterwards. May be called on any thread."""
        with self._lock:
            self._is_closing = True
            workers = self.workers
        for worker in workers:
            kill_group(worker.process)

    def _start_worker(self) -> None:
        with self._lock:
            if self._is_closing:
                return
            self._start_count += 1
            name = f"worker-{self._start_count}"
            self._workers[name] = Worker(name, self._start_process(name))
        self.on_event(name, f"started, pid {self._workers[name].process.pid}")

    def _terminate(self, worker: Worker) -> None:
        worker.kill_at = self._clock() + self._grace_s
        # Only the worker itself: it needs its children for the jobs that it still answers.
        with suppress(ProcessLookupError):
            worker.process.send_signal(signal.SIGTERM)

    def _remove(self, worker: Worker, now: float) -> None:
        del self._workers[worker.name]
        self._lost.add(worker.name)
        kill_group(worker.process)  # its remaining children
        self._on_lost(worker.name)
        stage = "" if worker.is_ready else " before it was ready"
        cause = f": {worker.start_error}" if worker.start_error else ""
        self.on_event(worker.name, f"exited with code {worker.process.returncode}{stage}{cause}")
        if not worker.is_ready:  # the next one may fail in the same way
            self._failures += 1
            self._next_start = now + min(2.0**self._failures, _LONGEST_PAUSE_S)
