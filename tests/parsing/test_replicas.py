"""Engines on their threads: an error costs its page, and nothing waits for a lost engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future
from dataclasses import replace

import pytest

from ocr_worker.errors import EngineTimedOut, EngineUnavailable, OcrWorkerError, PageFailed
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.parsing import replicas as module
from ocr_worker.parsing.replicas import Replicas, _Replica
from ocr_worker.parsing.scheduler import PageTask, ParseOutcome, Scheduler
from ocr_worker.wire.schema import ParseOptions
from support.interleaving import WatchedLock, meanwhile
from support.scripted import OPTIONS, Scripted, page, running, text_of, wait
from support.waiting import PATIENCE_S, eventually

CALL_S = 1.0  # of an engine's call that is to succeed: far more than it takes


def test_one_bad_page_costs_one_page() -> None:
    """A batch that fails is tried page by page; the neighbours of the bad page keep their results."""

    def act(image: PageImage) -> None:
        if image.number == 2:
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


def test_the_loss_of_an_engine_is_reported_before_its_pages_are_answered() -> None:
    """`on_lost` is called before the first job returns; else no response would ask for a new worker."""
    futures: list[Future[ParseOutcome]] = []
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
    """EngineUnavailable within a batch costs that page and the rest; pages parsed before keep their results."""

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

    def act(image: PageImage) -> None:
        if image.number == 1:
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

    def act(image: PageImage) -> None:
        if image.number == 1:
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

    def act(image: PageImage) -> None:
        raise EngineUnavailable("the process died")

    with running(Served(act), lost=lost) as scheduler, scheduler.admit() as job:
        job.submit(page(1), OPTIONS).result(timeout=PATIENCE_S)
        assert lost == []
        assert isinstance(job.submit(page(2), OPTIONS).result(timeout=PATIENCE_S).result, EngineUnavailable)
        assert [error.code for error in lost] == ["ENGINE_UNAVAILABLE"]
        with pytest.raises(EngineUnavailable):
            job.submit(page(3), OPTIONS)


def test_a_process_that_dies_while_nothing_waits_is_noticed() -> None:
    """The loss of a process that will not return is reported without a page that fails of it."""
    lost: list[OcrWorkerError] = []
    engine = Served()
    with running(engine, timeout=0.2, lost=lost) as scheduler:
        engine.lives = 0
        assert eventually(lambda: bool(lost))
        with pytest.raises(EngineUnavailable), scheduler.admit() as job:
            job.submit(page(1), OPTIONS)
    assert [str(error) for error in lost] == ["died once too often"]


def test_a_process_that_freezes_while_it_starts_again_is_a_lost_engine() -> None:
    """Whatever error `revive` raises, the pages in hand get it, and the engine is closed on its thread."""

    class Frozen(Served):
        def revive(self) -> None:
            raise EngineTimedOut("it lists its models but reads nothing")

        def abandon(self) -> OcrWorkerError | None:
            return EngineUnavailable("it will not be back")

    engine = Frozen()
    with running(engine) as scheduler, scheduler.admit() as job:
        assert isinstance(job.submit(page(1), OPTIONS).result(timeout=20).result, EngineTimedOut)
        assert eventually(lambda: engine.closed)


# --------------------------------------------------------------------------- two threads at one moment


class Losing(_Replica):
    """A replica that is interrupted when somebody looks for the first time whether it is lost."""

    interrupt: Callable[[], object] | None = None
    _was_lost = False

    @property
    def is_lost(self) -> bool:
        is_lost = self._was_lost
        if interrupt := self.interrupt:
            self.interrupt = None
            interrupt()
        return is_lost

    @is_lost.setter
    def is_lost(self, is_lost: bool) -> None:
        self._was_lost = is_lost


def test_an_engine_that_is_lost_on_two_threads_at_once_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's thread and the watchdog may find the same loss at the same moment; one of them tells it."""
    monkeypatch.setattr(module, "_Replica", Losing)
    lost: list[OcrWorkerError] = []
    replicas = Replicas(Scheduler(10**9), [Scripted], call_timeout_s=60, on_lost=lost.append)
    lock = replicas._loss_lock = WatchedLock()  # type: ignore[assignment]
    (replica,) = replicas._replicas
    second: list[Future[None]] = []
    replica.interrupt = lambda: second.append(
        meanwhile(lambda: replicas._lose(replica, EngineTimedOut("found by the watchdog")), lock)
    )
    replicas._lose(replica, EngineUnavailable("found by its own thread"))
    second[0].result()
    assert [error.code for error in lost] == ["ENGINE_UNAVAILABLE"]


def test_losing_an_engine_is_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two threads that lose an engine at once, only one hears that it was the first."""
    replica = Losing(Scripted)
    lock = replica._lock = WatchedLock()  # type: ignore[assignment]
    second: list[Future[tuple[bool, list[PageTask]]]] = []
    replica.interrupt = lambda: second.append(meanwhile(replica.lose, lock))
    is_first, _ = replica.lose()
    assert [is_first, second[0].result()[0]] == [True, False]


def test_no_page_is_answered_while_the_loss_is_still_being_reported() -> None:
    """A second thread that finds the engine lost answers its pages only when `on_lost` has returned."""
    scheduler = Scheduler(10**9)
    answered_when_told: list[bool] = []
    second: list[Future[None]] = []

    def on_lost(error: OcrWorkerError) -> None:
        second.append(meanwhile(lambda: replicas._lose(replica, error, [task]), lock))
        answered_when_told.append(future.done())

    replicas = Replicas(scheduler, [Scripted], call_timeout_s=60, on_lost=on_lost)
    lock = replicas._loss_lock = WatchedLock()  # type: ignore[assignment]
    (replica,) = replicas._replicas
    with scheduler.admit() as job:
        future = job.submit(page(1), OPTIONS)
        (task,) = scheduler.take(1)
        replicas._lose(replica, EngineUnavailable("gone"))
        second[0].result()
    assert answered_when_told == [False]
    assert isinstance(future.result().result, EngineUnavailable)


def test_a_late_call_costs_no_page_of_the_next_one() -> None:
    """A call that ends, and the next that begins, while the watchdog gives it up, keep their results."""
    may_finish, next_began, looked_again = (threading.Event() for _ in range(3))

    class Late(Served):
        abandoned = False

        def abandon(self) -> OcrWorkerError | None:
            may_finish.set()
            next_began.wait()
            self.abandoned = True
            return None

        def lost(self) -> EngineUnavailable | None:
            if self.abandoned:
                looked_again.set()  # the watchdog is done with the late call
            return None

    def act(image: PageImage) -> None:
        if image.number == 1:
            replicas._replicas[0].extend_deadline(-1)
            may_finish.wait()
        else:
            next_began.set()
            looked_again.wait()

    scheduler = Scheduler(10**9)
    replicas = Replicas(scheduler, [lambda: Late(act)], call_timeout_s=60)
    replicas.start()
    with scheduler.admit() as job:
        futures = [job.submit(page(number), OPTIONS) for number in (1, 2)]
        assert [text_of(future.result(timeout=20)) for future in futures] == ["1", "2"]
    replicas.close()


def test_pages_of_engines_that_finish_at_once_are_all_counted() -> None:
    """`pages_read` misses no page, since each engine counts its own."""
    both_count = threading.Barrier(2)

    class Meeting(int):
        """A count of which two are raised at the same moment."""

        def __add__(self, other: int) -> int:
            both_count.wait()
            return int(self) + other

    scheduler = Scheduler(10**9)
    both_read = threading.Barrier(2)
    engines = [Scripted(lambda image: wait_at(both_read)) for _ in range(2)]
    replicas = Replicas(scheduler, [lambda engine=engine: engine for engine in engines], call_timeout_s=60)
    for counting in (replicas, *replicas._replicas):
        if "pages_read" in vars(counting):
            counting.pages_read = Meeting()
    replicas.start()
    with scheduler.admit() as job:
        for future in [job.submit(page(number), OPTIONS) for number in (1, 2)]:
            future.result(timeout=20)
    replicas.close()
    assert replicas.pages_read == 2


def test_a_document_is_merged_beside_a_hanging_engine_and_after_its_loss() -> None:
    """Merging waits for no engine: it uses the pages alone."""
    hang = threading.Event()

    class Merging(Scripted):
        def merge_pages(self, pages: Sequence[ParsedPage | None]) -> Sequence[ParsedPage | None]:
            return [
                parsed_page and replace(parsed_page, markdown=f"merged {parsed_page.markdown}") for parsed_page in pages
            ]

    scheduler = Scheduler(10**9)
    replicas = Replicas(scheduler, [lambda: Merging(lambda image: wait(hang))], call_timeout_s=60)
    replicas.start()
    with scheduler.admit() as job:
        future = job.submit(page(1), OPTIONS)
        assert eventually(lambda: bool(job.engine_tasks))
        parsed = ParsedPage(10, 10, "text", [])
        assert [parsed_page and parsed_page.markdown for parsed_page in replicas.merge_pages([parsed, None])] == [
            "merged text",
            None,
        ]
        replicas._lose(replicas._replicas[0], EngineTimedOut("given up"))
        assert isinstance(future.result(timeout=20).result, EngineTimedOut)
        assert [parsed_page and parsed_page.markdown for parsed_page in replicas.merge_pages([parsed, None])] == [
            "merged text",
            None,
        ]
    hang.set()
    replicas.close()


def wait_at(barrier: threading.Barrier) -> None:
    barrier.wait()


def wait_for(future: Future[ParseOutcome], seconds: float) -> bool:
    """Return whether the page has an outcome within these seconds."""
    return bool(futures.wait([future], seconds).done)


@pytest.mark.parametrize("warm_up", [True, False])
def test_engines_start_without_their_warm_up_if_only_one_job_comes(warm_up: bool) -> None:
    """Engines are built either way, and warmed only where that was asked."""
    calls: list[str] = []

    class Noted(Scripted):
        def warm_up(self) -> None:
            calls.append("warm-up")

    scheduler = Scheduler(10**6)
    replicas = Replicas(scheduler, [lambda: Noted(lambda page: None)], call_timeout_s=CALL_S)
    replicas.start(warm_up=warm_up)
    assert replicas.alive_count == 1
    replicas.close()
    assert calls == ["warm-up"] * warm_up
