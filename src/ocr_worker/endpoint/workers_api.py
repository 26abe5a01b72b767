"""The routes for workers: take jobs, learn which jobs to stop, post responses and chunks, send heartbeats.

RunPod's SDK (runpod 1.12.0) calls these routes. A poll without news is held open. A response that is too large or not
JSON is rejected with 400. The SDK reports nothing in its place, so that such a job reaches its execution timeout.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web

from ocr_worker.endpoint.changes import Changes
from ocr_worker.endpoint.jobs import JobQueue, Json, RejectedResult
from ocr_worker.endpoint.limits import EndpointLimits
from ocr_worker.endpoint.processes import WorkerPool

_LEAVING_PAUSE_S = 0.1  # a worker that is leaving polls again at once


class WorkersApi:
    """The handlers for the workers of one endpoint."""

    def __init__(self, queue: JobQueue, changes: Changes, pool: WorkerPool, limits: EndpointLimits) -> None:
        self._queue = queue
        self._changes = changes
        self._pool = pool
        self._limits = limits

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes to add to the application."""
        base = "/v2/{endpoint}"
        return [
            web.get(base + "/job-take/{worker}", self._take_one),
            web.get(base + "/job-take-batch/{worker}", self._take_batch),
            web.get(base + "/job-stop/{worker}", self._stop),
            web.post(base + "/job-done/{worker}/{job}", self._done),
            web.post(base + "/job-stream/{worker}/{job}", self._stream),
            web.get(base + "/ping/{worker}", self._ping),
        ]

    async def _take_one(self, request: web.Request) -> web.Response:
        jobs = await self._take(request, 1)
        return web.json_response(jobs[0]) if jobs else web.Response(status=HTTPStatus.NO_CONTENT)

    async def _take_batch(self, request: web.Request) -> web.Response:
        jobs = await self._take(request, int(request.query.get("batch_size", "1")))
        return web.json_response(jobs) if jobs else web.Response(status=HTTPStatus.NO_CONTENT)

    async def _take(self, request: web.Request, limit: int) -> list[Json]:
        worker = request.match_info["worker"]
        if self._pool.is_leaving(worker):
            await asyncio.sleep(_LEAVING_PAUSE_S)
            return []
        if self._pool.mark_ready(worker):
            await self._changes.notify()
        await self._changes.wait_until(
            lambda: self._queue.length > 0 or self._pool.is_leaving(worker), self._limits.poll_hold_s
        )
        jobs = [] if self._pool.is_leaving(worker) else self._queue.take(worker, limit)
        if jobs:
            await self._changes.notify()
        return [job.payload for job in jobs]

    async def _stop(self, request: web.Request) -> web.Response:
        worker = request.match_info["worker"]
        await self._changes.wait_until(
            lambda: self._queue.has_stops(worker) or self._pool.is_leaving(worker), self._limits.poll_hold_s
        )
        ids = self._queue.take_stops(worker)
        return web.json_response({"jobsToStop": ids}) if ids else web.Response(status=HTTPStatus.NO_CONTENT)

    async def _done(self, request: web.Request) -> web.Response:
        """Accept a response, or a progress update, which the SDK posts to the same route."""
        worker, job = request.match_info["worker"], self._queue.jobs.get(request.match_info["job"])
        if job is None:
            return _not_found()
        body = await request.read()
        try:
            response = read_result(body, self._limits.response)
        except ValueError as error:
            job.rejected_results.append(RejectedResult(str(error), len(body)))
            self._pool.on_event(worker, f"response to job {job.id} rejected: {error}")
            await self._changes.notify()
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=str(error))
        if response.get("status") == "IN_PROGRESS":
            job.progress.append(response)
        else:
            self._queue.add_result(job, worker, response, len(body))
            if response.get("stopPod"):
                self._pool.replace(worker)
        await self._changes.notify()
        return web.Response()

    async def _stream(self, request: web.Request) -> web.Response:
        job = self._queue.jobs.get(request.match_info["job"])
        if job is None:
            return _not_found()
        body = await request.read()
        try:
            job.stream.append(read_result(body, self._limits.stream_chunk))
        except ValueError as error:
            self._pool.on_event(request.match_info["worker"], f"chunk of job {job.id} rejected: {error}")
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=str(error))
        await self._changes.notify()
        return web.Response()

    async def _ping(self, request: web.Request) -> web.Response:
        if request.query.get("status") == "unhealthy":
            self._pool.mark_unhealthy(request.match_info["worker"], request.query.get("reason", ""))
            await self._changes.notify()
        return web.Response()


def read_result(body: bytes, limit: int) -> Json:
    """Return the posted JSON object.

    Raises ValueError when the platform would reject it: more bytes than `limit`, no JSON object, or an `error` that is
    not a string.
    """
    if len(body) > limit:
        raise ValueError(f"it has {len(body)} bytes, and the limit is {limit}")
    result = json.loads(body, parse_constant=_reject_constant)
    if not isinstance(result, dict):
        raise ValueError("it is not a JSON object")
    if type(result.get("error", "")) is not str:
        raise ValueError("`error` is not a string")
    return result


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not valid JSON")


def _not_found() -> web.Response:
    return web.Response(status=HTTPStatus.NOT_FOUND, text="no such job")
