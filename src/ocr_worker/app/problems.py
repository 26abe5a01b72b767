"""Error responses of the HTTP app: `application/problem+json` (RFC 9457) with our stable codes.

`install` makes every error of a route such a response. `status_of` maps a code to its HTTP status. Routes of
`/v1/parse` also write problems themselves, for jobs that failed. `route_class` is for the APIs of other servers, whose
routes write errors in their own form.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from ocr_worker.errors import (
    Cancelled,
    DeadlineExceeded,
    EngineError,
    HostRejected,
    Internal,
    InvalidRequest,
    OcrWorkerError,
    OriginRejected,
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

# The entry of the nearest base class counts. An error without an entry is caused by the document: 422.
_STATUS: dict[type[OcrWorkerError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    OriginRejected: HTTPStatus.FORBIDDEN,
    HostRejected: HTTPStatus.MISDIRECTED_REQUEST,
    QueueFull: HTTPStatus.TOO_MANY_REQUESTS,
    SourceTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    EngineError: HTTPStatus.SERVICE_UNAVAILABLE,
    DeadlineExceeded: HTTPStatus.SERVICE_UNAVAILABLE,
    Cancelled: HTTPStatus.SERVICE_UNAVAILABLE,
    Internal: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_CODE_IN_SCOPE = "ocr_worker.error_code"
_PAGE_CODES = {"PAGE_FAILED", "ENGINE_CRASHED"}  # errors of an engine that a retry would not fix
_CLASSES = {error.code: error for error in error_types()}


class HttpError(Exception):
    """An error of the HTTP request itself, such as 400 for a body that is not JSON."""

    def __init__(self, status: HTTPStatus, detail: str, code: str = InvalidRequest.code) -> None:
        super().__init__(detail)
        self.status = status
        self.error = ErrorInfo(code=code, message=detail, retryable=False)


class CodedResponse(JSONResponse):
    """A JSON response to an error, which leaves the error's code in the request's scope for the metrics."""

    def __init__(self, code: str, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response. See ASGI."""
        scope[_CODE_IN_SCOPE] = self._code
        await super().__call__(scope, receive, send)


def error_code(scope: Scope) -> str | None:
    """Return the code of the error that a request ended with, or None."""
    code: str | None = scope.get(_CODE_IN_SCOPE)
    return code


def status_of(code: str) -> HTTPStatus:
    """Return the HTTP status of an error with this code."""
    if code in _PAGE_CODES:
        return HTTPStatus.UNPROCESSABLE_ENTITY
    base_classes = _CLASSES.get(code, Internal).__mro__
    return next(
        (_STATUS[error_class] for error_class in base_classes if error_class in _STATUS),
        HTTPStatus.UNPROCESSABLE_ENTITY,
    )


def problem(error: ErrorInfo, status: HTTPStatus | None = None, **members: Any) -> dict[str, Any]:
    """Return the body of a problem.

    status: by default that of the error's code. members: additional members of the body.
    """
    status = status or status_of(error.code)
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": error.message.encode("utf-8", "replace").decode(),  # JSON can contain half of a surrogate pair
        "code": error.code,
        "retryable": error.retryable,
        **members,
    }


def status_headers(status: int, *, may_retry: bool = True) -> dict[str, str]:
    """Return the headers that an error's status needs. may_retry: whether the same request can succeed later."""
    if may_retry and status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return {"Retry-After": RETRY_AFTER_S}
    return {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}


ErrorWriter = Callable[[ErrorInfo, HTTPStatus | None], JSONResponse]


def rejection(
    scope: Scope, writers: Mapping[str, ErrorWriter], error: OcrWorkerError, status: HTTPStatus | None = None
) -> JSONResponse:
    """Return the response to a request that a middleware rejects; the rest of its body is not read.

    writers: of the routes that write errors in another form, by path; others get a problem. status: as in `problem`.
    """
    write = writers.get(scope["path"], problem_response)
    response = write(error_info(error), status)
    response.headers["Connection"] = "close"
    return response


def problem_response(error: ErrorInfo, status: HTTPStatus | None = None, **members: Any) -> JSONResponse:
    """Return a problem as a response, with the headers that its status needs. See `problem` for the arguments."""
    body = problem(error, status, **members)
    headers = status_headers(body["status"], may_retry=error.retryable)
    return CodedResponse(error.code, body, body["status"], headers, MEDIA_TYPE)


def route_class(write_error: Callable[[Request, Exception], Awaitable[Response]]) -> type[APIRoute]:
    """Return the class of routes that turn every exception, validation errors included, into a response.

    write_error: returns the response. The routes raise ClientDisconnect only: no client reads the response then.
    """

    class ErrorRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            route_handler = super().get_route_handler()

            async def handler(request: Request) -> Response:
                try:
                    return await route_handler(request)
                except ClientDisconnect:
                    raise
                except Exception as error:
                    return await write_error(request, error)

            return handler

    return ErrorRoute


def install(app: FastAPI) -> None:
    """Install handlers that turn every error of a route into a problem."""

    @app.exception_handler(OcrWorkerError)
    async def worker_error(request: Request, error: OcrWorkerError) -> JSONResponse:
        return problem_response(error_info(error))

    @app.exception_handler(HttpError)
    async def http_error(request: Request, error: HttpError) -> JSONResponse:
        return problem_response(error.error, error.status)

    @app.exception_handler(HTTPException)
    async def http_exception(request: Request, error: HTTPException) -> JSONResponse:
        info = ErrorInfo(code=InvalidRequest.code, message=str(error.detail), retryable=False)
        response = problem_response(info, HTTPStatus(error.status_code))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    async def validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
        messages = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        return problem_response(ErrorInfo(code=InvalidRequest.code, message="; ".join(messages), retryable=False))

    @app.exception_handler(ClientDisconnect)
    async def client_disconnect(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # the client is gone

    @app.exception_handler(Exception)
    async def unexpected_error(request: Request, error: Exception) -> JSONResponse:
        return problem_response(error_info(as_worker_error(error)))
