"""Read a submission to the PaddleOCR job API, and translate it to a `ParseRequest`.

A client sends a form with a file, or JSON with a URL. `read_submission` checks both and returns a `Submission`: the
`JobRequest`, which is kept as JSON as long as the job, and the uploaded file. `parse_request` is what the pipeline or
an endpoint runs. The names of the options are those of `/layout-parsing`, and `app.paddlex` translates them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Any, Literal

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from ocr_worker.app import body
from ocr_worker.app.paddlex import options as paddlex_options
from ocr_worker.app.paddlex.request import FileKind, LayoutParsingRequest, file_kind, is_url
from ocr_worker.app.paddlex.route import RequestRejected
from ocr_worker.app.problems import HttpError
from ocr_worker.settings import Settings
from ocr_worker.wire.page_ranges import parse_page_ranges
from ocr_worker.wire.schema import ParseRequest

Output = Literal["layout", "text"]

# Clients name a model and its version. The engine of this server reads the pages for each of them; the family decides
# the form of the result.
_OUTPUTS: Mapping[str, Output] = {"paddleocr-vl": "layout", "pp-structurev": "layout", "pp-ocrv": "text"}
MODELS = ("PaddleOCR-VL", "PaddleOCR-VL-1.5", "PaddleOCR-VL-1.6", "PP-StructureV3", "PP-OCRv5", "PP-OCRv6")

_PDF_HEADER_BYTES = 1024  # a PDF's signature is within this many bytes from the start
_PLACEHOLDER = "upload"  # PaddleX's request has to have a file; ours is sent beside it


class JobRequest(BaseModel):
    """Everything about a job besides its file: the model, the options by PaddleX's names, the page ranges, the URL.

    kind: of the file, which decides the form of `dataInfo`.
    """

    model: str
    options: dict[str, Any] = {}
    pages: str | None = None
    url: str | None = None
    kind: FileKind = "pdf"

    @property
    def output(self) -> Output:
        """Form of the result."""
        return next(form for family, form in _OUTPUTS.items() if self.model.lower().startswith(family))

    @property
    def body(self) -> LayoutParsingRequest:
        """The same request as the body of `/layout-parsing`. Raises ValidationError."""
        return LayoutParsingRequest(file=self.url or _PLACEHOLDER, **self.options)


@dataclass(frozen=True)
class Submission:
    """A request for a job. content: the uploaded file, open as long as the HTTP request; None for a URL."""

    request: JobRequest
    content: IO[bytes] | None
    batch_id: str | None


def parse_request(request: JobRequest, settings: Settings) -> ParseRequest:
    """Return the request for the pipeline. An upload is a placeholder, which the caller replaces.

    Raises HttpError (400) for options that are wrong or that this server cannot honor.
    """
    try:
        parsed = paddlex_options.parse_request(request.body, settings)
        document = parsed.documents[0].model_copy(update={"pages": request.pages})
    except ValidationError as error:
        problems = (f"optionalPayload.{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise HttpError(HTTPStatus.BAD_REQUEST, "; ".join(problems)) from None
    except RequestRejected as error:
        raise HttpError(HTTPStatus.BAD_REQUEST, _rejection_text(str(error))) from None
    return parsed.model_copy(update={"documents": [document]})


def _rejection_text(message: str) -> str:
    """Return the errors of PaddleX's form as text for people."""
    with suppress(ValueError, TypeError, KeyError):
        items = [(item["loc"].replace("body", "optionalPayload", 1), item["msg"]) for item in json.loads(message)]
        return "; ".join(f"{path}: {text}" for path, text in items)
    return message


async def read_submission(request: Request) -> Submission:
    """Return the submission in an HTTP body.

    Raises HttpError: 415 for another type of body, 422 for a missing field, 400 for a wrong value.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == body.JSON_TYPE:
        fields = body.load_json(await request.body(), "the body")
        if not isinstance(fields, dict):
            raise HttpError(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
    elif content_type == body.FORM_TYPE:
        fields = dict(await body.read_form(request, max_files=2, max_fields=100))
    else:
        raise HttpError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the Content-Type is {content_type or 'missing'}; send a form with `file`, or JSON with `fileUrl`",
        )
    return _submission(fields)


def _submission(fields: Mapping[str, Any]) -> Submission:
    upload, url, model = fields.get("file"), fields.get("fileUrl"), fields.get("model")
    content = upload.file if isinstance(upload, UploadFile) else None
    missing = ["model"] * (not model) + ["file or fileUrl"] * (not content and not url)
    if missing:
        raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, f"missing fields: {', '.join(missing)}")
    if content and url:
        raise HttpError(HTTPStatus.BAD_REQUEST, "send either `file` or `fileUrl`, not both")
    if not isinstance(model, str) or not model.lower().startswith(tuple(_OUTPUTS)):
        raise HttpError(
            HTTPStatus.BAD_REQUEST, f"model: {model!r} is unknown; send a model such as {', '.join(MODELS)}"
        )
    if url and not (isinstance(url, str) and is_url(url)):
        raise HttpError(HTTPStatus.BAD_REQUEST, "fileUrl: must be an http or https URL")
    request = JobRequest(
        model=model,
        options=_options(fields.get("optionalPayload")),
        pages=_pages(fields.get("pageRanges")),
        url=url or None,
        kind=_upload_kind(content) if content else _url_kind(str(url)),
    )
    batch_id = fields.get("batchId")
    return Submission(request, content, str(batch_id) if batch_id else None)


def _options(payload: Any) -> dict[str, Any]:
    """Return the options that are set. Some clients send `""` for a number without a value."""
    if isinstance(payload, str):
        payload = body.load_json(payload or "{}", "optionalPayload")
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise HttpError(HTTPStatus.BAD_REQUEST, "optionalPayload: must be a JSON object")
    names = LayoutParsingRequest.model_fields.keys() - {"file", "fileType", "logId"}
    return {name: value for name, value in payload.items() if name in names and value not in ("", None)}


def _pages(ranges: Any) -> str | None:
    if ranges in (None, ""):
        return None
    try:
        parse_page_ranges(str(ranges))
    except ValueError as error:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"pageRanges: {error}") from None
    return str(ranges)


def _upload_kind(content: IO[bytes]) -> FileKind:
    """Return the kind of a file by its bytes: clients name and type every file as they like."""
    start = content.read(_PDF_HEADER_BYTES)
    content.seek(0)
    return "pdf" if b"%PDF-" in start else "image"


def _url_kind(url: str) -> FileKind:
    """Return the kind of the file at a URL by its suffix. Without one it is a PDF: nearly all documents are."""
    try:
        return file_kind(LayoutParsingRequest(file=url))
    except RequestRejected:
        return "pdf"
