"""A route for FastGPT's custom PDF parser: a form with one file, and an answer of three fields.

FastGPT takes the pictures of a document from data URIs in its Markdown. It shows `error` of a response, and `message`
of one with an error's status.
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from ocr_worker.app import openapi
from ocr_worker.app.body import FILE_FIELDS, Upload, read_form
from ocr_worker.app.parse import result_headers
from ocr_worker.app.problems import HttpError
from ocr_worker.app.wires.one_document import error_writer, parse_document, route_class
from ocr_worker.app.worker import AppWorker
from ocr_worker.wire.figures import embedded_image, replace_figures
from ocr_worker.wire.results import document_markdown
from ocr_worker.wire.schema import ErrorInfo, ParseResponse

TAG = "fastgpt"


class FastGptResponse(BaseModel):
    """The document as Markdown, and the number of pages that were parsed."""

    markdown: str = Field(description="Figures are data URIs. A comment replaces each page that failed.")
    pages: int


class FastGptError(BaseModel):
    """An error: its message, twice, and our code."""

    error: str
    message: str
    code: str
    retryable: bool


_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": FastGptError} for code in (400, 401, 413, 415, 422, 429, 500, 503)
}
_FORM = openapi.form_body("file", {"file": openapi.BINARY})


def router(worker: AppWorker) -> APIRouter:
    """Return the router of `/v1/fastgpt`."""
    router = APIRouter(tags=[TAG], route_class=route_class(_error_body), responses=_ERRORS)

    @router.post("/v1/fastgpt", operation_id="fastgpt_parse", response_model=FastGptResponse, openapi_extra=_FORM)
    async def parse(request: Request) -> Response:
        """Parse a file, in the form of FastGPT's custom parser."""
        worker.pipeline()
        form = await read_form(request)
        try:
            file = next((form[name] for name in FILE_FIELDS if name in form), None)
            if not isinstance(file, UploadFile):
                raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, "the form has no file in its field `file`")
            upload = Upload(file.file, file.filename or "")
            response = await parse_document(request, worker, upload, options={"figures": "inline"})
        finally:
            await request.close()
        body = await run_in_threadpool(partial(_body, response))
        return JSONResponse(body.model_dump(), headers=result_headers(response))

    return router


def _body(response: ParseResponse) -> FastGptResponse:
    document = response.documents[0]
    figures = [figure for page in document.pages for figure in page.figures]
    text = replace_figures(document_markdown(document), figures, embedded_image)
    return FastGptResponse(markdown=text, pages=response.coverage.pages_parsed)


def _error_body(error: ErrorInfo, status: HTTPStatus) -> dict[str, Any]:
    return FastGptError(
        error=error.message, message=error.message, code=error.code, retryable=error.retryable
    ).model_dump()


ERROR_WRITERS = {"/v1/fastgpt": error_writer(_error_body)}
