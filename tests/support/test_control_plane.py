"""The control plane and the SDK's loop, tested against each other with a handler of a few lines.

The SDK's behavior here is the reason why the worker measures its responses, catches its errors and drains itself.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.waiting import PATIENCE_S
from support.worker_process import StartWorker, Worker

pytestmark = pytest.mark.process

HANDLER = """
import asyncio, runpod

async def handler(job):
    await asyncio.sleep(job["input"].get("seconds", 0))
    return {"nan": float("nan")} if job["input"].get("nan") else {"echo": job["input"], "beside": job.get("policy")}

runpod.serverless.start({"handler": handler, "concurrency_modifier": lambda current: 2})
"""


@pytest.fixture(scope="module")
def handler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("echo") / "handler.py"
    path.write_text(HANDLER)
    return path


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker, handler: Path) -> Worker:
    return worker_of(handler, answer_limit=10_000).wait_ready()


def test_a_job_goes_round(worker: Worker) -> None:
    """A job reaches the handler with the fields next to its input, and its response comes back."""
    job = worker.plane.submit({"a": 1}, policy={"ttl": 5})
    assert worker.plane.wait(job).output == {"echo": {"a": 1}, "beside": {"ttl": 5}}


def test_two_jobs_run_at_once(worker: Worker) -> None:
    """At concurrency 2 the second job is taken before the first is answered."""
    first, second = (worker.plane.submit({"seconds": 2, "number": number}) for number in (1, 2))
    worker.plane.wait(first), worker.plane.wait(second)
    jobs = worker.plane.jobs
    taken_last = max(jobs[first].taken_at or 0, jobs[second].taken_at or 0)
    assert taken_last < min(jobs[first].results[0].at, jobs[second].results[0].at)


def test_a_cancelled_job_is_stopped(worker: Worker) -> None:
    """A cancelled job ends long before its time, unanswered."""
    job = worker.plane.submit({"seconds": 600})
    assert worker.started(job)
    worker.plane.cancel(job)
    assert worker.plane.left(job)
    assert worker.plane.jobs[job].results == []


def test_a_job_cancelled_in_the_queue_is_never_taken(worker: Worker) -> None:
    """A job that no worker has leaves the queue."""
    long = [worker.plane.submit({"seconds": 2}) for _ in range(2)]
    assert all(worker.plane.taken(job, PATIENCE_S) for job in long)
    queued = worker.plane.submit({})
    worker.plane.cancel(queued)
    for job in long:
        worker.plane.wait(job)
    assert not worker.plane.taken(queued, 3)


@pytest.mark.parametrize("job_input", [{"nan": True}, {"text": "x" * 20_000}], ids=["NaN", "too large"])
def test_what_the_platform_rejects_is_lost(worker: Worker, job_input: dict[str, object]) -> None:
    """A response that is not JSON or too large is rejected, and the SDK reports nothing in its place."""
    job = worker.plane.submit(job_input)
    record = worker.plane.jobs[job]
    assert worker.plane.wait_until(lambda: bool(record.rejected_results), PATIENCE_S)
    assert not worker.plane.wait_until(lambda: bool(record.results), 3)


def test_sigterm_lets_the_running_job_finish(worker_of: StartWorker, handler: Path) -> None:
    """After SIGTERM a worker answers the job it runs, then exits with 0."""
    worker = worker_of(handler).wait_ready()
    job = worker.plane.submit({"seconds": 3})
    assert worker.started(job)
    worker.terminate()
    assert worker.exit_code() == 0, worker.log()
    worker.plane.assert_each_answered_once()
