"""What PaddleX's own server for PaddleOCR-VL answers (paddlex 3.7.2), by this worker's pipeline: its clients need only
another address. A translation; what is parsed, and how, is decided elsewhere.

request ─▶ options: theirs to ours ─▶ service ─▶ answer: ours to theirs        pages: /restructure-pages
route: errors in PaddleX's words; written: two other ways of Markdown; pictures, numbering: of pages and blocks
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from ocr_worker import threads
from ocr_worker.app.paddlex import answer, pages
from ocr_worker.app.paddlex.options import model_settings, parse_request
from ocr_worker.app.paddlex.pages import RestructurePagesRequest
from ocr_worker.app.paddlex.request import LayoutParsingRequest, kind_of
from ocr_worker.app.paddlex.route import PaddleXRoute, Refusal, new_log_id
from ocr_worker.app.parse import until_gone
from ocr_worker.app.service import Service
from ocr_worker.engines.paddleocr_vl.options import PaddleOcrVlOptions
from ocr_worker.engines.registry import engine_spec

Value = TypeVar("Value")


class NoResult(BaseModel):
    """An error, as PaddleX's server tells it."""

    logId: str
    errorCode: int
    errorMsg: str


_ERRORS: dict[int | str, dict[str, Any]] = {code: {"model": NoResult} for code in (400, 401, 422, 429, 500, 503)}


def router(service: Service) -> APIRouter:
    """The two routes."""
    router = APIRouter(tags=["paddlex"], route_class=PaddleXRoute)
    spec = engine_spec(service.settings.engine)

    @router.post("/layout-parsing", operation_id="infer", response_class=Response, responses=_ERRORS)
    async def layout_parsing(body: LayoutParsingRequest, request: Request) -> Response:
        """Parses a document. `errorCode` 0 only when every page was parsed."""
        log_id = body.logId or new_log_id()
        kind = kind_of(body)
        asked = parse_request(body, service.settings)
        parsed = await until_gone(request, service.parse(asked))
        settings = model_settings(body, service.settings)
        return await _aside(partial(answer.answered, parsed, body, kind, settings, log_id))

    @router.post("/restructure-pages", operation_id="restructurePages", response_class=Response, responses=_ERRORS)
    async def restructure_pages(body: RestructurePagesRequest) -> Response:
        """Joins tables over page breaks and levels titles over a document's pages."""
        log_id = body.logId or new_log_id()
        pages.check(body, service.settings.max_pages)
        if not issubclass(spec.options, PaddleOcrVlOptions):  # no other engine reads pages in PaddleX's form
            raise Refusal(f"/restructure-pages needs the engine paddleocr-vl; this server runs {spec.name}")
        merge = service.pipeline().engine.merge_pages
        entries = await _aside(partial(pages.restructured, body, merge))
        return answer.success(log_id, {"layoutParsingResults": entries})

    return router


async def _aside(work: Callable[[], Value]) -> Value:
    """What takes the processor a while, beside the loop."""
    return await asyncio.wrap_future(threads.start(work, "paddlex"))
