"""The endpoint: an HTTP server on an event loop in a daemon thread, with its state and its workers.

`LocalEndpoint` owns all parts. Its thread serves the routes of `callers` and `workers_api`, and it regularly lets the
queue expire jobs and the pool restart workers.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from aiohttp import web
from aiohttp.typedefs import Middleware

from ocr_worker import threads
from ocr_worker.endpoint.access import reject_web_pages
from ocr_worker.endpoint.callers import CallersApi, json_errors
from ocr_worker.endpoint.changes import Changes
from ocr_worker.endpoint.jobs import JobQueue, JobRecord
from ocr_worker.endpoint.limits import EndpointLimits
from ocr_worker.endpoint.processes import OnEvent, Process, WorkerPool, launch
from ocr_worker.endpoint.workers_api import WorkersApi
from ocr_worker.settings import worker_environment

Value = TypeVar("Value")

HOST = "127.0.0.1"
_UPDATE_EVERY_S = 0.1
_LARGEST_BODY = 2**30  # the routes check the callers' limits


class LocalEndpoint:
    """A local endpoint, as a context manager. It serves inside the context and ends with all of its workers after it.

        with LocalEndpoint(workers=2) as endpoint:
            requests.post(f"{endpoint.url}/run", json={"input": {...}})

    workers: number of processes of `handler`; 0: the caller starts them, with `environment`. port: 0 picks a free one.
    api_key: required from callers. settings: environment variables for the workers, in addition to those of this
    process. log_dir: folder for a log file per worker; None: workers log to stderr, with their name before each line.
    on_event: called with (worker, what happened) on the endpoint's thread. Entering the context raises OSError when the
    port is in use.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        handler: Path = Path("handler.py"),
        port: int = 0,
        api_key: str | None = None,
        limits: EndpointLimits | None = None,
        settings: Mapping[str, str] | None = None,
        log_dir: Path | None = None,
        grace_s: float = 10.0,
        on_event: OnEvent = lambda worker, event: None,
    ) -> None:
        self.limits = limits or EndpointLimits()
        self._handler = handler.resolve()
        self._requested_port = port
        self._settings = dict(settings or {})
        self._log_dir = log_dir
        self._port: Future[int] = Future()
        self._queue = JobQueue(self.limits.retries)
        self._changes = Changes()
        self._pool = WorkerPool(workers, self._start_worker, self._queue.requeue_jobs_of, on_event, grace_s)
        self._apis = (
            CallersApi(self._queue, self._changes, self._pool, self.limits, api_key),
            WorkersApi(self._queue, self._changes, self._pool, self.limits),
        )

    def __enter__(self) -> Self:
        self._serving = threads.start(lambda: asyncio.run(self._serve()), "endpoint")
        self._port.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._loop.call_soon_threadsafe(self._close_event.set)
            self._serving.result()
        except BaseException:  # for example, a second Ctrl-C: no worker may be left behind
            self._pool.kill()
            raise

    @property
    def base_url(self) -> str:
        """Base URL of all endpoints, for `runpod.endpoint_url_base`: `http://127.0.0.1:PORT/v2`."""
        return f"http://{HOST}:{self._port.result()}/v2"

    @property
    def url(self) -> str:
        """URL of this endpoint, below which `/run` and the other operations are. Any id may replace `local`."""
        return f"{self.base_url}/local"

    @property
    def jobs(self) -> Mapping[str, JobRecord]:
        """All jobs that were not deleted yet, by id; read-only."""
        return self._queue.jobs

    @property
    def workers(self) -> dict[str, int]:
        """The process id of each worker that this endpoint started and that still runs, by name, oldest first."""
        return {worker.name: worker.process.pid for worker in self._pool.workers}

    def environment(self, worker: str) -> dict[str, str]:
        """Return the environment variables that the platform sets for a worker with this name."""
        return {
            "RUNPOD_POD_ID": worker,
            "RUNPOD_AI_API_KEY": "local",
            "RUNPOD_WEBHOOK_GET_JOB": f"{self.url}/job-take/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{self.url}/job-done/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_STREAM": f"{self.url}/job-stream/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_PING": f"{self.url}/ping/$RUNPOD_POD_ID",
            "RUNPOD_PING_INTERVAL": "1000",
        }

    def serve(self) -> None:
        """Block until the calling thread is interrupted. Raises the exception that ended the endpoint, if any."""
        self._serving.result()

    def wait_ready(self, timeout: float = 60) -> Self:
        """Wait until a worker asks for jobs. Raises TimeoutError when none does within `timeout` seconds."""
        if not self.wait_until(lambda: any(worker.is_ready for worker in self._pool.workers), timeout):
            raise TimeoutError(f"no worker was ready after {timeout:.0f} s")
        return self

    def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until `condition` is true, at most `timeout` seconds. Return whether it became true.

        The condition is checked on the endpoint's thread, after each change of its state.
        """
        return self._call(self._changes.wait_until(condition, timeout))

    # ----------------------------------------------------------------- on the endpoint's thread

    def _call(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _middlewares(self) -> Sequence[Middleware]:
        """Return the app's middlewares: none. Tests override this method to watch requests and to delay some."""
        return ()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._close_event = asyncio.Event()
        middlewares = (json_errors, reject_web_pages, *self._middlewares())
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=middlewares)
        for api in self._apis:
            app.add_routes(api.routes())
        # Cancel handlers of closed connections: a poll of a worker that is gone must not take a job.
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self._requested_port).start()
            self._port.set_result(runner.addresses[0][1])
            await self._update_until_closed()
        except BaseException as error:
            if not self._port.done():
                self._port.set_exception(error)
            raise
        finally:
            self._pool.kill()
            await runner.cleanup()

    async def _update_until_closed(self) -> None:
        """Update jobs and workers regularly until the endpoint is closed, then wait until all workers have ended."""
        while not self._close_event.is_set():
            await self._update()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._close_event.wait(), _UPDATE_EVERY_S)
        self._pool.close()
        await self._changes.notify()
        while self._pool.workers:
            await asyncio.sleep(_UPDATE_EVERY_S)
            await self._update()

    async def _update(self) -> None:
        if self._queue.sweep() | self._pool.update():
            await self._changes.notify()

    # ----------------------------------------------------------------- workers

    def _start_worker(self, name: str) -> Process:
        environment = worker_environment(self.environment(name) | self._settings)
        if self._log_dir:
            self._log_dir.mkdir(parents=True, exist_ok=True)
            with (self._log_dir / f"{name}.log").open("wb") as log:
                return launch(self._handler, environment, log)
        process = launch(self._handler, environment, subprocess.PIPE)
        assert process.stdout
        threading.Thread(target=_forward, args=(name, process.stdout), name=f"log-{name}", daemon=True).start()
        return process


def _forward(name: str, output: IO[bytes]) -> None:
    """Write each line of a worker's output to stderr, with the worker's name before it."""
    with output:
        for line in output:
            print(f"{name} | {line.decode(errors='replace').rstrip()}", file=sys.stderr, flush=True)
