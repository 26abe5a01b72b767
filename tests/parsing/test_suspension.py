"""Suspended workers: the time of a suspension does not count against an engine call."""

from __future__ import annotations

from ocr_worker.parsing.suspension import Suspension


def test_a_suspension_is_the_delay_of_the_loop() -> None:
    """A loop that was delayed by an hour lost an hour; small delays of a busy machine are none."""
    times = iter([0.0, 0.25, 1.5, 3601.75, 3602.0])
    suspension = Suspension(0.25, clock=lambda: next(times))
    assert [suspension.lost_seconds() for _ in range(4)] == [0.0, 0.0, 3600.0, 0.0]
