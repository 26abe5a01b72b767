"""The routes for callers: run jobs, read their status and chunks, cancel them, read the endpoint's health.

They follow RunPod's documentation and the client in its SDK. Each request passes the check of the API key and the rate
limit of its operation first. Functions at the end read what a request contains, and write a job's status.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from math import ceil
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from ocr_worker.endpoint.changes import Changes
from ocr_worker.endpoint.jobs import JobQueue, JobRecord, Json, Policy, Status
from ocr_worker.endpoint.limits import EXECUTION_TIMEOUT_S, TTL_S, WAIT_S, EndpointLimits
from ocr_worker.endpoint.processes import WorkerPool
from ocr_worker.endpoint.rates import RateLimiter

RouteHandler = Callable[[web.Request], Awaitable[web.Response]]

WORKER_FIELDS = ("input", "webhook", "policy", "s3Config")  # fields of a request's body that the worker gets


class CallerError(Exception):
    """An error of the caller: the response is this HTTP status with an `error`."""

    def __init__(self, status: HTTPStatus, error: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(error)
        self.response = json_response({"error": error}, status, headers)


class CallersApi:
    """The handlers for the callers of one endpoint. api_key: required from callers; None: every caller is admitted."""

    def __init__(
        self, queue: JobQueue, changes: Changes, pool: WorkerPool, limits: EndpointLimits, api_key: str | None
    ) -> None:
        self._queue = queue
        self._changes = changes
        self._pool = pool
        self._limits = limits
        self._api_key = api_key
        self._rate_limiters = {operation: RateLimiter(rate) for operation, rate in limits.rates.items()}

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes to add to the application."""
        base = "/v2/{endpoint}"
        return [
            web.post(base + "/run", self._guard("run", self._run)),
            web.post(base + "/runsync", self._guard("runsync", self._runsync)),
            web.get(base + "/status/{job}", self._guard("status", self._status)),
            web.post(base + "/status/{job}", self._guard("status", self._status)),
            web.get(base + "/status-sync/{job}", self._guard("status", self._status_sync)),
            web.post(base + "/status-sync/{job}", self._guard("status", self._status_sync)),
            web.get(base + "/stream/{job}", self._guard("stream", self._stream)),
            web.post(base + "/stream/{job}", self._guard("stream", self._stream)),
            web.post(base + "/cancel/{job}", self._guard("cancel", self._cancel)),
            web.post(base + "/purge-queue", self._guard("purge-queue", self._purge)),
            web.get(base + "/health", self._guard("health", self._health)),
        ]

    # ----------------------------------------------------------------- before a handler is called

    def _guard(self, operation: str, handler: RouteHandler) -> RouteHandler:
        return partial(self._check_and_handle, operation, handler)

    async def _check_and_handle(self, operation: str, handler: RouteHandler, request: web.Request) -> web.Response:
        rate_limiter = self._rate_limiters.get(operation)
        try:
            self._check_key(request)
            wait_s = rate_limiter.acquire() if rate_limiter else None
            if wait_s is not None:
                retry_after = {"Retry-After": str(max(1, ceil(wait_s)))}
                raise CallerError(
                    HTTPStatus.TOO_MANY_REQUESTS, f"too many {operation} requests; try again later", retry_after
                )
            try:
                return await handler(request)
            finally:
                if rate_limiter:
                    rate_limiter.release()
        except CallerError as error:
            return error.response

    def _check_key(self, request: web.Request) -> None:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._api_key is not None and not hmac.compare_digest(key.encode(), self._api_key.encode()):
            raise CallerError(
                HTTPStatus.UNAUTHORIZED, "the API key is missing or wrong; send it as `Authorization: Bearer KEY`"
            )

    # ----------------------------------------------------------------- jobs

    async def _run(self, request: web.Request) -> web.Response:
        job = await self._submit(request, self._limits.run_body, self._limits.run_retention_s)
        return json_response({"id": job.id, "status": Status.IN_QUEUE})

    async def _runsync(self, request: web.Request) -> web.Response:
        wait_s = read_wait(request.query.get("wait"), self._limits.runsync_wait_s)
        job = await self._submit(request, self._limits.runsync_body, self._limits.runsync_retention_s)
        await self._changes.wait_until(lambda: job.is_ended or job.id not in self._queue.jobs, wait_s)
        return json_response(job_status(job))

    async def _submit(self, request: web.Request, limit: int, retention_s: float) -> JobRecord:
        body = await read_object(request, limit)
        if "input" not in body:
            raise CallerError(HTTPStatus.BAD_REQUEST, "the body has no `input`")
        policy = read_policy(body.get("policy"), self._limits, retention_s)
        job = self._queue.submit({name: body[name] for name in WORKER_FIELDS if name in body}, policy)
        await self._changes.notify()
        return job

    async def _status(self, request: web.Request) -> web.Response:
        return json_response(job_status(self._find_job(request)))

    async def _status_sync(self, request: web.Request) -> web.Response:
        """Return the job's status when it has ended, or after the wait of `/runsync`."""
        wait_s = read_wait(request.query.get("wait"), self._limits.runsync_wait_s)
        job = self._find_job(request)
        await self._changes.wait_until(lambda: job.is_ended or job.id not in self._queue.jobs, wait_s)
        return json_response(job_status(job))

    async def _stream(self, request: web.Request) -> web.Response:
        """Return the chunks that were not returned yet. Wait up to `stream_hold_s` for one unless the job has ended."""
        job = self._find_job(request)
        await self._changes.wait_until(
            lambda: len(job.stream) > job.chunks_sent or job.is_ended, self._limits.stream_hold_s
        )
        chunks, job.chunks_sent = job.stream[job.chunks_sent :], len(job.stream)
        return json_response({"status": job.status, "stream": chunks})

    async def _cancel(self, request: web.Request) -> web.Response:
        job = self._find_job(request)
        self._queue.cancel(job)
        await self._changes.notify()
        return json_response({"id": job.id, "status": job.status})

    async def _purge(self, request: web.Request) -> web.Response:
        count = self._queue.purge()
        await self._changes.notify()
        return json_response({"removed": count, "status": "completed"})

    async def _health(self, request: web.Request) -> web.Response:
        workers, busy_workers = self._pool.workers, self._queue.busy_workers()
        running = sum(worker.name in busy_workers for worker in workers)
        ready = sum(worker.is_ready for worker in workers)
        unhealthy = sum(worker.start_error is not None for worker in workers)
        counts = {
            "idle": ready - running,
            "initializing": len(workers) - ready - unhealthy,
            "ready": ready,
            "running": running,
            "throttled": 0,
            "unhealthy": unhealthy,
        }
        return json_response({"jobs": self._queue.counts(), "workers": counts})

    def _find_job(self, request: web.Request) -> JobRecord:
        job = self._queue.jobs.get(request.match_info["job"])
        if job is None:
            raise CallerError(HTTPStatus.NOT_FOUND, "no job has this id, or its result is no longer kept")
        return job


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return an unknown path, or a wrong method, as JSON: clients read every response as JSON."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        message = f"{error.reason}: this endpoint has no operation {request.method} {request.path}"
        return json_response({"error": message}, HTTPStatus(error.status), headers)


def json_response(
    body: Json, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> web.Response:
    """Return a JSON response."""
    return web.json_response(body, status=status, headers=headers, dumps=partial(json.dumps, ensure_ascii=False))


def job_status(job: JobRecord) -> Json:
    """Return the object that `/status` returns for the job; times in milliseconds."""
    status: Json = {"id": job.id, "status": job.status}
    if job.taken_at is not None:
        status |= {"workerId": job.worker, "delayTime": round((job.taken_at - job.submitted_at) * 1000)}
        if job.ended_at is not None:
            status["executionTime"] = round((job.ended_at - job.taken_at) * 1000)
    if job.error is not None:
        status["error"] = job.error
    last_post = None
    if job.status is Status.IN_PROGRESS and job.progress:
        last_post = job.progress[-1]
    elif job.status in (Status.COMPLETED, Status.FAILED) and job.results:
        last_post = job.results[-1].raw
    return status | {name: last_post[name] for name in ("output", "error") if last_post and name in last_post}


async def read_object(request: web.Request, limit: int) -> Json:
    """Return the JSON object in the request's body.

    Raises CallerError: 413 when the body has more bytes than `limit`, 400 when it is not a JSON object.
    """
    too_large = f"the body is larger than the limit of {limit} bytes"
    if (request.content_length or 0) > limit:
        raise CallerError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)
    data = await request.read()
    if len(data) > limit:
        raise CallerError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)
    try:
        body = json.loads(data)
    except ValueError:
        raise CallerError(HTTPStatus.BAD_REQUEST, "the body is not valid JSON") from None
    if not isinstance(body, dict):
        raise CallerError(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
    return body


def read_policy(value: Any, limits: EndpointLimits, retention_s: float) -> Policy:
    """Return the times of a job from a request's `policy`, whose values are milliseconds, and the defaults.

    Raises CallerError when `policy` is not an object or a time is out of bounds.
    """
    if not isinstance(value, dict | None):
        raise CallerError(HTTPStatus.BAD_REQUEST, "`policy` is not a JSON object")
    times = value or {}
    return Policy(
        read_seconds(
            "policy.executionTimeout", times.get("executionTimeout"), EXECUTION_TIMEOUT_S, limits.execution_timeout_s
        ),
        read_seconds("policy.ttl", times.get("ttl"), TTL_S, limits.ttl_s),
        retention_s,
    )


def read_wait(value: str | None, default_s: float) -> float:
    """Return the seconds that `/runsync` waits, from `?wait=` in milliseconds.

    Raises CallerError when the value is not a number within the bounds.
    """
    return read_seconds("wait", int(value) if value and value.isdecimal() else value, WAIT_S, default_s)


def read_seconds(name: str, value: Any, bounds: tuple[float, float], default_s: float) -> float:
    """Return a caller's milliseconds as seconds, or the default when `value` is None.

    Raises CallerError when the value is not a number within `bounds` (seconds).
    """
    if value is None:
        return default_s
    low, high = bounds
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value / 1000 <= high:
        message = f"`{name}` is not between {low * 1000:.0f} and {high * 1000:.0f} milliseconds"
        raise CallerError(HTTPStatus.BAD_REQUEST, message)
    return value / 1000
