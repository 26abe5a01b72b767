"""A double of the service behind PaddleX's routes, with the pages that a test provides."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from ocr_worker.app import paddlex
from ocr_worker.pages import ParsedPage
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import (
    Block,
    Coverage,
    DocumentResult,
    EngineInfo,
    PageResult,
    ParseRequest,
    ParseResponse,
    Timing,
)

FILE = base64.b64encode(b"%PDF-1.7 and so on").decode()


def picture(width: int, height: int) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, "JPEG")
    return base64.b64encode(buffer.getvalue()).decode()


def page(number: int = 1, **fields: Any) -> PageResult:
    defaults: dict[str, Any] = {
        "status": "succeeded",
        "width": 100,
        "height": 200,
        "markdown": "text",
        "blocks": [Block(label="text", content="text", bbox=(1, 2, 3, 4))],
    }
    return PageResult(page=number, **defaults | fields)


class StandIn:
    """A `Service` that returns these pages, or raises, and keeps the last request."""

    def __init__(
        self, pages: Sequence[PageResult] = (), error: Exception | None = None, document: Any = None, **settings: Any
    ) -> None:
        self.settings = Settings.model_validate(settings)
        self.last_request: ParseRequest | None = None
        self._pages, self._error, self._document = list(pages) or [page()], error, document
        self.client = client_of(self)

    async def parse(self, request: ParseRequest) -> ParseResponse:
        self.last_request = request
        if self._error:
            raise self._error
        entry = self._document or DocumentResult(id="document-1", status="succeeded", pages=self._pages)
        counts = dict.fromkeys(Coverage.model_fields, 0)
        engine = EngineInfo(name="double", version="1", backend="none")
        return ParseResponse(
            status="succeeded", engine=engine, documents=[entry], coverage=Coverage(**counts), timing=Timing()
        )

    def pipeline(self) -> Any:
        return SimpleNamespace(engine=self)

    def merge_pages(self, pages: Sequence[ParsedPage | None]) -> Sequence[ParsedPage | None]:
        return pages

    def post(self, path: str = "/layout-parsing", **body: Any) -> Any:
        return self.client.post(path, json={"file": FILE, "fileType": 0} | body)


def client_of(service: Any, *dependencies: Any) -> TestClient:
    app = FastAPI()
    app.include_router(paddlex.router(service), dependencies=dependencies)
    return TestClient(app, raise_server_exceptions=False)
