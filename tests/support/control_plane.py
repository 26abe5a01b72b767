"""The local endpoint for tests of the worker: without workers of its own, with a record of everything that happens.

Unlike the platform it never forgets, repeats or times out a job.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from aiohttp import web

from ocr_worker.endpoint import EndpointLimits, LocalEndpoint
from ocr_worker.endpoint.jobs import JobRecord, Json, Policy, RejectedResult, Result
from support.waiting import PATIENCE_S

__all__ = ["ControlPlane", "JobRecord", "Json", "Ping", "RejectedResult", "Result"]

FOR_EVER = Policy(execution_timeout_s=inf, ttl_s=inf, retention_s=inf)


@dataclass(frozen=True, slots=True)
class Ping:
    """A heartbeat: `jobs` in progress, or the reason of a failed fitness check."""

    jobs: tuple[str, ...]
    unhealthy: str | None
    at: float


class ControlPlane(LocalEndpoint):
    """A context manager. Its methods may be called on any thread but its own.

    hold_s: how long a poll without news is held. answer_limit: largest response in bytes that is accepted.
    """

    def __init__(self, hold_s: float = 1.0, answer_limit: int = 10_000_000) -> None:
        super().__init__(workers=0, limits=EndpointLimits(poll_hold_s=hold_s, response=answer_limit))
        self.hold_s = hold_s
        self.answer_limit = answer_limit
        self.slow_posts: dict[str, float] = {}  # seconds until a job's result is taken down
        self.pings: list[Ping] = []
        self.polls = 0

    def submit(self, job_input: Any, **beside: Any) -> str:
        """Queue a job and return its id. beside: fields next to the input (`webhook`, `policy`)."""
        return self._call(self._submit({"input": job_input, **beside}))

    def wait(self, job_id: str, timeout: float = PATIENCE_S) -> Result:
        """Return the job's first response. Raises AssertionError with the job's record when there is none in time."""
        record = self.jobs[job_id]
        assert self.wait_until(lambda: bool(record.results), timeout), f"{job_id} was not answered: {_describe(record)}"
        return record.results[0]

    def taken(self, job_id: str, timeout: float = 0) -> bool:
        """Return whether a worker takes the job within the timeout."""
        return self.wait_until(lambda: self.jobs[job_id].worker is not None, timeout)

    def cancel(self, job_id: str) -> None:
        """Remove the job from the queue, or let its worker stop it."""
        self._call(self._cancel(job_id))

    def left(self, job_id: str, timeout: float = PATIENCE_S) -> bool:
        """Return whether the worker's heartbeats stop naming the job within the timeout."""
        since = time.monotonic()
        return self.wait_until(lambda: any(p.at > since and job_id not in p.jobs for p in self.pings), timeout)

    def unhealthy(self, timeout: float = PATIENCE_S) -> str | None:
        """Return the reason of the first failed fitness check that a worker reports within the timeout."""
        self.wait_until(lambda: any(ping.unhealthy for ping in self.pings), timeout)
        return next((ping.unhealthy for ping in self.pings if ping.unhealthy), None)

    def assert_each_answered_once(self) -> None:
        """Assert that each job has one response if a worker took it, none if cancelled, and that none was rejected."""
        for job_id, record in self.jobs.items():
            expected = record.worker is not None and not record.is_cancelled
            assert (len(record.results), record.rejected_results) == (expected, []), f"{job_id}: {_describe(record)}"

    # ----------------------------------------------------------------- on the loop

    async def _submit(self, payload: Json) -> str:
        job = self._queue.submit(payload, FOR_EVER)
        await self._changes.notify()
        return job.id

    async def _cancel(self, job_id: str) -> None:
        self._queue.cancel(self._queue.jobs[job_id])
        await self._changes.notify()

    def _middlewares(self) -> Sequence[Any]:
        return [self._watch]

    @web.middleware
    async def _watch(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Count polls, keep heartbeats, and delay the posts that a test names."""
        operation = request.path.split("/")[3]
        if operation in ("job-take", "job-take-batch"):
            self.polls += 1
            await self._changes.notify()
        elif operation == "ping":
            self.pings.append(_ping(request))
            await self._changes.notify()
        elif operation == "job-done":
            await asyncio.sleep(self.slow_posts.get(request.match_info["job"], 0))
        return await handler(request)


def _ping(request: web.Request) -> Ping:
    jobs = tuple(filter(None, request.query.get("job_id", "").split(",")))
    unhealthy = request.query.get("reason", "") if request.query.get("status") == "unhealthy" else None
    return Ping(jobs, unhealthy, time.monotonic())


def _describe(record: JobRecord) -> str:
    """Return the record without its documents."""
    return (
        f"worker={record.worker} cancelled={record.is_cancelled} errors={[r.error for r in record.results]} "
        f"answers={len(record.results)} refusals={record.rejected_results}"
    )
