"""The scheduler: every page leaves exactly once, jobs take turns, nothing waits for ever."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_worker import threads
from ocr_worker.errors import Cancelled, EngineUnavailable, OcrWorkerError
from ocr_worker.pages import PageImage, ParsedPage
from ocr_worker.parsing.scheduler import Scheduler
from ocr_worker.wire.schema import ParseOptions
from support.scripted import OPTIONS, PAGE_BYTES, Scripted, acquire, page, running, text_of
from support.waiting import PATIENCE_S, eventually


def test_a_short_job_does_not_wait_for_a_long_one() -> None:
    """A one-page job that arrives while a long one is under way is served within two more pages."""
    gate = threading.Semaphore(0)
    engine = Scripted(lambda page: acquire(gate))
    with running(engine) as scheduler, scheduler.admit() as long, scheduler.admit() as short:
        futures = [long.submit(page(number), OPTIONS) for number in range(1, 101)]
        late = short.submit(page(1000), OPTIONS)
        gate.release(100 + 1)
        late.result(timeout=PATIENCE_S)
        assert engine.pages_seen.index(1000) <= 2
        assert [text_of(future.result(timeout=PATIENCE_S)) for future in futures] == [
            str(number) for number in range(1, 101)
        ]


def test_a_long_job_leaves_room_for_a_short_one() -> None:
    """With as many of a long job's pages in memory as may be, a short job's page enters at once, and is next."""
    gate = threading.Semaphore(0)
    engine = Scripted(lambda page: acquire(gate))
    with running(engine, memory=3 * PAGE_BYTES) as scheduler, scheduler.admit() as long, scheduler.admit() as short:
        feeding = threads.start(lambda: [long.submit(page(number), OPTIONS) for number in range(20)], "feed")
        assert eventually(
            lambda: (
                scheduler._held_bytes == 2 * PAGE_BYTES and bool(scheduler._entering_tasks) and bool(long.engine_tasks)
            )
        )
        late = short.submit(page(1000), OPTIONS)
        assert scheduler._held_bytes == 3 * PAGE_BYTES
        gate.release(21)
        late.result(timeout=PATIENCE_S)
        feeding.result(timeout=PATIENCE_S)
        assert engine.pages_seen.index(1000) == 1


def test_a_page_larger_than_the_memory_budget_is_still_parsed() -> None:
    """The budget holds pages back, it never refuses one: alone, any page may enter."""
    with running(Scripted(), memory=1) as scheduler, scheduler.admit() as job:
        assert [text_of(job.submit(page(n), OPTIONS).result(timeout=PATIENCE_S)) for n in (1, 2, 3)] == ["1", "2", "3"]


def test_shared_pixels_count_until_both_readers_are_done() -> None:
    """A page that a second reader holds counts as memory after its parsing, and after its job is stopped."""
    with running(Scripted()) as scheduler, scheduler.admit() as job:
        future, release = job.submit_shared(page(1), OPTIONS)
        future.result(timeout=PATIENCE_S)
        assert scheduler._held_bytes == PAGE_BYTES
        release()
        assert scheduler._held_bytes == job.held_bytes == 0


def test_parts_of_a_page_come_first_and_never_wait_for_room() -> None:
    """Parts enter although the page that waits for them fills the memory, and before the job's other pages; they count.

    A stopped job accepts none.
    """
    gate = threading.Semaphore(0)
    engine = Scripted(lambda page: acquire(gate))
    with running(engine, memory=3 * PAGE_BYTES) as scheduler, scheduler.admit() as job:
        first = [job.submit(page(number), OPTIONS) for number in (1, 2)]
        assert eventually(lambda: bool(job.engine_tasks))
        parts = job.submit_parts([(page(10), OPTIONS), (page(11), OPTIONS)])
        assert scheduler._held_bytes == 4 * PAGE_BYTES
        gate.release(4)
        assert [text_of(future.result(timeout=PATIENCE_S)) for future in (*parts, *first)] == ["10", "11", "1", "2"]
        assert engine.pages_seen == [1, 10, 11, 2]
        assert scheduler._held_bytes == 0
        job.stop(Cancelled("stopped"))
        with pytest.raises(Cancelled):
            job.submit_parts([(page(12), OPTIONS)])


def test_cancelling_gives_up_what_waits_and_disturbs_nobody() -> None:
    """A stopped job's pages end at once with its error, the one in the engine too; another job's pages are parsed."""
    gate = threading.Semaphore(0)
    with running(Scripted(lambda page: acquire(gate))) as scheduler:
        with scheduler.admit() as job, scheduler.admit() as other:
            futures = [job.submit(page(number), OPTIONS) for number in range(5)]
            kept = other.submit(page(9), OPTIONS)
            job.stop(Cancelled("the job was cancelled"))
            assert all(isinstance(future.result(timeout=PATIENCE_S).result, Cancelled) for future in futures)
            with pytest.raises(Cancelled):
                job.submit(page(6), OPTIONS)
            gate.release(2)
            assert text_of(kept.result(timeout=PATIENCE_S)) == "9"
        assert scheduler._held_bytes == 0


def test_pages_with_other_options_go_into_another_batch() -> None:
    """A batch holds pages of equal options only."""
    batches: list[tuple[list[int], ParseOptions]] = []

    class Noting(Scripted):
        def parse(self, pages: Sequence[PageImage], options: ParseOptions) -> Sequence[ParsedPage]:
            batches.append(([image.number for image in pages], options))
            return super().parse(pages, options)

    gate = threading.Semaphore(0)
    engine = Noting(lambda image: acquire(gate, image.number == 0), batch_size=8)
    other = ParseOptions(dpi=300)
    with running(engine) as scheduler, scheduler.admit() as first, scheduler.admit() as second:
        futures = [first.submit(page(0), OPTIONS)]
        assert eventually(lambda: bool(first.engine_tasks))
        futures += [first.submit(page(number), OPTIONS) for number in (1, 2)]
        futures += [second.submit(page(number), other) for number in (11, 12)]
        gate.release()
        for future in futures:
            future.result(timeout=PATIENCE_S)
    assert sorted(batches[1:], key=lambda batch: batch[0]) == [([1, 2], OPTIONS), ([11, 12], other)]


@pytest.mark.parametrize(("waiting", "sizes"), [(2, [1, 1]), (9, [3, 3, 3]), (10, [4, 4, 2]), (40, [8, 8, 8])])
def test_a_replica_takes_its_share_of_few_pages(waiting: int, sizes: list[int]) -> None:
    """Three replicas divide the pages that wait; none takes more than its batch size, however many there are."""
    scheduler = Scheduler(10**9)
    with scheduler.admit() as job:
        for number in range(waiting):
            job.submit(page(number), OPTIONS)
        assert [len(scheduler.take(8, replicas=3)) for _ in sizes] == sizes


def test_pages_that_are_done_count_for_no_share() -> None:
    """Two of four pages are with an engine: a replica's share of four is two; of two, once they are done, one."""
    scheduler = Scheduler(10**9)
    with scheduler.admit() as job:
        for number in range(4):
            job.submit(page(number), OPTIONS)
        for task in scheduler.take(2):
            scheduler.settle(task, EngineUnavailable("done"))
        assert len(scheduler.take(8, replicas=2)) == 1


job_plans = st.lists(
    st.tuples(
        st.integers(1, 8),  # pages
        st.sampled_from(["run", "cancel", "leave"]),
        st.lists(st.sampled_from(["read", "fail", "die"]), min_size=8, max_size=8).map(
            lambda acts: [act if act != "die" else "read" for act in acts[:-1]] + acts[-1:]
        ),
    ),
    min_size=1,
    max_size=5,
)


# `SCHEDULER_EXAMPLES=2000 pytest tests/parsing/test_scheduler.py` looks harder than every run of `make test` can.
EXAMPLES = int(os.environ.get("SCHEDULER_EXAMPLES", "60"))


@settings(deadline=None, max_examples=EXAMPLES)
@given(job_plans, st.integers(1, 3), st.integers(1, 4), st.integers(1, 6))
def test_every_page_is_accounted_for_exactly_once(
    plans: list[tuple[int, str, list[str]]], replicas: int, batch_size: int, budget_pages: int
) -> None:
    """Whatever arrives, fails, dies or is cancelled: each page has one outcome, memory is freed, nothing hangs."""

    def act(image: PageImage) -> None:
        job, index = divmod(image.number, 100)
        wish = plans[job][2][index]
        if wish == "fail":
            raise RuntimeError("told to fail")
        if wish == "die":
            raise EngineUnavailable("told to die")

    engines = [Scripted(act, batch_size) for _ in range(replicas)]
    with running(*engines, memory=budget_pages * PAGE_BYTES) as scheduler:

        def run(item: tuple[int, tuple[int, str, list[str]]]) -> int:
            index, (count, wish, _) = item
            futures = []
            refused = 0
            with scheduler.admit() as job:
                for number in range(count):
                    if wish == "cancel" and number == count // 2:
                        job.stop(Cancelled("told to"))
                    try:
                        futures.append(job.submit(page(index * 100 + number), OPTIONS))
                    except OcrWorkerError:
                        refused += 1
                if wish != "leave":
                    [future.result(timeout=PATIENCE_S) for future in futures]
            assert all(future.done() for future in futures)
            return len(futures) + refused

        counts = threads.map_bounded(run, list(enumerate(plans)), len(plans), "job")
        assert counts == [count for count, _, _ in plans]
        assert eventually(lambda: scheduler._held_bytes == 0)
        assert not scheduler._waiting_jobs


class Mortal(Scripted):
    """An engine that may be revived so many times, as one with a model server of ours."""

    def __init__(self, act: Callable[[PageImage], None], batch_size: int, lives: int) -> None:
        super().__init__(act, batch_size)
        self.lives = lives

    def revive(self) -> None:
        if reason := self.lost():
            raise reason

    def abandon(self) -> OcrWorkerError | None:
        self.lives -= 1
        return self.lost()

    def lost(self) -> OcrWorkerError | None:
        return None if self.lives > 0 else EngineUnavailable("no life left")


@settings(deadline=None, max_examples=EXAMPLES)
@given(
    st.lists(st.lists(st.sampled_from(["read", "fail", "die"]), min_size=1, max_size=8), min_size=1, max_size=4),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),  # lives of each replica
    st.integers(1, 4),
    st.integers(0, 30),  # milliseconds until one job is cancelled
)
def test_every_page_is_accounted_for_when_replicas_die_and_come_back(
    plans: list[list[str]], lives: list[int], batch_size: int, cancel_after_ms: int
) -> None:
    """Random deaths, revivals and a cancellation in the midst: each page has one outcome, or its submission raised."""

    def act(image: PageImage) -> None:
        job, index = divmod(image.number, 100)
        wish = plans[job][index]
        if wish == "fail":
            raise RuntimeError("told to fail")
        if wish == "die":
            raise EngineUnavailable("told to die")

    engines = [Mortal(act, batch_size, count) for count in lives]
    with running(*engines, memory=4 * PAGE_BYTES) as scheduler:
        jobs = [scheduler.admit() for _ in plans]

        def run(item: tuple[int, list[str]]) -> tuple[int, int]:
            index, plan = item
            futures = []
            with suppress(OcrWorkerError):
                for number in range(len(plan)):
                    futures.append(jobs[index].submit(page(index * 100 + number), OPTIONS))
            outcomes = [future.result(timeout=PATIENCE_S) for future in futures]
            return len(outcomes), len(plan) - len(futures)

        def cancel() -> None:
            time.sleep(cancel_after_ms / 1000)
            jobs[0].stop(Cancelled("told to"))

        cancelling = threads.start(cancel, "cancel")
        counts = threads.map_bounded(run, list(enumerate(plans)), len(plans), "job")
        cancelling.result(timeout=PATIENCE_S)
        assert [settled + refused for settled, refused in counts] == [len(plan) for plan in plans]
        assert eventually(lambda: scheduler._held_bytes == 0)


@settings(deadline=None, max_examples=EXAMPLES)
@given(
    st.lists(st.one_of(st.integers(0, 4), st.just("take"), st.just("stop")), min_size=1, max_size=80),
    st.integers(1, 4),
)
def test_turns_are_fair(moves: list[int | str], size: int) -> None:
    """Between two pages of one job every other job that waits all the while gets one, whatever comes and goes."""
    scheduler = Scheduler(10**9)
    jobs = [scheduler.admit() for _ in range(5)]
    passed: dict[tuple[int, int], int] = {}  # pages of one job taken since another, which waits, had its last
    for number, move in enumerate(moves):
        if move == "stop":
            jobs[number % 5].stop(Cancelled("told to"))
            jobs[number % 5] = scheduler.admit()
            passed = {pair: count for pair, count in passed.items() if number % 5 not in pair}
        elif move == "take":
            for task in scheduler.take(size) if any(job.waiting_tasks for job in jobs) else []:
                taken = jobs.index(task.job)
                for waiting in (i for i, job in enumerate(jobs) if job.waiting_tasks and i != taken):
                    passed[taken, waiting] = passed.get((taken, waiting), 0) + 1
                passed = {pair: count for pair, count in passed.items() if pair[1] != taken}
        elif isinstance(move, int):
            jobs[move].submit(page(number), OPTIONS)
        assert max(passed.values(), default=0) <= 1
        passed = {pair: count for pair, count in passed.items() if jobs[pair[1]].waiting_tasks}
