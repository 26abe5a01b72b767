"""Mistral's API for OCR, `/v1/ocr`, and for the files that its clients upload first, `/v1/files`.

Page numbers of this API start at 0. An error has Mistral's form, with our code. Names and types are those of Mistral's
own client, mistralai 2; unknown fields are ignored, as new versions of clients send them. A client passes the address
that it got for an uploaded file back to `/v1/ocr`, which reads the file itself and downloads nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, field_validator, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from ocr_worker.app import openapi
from ocr_worker.app.body import Upload, read_form
from ocr_worker.app.parse import result_headers
from ocr_worker.app.problems import HttpError
from ocr_worker.app.wires.one_document import Source, error_writer, parse_document, route_class
from ocr_worker.app.wires.uploads import ID_PATTERN, StoredFile, Uploads
from ocr_worker.app.worker import AppWorker
from ocr_worker.wire.figures import data_uri, replace_figures
from ocr_worker.wire.page_ranges import parse_page_ranges
from ocr_worker.wire.results import joined_markdown
from ocr_worker.wire.schema import BBox, Block, ErrorInfo, Figure, PageResult, ParseResponse

TAG = "mistral"

_DEFAULT_DPI = 200  # Mistral's own, for a page of unknown resolution, since the field is required
_CONTENT_PATH = re.compile(rf"/v1/files/({ID_PATTERN})/content$")
_PAGE_NUMBERS = re.compile(r"\d+")
_BLOCK_TYPES = {
    "algorithm": "code",
    "aside_text": "aside_text",
    "chart": "image",
    "display_formula": "equation",
    "doc_title": "title",
    "figure_title": "caption",
    "footer": "footer",
    "footer_image": "image",
    "header": "header",
    "header_image": "image",
    "image": "image",
    "number": "footer",
    "paragraph_title": "title",
    "reference": "references",
    "reference_content": "references",
    "seal": "signature",
    "table": "table",
    "table_title": "caption",
    "chart_title": "caption",
}
_ERROR_TYPES = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}


# --------------------------------------------------------------------------- request


class ImageUrl(BaseModel):
    """An image's address in an object of its own."""

    url: str


class OcrDocument(BaseModel):
    """The document of a request: exactly one of `document_url`, `image_url` and `file_id`."""

    type: str | None = None
    document_url: str | None = Field(None, repr=False, description="URL, or a `data:` URI.")
    image_url: str | ImageUrl | None = Field(None, repr=False, description="URL, or a `data:` URI, of an image.")
    file_id: str | None = Field(None, description="Id of a file that was uploaded to `/v1/files`.")

    @model_validator(mode="after")
    def _check_source(self) -> OcrDocument:
        if sum(value is not None for value in (self.document_url, self.image_url, self.file_id)) != 1:
            raise ValueError("needs exactly one of `document_url`, `image_url` and `file_id`")
        return self

    @property
    def url(self) -> str:
        """The document's URL; empty for an uploaded file."""
        image_url = self.image_url.url if isinstance(self.image_url, ImageUrl) else self.image_url
        return self.document_url or image_url or ""


class OcrRequest(BaseModel):
    """The body of `POST /v1/ocr`."""

    model: str | None = Field(None, description="Any name. The worker has one engine.")
    document: OcrDocument
    pages: int | str | list[int] | None = Field(
        None, description="Pages, counted from 0: a list, or ranges such as `0,2-4`. Default: all."
    )
    include_image_base64: bool | None = Field(None, description="Add the crops of the figures.")
    image_limit: Annotated[int, Field(ge=0)] | None = Field(None, description="Largest number of figures.")
    image_min_size: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Smallest width and height of a figure, in pixels."
    )
    table_format: Literal["html"] | None = Field(
        None, description="`html`: list tables in `tables`, too. They are in `markdown` always."
    )
    bbox_annotation_format: None = Field(None, description="Not supported: the engine describes no pictures.")
    document_annotation_format: None = Field(None, description="Not supported: the engine extracts no fields.")

    @field_validator("pages")
    @classmethod
    def _check_pages(cls, pages: int | str | list[int] | None) -> int | str | list[int] | None:
        page_ranges(pages)
        return pages


def page_ranges(pages: int | str | list[int] | None) -> str | None:
    """Return 1-based page ranges for Mistral's 0-based pages; None for all. Raises ValueError: they are invalid."""
    if pages is None or pages == [] or pages == "":
        return None
    items = pages if isinstance(pages, list) else [pages]
    if any(isinstance(item, int) and item < 0 for item in items):
        raise ValueError("page numbers start at 0")
    ranges = _PAGE_NUMBERS.sub(lambda match: str(int(match[0]) + 1), ",".join(map(str, items)))
    parse_page_ranges(ranges)
    return ranges


# --------------------------------------------------------------------------- response


class OcrImage(BaseModel):
    """A figure. Corners in pixels of the page; `image_base64` is a data URI."""

    id: str
    top_left_x: int
    top_left_y: int
    bottom_right_x: int
    bottom_right_y: int
    image_base64: str | None = None


class OcrBlock(BaseModel):
    """A region of the page, in reading order. Corners in pixels."""

    type: str
    content: str
    top_left_x: int
    top_left_y: int
    bottom_right_x: int
    bottom_right_y: int
    image_id: str | None = None


class OcrTable(BaseModel):
    """A table as HTML."""

    id: str
    content: str
    format: Literal["html"] = "html"


class OcrDimensions(BaseModel):
    """Resolution and size of the page, in pixels."""

    dpi: int
    height: int
    width: int


class OcrPage(BaseModel):
    """A page. The `markdown` of a page that failed is a comment with the error's code."""

    index: int = Field(description="Number of the page in the file, counted from 0.")
    markdown: str
    images: list[OcrImage]
    dimensions: OcrDimensions | None
    tables: list[OcrTable] = []
    hyperlinks: list[str] = []
    header: str | None = None
    footer: str | None = None
    blocks: list[OcrBlock] = []


class OcrUsage(BaseModel):
    """Number of pages parsed, and size of the file if it was sent with the request."""

    pages_processed: int
    doc_size_bytes: int | None = None


class OcrResponse(BaseModel):
    """The response of `POST /v1/ocr`."""

    pages: list[OcrPage]
    model: str
    document_annotation: None = None
    usage_info: OcrUsage


class FileEntry(BaseModel):
    """An uploaded file. Times are Unix times in seconds."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    filename: str
    purpose: Literal["ocr"] = "ocr"
    sample_type: Literal["ocr_input"] = "ocr_input"
    source: Literal["upload"] = "upload"
    expires_at: int
    deleted: bool = False


class FileUrl(BaseModel):
    """Address of an uploaded file."""

    url: str


class FileDeleted(BaseModel):
    """Confirmation that a file was deleted."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class MistralError(BaseModel):
    """An error in Mistral's form, with our code. `detail` is for clients that read invalid requests from there."""

    object: Literal["error"] = "error"
    message: str
    type: str
    param: None = None
    code: str
    retryable: bool
    detail: list[dict[str, Any]] | None = None


_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": MistralError} for code in (400, 401, 404, 413, 415, 422, 429, 500, 503)
}


# --------------------------------------------------------------------------- routes


def router(worker: AppWorker) -> APIRouter:
    """Return the router of `/v1/ocr` and `/v1/files`."""
    router = APIRouter(tags=[TAG], route_class=route_class(_error_body), responses=_ERRORS)
    uploads = Uploads(worker.settings)

    @router.post("/v1/ocr", operation_id="mistral_ocr", response_model=OcrResponse)
    async def ocr(body: OcrRequest, request: Request) -> Response:
        """Parse a document, in the form of Mistral's API. A comment replaces each page that failed."""
        source, size = _source(body.document, uploads)
        options = {"figures": "inline" if body.include_image_base64 else "none"}
        response = await parse_document(request, worker, source, pages=page_ranges(body.pages), options=options)
        entry = await run_in_threadpool(partial(ocr_response, response, body, size))
        return JSONResponse(entry.model_dump(mode="json"), headers=result_headers(response))

    _add_file_routes(router, uploads)
    return router


def _add_file_routes(router: APIRouter, uploads: Uploads) -> None:
    @router.post("/v1/files", operation_id="mistral_upload_file", openapi_extra=_UPLOAD)
    async def upload(request: Request) -> FileEntry:
        """Upload a file for a later request to `/v1/ocr`. It is kept for `OCR_UPLOAD_TTL_S`."""
        form = await read_form(request)
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, "the form has no file in its field `file`")
        try:
            return _file_entry(await uploads.add(file.file, file.filename or "document"))
        finally:
            await request.close()

    @router.get("/v1/files/{file_id}", operation_id="mistral_file")
    async def file_entry(file_id: str) -> FileEntry:
        """Return what is known of an uploaded file."""
        return _file_entry(_stored(uploads, file_id))

    @router.get("/v1/files/{file_id}/url", operation_id="mistral_file_url")
    async def file_url(file_id: str, request: Request) -> FileUrl:
        """Return the address of an uploaded file, for `document_url`. It is valid as long as the file is kept."""
        _stored(uploads, file_id)
        return FileUrl(url=str(request.url_for("mistral_file_content", file_id=file_id)))

    @router.get(
        "/v1/files/{file_id}/content",
        name="mistral_file_content",
        operation_id="mistral_download_file",
        response_class=Response,
        responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
    )
    async def file_content(file_id: str) -> Response:
        """Return the bytes of an uploaded file."""
        content = await run_in_threadpool(_stored(uploads, file_id).read)
        return Response(content, media_type="application/octet-stream")

    @router.delete("/v1/files/{file_id}", operation_id="mistral_delete_file")
    async def delete(file_id: str) -> FileDeleted:
        """Delete an uploaded file."""
        _stored(uploads, file_id)
        uploads.delete(file_id)
        return FileDeleted(id=file_id)


_UPLOAD = openapi.form_body("file", {"file": openapi.BINARY, "purpose": {"type": "string", "enum": ["ocr"]}})


def _source(document: OcrDocument, uploads: Uploads) -> tuple[Source, int | None]:
    """Return the source of a document, and its size in bytes if it is part of the request or was uploaded."""
    match = _CONTENT_PATH.search(document.url)
    file_id = match[1] if match else document.file_id
    if file_id is not None:
        file = _stored(uploads, file_id)
        return Upload(file, file.name), file.size
    head, _, data = document.url.partition(";base64,")
    return {"url": document.url}, len(data.rstrip("=")) * 3 // 4 if head.startswith("data:") else None


def _stored(uploads: Uploads, file_id: str) -> StoredFile:
    file = uploads.get(file_id)
    if file is None:
        raise HttpError(HTTPStatus.NOT_FOUND, "no file has this id, or it is no longer kept; upload it again")
    return file


def _file_entry(file: StoredFile) -> FileEntry:
    return FileEntry(
        id=file.id, bytes=file.size, created_at=file.created_at, filename=file.name, expires_at=file.expires_at
    )


def _error_body(error: ErrorInfo, status: HTTPStatus) -> dict[str, Any]:
    is_invalid = status == HTTPStatus.UNPROCESSABLE_ENTITY
    detail = [{"loc": ["body"], "msg": error.message, "type": error.code}] if is_invalid else None
    error_type = _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    body = MistralError(
        message=error.message, type=error_type, code=error.code, retryable=error.retryable, detail=detail
    )
    return body.model_dump(exclude=set() if detail else {"detail"})


ERROR_WRITERS = {path: error_writer(_error_body) for path in ("/v1/ocr", "/v1/files")}


# --------------------------------------------------------------------------- translation


def ocr_response(response: ParseResponse, body: OcrRequest, size: int | None) -> OcrResponse:
    """Return Mistral's form of the response of a job with one document. size: of the file in bytes, if known."""
    document = response.documents[0]
    figures_left = body.image_limit
    pages = []
    for page in document.pages:
        figures = _selected_figures(page.figures, body.image_min_size or 0, figures_left)
        figures_left = None if figures_left is None else figures_left - len(figures)
        pages.append(_page(page, figures, has_tables=body.table_format is not None))
    return OcrResponse(
        pages=pages,
        model=body.model or response.engine.name,
        usage_info=OcrUsage(pages_processed=response.coverage.pages_parsed, doc_size_bytes=size),
    )


def _selected_figures(figures: Iterable[Figure], min_size: int, limit: int | None) -> list[Figure]:
    large_figures = [figure for figure in figures if min(_size(figure.bbox)) >= min_size]
    return large_figures if limit is None else large_figures[:limit]


def _size(bbox: BBox) -> tuple[int, int]:
    return bbox[2] - bbox[0], bbox[3] - bbox[1]


def _page(page: PageResult, figures: list[Figure], *, has_tables: bool) -> OcrPage:
    names = {figure.name for figure in figures}
    blocks = page.blocks or []
    tables = [block for block in blocks if block.label == "table"] if has_tables else []
    return OcrPage(
        index=page.page - 1,
        # Programs replace exactly this reference by the picture.
        markdown=replace_figures(
            joined_markdown([page]),
            page.figures,
            lambda figure: f"![{figure.name}]({figure.name})" if figure.name in names else "",
        ),
        images=[
            OcrImage(id=figure.name, image_base64=data_uri(figure) or None, **_corners(figure.bbox))
            for figure in figures
        ],
        dimensions=_dimensions(page),
        tables=[OcrTable(id=f"tbl-{number}.html", content=table.content) for number, table in enumerate(tables)],
        header=_furniture(blocks, "header"),
        footer=_furniture(blocks, "footer", "number"),
        blocks=[_block(block, page.figures) for block in blocks],
    )


def _dimensions(page: PageResult) -> OcrDimensions | None:
    if page.width is None or page.height is None:
        return None
    return OcrDimensions(dpi=round(page.dpi or _DEFAULT_DPI), height=page.height, width=page.width)


def _furniture(blocks: Iterable[Block], *labels: str) -> str | None:
    return "\n".join(block.content for block in blocks if block.label in labels) or None


def _block(block: Block, figures: Iterable[Figure]) -> OcrBlock:
    block_type = _BLOCK_TYPES.get(block.label, "text")
    image_id = next((figure.name for figure in figures if figure.bbox == block.bbox), "")
    return OcrBlock(
        type=block_type,
        content=block.content,
        image_id=image_id if block_type == "image" else None,
        **_corners(block.bbox),
    )


def _corners(bbox: BBox) -> dict[str, int]:
    return dict(zip(("top_left_x", "top_left_y", "bottom_right_x", "bottom_right_y"), bbox, strict=True))
