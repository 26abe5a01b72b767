"""`POST /v1/parse`: the wire's request and answer over HTTP, whole or page by page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from ocr_worker.app import openapi, problems
from ocr_worker.app.body import request_of
from ocr_worker.app.render import block_html
from ocr_worker.app.service import Service
from ocr_worker.engines.registry import engine_spec
from ocr_worker.errors import as_worker_error
from ocr_worker.wire import response
from ocr_worker.wire.results import error_info, job_error
from ocr_worker.wire.schema import PageResult, ParseRequest, ParseResponse

Value = TypeVar("Value")
Event = tuple[str, dict[str, Any]]

EVENT_STREAM, LINES, MARKDOWN = "text/event-stream", "application/x-ndjson", "text/markdown"
_WRITTEN: dict[str, Callable[[str, str], str]] = {
    EVENT_STREAM: lambda name, data: f"event: {name}\ndata: {data}\n\n",
    LINES: lambda name, data: f'{{"{name}": {data}}}\n',
}


def router(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["parse"])
    spec = engine_spec(service.settings.engine)

    @router.post("/v1/parse", response_model=ParseResponse, **openapi.parse_route(spec.options))
    async def parse(request: Request, render: str | None = None) -> Response:
        """Parses documents. `Accept` chooses the form of the answer; in the streaming ones pages come as they are
        parsed, each as `page`, then `summary`, or `error` where the job failed. With `render=html` a page also has
        `rendered`: the HTML of each of its blocks."""
        service.pipeline()  # whoever comes while the engine loads, or after its end, need not send his documents
        asked = await request_of(request, spec)
        accepted = request.headers.get("accept", "")
        for kind, written in _WRITTEN.items():
            if kind in accepted:
                lines = _lines(request, _events(service, asked, with_html=render == "html"), written)
                return StreamingResponse(lines, media_type=kind, headers={"Cache-Control": "no-store"})
        try:
            answered = await until_gone(request, service.parse(asked))
        finally:
            await request.close()  # uploads lie on the disk as long as they are open
        if failed := job_error(answered):
            return problems.answer(failed, **_account(answered))
        if MARKDOWN in accepted:
            texts = [document.markdown or "" for document in answered.documents]
            return PlainTextResponse("\n\n".join(texts), media_type=MARKDOWN)
        return JSONResponse(answered.model_dump(mode="json", exclude_none=True))

    return router


def _account(answered: ParseResponse) -> dict[str, Any]:
    told = answered.model_dump(mode="json", exclude_none=True)
    return {name: told[name] for name in ("documents", "coverage")}


async def until_gone(request: Request, work: Awaitable[Value]) -> Value:
    """What `work` comes to; it is cancelled when the caller hangs up, whom nobody can answer then."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait([working, gone], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise asyncio.CancelledError
        return working.result()
    finally:
        for task in (working, gone):
            task.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


# --------------------------------------------------------------------------- page by page


async def _events(service: Service, asked: ParseRequest, *, with_html: bool) -> AsyncIterator[Event]:
    """`page` for each page as it is parsed, in its document's order, then `summary`; or `error`."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[Event | None] = asyncio.Queue()

    def on_page(document_id: str, pages_expected: int, page: PageResult) -> None:
        data = {
            "document": document_id,
            "expected": pages_expected,
            "page": page.model_dump(mode="json", exclude_none=True),
        }
        if with_html:
            data["rendered"] = [block_html(block) for block in page.blocks or ()]
        loop.call_soon_threadsafe(ready.put_nowait, ("page", data))

    parsing = asyncio.ensure_future(service.parse(asked, on_page=on_page))
    parsing.add_done_callback(lambda _: ready.put_nowait(None))
    try:
        while (event := await ready.get()) is not None:
            yield event
        yield _last(parsing)
    finally:
        parsing.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await parsing


def _last(parsing: asyncio.Future[ParseResponse]) -> Event:
    if error := parsing.exception():
        return "error", problems.problem(error_info(as_worker_error(error)))
    answered = parsing.result()
    if failed := job_error(answered):
        return "error", problems.problem(failed, **_account(answered))
    return "summary", response.without_pages(answered).model_dump(mode="json", exclude_none=True)


async def _lines(
    request: Request, events: AsyncIterator[Event], written: Callable[[str, str], str]
) -> AsyncIterator[str]:
    try:
        async for name, data in events:
            yield written(name, json.dumps(data, ensure_ascii=False, allow_nan=False))
    finally:
        await request.close()
