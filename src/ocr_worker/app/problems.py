"""Errors as `application/problem+json` (RFC 9457), with our stable codes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ocr_worker.errors import (
    Cancelled,
    DeadlineExceeded,
    EngineError,
    Internal,
    InvalidRequest,
    OcrWorkerError,
    QueueFull,
    SourceTooLarge,
    Unauthorized,
    UnsupportedType,
    as_worker_error,
    error_types,
)
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import ErrorInfo

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "5"

# By the class nearest to the error; what is not here is the document's own fault: 422.
_STATUS: dict[type[OcrWorkerError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    QueueFull: HTTPStatus.TOO_MANY_REQUESTS,
    SourceTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    EngineError: HTTPStatus.SERVICE_UNAVAILABLE,
    DeadlineExceeded: HTTPStatus.SERVICE_UNAVAILABLE,
    Cancelled: HTTPStatus.SERVICE_UNAVAILABLE,
    Internal: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_OF_THE_PAGE = {"PAGE_FAILED"}  # an engine's error that no other moment would mend
_CLASSES = {error.code: error for error in error_types()}


class Refused(Exception):
    """An answer of HTTP's own kind, such as 400 for a body that is no JSON."""

    def __init__(self, status: HTTPStatus, detail: str, code: str = InvalidRequest.code) -> None:
        super().__init__(detail)
        self.status = status
        self.error = ErrorInfo(code=code, message=detail, retryable=False)


def status_of(code: str) -> HTTPStatus:
    """The status that an error of this code is answered with."""
    if code in _OF_THE_PAGE:
        return HTTPStatus.UNPROCESSABLE_ENTITY
    lineage = _CLASSES.get(code, Internal).__mro__
    return next((_STATUS[cls] for cls in lineage if cls in _STATUS), HTTPStatus.UNPROCESSABLE_ENTITY)


def problem(error: ErrorInfo, status: HTTPStatus | None = None, **members: Any) -> dict[str, Any]:
    """The body. members: beside the standard ones."""
    status = status or status_of(error.code)
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": error.message.encode("utf-8", "replace").decode(),  # half a character may come in by JSON
        "code": error.code,
        "retryable": error.retryable,
        **members,
    }


def answer(error: ErrorInfo, status: HTTPStatus | None = None, **members: Any) -> JSONResponse:
    """The answer."""
    body = problem(error, status, **members)
    headers = {}
    if error.retryable and body["status"] in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["Retry-After"] = RETRY_AFTER_S
    if body["status"] == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, body["status"], headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """From here on every error of a route leaves as a problem."""

    @app.exception_handler(OcrWorkerError)
    async def ours(request: Request, error: OcrWorkerError) -> JSONResponse:
        return answer(error_info(error))

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        return answer(error.error, error.status)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        info = ErrorInfo(code=InvalidRequest.code, message=str(error.detail), retryable=False)
        told = answer(info, HTTPStatus(error.status_code))
        told.headers.update(error.headers or {})
        return told

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        return answer(ErrorInfo(code=InvalidRequest.code, message="; ".join(faults), retryable=False))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody hears it

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        return answer(error_info(as_worker_error(error)))
