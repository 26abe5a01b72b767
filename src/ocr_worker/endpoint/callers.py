"""The routes that callers use, as RunPod's documentation and its SDK's client have them."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from math import ceil
from typing import Any

from aiohttp import web

from ocr_worker.endpoint.changes import Changes
from ocr_worker.endpoint.jobs import Job, JobQueue, Json, Policy, Status
from ocr_worker.endpoint.limits import EXECUTION_TIMEOUT_S, TTL_S, WAIT_S, Limits
from ocr_worker.endpoint.processes import WorkerPool
from ocr_worker.endpoint.rates import Turnstile

Handler = Callable[[web.Request], Awaitable[web.Response]]

PASSED_ON = ("input", "webhook", "policy", "s3Config")  # of a request's body, to the worker


class Refused(Exception):
    """A request that is answered with an `error` and this HTTP status."""

    def __init__(self, status: HTTPStatus, error: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(error)
        self.response = answer({"error": error}, status, headers)


class CallersApi:
    """Handlers for the callers of one endpoint. api_key: what they must bring; None: nothing."""

    def __init__(
        self, queue: JobQueue, changes: Changes, pool: WorkerPool, limits: Limits, api_key: str | None
    ) -> None:
        self._queue = queue
        self._changes = changes
        self._pool = pool
        self._limits = limits
        self._api_key = api_key
        self._turnstiles = {operation: Turnstile(rate) for operation, rate in limits.rates.items()}

    def routes(self) -> Sequence[web.RouteDef]:
        """What to add to the application."""
        base = "/v2/{endpoint}"
        return [
            web.post(base + "/run", self._guarded("run", self._run)),
            web.post(base + "/runsync", self._guarded("runsync", self._runsync)),
            web.get(base + "/status/{job}", self._guarded("status", self._status)),
            web.post(base + "/status/{job}", self._guarded("status", self._status)),
            web.get(base + "/stream/{job}", self._guarded("stream", self._stream)),
            web.post(base + "/stream/{job}", self._guarded("stream", self._stream)),
            web.post(base + "/cancel/{job}", self._guarded("cancel", self._cancel)),
            web.post(base + "/purge-queue", self._guarded("purge-queue", self._purge)),
            web.get(base + "/health", self._guarded("health", self._health)),
        ]

    # ----------------------------------------------------------------- before a request is heard

    def _guarded(self, operation: str, handler: Handler) -> Handler:
        return partial(self._answered, operation, handler)

    async def _answered(self, operation: str, handler: Handler, request: web.Request) -> web.Response:
        turnstile = self._turnstiles.get(operation)
        try:
            self._check_key(request)
            wait_s = turnstile.enter() if turnstile else None
            if wait_s is not None:
                retry_after = {"Retry-After": str(max(1, ceil(wait_s)))}
                raise Refused(HTTPStatus.TOO_MANY_REQUESTS, f"too many requests of {operation}", retry_after)
            try:
                return await handler(request)
            finally:
                if turnstile:
                    turnstile.leave()
        except Refused as refused:
            return refused.response

    def _check_key(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._api_key is not None and not hmac.compare_digest(given.encode(), self._api_key.encode()):
            raise Refused(HTTPStatus.UNAUTHORIZED, "the API key is missing or wrong")

    # ----------------------------------------------------------------- jobs

    async def _run(self, request: web.Request) -> web.Response:
        job = await self._submitted(request, self._limits.run_body, self._limits.run_retention_s)
        return answer({"id": job.id, "status": Status.IN_QUEUE})

    async def _runsync(self, request: web.Request) -> web.Response:
        wait_s = waited(request.query.get("wait"), self._limits.runsync_wait_s)
        job = await self._submitted(request, self._limits.runsync_body, self._limits.runsync_retention_s)
        await self._changes.wait_until(lambda: job.ended or job.id not in self._queue.jobs, wait_s)
        return answer(shown(job))

    async def _submitted(self, request: web.Request, limit: int, retention_s: float) -> Job:
        body = await read_object(request, limit)
        if "input" not in body:
            raise Refused(HTTPStatus.BAD_REQUEST, "the body has no `input`")
        policy = policy_of(body.get("policy"), self._limits, retention_s)
        job = self._queue.submit({name: body[name] for name in PASSED_ON if name in body}, policy)
        await self._changes.notify()
        return job

    async def _status(self, request: web.Request) -> web.Response:
        return answer(shown(self._job(request)))

    async def _stream(self, request: web.Request) -> web.Response:
        """The chunks that nobody was given yet; waits a moment for one unless the job has ended."""
        job = self._job(request)
        await self._changes.wait_until(lambda: len(job.stream) > job.streamed or job.ended, self._limits.stream_hold_s)
        chunks, job.streamed = job.stream[job.streamed :], len(job.stream)
        return answer({"status": job.status, "stream": chunks})

    async def _cancel(self, request: web.Request) -> web.Response:
        job = self._job(request)
        self._queue.cancel(job)
        await self._changes.notify()
        return answer({"id": job.id, "status": job.status})

    async def _purge(self, request: web.Request) -> web.Response:
        removed = self._queue.purge()
        await self._changes.notify()
        return answer({"removed": removed, "status": "completed"})

    async def _health(self, request: web.Request) -> web.Response:
        workers, busy = self._pool.alive, self._queue.busy()
        running = sum(worker.name in busy for worker in workers)
        ready = sum(worker.ready for worker in workers)
        unhealthy = sum(worker.reason is not None for worker in workers)
        counts = {
            "idle": ready - running,
            "initializing": len(workers) - ready - unhealthy,
            "ready": ready,
            "running": running,
            "throttled": 0,
            "unhealthy": unhealthy,
        }
        return answer({"jobs": self._queue.counts(), "workers": counts})

    def _job(self, request: web.Request) -> Job:
        job = self._queue.jobs.get(request.match_info["job"])
        if job is None:
            raise Refused(HTTPStatus.NOT_FOUND, "there is no job of this id, or its time is over")
        return job


def answer(body: Json, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.json_response(body, status=status, headers=headers, dumps=partial(json.dumps, ensure_ascii=False))


def shown(job: Job) -> Json:
    """The job as `/status` shows it; times in milliseconds."""
    told: Json = {"id": job.id, "status": job.status}
    if job.taken_at is not None:
        told |= {"workerId": job.worker, "delayTime": round((job.taken_at - job.submitted_at) * 1000)}
        if job.ended_at is not None:
            told["executionTime"] = round((job.ended_at - job.taken_at) * 1000)
    if job.error is not None:
        told["error"] = job.error
    last = None
    if job.status is Status.IN_PROGRESS and job.progress:
        last = job.progress[-1]
    elif job.status in (Status.COMPLETED, Status.FAILED) and job.results:
        last = job.results[-1].raw
    return told | {name: last[name] for name in ("output", "error") if last and name in last}


async def read_object(request: web.Request, limit: int) -> Json:
    """The request's JSON object. Raises Refused: 413 for more bytes than the limit, 400 for anything else."""
    too_large = f"the body has more than {limit} bytes"
    if (request.content_length or 0) > limit:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)
    data = await request.read()
    if len(data) > limit:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)
    try:
        body = json.loads(data)
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is no JSON") from None
    if not isinstance(body, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is no JSON object")
    return body


def policy_of(given: Any, limits: Limits, retention_s: float) -> Policy:
    """What a request's `policy` comes to; its times are in milliseconds. Raises Refused."""
    if not isinstance(given, dict | None):
        raise Refused(HTTPStatus.BAD_REQUEST, "`policy` is no JSON object")
    given = given or {}
    return Policy(
        seconds(
            "policy.executionTimeout", given.get("executionTimeout"), EXECUTION_TIMEOUT_S, limits.execution_timeout_s
        ),
        seconds("policy.ttl", given.get("ttl"), TTL_S, limits.ttl_s),
        retention_s,
    )


def waited(given: str | None, default_s: float) -> float:
    """Of `?wait=`, milliseconds, how many seconds `/runsync` waits. Raises Refused."""
    return seconds("wait", int(given) if given and given.isdecimal() else given, WAIT_S, default_s)


def seconds(name: str, given: Any, bounds: tuple[float, float], default_s: float) -> float:
    """Milliseconds that a caller gave, as seconds, or the default. Raises Refused for what is out of bounds."""
    if given is None:
        return default_s
    low, high = bounds
    if isinstance(given, bool) or not isinstance(given, int | float) or not low <= given / 1000 <= high:
        fault = f"`{name}` is not between {low * 1000:.0f} and {high * 1000:.0f} milliseconds"
        raise Refused(HTTPStatus.BAD_REQUEST, fault)
    return given / 1000
