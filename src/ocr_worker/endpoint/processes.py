"""The worker processes of an endpoint: `python handler.py`, each in a session of its own, kept at their number.

A worker that ends is replaced by a new one of another name. One that asks to be replaced, and all of them at the end,
are told so by SIGTERM and killed, with their children, when they have not left after a grace.
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
Tell = Callable[[str, str], None]

_LONGEST_PAUSE_S = 30.0


def launch(handler: Path, environment: Mapping[str, str], output: int | IO[bytes]) -> Process:
    """Starts `python HANDLER` beside its file, leader of its own session; both streams go to `output`."""
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
    """Kills the process and all of its session that is left."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@dataclass(slots=True)
class Worker:
    """One process. `kill_at`: the time of the clock at which it is killed, once it was told to leave."""

    name: str
    process: Process
    ready: bool = False
    reason: str | None = None  # why it does not start
    kill_at: float | None = None


class WorkerPool:
    """Keeps `count` workers running. All but the constructor and `kill` runs on the endpoint's loop.

    start: makes the process of a worker of this name. lost: is told the name of each that ended. tell: is told
    (name, what happened) for a person to read. grace_s: between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        count: int,
        start: Callable[[str], Process],
        lost: Callable[[str], None],
        tell: Tell,
        grace_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tell = tell
        self._count = count
        self._start = start
        self._lost = lost
        self._grace_s = grace_s
        self._clock = clock
        self._workers: dict[str, Worker] = {}
        self._started = 0
        self._failures = 0  # in a row, of workers that ended before they were ready
        self._start_at = 0.0
        self._closing = False
        self._lock = threading.Lock()  # of `kill`, which comes from any thread, against a start

    @property
    def alive(self) -> list[Worker]:
        """The workers whose process has not ended, oldest first."""
        return list(self._workers.values())

    def look(self) -> bool:
        """Notices who has ended, kills who is due and starts who is missing; whether anything happened."""
        now = self._clock()
        ended = [worker for worker in self.alive if worker.process.poll() is not None]
        for worker in ended:
            self._gone(worker, now)
        for worker in self.alive:
            if worker.kill_at is not None and now >= worker.kill_at:
                kill_group(worker.process)
        missing = 0 if self._closing or now < self._start_at else self._count - len(self._workers)
        for _ in range(missing):
            self._new()
        return bool(ended or missing > 0)

    def ready(self, name: str) -> bool:
        """The worker asks for jobs; whether that is news."""
        worker = self._workers.get(name)
        if worker is None or worker.ready:
            return False
        worker.ready = True
        self._failures = 0
        self.tell(name, "ready")
        return True

    def unhealthy(self, name: str, reason: str) -> None:
        """The worker says why it cannot start; it ends by itself."""
        if worker := self._workers.get(name):
            worker.reason = reason

    def replace(self, name: str) -> None:
        """The worker asked to be replaced: it is told to leave, and a new one starts when it has."""
        if name in self._workers and not self.leaving(name):
            self.tell(name, "asks to be replaced")
            self._dismiss(self._workers[name])

    def leaving(self, name: str) -> bool:
        """Whether the worker was told to leave; it gets no more jobs."""
        worker = self._workers.get(name)
        return worker is not None and worker.kill_at is not None

    def close(self) -> None:
        """Tells all workers to leave; `look` sees to it that they do."""
        self._closing = True
        for worker in self.alive:
            if worker.kill_at is None:
                self._dismiss(worker)

    def kill(self) -> None:
        """End all workers at once; none starts afterwards. May be called on any thread."""
        with self._lock:
            self._closing = True
            workers = self.alive
        for worker in workers:
            kill_group(worker.process)

    def _new(self) -> None:
        with self._lock:
            if self._closing:
                return
            self._started += 1
            name = f"worker-{self._started}"
            self._workers[name] = Worker(name, self._start(name))
        self.tell(name, f"started, pid {self._workers[name].process.pid}")

    def _dismiss(self, worker: Worker) -> None:
        worker.kill_at = self._clock() + self._grace_s
        # Only the worker itself: it needs its children for the jobs that it still answers.
        with suppress(ProcessLookupError):
            worker.process.send_signal(signal.SIGTERM)

    def _gone(self, worker: Worker, now: float) -> None:
        del self._workers[worker.name]
        kill_group(worker.process)  # what it has left behind
        self._lost(worker.name)
        why = f": {worker.reason}" if worker.reason else ""
        self.tell(
            worker.name, f"ended with {worker.process.returncode}{'' if worker.ready else ' before it was ready'}{why}"
        )
        if not worker.ready:  # the next one may fail just so
            self._failures += 1
            self._start_at = now + min(2.0**self._failures, _LONGEST_PAUSE_S)
