"""The pool of witness processes: what it accepts, what it leaves out, and that it never loses a page."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from ocr_worker.pages import PageImage
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

    def read(self, page: PageImage) -> Evidence:
        assert self.gate.wait(PATIENCE_S)
        if page.number == 13:
            self._is_alive = False
            raise WitnessFailed("the process died")
        return Evidence(page.number, 1, ())

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
    pool = Witnesses(1, 100 * SIZE, process=Reader)
    yield pool
    Reader.gate.set()
    pool.close()


def page(number: int) -> PageImage:
    return PageImage(number, np.zeros((2, 5, 3), np.uint8))


def fill(pool: Witnesses, document: str = "long") -> list[object]:
    """Offer pages of a document until one is being read and two wait."""
    first = pool.offer(page(1), document)
    assert eventually(lambda: not pool._waiting)
    return [first, *(pool.offer(page(number), document) for number in (2, 3))]


def test_a_full_pool_leaves_a_page_out_at_once(witnesses: Witnesses) -> None:
    """The engine never waits: a page without room is not witnessed, and its pixels are released."""
    fill(witnesses)
    released: list[int] = []
    future = witnesses.offer(page(4), "long", lambda: released.append(4))
    assert future.result(timeout=0) is None
    assert released == [4]


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


def test_a_page_that_would_wait_too_long_is_left_out_and_a_later_one_is_not() -> None:
    """At the pace of the pages before it, a page is late: it is left out at once, but not all later ones."""
    Reader.gate = threading.Event()
    Reader.gate.set()
    pool = Witnesses(1, 100 * SIZE, wait_s=10, process=Reader)
    pool._seconds_per_page = 11.0
    assert pool.offer(page(1), "document").result(timeout=0) is None
    assert pool.offer(page(2), "document").result(timeout=0) is None
    assert pool.offer(page(3), "document").result(timeout=PATIENCE_S)
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
