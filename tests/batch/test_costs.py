"""Seconds of workers: what several jobs on a worker cost, and which of their executions have no certain place."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from ocr_worker.batch.costs import Usage, place
from ocr_worker.batch.ledger import Ledger
from ocr_worker.batch.ledger.schema import UPGRADES
from ocr_worker.batch.model import PlannedJob
from ocr_worker.client.service import JobTimes

EPOCH = 1_790_000_000.0  # seconds as they are in a ledger, where fractions have few digits left


def execution(start: float, end: float, worker: str = "a", delay_s: float = 0.0) -> JobTimes:
    return JobTimes(end - start, delay_s, worker, EPOCH + end)


@pytest.fixture
def usage(tmp_path: Path) -> Callable[..., Usage]:
    """Return a function that returns the usage in a new ledger with executions, and `unplaced_s` on unknown workers."""

    def measure(*executions: JobTimes, idle_timeout_s: float | None = None, unplaced_s: float = 0.0) -> Usage:
        ledger = Ledger(tmp_path / f"{len(list(tmp_path.iterdir()))}.sqlite3")
        ledger.plan([PlannedJob("{}")])
        for times in [JobTimes(execution_s=unplaced_s), *executions]:
            ledger.retry_later(1, times, 0.0)
        if idle_timeout_s is not None:
            ledger.put("idle_timeout_s", str(idle_timeout_s))
        return ledger.usage()

    return measure


@pytest.mark.parametrize(
    ("executions", "busy_s"),
    [
        ([], 0),
        ([execution(0, 300), execution(28, 300)], 300),
        ([execution(0, 10), execution(4, 14), execution(8, 18)], 18),
        ([execution(0, 30), execution(5, 10), execution(8, 12)], 30),
        ([execution(8, 18), execution(0, 10)], 18),
        ([execution(0, 10), execution(10, 20)], 20),
        ([execution(0, 10), execution(100, 110)], 20),
        ([execution(0, 10), execution(0, 10, "b")], 20),
        ([execution(0, 10, "a"), execution(5, 15, "b"), execution(5, 12, "a")], 22),
    ],
    ids=[
        "none",
        "two share a worker",
        "a chain of three",
        "two inside a third",
        "recorded in another order",
        "one after the other",
        "again after a pause",
        "two workers at the same time",
        "two workers, one of them shared",
    ],
)
def test_a_second_of_a_worker_counts_once(
    usage: Callable[..., Usage], executions: list[JobTimes], busy_s: float
) -> None:
    """The cost of a worker is the union of its executions; workers add up."""
    result = usage(*executions)
    assert result.busy_s == pytest.approx(busy_s, abs=0.001)
    assert result.execution_s == pytest.approx(sum(times.execution_s for times in executions))
    assert result.busy_s <= result.execution_s


@pytest.mark.parametrize(
    ("executions", "idle_s"),
    [
        ([], 0),
        ([execution(0, 10)], 5),
        ([execution(0, 10), execution(2, 8)], 5),
        ([execution(0, 10), execution(13, 20)], 3 + 5),
        ([execution(0, 10), execution(100, 110)], 5 + 5),
        ([execution(0, 10), execution(0, 10, "b")], 5 + 5),
    ],
    ids=["none", "one", "within another", "again in time", "again after it was stopped", "two workers"],
)
def test_a_worker_waits_for_its_idle_timeout_at_most(
    usage: Callable[..., Usage], executions: list[JobTimes], idle_s: float
) -> None:
    """After each busy stretch a worker is billed until its next job, but no longer than its idle timeout."""
    result = usage(*executions, idle_timeout_s=5.0)
    assert result.idle_s == pytest.approx(idle_s, abs=0.001)
    assert result.estimated_s == pytest.approx(result.busy_s + idle_s, abs=0.001)
    assert usage(*executions).idle_s is None


def test_executions_on_unknown_workers_count_in_full(usage: Callable[..., Usage]) -> None:
    """Seconds without a place on a worker's line are added, whatever runs at the same time."""
    result = usage(execution(0, 10), execution(5, 15), unplaced_s=40.0, idle_timeout_s=5.0)
    assert (result.execution_s, result.busy_s, result.idle_s) == (60.0, 55.0, 5.0)
    assert usage(unplaced_s=40.0) == Usage(execution_s=40.0, busy_s=40.0)


def test_only_the_first_job_of_a_worker_can_tell_of_a_cold_start(usage: Callable[..., Usage]) -> None:
    """The delays of later jobs are time in the queue; the first job is the one that started first."""
    late = execution(30, 40, delay_s=600.0), execution(12, 20, delay_s=200.0)
    result = usage(*late, execution(0, 10, delay_s=30.0), execution(50, 60, "b", delay_s=7.0))
    assert result.cold_start_s == 37.0
    assert usage(idle_timeout_s=5.0, unplaced_s=9.0).cold_start_s == 0.0


def test_the_bound_is_never_below_the_estimate(usage: Callable[..., Usage]) -> None:
    """The limit's figure is between the estimate and the bound, and far from a sum over jobs that share a worker."""
    shared = [execution(0.1 * number, 100.0, delay_s=20.0) for number in range(16)]
    result = usage(*shared, idle_timeout_s=5.0)
    assert (result.estimated_s, result.limited_s) == (105.0, 125.0)
    assert result.bound_s == pytest.approx(16 * 100 - 12 + 5 + 20)
    assert result.estimated_s <= result.limited_s <= result.bound_s


def test_sums_that_are_kept_are_those_of_all_executions(tmp_path: Path) -> None:
    """Whatever the order of the executions, and whenever the idle timeout is set, the sums are those of the unions."""
    random = Random(26)
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    ledger.plan([PlannedJob("{}")])
    lines: dict[str, list[tuple[int, int]]] = {"a": [], "b": []}
    for count in range(120):
        if count in (20, 70):
            ledger.put("idle_timeout_s", str(float(count // 10)))
        worker, start, length = random.choice("ab"), random.randrange(1000), random.randrange(1, 15)
        lines[worker].append((start, start + length))
        ledger.retry_later(1, execution(start, start + length, worker), 0.0)
        timeout_s = 2 if count < 70 else 7
        busy, kept = (
            sum(len({second for start, end in line for second in range(start, end + tail)}) for line in lines.values())
            for tail in (0, timeout_s)
        )
        usage = ledger.usage()
        assert (usage.busy_s, usage.idle_s) == (busy, None if count < 20 else kept - busy)


def test_a_ledger_of_version_3_gets_the_sums(tmp_path: Path) -> None:
    """The intervals and delays that an older client merged are added up when its ledger is opened."""
    path = tmp_path / "ledger.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.executescript("".join(UPGRADES[:3]) + "PRAGMA user_version = 3;")
        db.execute("INSERT INTO meta VALUES ('idle_timeout_s', '5.0')")
        db.execute("INSERT INTO jobs (options, pages, execution_s) VALUES ('{}', 1, 28)")
        rows = [(1, "a", EPOCH + end, 7.0, end) for end in (10, 14, 17, 40)]
        sql = "INSERT INTO executions (job, worker, ended_at, execution_s, delay_s) VALUES (?, ?, ?, ?, ?)"
        db.executemany(sql, rows)
        db.commit()
    assert Ledger(path).usage() == Usage(28.0, busy_s=14.0 + 7.0, idle_s=10.0, cold_start_s=10.0, worker_count=1)


# --------------------------------------------------------------------------- the place of an execution

ENDED = JobTimes(execution_s=10.0, delay_s=3.0, worker_id="a", ended_at=EPOCH + 20)
UNPLACED = ENDED._replace(worker_id=None)


@pytest.mark.parametrize(
    ("times", "submitted_at", "open_at", "expected"),
    [
        (ENDED, EPOCH, EPOCH + 18, ENDED),
        (ENDED, None, EPOCH + 18, ENDED),
        (ENDED, None, None, UNPLACED),
        (ENDED, EPOCH, EPOCH + 1, UNPLACED),
        (ENDED, EPOCH + 15, EPOCH + 18, UNPLACED),
        (ENDED, EPOCH + 100, EPOCH + 100, UNPLACED),
        (UNPLACED, EPOCH, EPOCH + 18, UNPLACED),
        (JobTimes(delay_s=3.0), EPOCH, EPOCH, JobTimes(delay_s=3.0)),
    ],
    ids=[
        "polled",
        "of an earlier run, polled by this one",
        "ended before this run looked",
        "ended while the service was silent",
        "longer than since its submission",
        "ended before its submission",
        "worker unknown",
        "not ended",
    ],
)
def test_an_execution_without_a_certain_place_loses_its_worker(
    times: JobTimes, submitted_at: float | None, open_at: float | None, expected: JobTimes
) -> None:
    """An end that was seen more than a poll late, or that clocks contradict, must not hide other executions."""
    assert place(times, submitted_at=submitted_at, open_at=open_at, pause_s=8.0) == expected
