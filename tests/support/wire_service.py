"""A double of `AppWorker` for routes of other products' APIs: it returns the pages of a test, and keeps the request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from ocr_worker.app import problems
from ocr_worker.app.access import key_dependencies
from ocr_worker.errors import OcrWorkerError
from ocr_worker.settings import Settings
from ocr_worker.wire.results import coverage, error_info, joined_markdown, overall_status
from ocr_worker.wire.schema import (
    Block,
    DocumentResult,
    EngineInfo,
    ErrorInfo,
    Figure,
    PageResult,
    ParseRequest,
    ParseResponse,
    Timing,
    UploadedDocument,
)

CROP = "/9j/4AAQ"
FAILURE = ErrorInfo(code="ENGINE_TIMED_OUT", message="the engine did not finish within 120 s", retryable=True)


def page(number: int, markdown: str = "text", blocks: Sequence[Block] = (), **fields: Any) -> PageResult:
    sizes = {"width": 1000, "height": 1400, "dpi": 200.0}
    return PageResult(page=number, status="succeeded", markdown=markdown, blocks=list(blocks), **sizes | fields)


def failed_page(number: int) -> PageResult:
    return PageResult(page=number, status="failed", error=FAILURE)


def figure(name: str, width: int = 100, height: int = 100) -> Figure:
    return Figure(name=name, bbox=(0, 0, width, height), base64=CROP)


class WireService:
    """The double. requests: all that came. uploads: the bytes of each uploaded document."""

    def __init__(self, *pages: PageResult, error: OcrWorkerError | None = None, **settings: Any) -> None:
        self.settings = Settings(engine="embedded", **settings)
        self.requests: list[ParseRequest] = []
        self.uploads: list[bytes] = []
        self._pages, self._error = list(pages), error

    async def parse(self, request: ParseRequest, **options: Any) -> ParseResponse:
        self.requests.append(request)
        (document,) = request.documents
        if isinstance(document, UploadedDocument):
            self.uploads.append(document.content.read(10**9))
        return _response(self._pages, error_info(self._error) if self._error else None)

    def pipeline(self) -> None:
        return None

    def client(self, router: Callable[[Any], APIRouter], key: str = "") -> TestClient:
        """Return a client of the routes. key: what the routes require."""
        app = FastAPI()
        problems.install(app)
        keys = Settings(api_keys=[key]).api_keys if key else []
        app.include_router(router(self), dependencies=key_dependencies(keys))
        return TestClient(app, raise_server_exceptions=False)


def _response(pages: Sequence[PageResult], error: ErrorInfo | None) -> ParseResponse:
    parsed_count = sum(entry.status == "succeeded" for entry in pages)
    document = DocumentResult(
        id="document-1",
        status="failed" if error else overall_status(parsed_count, len(pages)),
        page_count=len(pages),
        markdown=joined_markdown(pages),
        pages=list(pages),
        error=error,
    )
    engine = EngineInfo(name="double", version="1", backend="none")
    return ParseResponse(
        status=document.status, engine=engine, documents=[document], coverage=coverage([document]), timing=Timing()
    )
