"""The API of PaddleX's own server for PaddleOCR-VL (paddlex 3.7.2), on this worker's pipeline.

Clients of that server need only another address. This package translates requests and responses; the pipeline decides
what is parsed and how. `request` has PaddleX's request models, `options` translates a request to ours, and `response`
translates our response to PaddleX's. `pages` serves `/restructure-pages`, and `route` writes errors in PaddleX's form.
`markdown` writes the two other forms of Markdown, `block_content` that of single blocks, `pictures` the page images,
and `numbering` the numbers of blocks. `page_scale` gives pages of PDFs the resolution of PaddleX's,
and `documented` has the responses as OpenAPI shows them.

request ─▶ options ─▶ worker ─▶ response        pages: /restructure-pages
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from fastapi import APIRouter, Request, Response

from ocr_worker import threads
from ocr_worker.app.paddlex import pages, response
from ocr_worker.app.paddlex.documented import ERRORS, LayoutParsingResponse
from ocr_worker.app.paddlex.options import model_settings, parse_request, translate
from ocr_worker.app.paddlex.pages import RestructurePagesRequest
from ocr_worker.app.paddlex.request import LayoutParsingRequest, file_kind
from ocr_worker.app.paddlex.route import PaddleXRoute, RequestRejected, new_log_id, rejection
from ocr_worker.app.parse import run_while_connected
from ocr_worker.app.worker import AppWorker
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.engines.registry import engine_spec

Value = TypeVar("Value")

PARSE, RESTRUCTURE = "/layout-parsing", "/restructure-pages"
ERROR_WRITERS = {PARSE: rejection, RESTRUCTURE: rejection}  # of requests that a middleware rejects


def router(worker: AppWorker) -> APIRouter:
    """Return the router of `/layout-parsing` and `/restructure-pages`."""
    router = APIRouter(tags=["paddlex"], route_class=PaddleXRoute)
    spec = engine_spec(worker.settings.engine)

    @router.post(PARSE, response_model=LayoutParsingResponse, responses=ERRORS)
    async def layout_parsing(body: LayoutParsingRequest, request: Request) -> Response:
        """Parse a document. `errorCode` is 0 only if every page was parsed. `warnings` names fields without effect."""
        log_id = body.logId or new_log_id()
        kind = file_kind(body)
        job_request = parse_request(body, worker.settings)
        parse_response = await run_while_connected(request, worker.parse(job_request))
        settings = model_settings(body, worker.settings)
        warnings = translate(body, worker.settings).warnings
        return await _on_thread(
            partial(response.parsing_response, parse_response, body, kind, settings, log_id, warnings)
        )

    @router.post(RESTRUCTURE, response_model=LayoutParsingResponse, responses=ERRORS)
    async def restructure_pages(body: RestructurePagesRequest) -> Response:
        """Join tables over page breaks and level titles over a document's pages."""
        log_id = body.logId or new_log_id()
        pages.check_pages(body, worker.settings.max_pages)
        if not issubclass(spec.options, PaddleOcrVlOptions):  # no other engine accepts pages in PaddleX's form
            raise RequestRejected(f"/restructure-pages needs the engine paddleocr-vl, and this server runs {spec.name}")
        merge_pages = worker.pipeline().engine.merge_pages
        entries = await _on_thread(partial(pages.restructured_entries, body, merge_pages))
        return response.success_response(log_id, {"layoutParsingResults": entries})

    return router


async def _on_thread(work: Callable[[], Value]) -> Value:
    """Run CPU-bound work on a thread, so that the event loop stays free. Return its result."""
    return await asyncio.wrap_future(threads.start(work, "paddlex"))
