"""The endpoint: an HTTP server on the loop of a daemon thread, its state, and its workers."""

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
from ocr_worker.endpoint.callers import CallersApi
from ocr_worker.endpoint.changes import Changes
from ocr_worker.endpoint.jobs import Job, JobQueue
from ocr_worker.endpoint.limits import Limits
from ocr_worker.endpoint.processes import Process, Tell, WorkerPool, launch
from ocr_worker.endpoint.workers_api import WorkersApi
from ocr_worker.settings import worker_environment

Value = TypeVar("Value")

HOST = "127.0.0.1"
_LOOK_EVERY_S = 0.1
_LARGEST_BODY = 2**30  # the limits that callers meet are checked by the routes


class LocalEndpoint:
    """A context manager: the endpoint serves inside it, and has ended with all of its workers after it.

        with LocalEndpoint(workers=2) as endpoint:
            requests.post(f"{endpoint.url}/run", json={"input": {...}})

    workers: how many processes of `handler` run; 0: they are started elsewhere, with `environment`. port: 0 picks one.
    api_key: what callers must bring. settings: more variables for the workers, over those of this process. log_dir:
    each worker's output goes to a file of its name there; None: to stderr, each line after its name. tell: is called
    with (worker, what happened), on the endpoint's thread. Entering raises OSError when the port is taken.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        handler: Path = Path("handler.py"),
        port: int = 0,
        api_key: str | None = None,
        limits: Limits | None = None,
        settings: Mapping[str, str] | None = None,
        log_dir: Path | None = None,
        grace_s: float = 10.0,
        tell: Tell = lambda worker, event: None,
    ) -> None:
        self.limits = limits or Limits()
        self._handler = handler.resolve()
        self._asked_port = port
        self._settings = dict(settings or {})
        self._log_dir = log_dir
        self._port: Future[int] = Future()
        self._queue = JobQueue(self.limits.retries)
        self._changes = Changes()
        self._pool = WorkerPool(workers, self._start_worker, self._queue.lost, tell, grace_s)
        self._apis = (
            CallersApi(self._queue, self._changes, self._pool, self.limits, api_key),
            WorkersApi(self._queue, self._changes, self._pool, self.limits),
        )

    def __enter__(self) -> Self:
        self._served = threads.start(lambda: asyncio.run(self._serve()), "endpoint")
        self._port.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._loop.call_soon_threadsafe(self._closing.set)
            self._served.result()
        except BaseException:  # such as a second Ctrl-C: nobody may stay behind
            self._pool.kill()
            raise

    @property
    def base_url(self) -> str:
        """Of all endpoints, as `runpod.endpoint_url_base` wants it: `http://127.0.0.1:PORT/v2`."""
        return f"http://{HOST}:{self._port.result()}/v2"

    @property
    def url(self) -> str:
        """Of this endpoint; `/run` and the other operations are below it. Any id in place of `local` does."""
        return f"{self.base_url}/local"

    @property
    def jobs(self) -> Mapping[str, Job]:
        """All jobs that are not gone, by id; to look at."""
        return self._queue.jobs

    @property
    def workers(self) -> dict[str, int]:
        """The process id of each of its own workers that runs, by name, oldest first."""
        return {worker.name: worker.process.pid for worker in self._pool.alive}

    def environment(self, worker: str) -> dict[str, str]:
        """What the platform sets in the environment of a worker of this name."""
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
        """Blocks until the thread that calls is interrupted. Raises what ended the endpoint, if something did."""
        self._served.result()

    def wait_ready(self, timeout: float = 60) -> Self:
        """Returns when a worker of its own asks for jobs. Raises TimeoutError (seconds)."""
        if not self.wait_until(lambda: any(worker.ready for worker in self._pool.alive), timeout):
            raise TimeoutError(f"no worker was ready after {timeout:.0f} s")
        return self

    def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Whether `condition`, which is asked again at every event, came true within the timeout (seconds)."""
        return self._call(self._changes.wait_until(condition, timeout))

    # ----------------------------------------------------------------- on its thread

    def _call(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _middlewares(self) -> Sequence[Middleware]:
        """For tests, which look at requests and slow some down."""
        return ()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=self._middlewares())
        for api in self._apis:
            app.add_routes(api.routes())
        # A poll whose worker is gone must not take a job.
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self._asked_port).start()
            self._port.set_result(runner.addresses[0][1])
            await self._keep_house()
        except BaseException as error:
            if not self._port.done():
                self._port.set_exception(error)
            raise
        finally:
            self._pool.kill()
            await runner.cleanup()

    async def _keep_house(self) -> None:
        """Until the end, looks after times and workers; then sees the workers out."""
        while not self._closing.is_set():
            await self._look()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _LOOK_EVERY_S)
        self._pool.close()
        await self._changes.notify()
        while self._pool.alive:
            await asyncio.sleep(_LOOK_EVERY_S)
            await self._look()

    async def _look(self) -> None:
        if self._queue.sweep() | self._pool.look():
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
    """Writes each line of a worker's output to stderr, after its name."""
    with output:
        for line in output:
            print(f"{name} | {line.decode(errors='replace').rstrip()}", file=sys.stderr, flush=True)
