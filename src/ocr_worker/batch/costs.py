"""The seconds of workers that a batch is billed for, estimated from what the service reports about each job.

The platform bills workers, not jobs: a worker that runs several jobs at once costs each of its seconds once. So the
estimate is not the sum of the jobs' execution times. Each execution is an interval on the line of its worker, and the
union of the intervals counts. An execution ends when the batch sees that its job has ended, late by at most one poll,
and starts its execution time earlier. One that cannot be placed like this counts in full (`place`).

A worker is also billed while it starts and while it waits for the next job. The wait is at most the endpoint's idle
timeout after each interval. The start is part of the delay that the service reports for a job, together with the time
in the queue, so the delay is never added up: the start of a worker is at most the delay of its first job.

The module is pure: the ledger stores the executions and keeps their sums, and the runner knows when a job was polled.
"""

from __future__ import annotations

from dataclasses import dataclass

from ocr_worker.client.service import JobTimes

_CALL_S = 10.0  # most that a regular call for a status adds to the pause before it, on a busy machine


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
