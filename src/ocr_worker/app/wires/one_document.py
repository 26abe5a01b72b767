"""The way of one document from a request of another product's API through the pipeline, and the errors on that way.

`route_class` makes a route whose errors have the form that the API's clients show. An API whose clients show the
`detail` of a problem needs none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from ocr_worker.app import problems
from ocr_worker.app.body import Upload
from ocr_worker.app.parse import run_while_connected
from ocr_worker.app.problems import CodedResponse, ErrorWriter, HttpError, status_of
from ocr_worker.app.worker import AppWorker
from ocr_worker.engines.registry import engine_spec, read_request
from ocr_worker.errors import InvalidRequest, OcrWorkerError, as_worker_error
from ocr_worker.wire.results import error_info, error_of, job_error
from ocr_worker.wire.schema import ErrorInfo, ParseRequest, ParseResponse, UploadedDocument

log = logging.getLogger(__name__)

Source = Upload | Mapping[str, str]
ErrorBody = Callable[[ErrorInfo, HTTPStatus], dict[str, Any]]


async def parse_document(
    request: Request,
    worker: AppWorker,
    source: Source,
    *,
    pages: str | None = None,
    options: Mapping[str, Any],
) -> ParseResponse:
    """Parse one document and return the response, of which at least one page was parsed.

    source: an uploaded file, or the fields `url` or `base64` of a document. pages: 1-based ranges; None: all. options:
    those of a request; a member that this worker's engine does not have is left out.

    Raises the errors of `AppWorker.parse`, ClientDisconnect, and the job's error when no page was parsed.
    """
    worker.pipeline()  # raises while the engine loads
    job_request = _job_request(source, pages, options, worker)
    response = await run_while_connected(request, worker.parse(job_request))
    if error := job_error(response):
        raise error_of(error)
    return response


def _job_request(source: Source, pages: str | None, options: Mapping[str, Any], worker: AppWorker) -> ParseRequest:
    spec = engine_spec(worker.settings.engine)
    fields = {"base64": "upload"} if isinstance(source, Upload) else dict(source)
    known_options = {name: value for name, value in options.items() if name in spec.options.model_fields}
    job_input = {"documents": [{**fields, "pages": pages}], "options": known_options}
    job_request = read_request(job_input, spec)
    if isinstance(source, Upload):
        document = UploadedDocument(content=source.content, pages=job_request.documents[0].pages)
        job_request = job_request.model_copy(update={"documents": [document]})
    return job_request


# --------------------------------------------------------------------------- errors


def error_writer(error_body: ErrorBody) -> ErrorWriter:
    """Return what writes the errors of these routes before they are reached; see `problems.rejection`."""
    return lambda error, status: _error_response(error, status or status_of(error.code), error_body)


def route_class(error_body: ErrorBody) -> type[APIRoute]:
    """Return the class of routes whose errors have the body that `error_body` makes of error and status."""

    async def write_error(request: Request, error: Exception) -> Response:
        return _error_response(*_error_and_status(error), error_body)

    return problems.route_class(write_error)


def _error_response(error: ErrorInfo, status: HTTPStatus, error_body: ErrorBody) -> CodedResponse:
    headers = problems.status_headers(status, may_retry=error.retryable)
    return CodedResponse(error.code, error_body(error, status), status, headers)


def _error_and_status(error: Exception) -> tuple[ErrorInfo, HTTPStatus]:
    if isinstance(error, HttpError):
        return error.error, error.status
    if isinstance(error, HTTPException):
        return _invalid_request(str(error.detail)), HTTPStatus(error.status_code)
    if isinstance(error, RequestValidationError):
        messages = [f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in error.errors()]
        return _invalid_request("; ".join(messages)), HTTPStatus.UNPROCESSABLE_ENTITY
    if not isinstance(error, OcrWorkerError):
        log.exception("unexpected error of a route", exc_info=error)
    info = error_info(as_worker_error(error))
    return info, status_of(info.code)


def _invalid_request(message: str) -> ErrorInfo:
    return ErrorInfo(code=InvalidRequest.code, message=message, retryable=False)
