"""The pool of witness processes: what it accepts, what it leaves out, and that it never loses a page."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest

from ocr_worker.pages import PageImage, TextLine, TextWord
from ocr_worker.wire.schema import Block
from ocr_worker.witness.evidence import Evidence
from ocr_worker.witness.pool import Witnesses
from ocr_worker.witness.process import WitnessFailed, WitnessProcess
from support.waiting import PATIENCE_S, eventually

SIZE = 30  # bytes of a page


class Reader(WitnessProcess):
    """A process that reads a page once `gate` is open, and dies on page 13."""

    gate = threading.Event()

    def __init__(self) -> None:
        self._is_alive = True

    def wait_ready(self) -> None:
        """Nothing has to be loaded."""

    def send(self, page: PageImage, blocks: Sequence[Block] = ()) -> None:
        self.number = page.number

    def receive(self) -> Evidence:
        assert self.gate.wait(PATIENCE_S)
        if self.number == 13:
            self._is_alive = False
            raise WitnessFailed("the process died")
        return Evidence(self.number, 1, ())

    @property
    def is_usable(self) -> bool:
        return self._is_alive

    def kill(self) -> None:
        self._is_alive = False

    def close(self) -> None:
        self.kill()


@pytest.fixture
def witnesses() -> Iterator[Witnesses]:
    Reader.gate = threading.Event()
    pool = Witnesses(1, 2 * SIZE, process=Reader)
    yield pool
    Reader.gate.set()
    pool.close()


def page(number: int) -> PageImage:
    return PageImage(number, np.zeros((2, 5, 3), np.uint8))


def fill(pool: Witnesses, document: str = "long") -> list[object]:
    """Offer parsed pages of a document until one is being read and two wait."""
    first = pool.offer(page(1), document)
    assert eventually(lambda: not pool._waiting)
    return [first, *(pool.offer(page(number), document) for number in (2, 3))]


def test_a_full_pool_leaves_a_parsed_page_out_at_once(witnesses: Witnesses) -> None:
    """A job does not wait in vain: a page without room is not witnessed, and its pixels are released."""
    fill(witnesses)
    released: list[int] = []
    future = witnesses.offer(page(4), "long", lambda: released.append(4))
    assert future.result(timeout=0) is None
    assert released == [4]
    assert witnesses.skips == {"no room": 1}


def test_a_document_without_witnessed_pages_comes_before_a_long_one(witnesses: Witnesses) -> None:
    """The sample is spread over documents: a short document's page takes the place of one of a long document."""
    *_, third = fill(witnesses)
    short = witnesses.offer(page(7), "short")
    assert not short.done()
    Reader.gate.set()
    evidence = short.result(timeout=PATIENCE_S)
    assert evidence
    assert evidence.width == 7
    assert witnesses.pages_read >= 2
    assert third is not short


def test_a_dead_process_costs_its_page_and_is_replaced(witnesses: Witnesses) -> None:
    """The page in a process that dies is not witnessed; the next one is, by a new process."""
    dying, next_one = witnesses.offer(page(13), "document"), witnesses.offer(page(2), "document")
    Reader.gate.set()
    assert dying.result(timeout=PATIENCE_S) is None
    assert next_one.result(timeout=PATIENCE_S)


def test_pages_that_end_their_process_do_not_end_the_pool(witnesses: Witnesses) -> None:
    """On a machine without time for the witness, pages end process after process; later ones are read all the same."""
    Reader.gate.set()
    for _ in range(4):
        assert witnesses.offer(page(13), "document").result(timeout=PATIENCE_S) is None
    assert witnesses.offer(page(2), "document").result(timeout=PATIENCE_S)


def test_pages_that_the_engine_has_wait_without_a_limit(witnesses: Witnesses) -> None:
    """Their pixels are in memory for the engine; when it has parsed them, those that fit stay."""
    first = witnesses.offer(page(1), "document")
    assert eventually(lambda: not witnesses._waiting)
    parsed: list[Future[Sequence[Block] | None]] = [Future() for _ in range(4)]
    pages = [witnesses.offer(page(number), "document", parsed=parsed[number]) for number in range(4)]
    assert not any(future.done() for future in pages)
    for future in parsed[:0:-1]:
        future.set_result([])
    assert [future.done() for future in pages] == [False, True, False, False]
    Reader.gate.set()
    evidence = [future.result(timeout=PATIENCE_S) for future in (first, *pages)]
    assert [report and report.width for report in evidence] == [1, 0, None, 2, 3]


def test_parsed_pages_come_first_and_then_those_with_most_time(witnesses: Witnesses) -> None:
    """A page that waits for its evidence alone is next; of the others, the one that the engine parses last."""
    order: list[int] = []
    witnesses.offer(page(1), "document")
    assert eventually(lambda: not witnesses._waiting)
    parsed: list[Future[Sequence[Block] | None]] = [Future() for _ in range(3)]
    futures = [
        witnesses.offer(page(number), "document", lambda number=number: order.append(number), parsed[number])
        for number in range(3)
    ]
    parsed[1].set_result([])
    Reader.gate.set()
    assert all(future.result(timeout=PATIENCE_S) for future in futures)
    assert order == [1, 2, 0]


def test_the_pixels_are_released_once_a_process_has_them(witnesses: Witnesses) -> None:
    """They do not take the engine's memory while the process reads."""
    released: list[int] = []
    future = witnesses.offer(page(1), "document", lambda: released.append(1))
    assert eventually(lambda: released == [1])
    assert not future.done()
    Reader.gate.set()
    assert future.result(timeout=PATIENCE_S)
    assert released == [1]


def test_a_layer_that_the_engine_may_confirm_waits_for_it(witnesses: Witnesses) -> None:
    """A page with fonts that are not proven is read after the engine has; one that it could not parse, not at all."""
    Reader.gate.set()
    words = (TextWord("harbour", (0, 0, 3, 1), font=4),)
    unproven = replace(page(1), text_lines=(TextLine("harbour", (0, 0, 3, 1), words),))
    parsed: list[Future[Sequence[Block] | None]] = [Future(), Future(), Future()]
    waiting, failing = (witnesses.offer(unproven, "document", parsed=future) for future in parsed[:2])
    proven = witnesses.offer(replace(unproven, proven_fonts=frozenset([4])), "document", parsed=parsed[2])
    assert proven.result(timeout=PATIENCE_S)
    assert not waiting.done()
    parsed[1].set_result(None)
    assert failing.result(timeout=0) is None
    parsed[0].set_result([])
    assert waiting.result(timeout=PATIENCE_S)


def test_a_page_that_would_wait_too_long_is_left_out_at_once() -> None:
    """At the pace of the pages before it, a page is late; one that the engine still has is read all the same."""
    Reader.gate = threading.Event()
    pool = Witnesses(1, 100 * SIZE, wait_s=10, process=Reader)
    pool._seconds_per_page = 6.0
    futures = [pool.offer(page(1), "document")]
    assert eventually(lambda: not pool._waiting)
    futures += [pool.offer(page(number), "document") for number in (2, 3)]
    assert [future.done() for future in futures] == [False, False, True]
    pool._seconds_per_page = 100.0
    parsed: Future[Sequence[Block] | None] = Future()
    early = pool.offer(page(4), "document", parsed=parsed)
    Reader.gate.set()
    assert early.result(timeout=PATIENCE_S)
    assert futures[1].result(timeout=0) is None
    assert pool.skips == {"late": 2}
    pool.close()


def test_a_page_whose_reading_takes_too_long_is_not_waited_for() -> None:
    """The job continues without it; the slow process reads it to its end, so that the pool notices a faster one."""
    Reader.gate = threading.Event()
    pool = Witnesses(1, 100 * SIZE, wait_s=10, process=Reader)
    pool._seconds_per_page = 30.0
    parsed: Future[Sequence[Block] | None] = Future()
    slow = pool.offer(page(1), "document", parsed=parsed)
    assert eventually(lambda: not pool._waiting)
    parsed.set_result([])
    assert slow.result(timeout=0) is None
    Reader.gate.set()
    assert eventually(lambda: pool._seconds_per_page < 30)
    pool.close()


def test_pages_of_an_ended_document_and_of_a_closed_pool_are_released(witnesses: Witnesses) -> None:
    """`forget` gives the waiting pages of a document up, and so does `close`; each is released once."""
    released: list[int] = []
    witnesses.offer(page(1), "other")
    assert eventually(lambda: not witnesses._waiting)
    futures = [
        witnesses.offer(page(number), f"document-{number}", lambda number=number: released.append(number))
        for number in (2, 3)
    ]
    witnesses.forget("document-2")
    assert futures[0].result(timeout=0) is None
    assert released == [2]
    witnesses.close()
    assert futures[1].result(timeout=0) is None
    assert released == [2, 3]
    assert witnesses.offer(page(4), "late").result(timeout=0) is None


def test_there_is_time_for_a_page_that_would_be_read_before_its_wait_ends() -> None:
    """A document with fewer pages takes the place of one with more; an idle process always has time."""
    Reader.gate = threading.Event()
    pool = Witnesses(1, 100 * SIZE, wait_s=10, process=Reader)
    pool._seconds_per_page = 100.0
    assert pool.has_time("long")  # nothing is read yet, so the pace may have changed
    pool._seconds_per_page = 4.0
    futures = [pool.offer(page(1), "long", parsed=Future())]
    assert eventually(lambda: not pool._waiting)
    futures += [pool.offer(page(number), "long", parsed=Future()) for number in (2, 3)]
    assert not pool.has_time("long")  # two and a half pages come before it: 14 seconds
    assert pool.has_time("short")
    assert pool.skips == {"late": 1}
    pool._seconds_per_page = 2.5
    assert pool.has_time("long")
    Reader.gate.set()
    assert all(future.result(timeout=PATIENCE_S) for future in futures)
    assert eventually(lambda: pool._reading == 0)
    pool.close()
