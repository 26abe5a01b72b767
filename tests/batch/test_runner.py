"""A run of a batch over a ledger that an earlier run left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ocr_worker.batch.batch import Batch
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.model import PlannedJob, Slice
from ocr_worker.batch.runner import RunOptions
from ocr_worker.client.remote import RemoteEndpoint
from ocr_worker.client.service import JobTimes, State
from support.faulty_endpoint import TAKEN, Answer, Server, play
from support.responses import response

JOBS = 6


def test_jobs_whose_sending_nobody_saw_the_end_of_are_all_sent_again(tmp_path: Path) -> None:
    """A run that was killed while it sent leaves jobs that the service may have or not: the next run does not end
    before each of them has come back, however few of them it may have there at once."""
    page = {"page": 1, "status": "succeeded", "markdown": "text"}
    documents = [
        {"id": f"document-{number}", "status": "succeeded", "page_count": 1, "pages": [page]}
        for number in range(1, JOBS + 1)
    ]
    script = {
        "run": [TAKEN],
        "status": [Answer(body={"status": "COMPLETED", "output": response(*documents)})],
        "health": [Answer(body={"workers": {}, "jobs": {}})],
    }

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        service.jobs_at_once = 1
        async with Batch(tmp_path / "out", service) as batch:
            batch.add(Item(f"https://example.com/{number}.png", f"{number}.png") for number in range(JOBS))
            batch.ledger.plan(PlannedJob("{}", [Slice(number, (1,))]) for number in range(1, JOBS + 1))
            for number in range(1, JOBS + 1):
                batch.ledger.mark_submitting(number)
            await batch.run()
            assert batch.summary().documents == {"succeeded": JOBS}

    assert play(scenario, script).count_requests("run") == JOBS


# --------------------------------------------------------------------------- money


def completed(count: int, **times: Any) -> dict[str, list[Answer]]:
    """Return the script of an endpoint that completes each job of `count` one-page documents, with these times."""
    page = {"page": 1, "status": "succeeded", "markdown": "text"}
    documents = [
        {"id": f"document-{number}", "status": "succeeded", "page_count": 1, "pages": [page]}
        for number in range(1, count + 1)
    ]
    return {
        "run": [TAKEN],
        "status": [Answer(body={"status": "COMPLETED", "output": response(*documents), **times})],
        "health": [Answer(body={"workers": {}, "jobs": {}})],
    }


def planned_batch(batch: Batch, count: int) -> None:
    """Add `count` documents of one page each, in a job each."""
    batch.add(Item(f"https://example.com/{number}.png", f"{number}.png") for number in range(count))
    batch.ledger.plan(PlannedJob("{}", [Slice(number, (1,))]) for number in range(1, count + 1))


def test_jobs_that_ended_while_no_run_looked_cost_in_full(tmp_path: Path) -> None:
    """Jobs of an interrupted run that a later run finds ended may have run one after the other: all of their seconds
    count. Those that the later run sends itself are on the line of their worker."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        async with Batch(tmp_path / "out", service) as batch:
            planned_batch(batch, JOBS)
            for number in range(1, JOBS):
                batch.ledger.mark_submitting(number)
                batch.ledger.mark_queued(number, f"job-{number}")
            await batch.run()
            assert batch.ledger.usage().execution_s == pytest.approx(0.05 * JOBS)
            assert batch.ledger.usage().busy_s == pytest.approx(0.05 * JOBS)
            assert batch.ledger._query("SELECT job, worker FROM executions") == [(JOBS, "w")]

    assert play(scenario, completed(JOBS, executionTime=50, delayTime=5, workerId="w")).count_requests("run") == 1


@pytest.mark.parametrize(
    "times",
    [{"executionTime": 50}, {"executionTime": 600_000, "workerId": "w"}, {"executionTime": 50, "workerId": None}],
    ids=["no worker", "longer than since the submission", "null"],
)
def test_executions_without_a_certain_place_cost_in_full(tmp_path: Path, times: dict[str, Any]) -> None:
    """Jobs of a service that does not name the worker, or whose clock contradicts ours, cost what they say."""

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        async with Batch(tmp_path / "out", service) as batch:
            planned_batch(batch, JOBS)
            await batch.run()
            assert batch.ledger.usage().busy_s == pytest.approx(JOBS * times["executionTime"] / 1000)
            assert batch.ledger._query("SELECT * FROM executions") == []

    play(scenario, completed(JOBS, **times))


@pytest.mark.parametrize(("minutes", "is_sent"), [(2, False), (60, True)])
def test_no_job_is_sent_that_would_end_after_the_deadline(tmp_path: Path, minutes: int, is_sent: bool) -> None:
    """The run sends no ten-minute job two minutes before the deadline, and says why."""
    options = RunOptions(deadline=time.time() + 60 * minutes)

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        async with Batch(tmp_path / "out", service, options) as batch:
            planned_batch(batch, 2)
            batch.ledger.mark_submitting(1)
            batch.ledger.record_end(1, State.COLLECTED, {1: (1, 0, 0)}, JobTimes(600.0, 0.0, "a", 1_000.0))
            batch.ledger.record_result(1, "succeeded", error=None, codes={}, files={}, seconds=0.0)
            await batch.run()
            assert batch.runner is not None
            assert ("after the deadline" in (batch.runner.pause_reason or "")) is not is_sent

    assert play(scenario, completed(2, executionTime=50, workerId="a")).count_requests("run") == is_sent


@pytest.mark.parametrize(
    ("max_cost", "is_sent"),
    [(250.0, True), (140.0, True), (130.0, False), (110.0, False)],
)
def test_the_cost_limit_applies_to_the_estimate_with_cold_starts(
    tmp_path: Path, max_cost: float, is_sent: bool
) -> None:
    """16 jobs that shared a worker for 100 s after a cold start of 20 s are a sixteenth of their sum: the run sends
    more up to the limit, stops before it, and says which figure it compared."""
    options = RunOptions(max_cost=max_cost)

    async def scenario(server: Server, service: RemoteEndpoint) -> None:
        async with Batch(tmp_path / "out", service, options) as batch:
            planned_batch(batch, 17)
            batch.ledger.put("price_per_second", "1")
            for job in range(1, 17):
                batch.ledger.mark_submitting(job)
                times = JobTimes(100.0 if job == 1 else 10.0, 20.0 if job == 1 else 50.0, "a", 1_000.0)
                batch.ledger.record_end(job, State.COLLECTED, {job: (1, 0, 0)}, times)
                batch.ledger.record_result(job, "succeeded", error=None, codes={}, files={}, seconds=0.0)
            await batch.run()
            assert batch.runner is not None
            message = (
                f"the next job would exceed the cost limit of ${max_cost:.2f} (--max-cost):"
                " $120.00 so far, estimated with cold starts, and $270.00 at most"
            )
            assert batch.runner.pause_reason == (None if is_sent else message)

    assert play(scenario, completed(17, executionTime=50, workerId="a")).count_requests("run") == is_sent
