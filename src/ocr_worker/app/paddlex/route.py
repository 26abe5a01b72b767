"""A route whose errors leave as PaddleX's server writes them: `logId`, `errorCode` (the HTTP status), `errorMsg`.

Errors of ours have `error` beside these: code, message, retryable.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from ocr_worker.app import problems
from ocr_worker.errors import DocumentError, InvalidRequest, OcrWorkerError, PageFailed, SourceError, error_types
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import ErrorInfo

log = logging.getLogger(__name__)

UNPROCESSABLE = 422
INVALID_FILE = "Invalid input file"
INTERNAL = "Internal server error"
_OF_THE_FILE = {error.code for root in (SourceError, DocumentError) for error in error_types(root)}


@dataclass(frozen=True, slots=True)
class Fault:
    """A field of the request, by its path (`pages[0].prunedResult`), and what is wrong with it."""

    field: str
    told: str


class Refusal(Exception):
    """The request is wrong; the message goes out as `errorMsg`, under 422."""

    @classmethod
    def of(cls, faults: Sequence[Fault]) -> Refusal:
        """In the form in which PaddleX's server lists what is wrong with a request."""
        return cls(json.dumps([_listed("unsupported", f"body.{one.field}".rstrip("."), one.told) for one in faults]))


class InvalidFile(Refusal):
    """The file cannot be read."""

    def __init__(self) -> None:
        super().__init__(INVALID_FILE)


class PaddleXRoute(APIRoute):
    """Catches what a route raises, validation included."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler with our errors around it."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except Exception as error:
                return _refused(await _log_id(request), error)

        return handler


def new_log_id() -> str:
    """The id of a request that came without one."""
    return str(uuid.uuid4())


def failed(log_id: str, error: ErrorInfo, told: str | None = None, **members: Any) -> JSONResponse:
    """The answer to an error of ours. told: instead of its own words; members: beside the standard fields."""
    status = _status(error.code)
    own = {UNPROCESSABLE: INVALID_FILE, HTTPStatus.INTERNAL_SERVER_ERROR: INTERNAL}.get(status, error.message)
    answer = envelope(log_id, status, told or own, error=error.model_dump(), **members)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        answer.headers["Retry-After"] = problems.RETRY_AFTER_S
    if status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _status(code: str) -> int:
    """As PaddleX's server has it: 422 whatever is wrong with the file, 500 where the pipeline fails; else ours."""
    if code in _OF_THE_FILE:
        return UNPROCESSABLE
    if code == PageFailed.code:
        return HTTPStatus.INTERNAL_SERVER_ERROR
    return int(problems.status_of(code))


def envelope(log_id: str, status: int, told: str, **members: Any) -> JSONResponse:
    """An answer that says that something went wrong."""
    return JSONResponse({"logId": log_id, "errorCode": status, "errorMsg": told, **members}, status)


def _refused(log_id: str, error: Exception) -> JSONResponse:
    if isinstance(error, RequestValidationError):
        listed = [_listed(one["type"], _path(one["loc"]), one["msg"]) for one in error.errors()]
        return envelope(log_id, UNPROCESSABLE, json.dumps(listed))
    if isinstance(error, Refusal):
        return envelope(log_id, UNPROCESSABLE, str(error))
    if isinstance(error, HTTPException):
        return envelope(log_id, error.status_code, str(error.detail))
    if isinstance(error, InvalidRequest):
        return envelope(log_id, UNPROCESSABLE, str(error))
    if isinstance(error, OcrWorkerError):
        return failed(log_id, error_info(error))
    log.exception("unexpected error of a PaddleX route", exc_info=error)
    return envelope(log_id, int(HTTPStatus.INTERNAL_SERVER_ERROR), INTERNAL)


def _listed(kind: str, path: str, told: str) -> dict[str, str]:
    return {"type": kind, "loc": path, "msg": told}


def _path(steps: Sequence[int | str]) -> str:
    """`("body", "pages", 0, "file")` as `body.pages[0].file`."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return path.removeprefix(".")


async def _log_id(request: Request) -> str:
    try:
        body = await request.json()
    except Exception:
        return new_log_id()
    named = body.get("logId") if isinstance(body, dict) else None
    return named.encode(errors="replace").decode() if isinstance(named, str) and named else new_log_id()
