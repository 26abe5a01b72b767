"""The two synchronous routes of docling-serve, `/v1/convert/file` and `/v1/convert/source`.

Clients that need Markdown or text work with them. A DoclingDocument (`json_content`), and the asynchronous routes that
deliver one, need docling itself. Options that choose docling's models are accepted and have no effect. An error is a
problem, whose `detail` these clients show.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import nh3
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, field_validator
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from ocr_worker.app import openapi
from ocr_worker.app.body import Upload, read_form
from ocr_worker.app.parse import result_headers
from ocr_worker.app.problems import HttpError
from ocr_worker.app.wires.one_document import Source, parse_document
from ocr_worker.app.worker import AppWorker
from ocr_worker.wire.figures import embedded_image, replace_figures
from ocr_worker.wire.results import document_markdown
from ocr_worker.wire.schema import Block, DocumentResult, PageResult, ParseResponse

TAG = "docling"

_STATUS: dict[str, Literal["success", "partial_success", "failure"]] = {
    "succeeded": "success",
    "partial": "partial_success",
    "failed": "failure",
}
_PLACEHOLDER = "<!-- image -->"


# --------------------------------------------------------------------------- request


def _read_page_range(value: Any) -> Any:
    """Return `[1, 3]` for the texts of a form: `["1", "3"]`, or one text with JSON or a comma."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        value = value[0].strip("[]").split(",")
    return value


class ConvertOptions(BaseModel):
    """Options that have an effect here; all others are ignored."""

    page_range: Annotated[tuple[int, int] | None, BeforeValidator(_read_page_range)] = Field(
        None, description="First and last page, counted from 1. Default: all."
    )
    image_export_mode: Literal["placeholder", "embedded", "referenced"] = Field(
        "embedded", description="Figures in the Markdown: a comment, a data URI, or a name."
    )
    md_page_break_placeholder: str = Field("", max_length=200, description="Paragraph between two pages.")
    document_timeout: float | None = Field(None, gt=0, le=604_800, description="Time limit in seconds.")
    do_chunking: bool = Field(False, description="Not supported: no chunks are made of the text.")
    force_ocr: bool = Field(False, description="Read the page images, not the PDF's own text.")

    @field_validator("do_chunking")
    @classmethod
    def _check_chunking(cls, value: bool) -> bool:
        if value:  # RAGFlow asks for chunks first, then, after an error, for the document
            raise ValueError("this server does not return chunks; request the document")
        return value

    def pages(self) -> str | None:
        """Return page ranges as in a request; None for all pages."""
        if self.page_range is None:
            return None
        first, last = self.page_range
        return f"{first}-{last}"

    def request_options(self) -> dict[str, Any]:
        """Return the options of a request."""
        options: dict[str, Any] = {"figures": "inline" if self.image_export_mode == "embedded" else "none"}
        if self.md_page_break_placeholder:
            options["page_separator"] = self.md_page_break_placeholder
        if self.document_timeout is not None:
            options["timeout_s"] = self.document_timeout
        if self.force_ocr:
            options["text_layer"] = "never"
        return options


class ConvertSource(BaseModel):
    """A document: a file in base64, or a URL."""

    kind: Literal["file", "http"]
    base64_string: str | None = Field(None, repr=False)
    filename: str = "document"
    url: str | None = Field(None, repr=False)
    headers: dict[str, Any] = Field({}, repr=False)


class ConvertTarget(BaseModel):
    """Form of the response. Only `inbody` is supported."""

    kind: Literal["inbody"] = "inbody"


class ConvertRequest(BaseModel):
    """The body of `POST /v1/convert/source`."""

    sources: list[ConvertSource] = Field(min_length=1, max_length=1)
    options: ConvertOptions = ConvertOptions()
    target: ConvertTarget = ConvertTarget()


# --------------------------------------------------------------------------- response


class ConvertError(BaseModel):
    """Error of a page."""

    component_type: str
    module_name: str
    error_message: str


class ConvertedDocument(BaseModel):
    """The document as Markdown and as plain text. The other formats are null."""

    filename: str
    md_content: str
    text_content: str
    json_content: None = None
    html_content: None = None
    doctags_content: None = None


class ConvertResponse(BaseModel):
    """The response of both routes."""

    document: ConvertedDocument
    status: Literal["success", "partial_success", "failure"]
    errors: list[ConvertError]
    processing_time: float = Field(description="Seconds.")
    timings: dict[str, float] = Field({}, description="Seconds by stage.")


# --------------------------------------------------------------------------- routes

_FORM = openapi.form_body("files", {"files": openapi.BINARY, **ConvertOptions.model_json_schema()["properties"]})


def router(worker: AppWorker) -> APIRouter:
    """Return the router of `/v1/convert/file` and `/v1/convert/source`."""
    router = APIRouter(tags=[TAG], responses=openapi.problem_responses())

    async def convert(request: Request, source: Source, name: str, options: ConvertOptions) -> Response:
        response = await parse_document(
            request, worker, source, pages=options.pages(), options=options.request_options()
        )
        body = await run_in_threadpool(partial(convert_response, response, name, options))
        return JSONResponse(body.model_dump(mode="json"), headers=result_headers(response))

    @router.post(
        "/v1/convert/file",
        operation_id="docling_convert_file",
        response_model=ConvertResponse,
        openapi_extra=_FORM,
    )
    async def convert_file(request: Request) -> Response:
        """Parse an uploaded file, in the form of docling-serve."""
        worker.pipeline()
        form = await read_form(request)
        try:
            upload = _uploaded_file(form)
            return await convert(request, upload, upload.name, _form_options(form))
        finally:
            await request.close()

    @router.post("/v1/convert/source", operation_id="docling_convert_source", response_model=ConvertResponse)
    async def convert_source(body: ConvertRequest, request: Request) -> Response:
        """Parse a file in base64 or a URL, in the form of docling-serve."""
        source, name = _source(body.sources[0])
        return await convert(request, source, name, body.options)

    return router


def _uploaded_file(form: FormData) -> Upload:
    files = [file for name in ("files", "file") for file in form.getlist(name) if isinstance(file, UploadFile)]
    if len(files) != 1:
        raise _invalid(f"the form has {len(files)} files in its field `files`; send one file per request")
    return Upload(files[0].file, files[0].filename or "document")


def _form_options(form: FormData) -> ConvertOptions:
    """Return the options in the fields of a form. Raises HttpError (422), also for a `target_type` of files."""
    if form.get("target_type", "inbody") != "inbody":
        raise _invalid("target_type: only `inbody` is supported")
    texts: dict[str, Any] = {
        name: form.getlist(name) if name == "page_range" else form[name]
        for name in form
        if name in ConvertOptions.model_fields and form[name] != ""
    }
    try:
        return ConvertOptions.model_validate(texts)
    except ValidationError as error:
        raise _invalid(
            "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        ) from None


def _source(source: ConvertSource) -> tuple[Source, str]:
    """Return the source and the name of a document. Raises HttpError (422)."""
    if source.headers:
        raise _invalid("sources[0].headers: the worker sends no headers of a request; use a signed URL")
    text, field = (source.url, "url") if source.kind == "http" else (source.base64_string, "base64")
    if not text:
        raise _invalid(f"sources[0]: kind `{source.kind}` needs {'`url`' if field == 'url' else '`base64_string`'}")
    if field == "base64":
        return {"base64": text}, source.filename
    return {"url": text}, urlsplit(text).path.rpartition("/")[2] or source.filename


def _invalid(message: str) -> HttpError:
    return HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, message)


# --------------------------------------------------------------------------- translation


def convert_response(response: ParseResponse, name: str, options: ConvertOptions) -> ConvertResponse:
    """Return docling's form of the response of a job with one document."""
    document = response.documents[0]
    return ConvertResponse(
        document=ConvertedDocument(
            filename=name, md_content=_markdown(document, options), text_content=_plain_text(document.pages)
        ),
        status=_STATUS[response.status],
        errors=[
            ConvertError(
                component_type="pipeline",
                module_name=response.engine.name,
                error_message=f"page {page.page}: {page.error.code}: {page.error.message}",
            )
            for page in document.pages
            if page.error
        ],
        processing_time=response.timing.total,
        timings=response.timing.model_dump(),
    )


def _markdown(document: DocumentResult, options: ConvertOptions) -> str:
    text = document_markdown(document)
    figures = [figure for page in document.pages for figure in page.figures]
    if options.image_export_mode == "embedded":
        return replace_figures(text, figures, embedded_image)
    if options.image_export_mode == "placeholder":
        return replace_figures(text, figures, lambda figure: _PLACEHOLDER)
    return text


def _plain_text(pages: Iterable[PageResult]) -> str:
    """Return the text of all blocks in reading order, page furniture included. Cells of a table are tabs apart."""
    return "\n\n".join(text for page in pages for block in page.blocks or () if (text := _block_text(block)))


def _block_text(block: Block) -> str:
    if block.label != "table":
        return block.content
    table = block.content.replace("</td>", "\t</td>").replace("</th>", "\t</th>").replace("</tr>", "\n</tr>")
    lines = html.unescape(nh3.clean(table, tags=set())).splitlines()
    return "\n".join(line.rstrip("\t") for line in lines)
