"""Engines in real processes of their own: an end costs at most the page that causes it. The engine is a double."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from ocr_worker.engines.base import EngineSpec
from ocr_worker.engines.process.engine import engine_builders
from ocr_worker.errors import (
    EngineCrashed,
    EngineTimedOut,
    EngineUnavailable,
    OcrWorkerError,
    PageFailed,
)
from ocr_worker.pages import ParsedPage
from ocr_worker.parsing.replicas import Replicas
from ocr_worker.parsing.scheduler import ParseOutcome, ScheduledJob, Scheduler
from ocr_worker.settings import Settings
from support import fragile
from support.fragile import FragileOptions, page
from support.processes import is_alive
from support.waiting import PATIENCE_S, eventually
from support.worker_process import python_path

pytestmark = pytest.mark.process

OPTIONS = FragileOptions()
HANG_S = 3.0  # deadline of a call, in tests where some call hangs: far more than the others take


class Running:
    """Replicas with engine processes, and a job on them."""

    def __init__(self, replicas: Replicas, scheduler: Scheduler, job: ScheduledJob, lost: list[OcrWorkerError]) -> None:
        self.replicas, self.scheduler, self.job, self.lost = replicas, scheduler, job, lost

    def submit(self, number: int, name: str = "read") -> Future[ParseOutcome]:
        """Submit a page."""
        return self.job.submit(page(number, name), OPTIONS)

    def results(self, *names: str) -> list[Any]:
        """Return what becomes of pages with these actions: the fields of their text, or their error."""
        futures = [self.submit(number, name) for number, name in enumerate(names, start=1)]
        return [result_of(future) for future in futures]

    def engine(self, index: int = 0) -> Any:
        """Return the engine of a replica."""
        return self.replicas._replicas[index].engine


Start = Callable[..., Running]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRAGILE", str(tmp_path))
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start replicas with `start(replicas=2, timeout=5, engine_recycle_pages=1)`; close them at the end."""
    with ExitStack() as stack:

        def start(
            spec: EngineSpec[Any] = fragile.SPEC, name: str = "SPEC", timeout: float = PATIENCE_S, **fields: Any
        ) -> Running:
            settings = Settings.model_validate({"engine": f"support.fragile:{name}", **fields})
            scheduler, lost = Scheduler(10**9), list[OcrWorkerError]()
            builders = engine_builders(spec, settings)
            replicas = Replicas(scheduler, builders, call_timeout_s=timeout, on_lost=lost.append)
            replicas.start()
            stack.callback(replicas.close)
            job: AbstractContextManager[ScheduledJob] = scheduler.admit()
            return Running(replicas, scheduler, stack.enter_context(job), lost)

        yield start


def result_of(future: Future[ParseOutcome]) -> Any:
    """Return number, sum of the pixels and process of a page that was read, or its error."""
    result = future.result(timeout=PATIENCE_S).result
    return [int(field) for field in result.markdown.split()] if isinstance(result, ParsedPage) else result


def read(number: int, pid: int) -> list[int]:
    """Return `result_of` a page that the process read."""
    return [number, int(page(number).pixels[1:].sum()), pid]


def test_an_engine_process_does_what_the_engine_does(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """Pages are read, errors keep their kind, log records their level; what libraries print is not shown by default."""
    caplog.set_level(logging.INFO, "ocr_worker")
    running = start()
    engine = running.engine()
    pid = engine._process.pid
    assert pid != os.getpid()
    assert (engine.info, engine.batch_size) == (fragile.Fragile.info, 1)
    first, typed, failed, said = running.results("read", "fail_typed", "fail", "say")
    assert [first, said] == [read(1, pid), read(4, pid)]
    assert (typed.code, str(typed)) == ("FRAGILE", "an error of this engine's own")
    assert isinstance(failed, PageFailed)
    assert "RuntimeError: an exception of a library" in caplog.text  # for the operator, not for callers
    # Records come by another way than results.
    record = ("ocr_worker.fragile", logging.WARNING, "a warning of the engine")
    assert eventually(lambda: record in caplog.record_tuples)
    assert "a line that a library prints" not in caplog.text
    running.replicas.close()
    assert eventually(lambda: not psutil.pid_exists(pid))
    assert (Path(os.environ["FRAGILE"]) / f"closed {pid}").exists()


@pytest.mark.parametrize("name", ["abort", *(pytest.param(name, marks=pytest.mark.slow) for name in ("exit", "kill"))])
def test_a_page_that_ends_the_process_fails_alone(start: Start, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The pages of its call are read one by one in new processes, and it is not retryable; the engine is not lost."""
    monkeypatch.setenv("FRAGILE_BATCH", "3")
    running = start()
    pid = running.engine()._process.pid
    blocker = running.submit(9, "hold")
    folder = Path(os.environ["FRAGILE"])
    assert eventually(lambda: (folder / "hold 9").exists())
    futures = [running.submit(number, name) for number, name in ((1, "read"), (2, name), (3, "read"))]
    (folder / "gate").touch()
    assert result_of(blocker) == read(9, pid)
    first, crashed, third = map(result_of, futures)
    assert isinstance(crashed, EngineCrashed)
    assert not crashed.retryable
    assert [first[0], third[0]] == [1, 3]
    assert len({pid, first[2], third[2]}) == 3
    assert running.lost == []


def test_a_page_is_read_in_the_next_process(start: Start) -> None:
    """One crash costs nothing: the page is read in another process, and the next page as well."""
    running = start()
    pid = running.engine()._process.pid
    first, second = running.results("abort once", "read")
    assert (first[0], second[0]) == (1, 2)
    assert first[2] == second[2] != pid


@pytest.mark.parametrize("name", ["stop", pytest.param("hang", marks=pytest.mark.slow)])
def test_a_process_that_hangs_is_killed(start: Start, name: str) -> None:
    """Past its deadline a page gets ENGINE_TIMED_OUT, its process is gone, and the next page is read in another one."""
    running = start(timeout=HANG_S)
    process = psutil.Process(running.engine()._process.pid)
    first, second = running.results(f"{name} once", "read")
    assert isinstance(first, EngineTimedOut)
    assert second[0] == 2
    assert not is_alive(process)
    assert running.lost == []


def test_a_broken_device_costs_the_page_in_hand(start: Start) -> None:
    """EngineUnavailable of an engine that cannot be revived replaces its process."""
    running = start()
    pid = running.engine()._process.pid
    first, second = running.results("poison", "read")
    assert isinstance(first, EngineUnavailable)
    assert second[2] != pid
    assert running.lost == []


def test_three_ends_without_a_page_lose_the_engine(start: Start, folder: Path) -> None:
    """After the third end the engine is lost, and the other replica reads on."""
    running = start(replicas=2)
    held = running.submit(9, "hold")
    assert eventually(lambda: (folder / "hold 9").exists())
    first, second = running.results("abort", "abort")
    assert isinstance(first, EngineCrashed)
    assert isinstance(second, EngineUnavailable)
    assert ["failed 3 times" in str(error) for error in running.lost] == [True]
    (folder / "gate").touch()
    assert result_of(held)[0] == 9
    assert running.results("read")[0][0] == 1


def test_a_failed_start_is_an_end(start: Start, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A process whose warm-up fails is replaced; pages wait meanwhile, without a deadline."""
    running = start()
    (folder / "no warm-up").touch()
    (first,) = running.results("abort once")
    assert first[0] == 1
    assert "the warm-up page was not read" in caplog.text
    assert running.lost == []


def test_a_process_is_recycled_after_its_pages(start: Start) -> None:
    """With OCR_ENGINE_RECYCLE_PAGES each process reads so many pages and closes its engine; none counts as an end."""
    running = start(engine_recycle_pages=1)
    results = running.results("read", "read")
    assert [result[0] for result in results] == [1, 2]
    pids = [result[2] for result in results]
    assert len(set(pids)) == 2
    assert (Path(os.environ["FRAGILE"]) / f"closed {pids[0]}").exists()
    assert running.lost == []


@pytest.mark.slow
def test_a_process_is_recycled_by_memory(start: Start) -> None:
    """With OCR_ENGINE_RECYCLE_MEMORY_MB a process that needs more is replaced after its call."""
    running = start(engine_recycle_memory_mb=1)
    first, second = running.results("read", "read")
    assert first[2] != second[2]


def test_a_process_that_does_not_die_is_left_behind(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that SIGKILL does not end, as in the kernel's state D, loses its engine; nobody waits for it."""
    running = start(timeout=HANG_S)
    process = running.engine()._process
    monkeypatch.setattr("ocr_worker.engines.process.process._END_S", 0.1)
    monkeypatch.setattr(os, "killpg", lambda group, number: None)
    first, second = running.results("stop once", "read")
    assert isinstance(first, EngineTimedOut)
    assert isinstance(second, EngineUnavailable)
    assert "does not end" in str(running.lost[0])
    os.kill(process.pid, signal.SIGKILL)
    assert process._ended.wait(PATIENCE_S)


def merged(running: Running, pages: list[ParsedPage | None]) -> list[str | None]:
    """Return the Markdown of merged pages."""
    return [page and page.markdown for page in running.replicas.merge_pages(pages)]


def test_pages_are_merged_beside_a_page_and_beside_ends(start: Start, folder: Path) -> None:
    """Merging waits for no page, uses a process that runs, and is tried on another when its process ends."""
    running = start(replicas=2)
    futures = [running.submit(number) for number in (2, 3)]
    pages = [future.result(timeout=PATIENCE_S).result for future in futures]
    assert all(isinstance(page, ParsedPage) for page in pages)
    document: list[Any] = [pages[0], None, pages[1]]
    held = [running.submit(number, "hold") for number in (4, 5)]
    assert eventually(lambda: len(list(folder.glob("hold *"))) == 2)
    total, pid = str(merged(running, document)[0]).split()
    assert total == "4"  # 0 + 1, and 0 + 1 + 2
    assert merged(running, document)[1] is None

    os.kill(int(pid), signal.SIGKILL)
    assert merged(running, document)[0] is not None
    (folder / "no merge").touch()
    assert merged(running, document)[0] is not None
    (folder / "gate").touch()
    assert [result_of(future)[0] for future in held] == [4, 5]
    assert running.lost == []


def test_the_worker_keeps_its_part(start: Start) -> None:
    """An engine process calls the part in the worker, which outlives it and looks after its server after a hang."""
    part = fragile.part = fragile.ServedPart()
    running = start(fragile.SERVED, "SERVED", timeout=HANG_S, engine_timeout_s=HANG_S)
    pid = running.engine()._process.pid
    poisoned, after = running.results("poison", "read")
    assert isinstance(poisoned, EngineUnavailable)
    assert after[2] == pid  # the engine can be revived in its process
    assert "abandon" in part.calls
    assert part.examined == 0
    hanging, last = running.results("stop once", "read")
    assert isinstance(hanging, EngineTimedOut)
    assert last[2] != pid
    assert part.examined == 1
    os.kill(last[2], signal.SIGSTOP)  # between two calls: no page is lost
    assert running.results("read")[0][0] == 1
    running.replicas.close()
    assert eventually(lambda: part.closed == 1)


WORKER = """
import sys, time
from ocr_worker.engines.process.engine import engine_builders
from ocr_worker.settings import Settings
from support import fragile
engine = engine_builders(fragile.SPEC, Settings(engine="support.fragile:SPEC"))[0]()
print(engine._process.pid, flush=True)
engine.parse([fragile.page(1, sys.argv[1])], fragile.FragileOptions())
"""


@pytest.mark.parametrize("name", ["stop", pytest.param("hang", marks=pytest.mark.slow)])
def test_an_engine_process_dies_with_its_worker(folder: Path, name: str) -> None:
    """When the worker is killed, its engine process ends, also one that hangs or is stopped."""
    environment = {**os.environ, "PYTHONPATH": python_path()}
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, name], env=environment, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        process = psutil.Process(int(worker.stdout.readline()))
        assert eventually(lambda: (folder / f"{name} 1").exists())
        worker.kill()
    assert eventually(lambda: not is_alive(process))
