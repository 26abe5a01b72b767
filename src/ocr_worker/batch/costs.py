"""The seconds of workers that a batch is billed for, estimated from what the service reports about each job.

The platform bills workers, not jobs: a worker that runs several jobs at once costs each of its seconds once. So the
estimate is not the sum of the jobs' execution times. Each execution is an interval on the line of its worker, and the
union of the intervals counts. An execution ends when the batch sees that its job has ended, late by at most one poll,
and starts its execution time earlier. One that cannot be placed like this counts in full (`place`).

A worker is also billed while it starts and while it waits for the next job. The wait is at most the endpoint's idle
timeout after each interval. The start is part of the delay that the service reports for a job, together with the time
in the queue, so the delay is never added up: the start of a worker is at most the delay of its first job.

The module is pure: the ledger stores the executions, and the runner knows when a job was polled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from ocr_worker.client.service import JobTimes

_CALL_S = 10.0  # most that a regular call for a status adds to the pause before it, on a busy machine


class Execution(NamedTuple):
    """An execution of a job on a known worker. start, end: seconds since the epoch. delay_s: before it started."""

    worker_id: str
    start: float
    end: float
    delay_s: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of a batch's workers.

    execution_s: sum over all executions. busy_s: seconds in which a worker ran jobs, each counted once. idle_s: seconds
    in which workers waited for the next job or for their end; None: the idle timeout is unknown. cold_start_s: starts
    of workers, at most. worker_count: workers whose name is known.
    """

    execution_s: float = 0.0
    busy_s: float = 0.0
    idle_s: float | None = None
    cold_start_s: float = 0.0
    worker_count: int = 0

    @property
    def estimated_s(self) -> float:
        """Estimate of the billed seconds without the starts of workers."""
        return self.busy_s + (self.idle_s or 0.0)

    @property
    def limited_s(self) -> float:
        """Estimate of the billed seconds that a cost limit applies to: with the starts of workers.

        The limit uses neither of the other two. The estimate leaves the starts out, so a batch on many workers would
        exceed its limit unnoticed. The bound counts a second as often as jobs share it, 16 times with a model server,
        so a batch would stop at a sixteenth of its limit. Where the bound is above the limit, the run ends with a
        warning (`status.cost_warning`).
        """
        return self.estimated_s + self.cold_start_s

    @property
    def bound_s(self) -> float:
        """Upper bound of the billed seconds: as if no two jobs had shared a worker."""
        return self.execution_s + (self.idle_s or 0.0) + self.cold_start_s


def place(times: JobTimes, *, submitted_at: float | None, open_at: float | None, pause_s: float) -> JobTimes:
    """Return the times without their worker if its line has no certain place for the execution.

    The execution then counts in full. That is so if nobody looked at the job while it ended, because the service did
    not respond or no run was in progress; and if it would start before the job was submitted, because a clock was set.
    submitted_at: None: by an earlier run. open_at: when this run last knew that the job had not ended; None: never.
    pause_s: before the poll that found the job ended.
    """
    if times.ended_at is None:
        return times
    is_late = open_at is None or times.ended_at - open_at > pause_s + _CALL_S
    is_early = submitted_at is not None and times.ended_at - times.execution_s < submitted_at
    return times._replace(worker_id=None) if is_late or is_early else times


def measure_usage(
    execution_s: float,
    executions: Iterable[Execution],
    idle_timeout_s: float | None,
    placed_s: float | None = None,
) -> Usage:
    """Return the usage of all workers.

    execution_s: sum over all executions, also those without a known worker. executions: those with one, which may be
    merged where they overlap; placed_s is then their sum before that.
    """
    by_worker: defaultdict[str, list[Execution]] = defaultdict(list)
    for execution in executions:
        by_worker[execution.worker_id].append(execution)
    interval_s = covered_s = kept_s = cold_start_s = 0.0
    for line in by_worker.values():
        line.sort(key=lambda execution: execution.start)
        interval_s += sum(execution.end - execution.start for execution in line)
        covered_s += _union_s(line)
        kept_s += _union_s(line, idle_timeout_s or 0.0)
        cold_start_s += line[0].delay_s
    if placed_s is None:
        placed_s = interval_s
    return Usage(
        execution_s=execution_s,
        # Intervals are differences of large numbers: more than milliseconds of them would be noise.
        busy_s=min(execution_s, round(execution_s - placed_s + covered_s, 3)),
        idle_s=None if idle_timeout_s is None else round(kept_s - covered_s, 3),
        cold_start_s=cold_start_s,
        worker_count=len(by_worker),
    )


def _union_s(line: Iterable[Execution], tail_s: float = 0.0) -> float:
    """Return the seconds that the executions cover, each extended by `tail_s`. line: by start."""
    covered_s, covered_until = 0.0, -inf
    for execution in line:
        end = execution.end + tail_s
        covered_s += max(0.0, end - max(execution.start, covered_until))
        covered_until = max(covered_until, end)
    return covered_s
