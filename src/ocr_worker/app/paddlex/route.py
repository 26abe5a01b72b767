"""The route class of PaddleX's API: writes every error as PaddleX's server does.

Such a response has `logId`, `errorCode` (the HTTP status) and `errorMsg`. For errors of this worker it also has
`error`: code, message, retryable. `RequestRejected` is raised by the modules that read a request.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ocr_worker.app import problems
from ocr_worker.app.problems import CodedResponse
from ocr_worker.errors import (
    DocumentError,
    Internal,
    InvalidRequest,
    OcrWorkerError,
    PageFailed,
    SourceError,
    error_types,
)
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import ErrorInfo

log = logging.getLogger(__name__)

UNPROCESSABLE = 422
INVALID_FILE = "Invalid input file"
INTERNAL = "Internal server error"
_FILE_ERROR_CODES = {error.code for root in (SourceError, DocumentError) for error in error_types(root)}


@dataclass(frozen=True, slots=True)
class FieldError:
    """A problem with a field of the request. field: its path, such as `pages[0].prunedResult`."""

    field: str
    message: str


class RequestRejected(Exception):
    """Error for an invalid request; its message becomes `errorMsg`, with status 422."""

    @classmethod
    def from_errors(cls, errors: Sequence[FieldError]) -> RequestRejected:
        """Return the exception for several errors, which its message lists in the form of PaddleX's server."""
        return cls(
            json.dumps(
                [_error_item("unsupported", f"body.{error.field}".rstrip("."), error.message) for error in errors]
            )
        )


class InvalidFile(RequestRejected):
    """Error for a file that cannot be read. reason: after PaddleX's words, since clients show nothing else."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{INVALID_FILE}: {reason}")


async def _write_error(request: Request, error: Exception) -> Response:
    return _exception_response(await _log_id(request), error)


PaddleXRoute = problems.route_class(_write_error)


def new_log_id() -> str:
    """Return a new id, for a request without one."""
    return str(uuid.uuid4())


def error_response(log_id: str, error: ErrorInfo, message: str | None = None, **members: Any) -> JSONResponse:
    """Return the response to an error of this worker.

    message: by default PaddleX's for the status, if it has one, and the error's, since clients show nothing else.
    members: additional members of the body.
    """
    status = _status(error.code)
    words = {UNPROCESSABLE: INVALID_FILE, HTTPStatus.INTERNAL_SERVER_ERROR: INTERNAL}.get(status)
    default_message = f"{words}: {error.message}" if words else error.message
    response = error_envelope(
        log_id, status, message or default_message, error.code, error=error.model_dump(), **members
    )
    response.headers.update(problems.status_headers(status))
    return response


def _status(code: str) -> int:
    """Return the HTTP status: as PaddleX's server, 422 for errors of the file and 500 for failed pages; else ours."""
    if code in _FILE_ERROR_CODES:
        return UNPROCESSABLE
    if code == PageFailed.code:
        return HTTPStatus.INTERNAL_SERVER_ERROR
    return int(problems.status_of(code))


def error_envelope(
    log_id: str, status: int, message: str, code: str = InvalidRequest.code, **members: Any
) -> JSONResponse:
    """Return an error in PaddleX's envelope. code: ours, for the metrics."""
    return CodedResponse(code, {"logId": log_id, "errorCode": status, "errorMsg": message, **members}, status)


def rejection(error: ErrorInfo, status: HTTPStatus | None = None) -> JSONResponse:
    """Return the response to a request that a middleware rejects. See `problems.rejection`."""
    status = status or problems.status_of(error.code)
    envelope = error_envelope(new_log_id(), int(status), error.message, error.code, error=error.model_dump())
    envelope.headers.update(problems.status_headers(status, may_retry=error.retryable))
    return envelope


def _exception_response(log_id: str, error: Exception) -> JSONResponse:
    if isinstance(error, RequestValidationError):
        items = [_error_item(item["type"], _path(item["loc"]), item["msg"]) for item in error.errors()]
        return error_envelope(log_id, UNPROCESSABLE, json.dumps(items))
    if isinstance(error, RequestRejected):
        return error_envelope(log_id, UNPROCESSABLE, str(error))
    if isinstance(error, HTTPException):
        return error_envelope(log_id, error.status_code, str(error.detail))
    if isinstance(error, InvalidRequest):
        return error_envelope(log_id, UNPROCESSABLE, str(error))
    if isinstance(error, OcrWorkerError):
        return error_response(log_id, error_info(error))
    log.exception("unexpected error of a PaddleX route", exc_info=error)
    return error_envelope(log_id, int(HTTPStatus.INTERNAL_SERVER_ERROR), INTERNAL, Internal.code)


def _error_item(error_type: str, path: str, message: str) -> dict[str, str]:
    return {"type": error_type, "loc": path, "msg": message}


def _path(steps: Sequence[int | str]) -> str:
    """Return a path as text: `("body", "pages", 0, "file")` as `body.pages[0].file`."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return path.removeprefix(".")


async def _log_id(request: Request) -> str:
    try:
        body = await request.json()
    except Exception:
        return new_log_id()
    log_id = body.get("logId") if isinstance(body, dict) else None
    return log_id.encode(errors="replace").decode() if isinstance(log_id, str) and log_id else new_log_id()
