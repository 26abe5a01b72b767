"""A worker that has done enough is replaced in order, before the kernel ends it."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_worker.runpod_worker.recycling import MemoryTrend, Recycling
from ocr_worker.settings import Settings
from support import doubles
from support.drawing import WHITE, png, request, tiff
from support.worker_process import StartWorker

LIMIT = 1000e6


def looks(used: list[float]) -> list[str | None]:
    """Return the trend's reason for each sample, one sample every two seconds."""
    trend = MemoryTrend(LIMIT)
    return [trend.reason(2.0 * index, used_bytes) for index, used_bytes in enumerate(used)]


def test_memory_over_the_limit_is_due() -> None:
    """At once, with no trend to wait for."""
    assert looks([500e6, 1001e6])[1] == "recycle: memory 1001 of 1000 MB"


def test_memory_that_will_be_over_the_limit_in_a_minute_is_due() -> None:
    """Two megabytes a second: due one minute ahead of the limit, not before."""
    reasons = looks([400e6 + 4e6 * index for index in range(150)])
    first = next(index for index, reason in enumerate(reasons) if reason)
    assert 400 + 4 * first == pytest.approx(880, abs=8)
    assert "growing by 120 MB a minute" in (reasons[first] or "")


def test_a_start_that_fills_its_caches_is_no_trend() -> None:
    """Memory that climbs in the first looks and then stays is left alone."""
    assert not any(looks([min(20e6 * index, 700e6) for index in range(300)]))


@given(st.lists(st.floats(300e6, 700e6), min_size=61, max_size=200))
def test_memory_that_only_swings_within_a_fifth_of_the_limit_is_left_alone(swings: list[float]) -> None:
    """Whatever the swings between pages, a worker far from its limit is not replaced for a spike."""
    calm = [500e6 + (swing - 500e6) / 10 for swing in swings]
    assert not any(looks(calm))


def test_pages_are_counted() -> None:
    """The worker is due with the page that fills its number; without a number never."""
    count = itertools.count()
    due = Recycling(Settings(recycle_pages=3), lambda: next(count), lambda reason: None)
    assert [due.reason() for _ in range(4)] == [None, None, None, "recycle: 3 pages"]
    assert Recycling(Settings(), lambda: 10**9, lambda reason: None).reason() is None


@pytest.mark.process
def test_a_worker_is_replaced_after_its_pages(worker_of: StartWorker, tmp_path: Path) -> None:
    """It answers what it has taken, the last answer asks for a new worker, and no other job is taken."""
    gate = tmp_path / "gate"
    double = {"OCR_ENGINE": "support.doubles:by_colour", "DOUBLE_GATE": str(gate), "DOUBLE_SECONDS": "0.25"}
    worker = worker_of(**double, OCR_RECYCLE_PAGES="3").wait_ready()
    jobs = [worker.plane.submit(request(tiff([doubles.HELD, *[doubles.SLOW] * 11]))) for _ in range(2)]
    assert all(worker.started(job) for job in jobs)
    gate.touch()
    answers = [worker.plane.wait(job) for job in jobs]
    assert [answer.output["coverage"]["pages_parsed"] for answer in answers] == [12, 12]
    assert "event=drain reason='recycle: 3 pages'" in worker.log()
    assert sorted(answer.stop_pod for answer in answers) == [False, True]
    time.sleep(1.5)  # a poll that was open
    assert not worker.plane.taken(worker.plane.submit(request(png(WHITE))), 2)
    worker.terminate()
    assert worker.exit_code() == 0, worker.log()
