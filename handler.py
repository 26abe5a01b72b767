"""The RunPod worker. Read this first, then `ocr_worker/pipeline.py`: together they are the whole way a job goes.

At import the engine is loaded, once, and warmed; jobs then find it ready. `python handler.py` serves the endpoint whose
environment it finds itself in; anywhere else it is a dry run of `test_input.json` (or `--test_input '{...}'`).
Nothing but the worker process imports this file: children start as modules of their own.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from typing import Any

from ocr_worker.runpod_worker.start_up import StartUp, fail, load_sdk

start_up = StartUp()
runpod = load_sdk()
start_up.phase("sdk")

from ocr_worker import log, runpod_sdk, threads  # noqa: E402  (after the clock has started)
from ocr_worker.delivery import Deliveries, Delivery  # noqa: E402
from ocr_worker.errors import Cancelled, OcrWorkerError, typed  # noqa: E402
from ocr_worker.parsing.pipeline import OnPage, ParseJob, Pipeline  # noqa: E402
from ocr_worker.runpod_worker import dry_run  # noqa: E402  (after the clock has started)
from ocr_worker.runpod_worker.drain import Drain  # noqa: E402
from ocr_worker.runpod_worker.progress import Progress  # noqa: E402
from ocr_worker.runpod_worker.recycling import Recycling  # noqa: E402
from ocr_worker.runpod_worker.stream import PageStream  # noqa: E402
from ocr_worker.settings import MEGABYTE, load_settings, on_platform  # noqa: E402
from ocr_worker.wire import response  # noqa: E402  (after the clock has started)
from ocr_worker.wire.request import parse_request  # noqa: E402
from ocr_worker.wire.results import error_info  # noqa: E402

logger = logging.getLogger("ocr_worker.handler")
drain = Drain()
pipeline: Pipeline
deliveries: Deliveries


def load() -> tuple[Pipeline, Deliveries]:
    """The pipeline with its engine, warm, and where answers go. Raises OcrWorkerError when the worker cannot start."""
    start_up.phase("imports")
    settings = load_settings()
    log.configure(settings.log_level)
    # In a dry run the SDK would print the whole answer beside our summary of it.
    runpod_sdk.set_log_level((settings.sdk_log_level or "INFO") if on_platform() else "WARN")
    proven = Deliveries(settings)
    proven.start()
    start_up.phase("bucket")
    loaded = Pipeline(settings, on_engine_lost=lambda error: drain.request(error.code))
    for phase, seconds in loaded.start().items():
        start_up.phase(phase, seconds)
    start_up.ready(settings.init_timeout_s)
    if on_platform():
        Recycling(settings, lambda: loaded.engine.pages_read, drain.request).start()
    return loaded, proven


async def handler(job: dict[str, Any]) -> response.Answer:
    """One job: its answer, whatever happens; the last one before a replacement asks for it."""
    try:
        async with Progress(job) as progress:
            answer = await parse(job, progress.page)
    finally:
        last = await drain.asks_for_replacement()
    return runpod_sdk.with_replacement(answer) if last else answer


async def streaming_handler(job: dict[str, Any]) -> AsyncIterator[response.Answer]:
    """The same with `OCR_STREAM`: a chunk for each page as soon as it is parsed, the last one sums the job up."""
    stream = PageStream(int(pipeline.settings.inline_limit_mb * MEGABYTE * 0.9))
    answering = asyncio.ensure_future(parse(job, stream.page, streamed=True))
    try:
        async for chunk in stream.until(answering):
            yield chunk
    finally:
        answering.cancel()
        if await drain.asks_for_replacement():
            runpod_sdk.replace_after_stream(endpoint)
    yield stream.last(answering.result())


async def parse(job: dict[str, Any], on_page: OnPage, *, streamed: bool = False) -> response.Answer:
    """Parsed, or failed with a code. The work is done on a thread, since the event loop must stay free."""
    try:
        request = parse_request(job["input"], pipeline.settings.engine)
        delivery = deliveries.of(request, job, streamed=streamed)
        under_way = pipeline.job(request, job["id"], on_page, delivery.checkpoints)
        try:
            return await asyncio.wrap_future(threads.start(lambda: run(under_way, delivery), f"job-{job['id']}"))
        except asyncio.CancelledError:
            under_way.stop(Cancelled("the job was cancelled"))
            raise
    except Exception as error:
        if not isinstance(error, OcrWorkerError):
            logger.exception("unexpected error job=%s", job["id"])
        log.event(logger, "job", job=job["id"], status="failed", error=typed(error).code)
        return response.failure(error_info(typed(error)))


def run(under_way: ParseJob, delivery: Delivery) -> response.Answer:
    """The answer of one job, where it is to go; its bucket is proven before any page is paid for."""
    delivery.check()
    return delivery.destination.answer(under_way.run())


endpoint: dict[str, Any] = {
    "handler": handler,
    # The gate of `drain` keeps the true number.
    "concurrency_modifier": lambda current: runpod_sdk.unreachable_concurrency(pipeline.settings.jobs_at_once),
}

try:
    pipeline, deliveries = load()
    if pipeline.settings.stream:
        endpoint |= {"handler": streaming_handler, "return_aggregate_stream": True}
except Exception as error:
    fail(error)

if __name__ == "__main__":
    drain.install(lambda: pipeline.settings.jobs_at_once)
    if not on_platform():
        endpoint["handler"] = dry_run.shown(handler)  # the SDK would not run a generator here
    runpod.serverless.start(endpoint)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # told twice to stop, we still leave in order
    pipeline.close()
