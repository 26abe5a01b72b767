"""The states of a job, and the rate limits, on a clock that a test sets."""

from __future__ import annotations

import pytest

from ocr_worker.endpoint.jobs import JobQueue, JobRecord, Policy, Status
from ocr_worker.endpoint.rates import Rate, RateLimiter

POLICY = Policy(execution_timeout_s=600, ttl_s=3600, retention_s=60)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> JobQueue:
    return JobQueue(retries=2, clock=clock)


def submitted(queue: JobQueue, policy: Policy = POLICY) -> JobRecord:
    return queue.submit({"input": {}}, policy)


def in_progress(queue: JobQueue, worker: str = "one", policy: Policy = POLICY) -> JobRecord:
    job = submitted(queue, policy)
    assert queue.take(worker) == [job]
    return job


def gone(queue: JobQueue, job: JobRecord) -> bool:
    queue.sweep()
    return job.id not in queue.jobs


# --------------------------------------------------------------------------- the way of a job


def test_a_job_is_queued_taken_and_completed(queue: JobQueue, clock: Clock) -> None:
    """IN_QUEUE, IN_PROGRESS with its worker, COMPLETED, and the three times lie between."""
    job = submitted(queue)
    assert (job.status, job.worker) == (Status.IN_QUEUE, None)
    clock.pass_(5)
    assert queue.take("one") == [job]
    assert (job.status, job.worker, job.taken_at) == (Status.IN_PROGRESS, "one", 1005)
    clock.pass_(7)
    queue.add_result(job, "one", {"output": {"a": 1}}, 20)
    assert (job.status, job.ended_at, job.results[0].output) == (Status.COMPLETED, 1012, {"a": 1})


def test_jobs_are_taken_in_their_order_and_no_more_than_asked(queue: JobQueue) -> None:
    """First in, first out; a batch is as large as it may be; an empty queue gives nothing."""
    jobs = [submitted(queue) for _ in range(3)]
    assert queue.take("one", 2) == jobs[:2]
    assert queue.take("two", 2) == jobs[2:]
    assert queue.take("two", 2) == []


def test_a_worker_gets_the_id_and_what_stood_beside_the_input(queue: JobQueue) -> None:
    """The payload is the submitted object with the job's id."""
    job = queue.submit({"input": 1, "webhook": "https://example.com"}, POLICY)
    assert job.payload == {"id": job.id, "input": 1, "webhook": "https://example.com"}


def test_an_answer_with_an_error_fails_the_job(queue: JobQueue) -> None:
    """FAILED, with the error and what came beside it."""
    job = in_progress(queue)
    queue.add_result(job, "one", {"error": "BROKEN: no", "output": {"code": "BROKEN"}}, 50)
    assert job.status is Status.FAILED
    assert (job.results[0].error, job.results[0].output) == ("BROKEN: no", {"code": "BROKEN"})


def test_only_the_worker_that_has_the_job_ends_it(queue: JobQueue) -> None:
    """Another's answer is kept and changes nothing, and neither does one that comes after the end."""
    job = in_progress(queue)
    queue.add_result(job, "two", {"output": 2}, 1)
    assert job.status is Status.IN_PROGRESS
    queue.add_result(job, "one", {"output": 1}, 1)
    queue.add_result(job, "one", {"error": "late"}, 1)
    assert (job.status, len(job.results)) == (Status.COMPLETED, 3)


# --------------------------------------------------------------------------- cancelled, purged


def test_a_queued_job_that_is_cancelled_is_never_taken(queue: JobQueue) -> None:
    """The job leaves the queue, and no worker gets a stop for it."""
    job = submitted(queue)
    queue.cancel(job)
    assert job.status is Status.CANCELLED
    assert queue.take("one") == []
    assert not queue.has_stops("one")


def test_a_job_in_progress_that_is_cancelled_is_stopped_at_its_worker(queue: JobQueue) -> None:
    """Its worker alone gets one stop; a response that arrives nevertheless does not complete the job."""
    job = in_progress(queue)
    queue.cancel(job)
    assert (queue.take_stops("two"), queue.take_stops("one"), queue.take_stops("one")) == ([], [job.id], [])
    queue.add_result(job, "one", {"output": 1}, 1)
    assert job.status is Status.CANCELLED


def test_an_ended_job_cannot_be_cancelled(queue: JobQueue) -> None:
    """It stays as it ended."""
    job = in_progress(queue)
    queue.add_result(job, "one", {"output": 1}, 1)
    queue.cancel(job)
    assert job.status is Status.COMPLETED


def test_purging_takes_the_queue_and_nothing_else(queue: JobQueue) -> None:
    """Queued jobs are cancelled and counted; the one in progress continues."""
    running, *queued = in_progress(queue), submitted(queue), submitted(queue)
    assert queue.purge() == 2
    assert [job.status for job in queued] == [Status.CANCELLED] * 2
    assert running.status is Status.IN_PROGRESS


# --------------------------------------------------------------------------- times


def test_a_job_that_runs_too_long_is_timed_out_and_stopped(queue: JobQueue, clock: Clock) -> None:
    """TIMED_OUT at its execution timeout, counted from the taking, not from the queue."""
    job = submitted(queue)
    clock.pass_(1000)
    queue.take("one")
    clock.pass_(599)
    assert not queue.sweep()
    clock.pass_(1)
    assert queue.sweep()
    assert (job.status, queue.take_stops("one")) == (Status.TIMED_OUT, [job.id])


def test_the_time_to_live_counts_the_queue(queue: JobQueue, clock: Clock) -> None:
    """A job that waited, and one that is in progress by then, are gone when their time to live is over."""
    running, waiting = submitted(queue, Policy(600, 100, 60)), submitted(queue, Policy(600, 100, 60))
    clock.pass_(50)
    assert queue.take("one") == [running]
    clock.pass_(49)
    assert not gone(queue, waiting)
    clock.pass_(1)
    assert gone(queue, waiting)
    assert gone(queue, running)
    assert queue.take_stops("one") == [running.id]
    assert queue.take("one") == []


def test_a_result_is_kept_for_its_retention(queue: JobQueue, clock: Clock) -> None:
    """An ended job is gone a minute after its end here, whatever its time to live."""
    job = in_progress(queue, policy=Policy(600, 100, 60))
    clock.pass_(90)
    queue.add_result(job, "one", {"output": 1}, 1)
    clock.pass_(59)
    assert not gone(queue, job)
    clock.pass_(1)
    assert gone(queue, job)


# --------------------------------------------------------------------------- lost workers


def test_the_jobs_of_a_lost_worker_go_to_the_front_of_the_queue(queue: JobQueue) -> None:
    """In their order, before those that waited; another worker's job is left alone."""
    first, second = submitted(queue), submitted(queue)
    queue.take("one", 2)
    other = in_progress(queue, "two")
    waiting = submitted(queue)
    queue.requeue_jobs_of("one")
    assert [job.status for job in (first, second)] == [Status.IN_QUEUE] * 2
    assert queue.take("three", 9) == [first, second, waiting]
    assert other.worker == "two"
    assert queue.counts()["retried"] == 2


def test_a_job_that_loses_its_worker_again_and_again_fails(queue: JobQueue) -> None:
    """After two retries the third loss fails it, and the error says why."""
    job = submitted(queue)
    for worker in ("one", "two", "three"):
        assert queue.take(worker) == [job]
        queue.requeue_jobs_of(worker)
    assert (job.status, job.retries, job.error) == (Status.FAILED, 2, "the job's worker was lost 3 times")


def test_counts_are_those_of_health(queue: JobQueue, clock: Clock) -> None:
    """Queued and running ones as they are, ended ones since the start, timed out ones as failed."""
    queue.add_result(in_progress(queue), "one", {"output": 1}, 1)
    queue.add_result(in_progress(queue), "one", {"error": "no"}, 1)
    in_progress(queue, policy=Policy(10, 3600, 60))
    clock.pass_(10)
    queue.sweep()
    in_progress(queue)
    submitted(queue)
    assert queue.counts() == {"completed": 1, "failed": 2, "inProgress": 1, "inQueue": 1, "retried": 0}
    assert queue.busy_workers() == {"one"}


# --------------------------------------------------------------------------- rates


def test_so_many_in_ten_seconds(clock: Clock) -> None:
    """The next request gets a time to wait, and is accepted when the oldest is ten seconds old."""
    rate_limiter = RateLimiter(Rate(2), clock)
    assert rate_limiter.acquire() is None
    clock.pass_(4)
    assert rate_limiter.acquire() is None
    assert rate_limiter.acquire() == 6
    clock.pass_(6)
    assert rate_limiter.acquire() is None


def test_so_many_at_once(clock: Clock) -> None:
    """The next is let in when one has left."""
    rate_limiter = RateLimiter(Rate(100, 1), clock)
    assert rate_limiter.acquire() is None
    assert rate_limiter.acquire() == 1
    rate_limiter.release()
    assert rate_limiter.acquire() is None
