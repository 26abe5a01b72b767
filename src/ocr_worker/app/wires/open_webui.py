"""The route of Open WebUI's external document loader: `PUT /process` with the file as the body.

The name of the file is in the header `X-Filename`, percent-encoded. The body's bytes decide about its type. An error is
a problem, whose text Open WebUI shows.
"""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from ocr_worker.app import openapi
from ocr_worker.app.body import Upload
from ocr_worker.app.parse import result_headers
from ocr_worker.app.wires.one_document import parse_document
from ocr_worker.app.worker import AppWorker
from ocr_worker.wire.results import document_markdown

TAG = "open-webui"


class LoadedDocument(BaseModel):
    """The document as Markdown, and facts about it that Open WebUI stores with the text."""

    page_content: str = Field(description="Markdown. A comment replaces each page that failed.")
    metadata: dict[str, Any]


_FILE = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def router(worker: AppWorker) -> APIRouter:
    """Return the router of `/process`."""
    router = APIRouter(tags=[TAG], responses=openapi.problem_responses())

    @router.put("/process", operation_id="open_webui_process", response_model=LoadedDocument, openapi_extra=_FILE)
    async def process(request: Request) -> Response:
        """Parse the file in the body, in the form of Open WebUI's external document loader."""
        worker.pipeline()
        name = unquote(request.headers.get("x-filename", ""))
        upload = Upload(io.BytesIO(await request.body()), name)
        response = await parse_document(request, worker, upload, options={})
        document = response.documents[0]
        metadata = {
            "source": name,
            "engine": response.engine.name,
            "status": response.status,
            "page_count": document.page_count,
        }
        body = LoadedDocument(page_content=document_markdown(document), metadata=metadata)
        return JSONResponse(body.model_dump(mode="json"), headers=result_headers(response))

    return router
