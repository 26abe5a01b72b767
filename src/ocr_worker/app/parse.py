"""`POST /v1/parse`: the wire's request and response over HTTP.

`Accept` chooses between one response (JSON, Markdown or a zip) and a stream of events (NDJSON or server-sent events).
Every form reports each document and page that failed: Markdown by comments, and each form of one response by two
headers. A stream has a `page` for each page, and a `summary` or an `error` at its end. If the client disconnects, its
job is cancelled. `body` reads the request, `AppWorker` runs the job.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from ocr_worker.app import openapi, problems
from ocr_worker.app.body import read_body
from ocr_worker.app.render import block_html
from ocr_worker.app.worker import AppWorker
from ocr_worker.app.zip_archive import zip_archive
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import InvalidRequest, as_worker_error
from ocr_worker.wire import response
from ocr_worker.wire.results import document_markdown, error_info, job_error
from ocr_worker.wire.schema import Coverage, PageResult, ParseRequest, ParseResponse

Value = TypeVar("Value")
Event = tuple[str, dict[str, Any]]

EVENT_STREAM, NDJSON = "text/event-stream", "application/x-ndjson"
MARKDOWN, ZIP = "text/markdown", "application/zip"
STATUS_HEADER, COVERAGE_HEADER = "X-Status", "X-Coverage"
_EVENT_FORMATS: dict[str, Callable[[str, str], str]] = {
    EVENT_STREAM: lambda name, data: f"event: {name}\ndata: {data}\n\n",
    NDJSON: lambda name, data: f'{{"{name}": {data}}}\n',
}


def router(worker: AppWorker) -> APIRouter:
    """Return the router of `/v1/parse`."""
    router = APIRouter(tags=["parse"])
    spec = engine_spec(worker.settings.engine)

    @router.post("/v1/parse", response_model=ParseResponse, **openapi.parse_route(spec.options))
    async def parse(request: Request, render: str | None = None) -> Response:
        """Parse documents. `Accept` chooses the form of the response.

        A streaming response has an event `page` for each page as soon as it is parsed, then `summary`, or `error` if
        the job failed. With `render=html` a page also has `rendered`: the HTML of each of its blocks.
        """
        worker.pipeline()  # while the engine loads, or after it died, no client has to upload documents in vain
        parse_request = await read_body(request, spec)
        accept_header = request.headers.get("accept", "")
        media_type = next((name for name in (MARKDOWN, ZIP) if name in accept_header), None)
        if media_type:
            parse_request = _with_files(parse_request, media_type)
        for stream_type, format_event in _EVENT_FORMATS.items():
            if stream_type in accept_header:
                lines = _lines(request, _events(worker, parse_request, has_html=render == "html"), format_event)
                return StreamingResponse(lines, media_type=stream_type, headers={"Cache-Control": "no-store"})
        try:
            parse_response = await run_while_connected(request, worker.parse(parse_request))
        finally:
            await request.close()  # deletes the uploads from disk
        if error := job_error(parse_response):
            return problems.problem_response(error, **_problem_members(parse_response))
        return await run_in_threadpool(_response, parse_response, media_type)

    return router


def _response(parse_response: ParseResponse, media_type: str | None) -> Response:
    headers = result_headers(parse_response)
    if media_type == MARKDOWN:
        texts = [document_markdown(document) for document in parse_response.documents]
        return PlainTextResponse("\n\n".join(filter(None, texts)), headers=headers, media_type=MARKDOWN)
    if media_type == ZIP:
        headers["Content-Disposition"] = 'attachment; filename="documents.zip"'
        return Response(zip_archive(parse_response), headers=headers, media_type=ZIP)
    return JSONResponse(parse_response.model_dump(mode="json", exclude_none=True), headers=headers)


def result_headers(parse_response: ParseResponse) -> dict[str, str]:
    """Return the headers that report pages that failed, in a response of any form."""
    return {STATUS_HEADER: parse_response.status, COVERAGE_HEADER: _coverage_header(parse_response.coverage)}


def _coverage_header(coverage: Coverage) -> str:
    """Return the counts as a dictionary of RFC 9651, such as `pages_expected=3, pages_failed=1`."""
    return ", ".join(f"{name}={count}" for name, count in coverage.model_dump().items())


def _with_files(parse_request: ParseRequest, media_type: str) -> ParseRequest:
    """Return the request for a response of files: a zip has the figures, unless the request says otherwise.

    Raises InvalidRequest when the request leaves the Markdown out.
    """
    options = parse_request.options
    if "markdown" not in options.formats:
        raise InvalidRequest(f'input.options.formats: has no "markdown", which `Accept: {media_type}` needs; add it')
    if media_type == ZIP and "figures" not in options.model_fields_set:
        options = options.model_copy(update={"figures": "inline"})
    return parse_request.model_copy(update={"options": options})


def _problem_members(parse_response: ParseResponse) -> dict[str, Any]:
    members = parse_response.model_dump(mode="json", exclude_none=True)
    return {name: members[name] for name in ("documents", "coverage")}


async def run_while_connected(request: Request, work: Awaitable[Value]) -> Value:
    """Await `work` and return its result; cancel it if the client disconnects.

    Raises ClientDisconnect when the client disconnects, and whatever `work` raises.
    """
    work_task = asyncio.ensure_future(work)
    disconnect_task = asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        await asyncio.wait([work_task, disconnect_task], return_when=asyncio.FIRST_COMPLETED)
        if not work_task.done():
            raise ClientDisconnect
        return work_task.result()
    finally:
        for task in (work_task, disconnect_task):
            task.cancel()


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


# --------------------------------------------------------------------------- page by page


async def _events(worker: AppWorker, parse_request: ParseRequest, *, has_html: bool) -> AsyncIterator[Event]:
    """Yield `page` for each page as it is parsed, in its document's order, then `summary`; or `error`."""
    loop = asyncio.get_running_loop()
    events: asyncio.Queue[Event | None] = asyncio.Queue()

    def on_page(document_id: str, pages_expected: int, page: PageResult) -> None:
        data = {
            "document": document_id,
            "expected": pages_expected,
            "page": page.model_dump(mode="json", exclude_none=True),
        }
        if has_html:
            data["rendered"] = [block_html(block) for block in page.blocks or ()]
        loop.call_soon_threadsafe(events.put_nowait, ("page", data))

    parse_task = asyncio.ensure_future(worker.parse(parse_request, on_page=on_page))
    parse_task.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await events.get()) is not None:
            yield event
        yield _last_event(parse_task)
    finally:
        parse_task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await parse_task


def _last_event(parse_task: asyncio.Future[ParseResponse]) -> Event:
    if exception := parse_task.exception():
        return "error", problems.problem(error_info(as_worker_error(exception)))
    parse_response = parse_task.result()
    if error := job_error(parse_response):
        return "error", problems.problem(error, **_problem_members(parse_response))
    return "summary", response.without_pages(parse_response).model_dump(mode="json", exclude_none=True)


async def _lines(
    request: Request, events: AsyncIterator[Event], format_event: Callable[[str, str], str]
) -> AsyncIterator[str]:
    try:
        async for name, data in events:
            yield format_event(name, json.dumps(data, ensure_ascii=False, allow_nan=False))
    finally:
        await request.close()
