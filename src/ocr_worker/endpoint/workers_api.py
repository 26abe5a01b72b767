"""The routes that workers use: take jobs, learn which to stop, post answers and chunks, beat.

They are what RunPod's SDK calls (runpod 1.12.0). Polls without news are held open; what is no JSON or too large is
refused with 400, and the SDK reports nothing in its place, so that such a job runs into its execution timeout.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web

from ocr_worker.endpoint.changes import Changes
from ocr_worker.endpoint.jobs import JobQueue, Json, Refusal
from ocr_worker.endpoint.limits import Limits
from ocr_worker.endpoint.processes import WorkerPool

_LEAVING_PAUSE_S = 0.1  # a worker that is leaving asks again at once


class WorkersApi:
    """Handlers for the workers of one endpoint."""

    def __init__(self, queue: JobQueue, changes: Changes, pool: WorkerPool, limits: Limits) -> None:
        self._queue = queue
        self._changes = changes
        self._pool = pool
        self._limits = limits

    def routes(self) -> Sequence[web.RouteDef]:
        """What to add to the application."""
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
        taken = await self._take(request, 1)
        return web.json_response(taken[0]) if taken else web.Response(status=HTTPStatus.NO_CONTENT)

    async def _take_batch(self, request: web.Request) -> web.Response:
        taken = await self._take(request, int(request.query.get("batch_size", "1")))
        return web.json_response(taken) if taken else web.Response(status=HTTPStatus.NO_CONTENT)

    async def _take(self, request: web.Request, most: int) -> list[Json]:
        worker = request.match_info["worker"]
        if self._pool.leaving(worker):
            await asyncio.sleep(_LEAVING_PAUSE_S)
            return []
        if self._pool.ready(worker):
            await self._changes.notify()
        await self._changes.wait_until(
            lambda: self._queue.waiting > 0 or self._pool.leaving(worker), self._limits.poll_hold_s
        )
        taken = [] if self._pool.leaving(worker) else self._queue.take(worker, most)
        if taken:
            await self._changes.notify()
        return [job.payload for job in taken]

    async def _stop(self, request: web.Request) -> web.Response:
        worker = request.match_info["worker"]
        await self._changes.wait_until(
            lambda: self._queue.has_stops(worker) or self._pool.leaving(worker), self._limits.poll_hold_s
        )
        ids = self._queue.stops(worker)
        return web.json_response({"jobsToStop": ids}) if ids else web.Response(status=HTTPStatus.NO_CONTENT)

    async def _done(self, request: web.Request) -> web.Response:
        """An answer, or the news of a progress update, which the SDK posts to the same place."""
        worker, job = request.match_info["worker"], self._queue.jobs.get(request.match_info["job"])
        if job is None:
            return _unknown()
        body = await request.read()
        try:
            answer = accepted(body, self._limits.answer)
        except ValueError as error:
            job.refusals.append(Refusal(str(error), len(body)))
            self._pool.tell(worker, f"answer to {job.id} refused: {error}")
            await self._changes.notify()
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=str(error))
        if answer.get("status") == "IN_PROGRESS":
            job.progress.append(answer)
        else:
            self._queue.answer(job, worker, answer, len(body))
            if answer.get("stopPod"):
                self._pool.replace(worker)
        await self._changes.notify()
        return web.Response()

    async def _stream(self, request: web.Request) -> web.Response:
        job = self._queue.jobs.get(request.match_info["job"])
        if job is None:
            return _unknown()
        body = await request.read()
        try:
            job.stream.append(accepted(body, self._limits.stream_chunk))
        except ValueError as error:
            self._pool.tell(request.match_info["worker"], f"chunk of {job.id} refused: {error}")
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=str(error))
        await self._changes.notify()
        return web.Response()

    async def _ping(self, request: web.Request) -> web.Response:
        if request.query.get("status") == "unhealthy":
            self._pool.unhealthy(request.match_info["worker"], request.query.get("reason", ""))
            await self._changes.notify()
        return web.Response()


def accepted(body: bytes, limit: int) -> Json:
    """The posted object. Raises ValueError for what the platform refuses."""
    if len(body) > limit:
        raise ValueError(f"{len(body)} bytes are more than {limit}")
    answer = json.loads(body, parse_constant=_no_constant)
    if not isinstance(answer, dict):
        raise ValueError("the answer is no JSON object")
    if type(answer.get("error", "")) is not str:
        raise ValueError("`error` is no string")
    return answer


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _unknown() -> web.Response:
    return web.Response(status=HTTPStatus.NOT_FOUND, text="no such job")
