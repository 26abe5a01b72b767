"""Run the RunPod worker.

Read this first, then `pipeline.py`, `parse_job.py` and `page_submission.py` in `ocr_worker/parsing/`: together they
show the path of a job.

At import, the engine is loaded and warmed, once. RunPod's SDK then calls `handler` for each job, several at a time on
one event loop. `JobHost.answer` runs the job on the pipeline, on a thread, and returns the JSON for the platform.
`python handler.py` serves the endpoint that its environment names. Without one, it makes a dry run of `test_input.json`
(or of `--test_input '{...}'`). Only the worker process imports this file: child processes start as other modules.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

from ocr_worker.runpod_worker.start_up import StartUp, fail, load_sdk

start_up = StartUp()
runpod = load_sdk()
start_up.end_phase("sdk")

from ocr_worker import log, runpod_sdk  # noqa: E402  (after `start_up` has started its clock)
from ocr_worker.delivery import Deliveries  # noqa: E402
from ocr_worker.parsing.job_host import JobHost  # noqa: E402
from ocr_worker.parsing.pipeline import Pipeline  # noqa: E402
from ocr_worker.runpod_worker import dry_run  # noqa: E402
from ocr_worker.runpod_worker.drain import Drain  # noqa: E402
from ocr_worker.runpod_worker.progress import Progress  # noqa: E402
from ocr_worker.runpod_worker.recycling import Recycling  # noqa: E402
from ocr_worker.runpod_worker.stream import PageStream  # noqa: E402
from ocr_worker.settings import MEGABYTE, is_dry_run, is_on_platform, load_settings  # noqa: E402
from ocr_worker.wire.response import JsonObject  # noqa: E402

drain = Drain()
pipeline: Pipeline
deliveries: Deliveries
host: JobHost


def load() -> tuple[Pipeline, Deliveries]:
    """Return the pipeline with its warm engine, and the deliveries.

    Raises OcrWorkerError when the worker cannot start.
    """
    start_up.end_phase("imports")
    settings = load_settings()
    if is_dry_run():
        dry_run.check_job(sys.argv[1:])
        settings = dry_run.keep_engine_here(settings)
    log.configure(settings.log_level)
    # In a dry run the SDK would print the complete response beside our summary of it.
    runpod_sdk.set_log_level((settings.sdk_log_level or "INFO") if is_on_platform() else "WARN")
    deliveries = Deliveries(settings)
    deliveries.start()
    start_up.end_phase("bucket")
    pipeline = Pipeline(settings, on_last_engine_lost=lambda error: drain.request(error.code))
    start_up.end_phase("pipeline")
    for phase, seconds in pipeline.start().items():
        start_up.end_phase(phase, seconds)
    start_up.log_ready(settings.init_timeout_s)
    gc.freeze()  # the engine's 260,000 objects stay: each complete search for garbage among them would take 0.2 s
    if is_on_platform():
        Recycling(settings, lambda: pipeline.engine.pages_read, drain.request).start()
    return pipeline, deliveries


async def handler(job: dict[str, Any]) -> JsonObject:
    """Return the response of one job, also on an error. The last one of a draining worker asks for a replacement."""
    try:
        async with Progress(job) as progress:
            response = await host.answer(job, deliveries, progress.on_page)
    finally:
        is_last = await drain.is_last_response()
    return runpod_sdk.with_replacement(response) if is_last else response


async def streaming_handler(job: dict[str, Any]) -> AsyncIterator[JsonObject]:
    """Yield a chunk for each page as soon as it is parsed, then the job's summary. Used with `OCR_STREAM`."""
    stream = PageStream(int(pipeline.settings.inline_limit_mb * MEGABYTE * 0.9))
    job_future = asyncio.ensure_future(host.answer(job, deliveries, stream.on_page, is_streamed=True))
    try:
        async for chunk in stream.page_chunks(job_future):
            yield chunk
    finally:
        job_future.cancel()
        if await drain.is_last_response():
            runpod_sdk.replace_after_stream(endpoint)
    yield stream.last_chunk(job_future.result())


endpoint: dict[str, Any] = {
    "handler": handler,
    # The gate of `drain`, not the SDK, decides how many jobs run. As many again may wait for their second reading.
    "concurrency_modifier": lambda current: runpod_sdk.unreachable_concurrency(2 * pipeline.settings.jobs_at_once),
}

try:
    pipeline, deliveries = load()
    host = JobHost(pipeline)
    if pipeline.settings.stream:
        endpoint |= {"handler": streaming_handler, "return_aggregate_stream": True}
except Exception as error:
    fail(error)

if __name__ == "__main__":
    drain.install(lambda: pipeline.settings.jobs_at_once + pipeline.jobs_verifying)
    if is_dry_run():
        endpoint["handler"] = dry_run.print_responses(handler, host.interrupt)  # the SDK would not run a generator here
    runpod.serverless.start(endpoint)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second SIGTERM must not interrupt the orderly exit
    pipeline.close()
