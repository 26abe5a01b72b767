"""The job host with a real pipeline and the engine doubles."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ocr_worker.delivery import Deliveries
from ocr_worker.errors import Internal, InvalidRequest
from ocr_worker.parsing.job_host import JobHost
from ocr_worker.parsing.parse_job import ParseJob
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import PageResult
from support import doubles
from support.drawing import WHITE, png, request, tiff


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    pipeline = Pipeline(Settings(engine="support.doubles:by_colour"))
    pipeline.start()
    yield pipeline
    pipeline.close()


def test_pages_are_received_in_order_on_the_documents_thread(pipeline: Pipeline) -> None:
    """`on_page` gets each page before the response is there, in order, and never on the event loop's thread."""
    calls: list[tuple[str, int, int]] = []
    names: set[str] = set()

    def on_page(document_id: str, pages_expected: int, page: PageResult) -> None:
        calls.append((document_id, pages_expected, page.page))
        names.add(threading.current_thread().name)

    async def scenario() -> None:
        host = JobHost(pipeline)
        response = await host.run(await host.read(request(tiff([WHITE] * 3))), "a", on_page)
        assert response.coverage.pages_parsed == 3

    asyncio.run(scenario())
    assert calls == [("document-1", 3, number) for number in (1, 2, 3)]
    assert names == {"job-a"}


def test_a_cancelled_job_is_stopped(pipeline: Pipeline, caplog: pytest.LogCaptureFixture) -> None:
    """Cancelled while its pages are parsed, `run` raises CancelledError at once, and the job's pages are dropped."""
    is_started = threading.Event()

    async def scenario() -> None:
        host = JobHost(pipeline)
        parse_request = await host.read(request(tiff([doubles.SLOW] * 100)))
        running = asyncio.ensure_future(host.run(parse_request, "b", lambda *page: is_started.set()))
        while not is_started.is_set():
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        while "event=job job=b status=cancelled" not in caplog.text:
            await asyncio.sleep(0.01)

    with caplog.at_level(logging.INFO, "ocr_worker"):
        asyncio.run(asyncio.wait_for(scenario(), 60))
    assert pipeline.scheduler.pages_waiting == 0


def test_what_nobody_foresaw_is_logged_and_typed(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that is none of ours becomes `Internal`; its text is in the log only, and `answer` returns it."""

    def fail(self: ParseJob) -> Any:
        raise RuntimeError("a secret")

    monkeypatch.setattr(ParseJob, "run", fail)
    host = JobHost(pipeline)

    async def run() -> None:
        await host.run(await host.read(request(png(WHITE))), "c")

    async def answer() -> dict[str, Any]:
        job = {"id": "d", "input": request(png(WHITE))}
        return await host.answer(job, Deliveries(pipeline.settings), lambda *page: None)

    with pytest.raises(Internal) as raised:
        asyncio.run(run())
    failure = asyncio.run(answer())
    assert failure["code"] == "INTERNAL"
    assert "a secret" not in str(raised.value) + str(failure)
    assert caplog.text.count("RuntimeError: a secret") == 2


def test_a_bad_request_is_raised_or_answered(pipeline: Pipeline) -> None:
    """`read` raises InvalidRequest, `answer` returns the same error as the platform wants it."""
    host = JobHost(pipeline)
    with pytest.raises(InvalidRequest) as raised:
        asyncio.run(host.read({"documents": []}))
    job = {"id": "e", "input": {"documents": []}}
    failure = asyncio.run(host.answer(job, Deliveries(pipeline.settings), lambda *page: None))
    assert failure == {
        "error": f"INVALID_REQUEST: {raised.value}",
        "code": "INVALID_REQUEST",
        "message": str(raised.value),
        "retryable": False,
    }
