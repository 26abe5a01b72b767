"""The platform's worker-facing API on loopback: gives jobs to real workers and takes their answers.

Like the platform it holds polls open, refuses answers that are no JSON or too large, and passes cancellations on the
stop channel. Unlike it, it never forgets, repeats or times out a job.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

Value = TypeVar("Value")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """An accepted answer; `raw` is the posted object, `size` its bytes, `at` the monotonic time it came."""

    output: Any
    error: str | None
    stop_pod: bool
    raw: Json
    size: int
    at: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer the platform would not take; the worker never learns what became of the job."""

    reason: str
    size: int


@dataclass(frozen=True, slots=True)
class Ping:
    """A heartbeat: `jobs` in progress, or the reason of a failed fitness check."""

    jobs: tuple[str, ...]
    unhealthy: str | None
    at: float


@dataclass(slots=True)
class JobRecord:
    """All that happened to one job."""

    payload: Json
    worker: str | None = None
    taken_at: float | None = None
    cancelled: bool = False
    results: list[Result] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    progress: list[Json] = field(default_factory=list)
    stream: list[Json] = field(default_factory=list)


class ControlPlane:
    """A context manager. Its state lives on the loop of a thread of its own; its methods may be called on any other.

    hold_s: how long a poll without news is held. answer_limit: largest answer in bytes that is accepted.
    """

    def __init__(self, hold_s: float = 1.0, answer_limit: int = 10_000_000) -> None:
        self.hold_s = hold_s
        self.answer_limit = answer_limit
        self.jobs: dict[str, JobRecord] = {}
        self.slow_posts: dict[str, float] = {}  # seconds until a job's result is taken down
        self.pings: list[Ping] = []
        self.polls = 0
        self._queue: list[str] = []
        self._stops: dict[str, list[str]] = {}
        self._numbers = itertools.count(1)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="control-plane", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(10)

    def environment(self, worker: str) -> dict[str, str]:
        """What the platform sets in the environment of a worker of this name."""
        base = f"http://127.0.0.1:{self._port}/v2/endpoint"
        return {
            "RUNPOD_POD_ID": worker,
            "RUNPOD_AI_API_KEY": "test-key",
            "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID",
            "RUNPOD_PING_INTERVAL": "1000",
        }

    # ----------------------------------------------------------------- for tests

    def submit(self, job_input: Any, **beside: Any) -> str:
        """Queues a job; `beside` stands beside its input (`webhook`, `policy`). Returns its id."""
        return self._call(self._submit(job_input, beside))

    def wait(self, job_id: str, timeout: float = 60) -> Result:
        """The job's first answer. Raises AssertionError with the job's record when there is none in time."""
        record = self.jobs[job_id]
        assert self.wait_until(lambda: bool(record.results), timeout), f"{job_id} was not answered: {_told(record)}"
        return record.results[0]

    def taken(self, job_id: str, timeout: float = 0) -> bool:
        """Whether a worker took the job, now or within the timeout."""
        return self.wait_until(lambda: self.jobs[job_id].worker is not None, timeout)

    def cancel(self, job_id: str) -> None:
        """Takes the job out of the queue, or tells the worker that has it to stop it."""
        self._call(self._cancel(job_id))

    def left(self, job_id: str, timeout: float) -> bool:
        """Whether the worker's heartbeats stop naming the job within the timeout."""
        since = time.monotonic()
        return self.wait_until(lambda: any(p.at > since and job_id not in p.jobs for p in self.pings), timeout)

    def unhealthy(self, timeout: float) -> str | None:
        """The reason of the first failed fitness check that a worker reports within the timeout."""
        self.wait_until(lambda: any(ping.unhealthy for ping in self.pings), timeout)
        return next((ping.unhealthy for ping in self.pings if ping.unhealthy), None)

    def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Whether `condition`, which is asked again at every event, came true within the timeout."""
        return self._call(self._wait_until(condition, timeout))

    def assert_each_answered_once(self) -> None:
        """Every job that was taken has exactly one answer, a cancelled one none, and none was refused."""
        for job_id, record in self.jobs.items():
            expected = record.worker is not None and not record.cancelled
            assert (len(record.results), record.refusals) == (expected, []), f"{job_id}: {_told(record)}"

    # ----------------------------------------------------------------- on the loop

    def _call(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Condition()
        self._closing = asyncio.Event()
        app = web.Application(client_max_size=2**30)
        endpoint = "/v2/endpoint"
        app.add_routes(
            [
                web.get(endpoint + "/job-take/{worker}", self._job_take),
                web.get(endpoint + "/job-take-batch/{worker}", self._job_take),
                web.get(endpoint + "/job-stop/{worker}", self._job_stop),
                web.post(endpoint + "/job-done/{worker}/{job}", self._job_done),
                web.post(endpoint + "/job-stream/{worker}/{job}", self._job_stream),
                web.get(endpoint + "/ping/{worker}", self._ping),
            ]
        )
        # A poll whose worker is gone must not take a job.
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._port: int = runner.addresses[0][1]
        self._ready.set()
        await self._closing.wait()
        await runner.cleanup()

    async def _submit(self, job_input: Any, beside: Json) -> str:
        job_id = f"job-{next(self._numbers)}"
        self.jobs[job_id] = JobRecord({"id": job_id, "input": job_input, **beside})
        self._queue.append(job_id)
        await self._notify()
        return job_id

    async def _cancel(self, job_id: str) -> None:
        record = self.jobs[job_id]
        record.cancelled = True
        if record.worker is None:
            self._queue.remove(job_id)
        else:
            self._stops.setdefault(record.worker, []).append(job_id)
        await self._notify()

    async def _wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(condition), timeout)
            except TimeoutError:
                return condition()
            return True

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # ----------------------------------------------------------------- for workers

    async def _job_take(self, request: web.Request) -> web.Response:
        self.polls += 1
        await self._notify()
        if not await self._wait_until(lambda: bool(self._queue), self.hold_s):
            return web.Response(status=204)
        size = int(request.query.get("batch_size", "1"))
        ids, self._queue = self._queue[:size], self._queue[size:]
        for job_id in ids:
            self.jobs[job_id].worker = request.match_info["worker"]
            self.jobs[job_id].taken_at = time.monotonic()
        await self._notify()
        payloads = [self.jobs[job_id].payload for job_id in ids]
        return web.json_response(payloads if "job-take-batch" in request.path else payloads[0])

    async def _job_stop(self, request: web.Request) -> web.Response:
        worker = request.match_info["worker"]
        await self._wait_until(lambda: worker in self._stops, self.hold_s)
        ids = self._stops.pop(worker, None)
        return web.json_response({"jobsToStop": ids}) if ids else web.Response(status=204)

    async def _job_done(self, request: web.Request) -> web.Response:
        record = self.jobs[request.match_info["job"]]
        body = await request.read()
        try:
            answer = self._accept(body)
        except ValueError as error:
            record.refusals.append(Refusal(str(error), len(body)))
            await self._notify()
            return web.Response(status=400, text=str(error))
        if answer.get("status") == "IN_PROGRESS":
            record.progress.append(answer)
        else:
            await asyncio.sleep(self.slow_posts.get(request.match_info["job"], 0))
            stop_pod = bool(answer.get("stopPod"))
            record.results.append(
                Result(answer.get("output"), answer.get("error"), stop_pod, answer, len(body), time.monotonic())
            )
        await self._notify()
        return web.Response()

    async def _job_stream(self, request: web.Request) -> web.Response:
        self.jobs[request.match_info["job"]].stream.append(self._accept(await request.read()))
        await self._notify()
        return web.Response()

    async def _ping(self, request: web.Request) -> web.Response:
        jobs = tuple(filter(None, request.query.get("job_id", "").split(",")))
        unhealthy = request.query.get("reason", "") if request.query.get("status") == "unhealthy" else None
        self.pings.append(Ping(jobs, unhealthy, time.monotonic()))
        await self._notify()
        return web.Response()

    def _accept(self, body: bytes) -> Json:
        """The posted object. Raises ValueError for what the platform refuses."""
        if len(body) > self.answer_limit:
            raise ValueError(f"{len(body)} bytes are more than {self.answer_limit}")
        answer: Json = json.loads(body, parse_constant=_no_constant)
        if type(answer.get("error", "")) is not str:
            raise ValueError("`error` is no string")
        return answer


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _told(record: JobRecord) -> str:
    """The record without the documents."""
    return (
        f"worker={record.worker} cancelled={record.cancelled} errors={[r.error for r in record.results]} "
        f"answers={len(record.results)} refusals={record.refusals}"
    )
