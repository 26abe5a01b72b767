"""The clock that leaves out the time in which the process stood still."""

from __future__ import annotations

import logging

import pytest

from ocr_worker.awake import AwakeClock


class Readings:
    """The system's clock, which the test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_clock_counts_what_passes_between_regular_readings() -> None:
    """Seconds that pass in small steps all count."""
    readings = Readings()
    clock = AwakeClock(readings)
    began = clock.now()
    for _ in range(12):
        readings.seconds += 0.25
        clock.now()
    assert clock.now() - began == pytest.approx(3.0)


@pytest.mark.parametrize("jump", [60.0, 3 * 86_400.0, -500.0])
def test_a_clock_leaves_out_a_standstill(jump: float, caplog: pytest.LogCaptureFixture) -> None:
    """Days between two readings do not count, nor does a jump back; what comes before and after does. It is logged."""
    caplog.set_level(logging.INFO, "ocr_worker")
    readings = Readings()
    clock = AwakeClock(readings)
    began = clock.now()
    readings.seconds += 0.5
    clock.now()
    readings.seconds += jump
    assert clock.now() - began == pytest.approx(0.5)
    readings.seconds += 1.0
    assert clock.now() - began == pytest.approx(1.5)
    assert f"stood still for {jump:.0f} s" in caplog.text
