"""Wrap every use of RunPod's SDK, the package `runpod`, pinned at 1.12.0. No other module imports it.

Importing this module imports nothing of the SDK. Each function imports what it needs when it is called, and its
docstring names the behavior of the SDK that it relies on. Part of that behavior is no documented API, so each function
has a contract test in tests/test_runpod_sdk.py, which runs against 1.12.0 and 2.0.0rc2. After an upgrade, those tests
show which function to change. The HTTP requests of the SDK are not a subject here: see `endpoint/workers_api.py`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

from ocr_worker.lean_import import without

JobDict = dict[str, Any]  # a job, or the output of one, as the SDK has it
FetchJobs = Callable[[Any, int], Awaitable[list[JobDict] | None]]

_import_lock = threading.Lock()


# --------------------------------------------------------------------------- start


def load() -> Any:
    """Import the SDK and return the package `runpod`. Thread-safe.

    In 1.12.0 `rp_debugger` calls py-cpuinfo when it is imported, for one field of a debug log. That call measures the
    processor's clock for a second in a child process, four fifths of the import. `rp_debugger` accepts an empty result,
    so it gets one. 2.0 calls py-cpuinfo only when a job asks for debugger output, so that this replacement has no
    effect.
    The SDK's command line imports paramiko for `runpod ssh`, a fifth of the import's processor time (0.17 of 0.85 s;
    two CPU cores, November 2026). A worker never calls it.
    """
    with _import_lock:
        if "runpod.serverless" not in sys.modules:
            import cpuinfo

            get_cpu_info, cpuinfo.get_cpu_info = cpuinfo.get_cpu_info, dict
            try:
                with without("paramiko"):
                    import_module("runpod.serverless")
            finally:
                cpuinfo.get_cpu_info = get_cpu_info
    return import_module("runpod")


def set_log_level(level: str) -> None:
    """Set the level of the SDK's log. Its default, DEBUG, logs every result, document text included.

    Relies on `RunPodLogger` being a singleton (1.12.0, 2.0.0rc2).
    """
    _module("runpod.serverless.modules.rp_logger").RunPodLogger().set_level(level)


def report_failed_start(message: str) -> None:
    """Let the worker fail at `runpod.serverless.start` with `message`, which the platform shows.

    Relies on fitness checks (documented), which run before the first job is fetched. The first one that raises is
    reported to the platform and ends the process with exit code 1. They run only on the platform.
    """

    def worker_can_start() -> None:
        raise RuntimeError(message)

    load().serverless.register_fitness_check(worker_can_start)


# --------------------------------------------------------------------------- the loop that fetches jobs


def wrap_job_fetcher(wrap: Callable[[FetchJobs], FetchJobs]) -> None:
    """Wrap the coroutine function with which the SDK fetches jobs. Call before the loop starts.

    Relies on `rp_scale.JobScaler` looking up the global name `rp_scale.get_job` when it is made. It awaits
    `get_job(session, number_of_jobs)`, which returns a list of jobs or None (1.12.0, 2.0.0rc2).
    """
    rp_scale = _module("runpod.serverless.modules.rp_scale")
    rp_scale.get_job = wrap(rp_scale.get_job)


def unreachable_concurrency(jobs_at_once: int) -> int:
    """Return a concurrency that the SDK never reaches while `jobs_at_once` jobs run. Constant during a worker's life.

    A full loop sleeps for a second before it checks again, so the loop must never be full. Relies on
    `JobScaler.current_occupancy`, which counts a job up to twice: in its queue and in progress (1.12.0, 2.0.0rc2).
    The value is constant, because `JobScaler.set_scale` applies a change only when no job runs.
    """
    return 2 * jobs_at_once + 1


def jobs_in_progress() -> int:
    """Return the number of jobs that were fetched and whose results are not posted yet.

    Relies on the singleton `worker_state.JobsProgress`. The loop adds each job that it fetched, and removes it after
    its result was sent (1.12.0, 2.0.0rc2).
    """
    return int(_module("runpod.serverless.modules.worker_state").JobsProgress().get_job_count())


def stop_fetching() -> None:
    """Let the SDK's loop end: it fetches no more jobs, finishes those in progress, and `start` returns.

    Relies on the handler of SIGTERM that `JobScaler.start` installs (1.12.0, 2.0.0rc2).
    """
    os.kill(os.getpid(), signal.SIGTERM)


# --------------------------------------------------------------------------- what a job returns


def with_replacement(output: JobDict) -> JobDict:
    """Return a handler's output extended by the request to replace this worker.

    Relies on `rp_job.run_job`, which removes `refresh_worker` from the output and posts the result with `stopPod`
    (documented as "refresh worker"; 1.12.0, 2.0.0rc2). The SDK itself continues to fetch jobs.
    """
    return {**output, "refresh_worker": True}


def replace_after_stream(config: dict[str, Any]) -> None:
    """Request the replacement of this worker from a generator, which has no output to extend. Call before it ends.

    config: the configuration that `start` got. Relies on `rp_job.handle_job`, which reads `refresh_worker` from it
    after the generator ended; `JobScaler.handle_job` then also ends the loop (1.12.0, 2.0.0rc2).

    Two more properties of `handle_job` matter to a generator. It collects each yielded object by reference before it
    posts it, so that an object may be shortened afterwards. It ends a job whose yielded object has the key `error`.
    """
    config["refresh_worker"] = True


async def post_progress(job: Mapping[str, Any], output: JobDict) -> None:
    """Post `output` as the progress of `job`, and wait until it was posted. The SDK logs failures.

    The SDK's own `progress_update` posts from a thread without waiting for it. Progress can then arrive after the
    result and put the job back in progress. Relies on `rp_http.send_result` and its payload in `rp_progress`, which
    marks progress by the status IN_PROGRESS (1.12.0, 2.0.0rc2).
    """
    send_result = _module("runpod.serverless.modules.rp_http").send_result
    async with _module("runpod.http_client").AsyncClientSession() as session:
        await send_result(session, {"status": "IN_PROGRESS", "output": output}, job)


def _module(name: str) -> Any:
    load()
    return import_module(name)
