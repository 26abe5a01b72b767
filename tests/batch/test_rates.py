"""How many jobs a batch has at a service, on a clock that the test moves."""

from __future__ import annotations

from ocr_worker.batch.rates import Window
from ocr_worker.client.service import ServiceHealth
from support.clock import Clock


def test_before_anything_is_known_a_few_jobs_are_sent() -> None:
    """At the start the service's own word counts, then the number of its workers."""
    window = Window(4, Clock())
    assert window.size == 4
    window.set_health(ServiceHealth(workers=5, in_queue=0))
    assert window.size == 20


def test_no_more_is_sent_than_two_minutes_work() -> None:
    """A queue is as long as what was done in two minutes at the last minute's pace, and gets short when work gets slow:
    nothing can wait for the half hour after which results are dropped."""
    clock = Clock()
    window = Window(4, clock)
    for _ in range(120):
        clock.now += 0.5
        window.job_ended()
    assert 200 <= window.size <= 260
    clock.now += 61
    assert window.size == 4


def test_there_is_a_most() -> None:
    """However fast the service is, the window has an end."""
    clock = Clock()
    window = Window(4, clock)
    for _ in range(5000):
        clock.now += 0.001
        window.job_ended()
    assert window.size == 1000
