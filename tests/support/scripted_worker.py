"""A worker for tests of the playground: the real page, and a `/v1/parse` that plays a script."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from PIL import Image, ImageDraw

from ocr_worker.app import playground
from ocr_worker.app.render import block_html
from ocr_worker.wire.schema import Block, ErrorInfo, PageResult, PageWarning

WIDTH, HEIGHT = 620, 877
ENGINE = {"name": "scripted", "version": "1", "backend": "double"}
TABLE = (
    "<table><tr><td>Gauge</td><td>Lowest</td><td>Highest</td></tr>"
    "<tr><td>Stone Bridge</td><td>0.42</td><td>3.87</td></tr>"
    "<tr><td colspan='2'>Old Mill</td><td>4.10</td></tr></table>"
)
BLOCKS = (
    Block(label="header", content="Upper Basin Authority", bbox=(60, 30, 300, 50)),
    Block(label="doc_title", content="Water Levels", bbox=(60, 70, 420, 110)),
    Block(
        label="text", content="Winter was mild. The gauges rose in February, not in April.", bbox=(60, 130, 560, 190)
    ),
    Block(label="table", content=TABLE, bbox=(60, 210, 560, 330)),
    Block(label="display_formula", content=r"$$ Q = \frac{1}{n} A R^{2/3} \sqrt{S} $$", bbox=(180, 350, 440, 400)),
    Block(label="image", content="", bbox=(60, 420, 560, 760)),
    Block(label="figure_title", content="Figure 1. The basin.", bbox=(60, 770, 400, 790)),
    Block(label="number", content="1", bbox=(300, 840, 320, 860)),
)
FAILED = ErrorInfo(code="ENGINE_TIMED_OUT", message="the engine did not finish within 120 s", retryable=True)

Event = tuple[str, dict[str, Any]]


@dataclass
class Script:
    """The script of a worker. held: pages wait for `step`. status: of /ping. key: required from callers."""

    events: Sequence[Event] = ()
    problem: dict[str, Any] | None = None
    status: int = 200
    key: str | None = None
    held: bool = False
    breaks_off: bool = False
    step: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    requests: list[dict[str, Any]] = field(default_factory=list)


def page(number: int, blocks: Sequence[Block] = BLOCKS, warnings: Sequence[PageWarning] = ()) -> PageResult:
    return PageResult(
        page=number,
        status="succeeded",
        width=WIDTH,
        height=HEIGHT,
        dpi=75,
        markdown=f"# Page {number}\n\n" + "\n\n".join(block.content for block in blocks),
        blocks=list(blocks),
        image=picture(blocks),
        seconds=0.5,
        warnings=list(warnings),
    )


def failed_page(number: int, error: ErrorInfo = FAILED) -> PageResult:
    return PageResult(page=number, status="failed", error=error)


def played(pages: Sequence[PageResult], document: str = "document-1") -> list[Event]:
    """Return the events of a document with these pages."""
    return [*(page_event(result, len(pages), document) for result in pages), summary(pages, document)]


def page_event(result: PageResult, expected: int, document: str = "document-1") -> Event:
    rendered = [block_html(block) for block in result.blocks or ()]
    entry = result.model_dump(mode="json", exclude_none=True)
    return "page", {"document": document, "expected": expected, "page": entry, "rendered": rendered}


def summary(pages: Sequence[PageResult], document: str = "document-1") -> Event:
    failed = sum(page_result.status == "failed" for page_result in pages)
    status = "partial" if failed else "succeeded"
    entry = {"id": document, "status": status, "page_count": len(pages), "pages": [], "warnings": []}
    counts = {"pages_expected": len(pages), "pages_parsed": len(pages) - failed, "pages_failed": failed}
    coverage = {"documents_expected": 1, "documents_failed": 0, **counts}
    values = {"status": status, "engine": ENGINE, "coverage": coverage, "timing": {"total": 1.5}, "degraded": []}
    return "summary", {**values, "documents": [entry]}


def problem(code: str, detail: str, status: int, *, retryable: bool = False) -> dict[str, Any]:
    return {"title": "Problem", "code": code, "detail": detail, "status": status, "retryable": retryable}


def picture(blocks: Sequence[Block]) -> str:
    """Return a page with gray where its blocks are, as base64 JPEG."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    for block in blocks:
        draw.rectangle(block.bbox, fill="#e8e8e8")
        draw.text((block.bbox[0] + 4, block.bbox[1] + 4), f"{block.label}: {block.content[:50]}", fill="black")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return base64.b64encode(buffer.getvalue()).decode()


def app_of(script: Script) -> FastAPI:
    app = FastAPI()
    app.include_router(playground.router())

    @app.get("/ping")
    async def ping() -> Response:
        return Response(status_code=script.status)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {
            "state": "ready",
            "engine": ENGINE,
            "limits": {"source_mb": 200, "pages": 2000},
            "verify": ["auto", "repair"],
        }

    @app.post("/v1/parse")
    async def parse(request: Request) -> Response:
        form = await request.form()
        names = [getattr(source, "filename", source) for source in (*form.getlist("file"), *form.getlist("url"))]
        request_values = {"sources": names, "pages": form.get("pages"), "options": json.loads(str(form["options"]))}
        if "password" in form:
            request_values["password"] = form["password"]
        script.requests.append({**request_values, "render": request.query_params.get("render")})
        if script.key and request.headers.get("authorization") != f"Bearer {script.key}":
            detail = "the API key is missing or wrong; send it as `Authorization: Bearer KEY`"
            return JSONResponse(problem("UNAUTHORIZED", detail, 401), 401, media_type="application/problem+json")
        if script.problem:
            return JSONResponse(script.problem, script.problem["status"], media_type="application/problem+json")
        return StreamingResponse(_stream(script), media_type="text/event-stream")

    return app


async def _stream(script: Script) -> AsyncIterator[str]:
    for name, data in script.events:
        while script.held and not script.step.acquire(blocking=False):
            await asyncio.sleep(0.01)
        yield f"event: {name}\ndata: {json.dumps(data)}\n\n"
    if script.breaks_off:
        await asyncio.sleep(0.5)  # what was sent has arrived
        raise ConnectionError("as the script says")


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve the app on a free port of this machine; yield its URL."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
