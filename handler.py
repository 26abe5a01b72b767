"""The RunPod worker. Read this first, then `ocr_worker/parsing/pipeline.py`: together they are the whole way of a job.

At import, the engine is loaded and warmed, once. RunPod's SDK then calls `handler` for each job, several at a time on
one event loop. `JobHost.answer` runs the job on the pipeline, on a thread, and returns what goes back to the platform.
`python handler.py` serves the endpoint that its environment names. Without one, it is a dry run of `test_input.json`
(or of `--test_input '{...}'`). Only the worker process imports this file: children start as modules of their own.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any

from ocr_worker.runpod_worker.start_up import StartUp, fail, load_sdk

start_up = StartUp()
runpod = load_sdk()
start_up.end_phase("sdk")

from ocr_worker import log, runpod_sdk  # noqa: E402  (after the clock has started)
from ocr_worker.delivery import Deliveries  # noqa: E402
from ocr_worker.parsing.job_host import JobHost  # noqa: E402
from ocr_worker.parsing.pipeline import Pipeline  # noqa: E402
from ocr_worker.runpod_worker import dry_run  # noqa: E402  (after the clock has started)
from ocr_worker.runpod_worker.drain import Drain  # noqa: E402
from ocr_worker.runpod_worker.progress import Progress  # noqa: E402
from ocr_worker.runpod_worker.recycling import Recycling  # noqa: E402
from ocr_worker.runpod_worker.stream import PageStream  # noqa: E402
from ocr_worker.settings import MEGABYTE, load_settings, on_platform  # noqa: E402
from ocr_worker.wire.response import Answer  # noqa: E402

drain = Drain()
pipeline: Pipeline
deliveries: Deliveries
host: JobHost


def load() -> tuple[Pipeline, Deliveries]:
    """Return the pipeline with its warm engine, and where answers go.

    Raises OcrWorkerError when the worker cannot start.
    """
    start_up.end_phase("imports")
    settings = load_settings()
    log.configure(settings.log_level)
    # In a dry run the SDK would print the whole answer beside our summary of it.
    runpod_sdk.set_log_level((settings.sdk_log_level or "INFO") if on_platform() else "WARN")
    deliveries = Deliveries(settings)
    deliveries.start()
    start_up.end_phase("bucket")
    pipeline = Pipeline(settings, on_engine_lost=lambda error: drain.request(error.code))
    for phase, seconds in pipeline.start().items():
        start_up.end_phase(phase, seconds)
    start_up.log_ready(settings.init_timeout_s)
    if on_platform():
        Recycling(settings, lambda: pipeline.engine.pages_read, drain.request).start()
    return pipeline, deliveries


async def handler(job: dict[str, Any]) -> Answer:
    """Return the answer of one job, an error included. The last answer of a draining worker asks for a replacement."""
    try:
        async with Progress(job) as progress:
            answer = await host.answer(job, deliveries, progress.on_page)
    finally:
        is_last = await drain.is_last_response()
    return runpod_sdk.with_replacement(answer) if is_last else answer


async def streaming_handler(job: dict[str, Any]) -> AsyncIterator[Answer]:
    """Yield a chunk for each page as soon as it is parsed, then the job's summary. Used with `OCR_STREAM`."""
    stream = PageStream(int(pipeline.settings.inline_limit_mb * MEGABYTE * 0.9))
    answering = asyncio.ensure_future(host.answer(job, deliveries, stream.on_page, is_streamed=True))
    try:
        async for chunk in stream.page_chunks(answering):
            yield chunk
    finally:
        answering.cancel()
        if await drain.is_last_response():
            runpod_sdk.replace_after_stream(endpoint)
    yield stream.last_chunk(answering.result())


endpoint: dict[str, Any] = {
    "handler": handler,
    # How many jobs run is decided by the gate of `drain`, not by the SDK.
    "concurrency_modifier": lambda current: runpod_sdk.unreachable_concurrency(pipeline.settings.jobs_at_once),
}

try:
    pipeline, deliveries = load()
    host = JobHost(pipeline)
    if pipeline.settings.stream:
        endpoint |= {"handler": streaming_handler, "return_aggregate_stream": True}
except Exception as error:
    fail(error)

if __name__ == "__main__":
    drain.install(lambda: pipeline.settings.jobs_at_once)
    if not on_platform():
        endpoint["handler"] = dry_run.print_responses(handler)  # the SDK would not run a generator here
    runpod.serverless.start(endpoint)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # told twice to stop, we still leave in order
    pipeline.close()
