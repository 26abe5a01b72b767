"""Engines on their threads: a fault costs its page, and a lost engine is told, given up and waited for by nobody."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from ocr_worker.engines.base import PageImage, ParsedPage
from ocr_worker.errors import EngineTimedOut, EngineUnavailable, OcrWorkerError, PageFailed
from ocr_worker.replicas import Replicas
from ocr_worker.scheduler import Scheduler, Settled
from ocr_worker.schema import ParseOptions
from scripted import OPTIONS, Scripted, page, running, text_of, wait


def test_one_bad_page_costs_one_page() -> None:
    """A batch that fails is tried page by page; the neighbours of the bad page keep their results."""

    def act(one: PageImage) -> None:
        if one.number == 2:
            raise RuntimeError("a fault that nobody foresaw")

    with running(Scripted(act, batch_size=4)) as scheduler, scheduler.admit() as job:
        outcomes = [job.submit(page(number), OPTIONS).result(timeout=5) for number in (1, 2, 3)]
    assert isinstance(outcomes[1].result, PageFailed)
    assert [text_of(outcomes[0]), text_of(outcomes[2])] == ["1", "3"]


def test_an_engine_that_hangs_is_given_up() -> None:
    """Past its deadline a call's page gets ENGINE_TIMED_OUT; waiting pages, and new ones, ENGINE_UNAVAILABLE."""
    hang = threading.Event()
    lost: list[OcrWorkerError] = []
    engine = Scripted(lambda page: wait(hang))
    with running(engine, timeout=0.2, lost=lost) as scheduler, scheduler.admit() as job:
        first, second = job.submit(page(1), OPTIONS), job.submit(page(2), OPTIONS)
        assert isinstance(first.result(timeout=5).result, EngineTimedOut)
        assert isinstance(second.result(timeout=5).result, EngineUnavailable)
        with pytest.raises(EngineUnavailable):
            job.submit(page(3), OPTIONS)
    assert [error.code for error in lost] == ["ENGINE_TIMED_OUT"]
    hang.set()


def test_an_engine_that_never_gets_ready_does_not_hold_the_start_for_ever() -> None:
    """A warm-up that hangs, as before a frozen model server, ends the start with ENGINE_TIMED_OUT."""
    hang = threading.Event()

    class Frozen(Scripted):
        def warm_up(self) -> None:
            hang.wait()

    replicas = Replicas(Scheduler(10**9), [Frozen], call_timeout_s=60, start_timeout_s=0.2)
    with pytest.raises(EngineTimedOut, match="OCR_START_TIMEOUT_S"):
        replicas.start()
    hang.set()


def test_the_loss_of_an_engine_is_told_before_its_pages_are_answered() -> None:
    """Whoever drains the worker must know before the first job answers; else no answer asks for a new worker."""
    futures: list[Future[Settled]] = []
    answered_when_told: list[bool] = []
    gate = threading.Semaphore(0)

    class Dying(Scripted):
        def parse(self, pages: Sequence[PageImage], options: ParseOptions) -> Sequence[ParsedPage]:
            gate.acquire()
            raise EngineUnavailable("poisoned")

    scheduler = Scheduler(10**9)
    replicas = Replicas(
        scheduler,
        [Dying],
        call_timeout_s=60,
        on_lost=lambda error: answered_when_told.append(futures[0].done()),
    )
    replicas.start()
    with scheduler.admit() as job:
        futures.append(job.submit(page(1), OPTIONS))
        gate.release()
        futures[0].result(timeout=5)
    replicas.close()
    assert answered_when_told == [False]


def test_an_engine_that_dies_keeps_the_pages_before_it() -> None:
    """EngineUnavailable in the midst of a batch costs that page and the rest; what was parsed before stands."""

    gate = threading.Semaphore(0)

    class Fussy(Scripted):
        def parse(self, pages: Sequence[PageImage], options: ParseOptions) -> Sequence[ParsedPage]:
            if pages[0].number == 0:
                gate.acquire()
            if len(pages) > 1:
                raise RuntimeError("no batches today")
            if pages[0].number == 2:
                raise EngineUnavailable("poisoned")
            return super().parse(pages, options)

    blocker = Fussy(batch_size=3)
    with running(blocker) as scheduler, scheduler.admit() as job:
        futures = [job.submit(page(number), OPTIONS) for number in (0, 1, 2, 3)]
        gate.release(2)  # page 0 may come in a batch and then alone
        outcomes = [future.result(timeout=5).result for future in futures]
    assert [type(outcome) for outcome in outcomes] == [ParsedPage, ParsedPage, EngineUnavailable, EngineUnavailable]
