"""Documents that crash, hang or eat memory cost themselves and nothing else; no child outlives the worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from ocr_worker import threads
from ocr_worker.errors import (
    Cancelled,
    OcrWorkerError,
    RasterizerCrashed,
    RasterizerOutOfMemory,
    RasterizerTimedOut,
    RasterizerUnavailable,
)
from ocr_worker.pages import PageImage
from ocr_worker.sources.rasterizer import RasterPool
from ocr_worker.sources.rasterizer.process import RasterizerProcess
from support import files
from support.files import RED, request
from support.processes import is_alive
from support.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.process

GOOD = files.pages([files.filled(RED)] * 3)


def pool_of(workers: int = 1, timeout: float = PATIENCE_S, memory: int = 1_000_000_000) -> RasterPool:
    return RasterPool(workers=workers, memory_bytes=memory, page_timeout_s=timeout)


def read(pool: RasterPool, data: bytes = GOOD) -> int:
    with pool.open(data, request()) as document:
        return sum(isinstance(page, PageImage) for page in document)


@pytest.mark.parametrize(
    ("signal_number", "error"),
    [(signal.SIGSEGV, RasterizerCrashed), (signal.SIGABRT, RasterizerOutOfMemory)],
)
def test_a_child_that_dies_costs_its_document(signal_number: int, error: type[OcrWorkerError]) -> None:
    """However a rasterizer process dies, its document gets a code, and a new process reads the next one."""
    pool = pool_of()
    try:
        with pool.open(GOOD, request()) as document:
            os.kill(document._process.pid, signal_number)
            with pytest.raises(error):
                list(document)
        assert read(pool) == 3
    finally:
        pool.close()


def numbers_with_kills(pool: RasterPool, kill_before: Sequence[int], pages: int = 3) -> list[int]:
    """Return the numbers of the pages of a document whose process is killed from outside before these pages."""
    numbers: list[int] = []
    with pool.open(files.pages([files.filled(RED)] * pages), request()) as document:
        iterator = iter(document)
        while len(numbers) < pages:
            if len(numbers) + 1 in kill_before:
                with suppress(ProcessLookupError):  # the one before had sent this page before it was killed
                    os.kill(document._process.pid, signal.SIGKILL)
            numbers.append(next(iterator).number)
        assert list(iterator) == []
    return numbers


@pytest.mark.parametrize("kill_before", [(1,), (2,), (3,), (1, 3), (1, 2, 3)])
def test_a_child_that_is_killed_from_outside_costs_nothing(kill_before: Sequence[int]) -> None:
    """A kill by the kernel, when memory is short, is not the document's fault: another process continues at the missing
    page, and no page comes twice. Afterwards the pool has as many processes as before."""
    pool = pool_of(workers=2)
    try:
        assert numbers_with_kills(pool, kill_before) == [1, 2, 3]
        assert eventually(lambda: len(pool._processes) == 2)
        assert read(pool) == 3
    finally:
        pool.close()


def test_a_child_that_is_killed_while_it_opens_a_document_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process opens the document; if that one is killed too, the document fails with its code."""
    pool = pool_of()
    kills = 1
    real_send = RasterizerProcess.send

    def send(process: RasterizerProcess, header: Any, *arguments: Any) -> None:
        nonlocal kills
        if header["do"] == "open" and kills:
            kills -= 1
            os.kill(process.pid, signal.SIGKILL)
        real_send(process, header, *arguments)

    monkeypatch.setattr(RasterizerProcess, "send", send)
    try:
        assert read(pool) == 3
        kills = 2
        with pytest.raises(RasterizerCrashed, match="killed again and again"):
            read(pool)
        assert read(pool) == 3
    finally:
        pool.close()


def test_a_second_kill_at_the_same_page_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page at which two processes are killed fails with its code; the pages before it were delivered."""
    pool = pool_of()
    real_send = RasterizerProcess.send

    def send(process: RasterizerProcess, header: Any, *arguments: Any) -> None:
        if header.get("number") == 2:
            os.kill(process.pid, signal.SIGKILL)
        real_send(process, header, *arguments)

    monkeypatch.setattr(RasterizerProcess, "send", send)
    pages = []
    try:
        with pool.open(GOOD, request()) as document, pytest.raises(RasterizerCrashed, match="killed again and again"):
            pages.extend(document)
        assert [page.number for page in pages] == [1]
        assert len(pool._processes) == 1
    finally:
        pool.close()


def test_a_document_of_a_pool_that_closes_is_cancelled() -> None:
    """A process that is ended because the worker stops is no crash, while it renders and while a document waits."""
    pool = pool_of()
    with pool.open(GOOD, request()) as document:
        os.kill(document._process.pid, signal.SIGSTOP)
        pages = threads.start(lambda: list(document), "reader")
        pool.close()
        with pytest.raises(Cancelled):
            pages.result(PATIENCE_S)
    with pytest.raises(Cancelled):
        pool.open(GOOD, request())


def test_a_terminal_does_not_reach_the_children() -> None:
    """Each process has a session of its own, and ignores SIGINT."""
    pool = pool_of()
    try:
        with pool.open(GOOD, request()) as document:
            pid = document._process.pid
            assert os.getsid(pid) == pid
            os.kill(pid, signal.SIGINT)
            assert len(list(document)) == 3
            assert document._process.pid == pid
    finally:
        pool.close()


def test_a_child_that_hangs_is_given_up_after_its_time() -> None:
    """A page past its time limit ends the document with a time-out; the next document is read."""
    pool = pool_of(timeout=0.5)
    try:
        with pool.open(GOOD, request()) as document:
            os.kill(document._process.pid, signal.SIGSTOP)
            with pytest.raises(RasterizerTimedOut):
                list(document)
        assert read(pool) == 3
    finally:
        pool.close()


def test_a_child_that_computes_without_end_is_given_up_after_its_processor_time() -> None:
    """A page that needs more processor time than the limit ends the document; the next document is read."""
    pool = pool_of(timeout=0.5)
    endless = "q /G gs " + "0 0 m 5000 3000 l 0 4000 l 5000 0 l 2000 5000 l h f* " * 30_000 + "Q"
    try:
        with (
            pool.open(files.pages([endless], box="0 0 5000 5000"), request(max_pixels=30_000_000)) as document,
            pytest.raises(RasterizerTimedOut),
        ):
            list(document)
        assert read(pool) == 3
    finally:
        pool.close()


def test_a_child_that_waits_for_a_processor_is_not_given_up() -> None:
    """A process that did not run for several times its limit, as on a busy machine, still renders its pages."""
    pool = pool_of(timeout=0.5)
    try:
        with pool.open(GOOD, request()) as document:
            os.kill(document._process.pid, signal.SIGSTOP)
            threading.Timer(1.5, os.kill, (document._process.pid, signal.SIGCONT)).start()
            assert sum(isinstance(page, PageImage) for page in document) == 3
    finally:
        pool.close()


def test_memory_beyond_the_limit_is_denied_to_the_process_alone() -> None:
    """A page that needs more memory than the limit fails with OUT_OF_MEMORY or similar; the worker continues."""
    pool = pool_of(memory=150_000_000)
    try:
        data = files.pages([files.filled(RED)], box="0 0 14400 14400")
        codes = set()
        try:
            with pool.open(data, request(dpi=72, max_pixels=220_000_000)) as document:
                codes = {page.error.code for page in document if not isinstance(page, PageImage)}
        except OcrWorkerError as error:
            codes = {error.code}
        assert codes <= {"DOCUMENT_RASTERIZER_OUT_OF_MEMORY", "DOCUMENT_RASTERIZER_CRASHED", "DOCUMENT_CORRUPT"}
        assert codes
        assert read(pool) == 3
    finally:
        pool.close()


def test_a_document_that_hangs_does_not_hold_up_another() -> None:
    """With two children one document can hang while another is read."""
    pool = pool_of(workers=2)
    try:
        with pool.open(GOOD, request()) as stuck:
            os.kill(stuck._process.pid, signal.SIGSTOP)
            assert read(pool) == 3
    finally:
        pool.close()


def test_waiting_for_a_child_ends_when_the_job_is_cancelled() -> None:
    """A job that is cancelled while all children are busy stops waiting."""
    pool = pool_of()
    try:
        cancelled = threading.Event()
        with pool.open(GOOD, request()):
            threading.Timer(0.3, cancelled.set).start()
            with pytest.raises(Cancelled):
                pool.open(GOOD, request(), cancelled.is_set)
    finally:
        pool.close()


def test_leaving_a_document_early_frees_its_process() -> None:
    """A document of which only one page was wanted gives its place back."""
    pool = pool_of()
    try:
        with pool.open(GOOD, request()) as document:
            next(iter(document))
        assert read(pool) == 3
    finally:
        pool.close()


def test_no_child_outlives_the_worker() -> None:
    """Children end when the process that started them is killed, and it can exit without closing the pool."""
    program = (
        "import sys, time\n"
        "from ocr_worker.sources.rasterizer import RasterPool\n"
        "pool = RasterPool(workers=2, memory_bytes=10**9, page_timeout_s=5)\n"
        "time.sleep(float(sys.argv[1]))\n"
    )
    killed = subprocess.Popen([sys.executable, "-c", program, "60"])
    worker = psutil.Process(killed.pid)
    assert eventually(lambda: len(worker.children()) == 2)
    children = worker.children()
    killed.kill()
    killed.wait()
    assert eventually(lambda: not any(map(is_alive, children)))
    assert subprocess.run([sys.executable, "-c", program, "0.5"], timeout=PATIENCE_S, check=False).returncode == 0


def stillborn(folder: Path, times: int, end: str = "exit 1") -> list[str]:
    """A command that ends at once so many times, and then is the child."""
    script = folder / "child.sh"
    script.write_text(
        f'echo x >> "{folder}/starts"\n'
        f'[ "$(wc -l < "{folder}/starts")" -le {times} ] && {end}\n'
        f'exec "{sys.executable}" -m ocr_worker.sources.rasterizer.child "$@"\n'
    )
    return ["sh", str(script)]


@pytest.mark.parametrize(("times", "end"), [(2, "exit 1"), (9, "kill -9 $$")])
def test_a_child_that_dies_while_it_starts_costs_nothing(tmp_path: Path, times: int, end: str) -> None:
    """Another one is started; the document that waits for it never knows. Kills from outside happen more often."""
    command = stillborn(tmp_path, times, end)
    pool = RasterPool(workers=1, memory_bytes=1_000_000_000, page_timeout_s=PATIENCE_S, _command=command)
    try:
        assert read(pool) == 3
    finally:
        pool.close()


@pytest.mark.parametrize("end", ["exit 1", "kill -9 $$"])
def test_children_that_never_start_are_reported(tmp_path: Path, end: str) -> None:
    """If no process starts, documents do not wait forever: they get their own, retryable code."""
    command = stillborn(tmp_path, 1000, end)
    pool = RasterPool(workers=1, memory_bytes=1_000_000_000, page_timeout_s=PATIENCE_S, _command=command)
    try:
        with pytest.raises(RasterizerUnavailable) as caught:
            read(pool)
        assert caught.value.retryable
    finally:
        pool.close()
