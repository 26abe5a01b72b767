"""Engines on their threads: a fault costs its page, and a lost engine is told, given up and waited for by nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future

import pytest

from ocr_worker.engines.base import PageImage, ParsedPage
from ocr_worker.errors import EngineTimedOut, EngineUnavailable, OcrWorkerError, PageFailed
from ocr_worker.parsing.replicas import Replicas
from ocr_worker.parsing.scheduler import Scheduler, Settled
from ocr_worker.wire.schema import ParseOptions
from support.scripted import OPTIONS, Scripted, page, running, text_of, wait
from support.waiting import PATIENCE_S, eventually

CALL_S = 1.0  # of an engine's call that is to succeed: far more than it takes


def test_one_bad_page_costs_one_page() -> None:
    """A batch that fails is tried page by page; the neighbours of the bad page keep their results."""

    def act(one: PageImage) -> None:
        if one.number == 2:
            raise RuntimeError("a fault that nobody foresaw")

    with running(Scripted(act, batch_size=4)) as scheduler, scheduler.admit() as job:
        outcomes = [job.submit(page(number), OPTIONS).result(timeout=PATIENCE_S) for number in (1, 2, 3)]
    assert isinstance(outcomes[1].result, PageFailed)
    assert [text_of(outcomes[0]), text_of(outcomes[2])] == ["1", "3"]


def test_an_engine_that_hangs_is_given_up() -> None:
    """Past its deadline a call's page gets ENGINE_TIMED_OUT; waiting pages, and new ones, ENGINE_UNAVAILABLE."""
    hang = threading.Event()
    lost: list[OcrWorkerError] = []
    engine = Scripted(lambda page: wait(hang))
    with running(engine, timeout=0.2, lost=lost) as scheduler, scheduler.admit() as job:
        first, second = job.submit(page(1), OPTIONS), job.submit(page(2), OPTIONS)
        assert isinstance(first.result(timeout=PATIENCE_S).result, EngineTimedOut)
        assert isinstance(second.result(timeout=PATIENCE_S).result, EngineUnavailable)
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
        futures[0].result(timeout=PATIENCE_S)
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
        outcomes = [future.result(timeout=PATIENCE_S).result for future in futures]
    assert [type(outcome) for outcome in outcomes] == [ParsedPage, ParsedPage, EngineUnavailable, EngineUnavailable]


# --------------------------------------------------------------------------- engines that can be revived


class Served(Scripted):
    """An engine whose work is done by a process that may die, as many times as `lives` says."""

    def __init__(self, act: Callable[[PageImage], None] = lambda page: None, lives: int = 2) -> None:
        super().__init__(act)
        self.lives = lives
        self.revivable = threading.Event()
        self.revivable.set()
        self.hang = threading.Event()

    def revive(self) -> None:
        self.revivable.wait()
        if reason := self.lost():
            raise reason

    def abandon(self) -> OcrWorkerError | None:
        self.lives -= 1
        self.hang.set()
        return self.lost()

    def lost(self) -> EngineUnavailable | None:
        return None if self.lives > 0 else EngineUnavailable("died once too often")


def test_a_process_that_dies_costs_the_page_it_had() -> None:
    """The page in hand gets the error, the pages that wait are read once the process is there again."""
    lost: list[OcrWorkerError] = []

    def act(one: PageImage) -> None:
        if one.number == 1:
            engine.revivable.clear()
            raise EngineUnavailable("the process died")

    engine = Served(act)
    with running(engine, lost=lost) as scheduler, scheduler.admit() as job:
        first, second = job.submit(page(1), OPTIONS), job.submit(page(2), OPTIONS)
        assert isinstance(first.result(timeout=PATIENCE_S).result, EngineUnavailable)
        assert not second.done()
        engine.revivable.set()
        assert text_of(second.result(timeout=PATIENCE_S)) == "2"
    assert lost == []


def test_the_time_of_a_revival_is_not_the_pages() -> None:
    """A page may wait for the process far longer than a call may take."""
    engine = Served()
    engine.revivable.clear()
    with running(engine, timeout=CALL_S) as scheduler, scheduler.admit() as job:
        future = job.submit(page(1), OPTIONS)
        assert not wait_for(future, 1.5 * CALL_S)
        engine.revivable.set()
        assert text_of(future.result(timeout=PATIENCE_S)) == "1"


def test_a_process_that_freezes_costs_the_page_it_had() -> None:
    """A call past its deadline: ENGINE_TIMED_OUT for its page, and the next one is read."""
    lost: list[OcrWorkerError] = []

    def act(one: PageImage) -> None:
        if one.number == 1:
            engine.hang.wait()
            raise EngineUnavailable("ended while it read")

    engine = Served(act, lives=3)
    with running(engine, timeout=CALL_S, lost=lost) as scheduler, scheduler.admit() as job:
        first, second = job.submit(page(1), OPTIONS), job.submit(page(2), OPTIONS)
        assert isinstance(first.result(timeout=PATIENCE_S).result, EngineTimedOut)
        assert text_of(second.result(timeout=PATIENCE_S)) == "2"
    assert lost == []


def test_a_process_that_is_not_back_is_a_lost_engine() -> None:
    """Once it has no life left: told before its page is answered, and nothing more is taken."""
    lost: list[OcrWorkerError] = []

    def act(one: PageImage) -> None:
        raise EngineUnavailable("the process died")

    with running(Served(act), lost=lost) as scheduler, scheduler.admit() as job:
        job.submit(page(1), OPTIONS).result(timeout=PATIENCE_S)
        assert lost == []
        assert isinstance(job.submit(page(2), OPTIONS).result(timeout=PATIENCE_S).result, EngineUnavailable)
        assert [error.code for error in lost] == ["ENGINE_UNAVAILABLE"]
        with pytest.raises(EngineUnavailable):
            job.submit(page(3), OPTIONS)


def test_a_process_that_dies_while_nothing_waits_is_noticed() -> None:
    """A process that will not be back is told without a page that finds it so."""
    lost: list[OcrWorkerError] = []
    engine = Served()
    with running(engine, timeout=0.2, lost=lost) as scheduler:
        engine.lives = 0
        assert eventually(lambda: bool(lost))
        with pytest.raises(EngineUnavailable), scheduler.admit() as job:
            job.submit(page(1), OPTIONS)
    assert [str(error) for error in lost] == ["died once too often"]


def wait_for(future: Future[Settled], seconds: float) -> bool:
    """Whether there is a word on the page within these seconds."""
    return bool(futures.wait([future], seconds).done)
