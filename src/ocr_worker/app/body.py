"""From an HTTP body to a `ParseRequest`: JSON as on the wire, or a form with files. No more is read than may be."""

from __future__ import annotations

import asyncio
import json
import time
from http import HTTPStatus
from typing import Any

import python_multipart  # noqa: F401  (Starlette reads forms with it, and misses it only when one arrives)
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocr_worker.app import problems
from ocr_worker.app.problems import Refused
from ocr_worker.engines.base import EngineSpec
from ocr_worker.engines.registry import read_request
from ocr_worker.errors import OcrWorkerError, QueueFull, SourceTimedOut, SourceTooLarge
from ocr_worker.wire.results import error_info
from ocr_worker.wire.schema import MAX_DOCUMENTS, ParseRequest, UploadedDocument

JSON_TYPE, FORM_TYPE = "application/json", "multipart/form-data"
FIELDS = ("file", "url", "pages", "password", "options", "idempotency_key")
BYTES_PER_S = 20_000  # slower than any line that documents are sent over


class BodyLimit:
    """Ends a request whose body has more than `most` bytes, comes too slowly, or finds no room.

    room: bytes that the bodies of all requests without an answer may have; one body may have what the others leave and
    must leave as much, so that there is room for small ones when large ones fill it. patience_s: how long a sender may
    be behind BYTES_PER_S.
    """

    def __init__(self, app: ASGIApp, most: int, room: int, patience_s: float = 60) -> None:
        self.most = most
        self.room = room
        self.patience_s = patience_s
        self.held = 0  # bytes of bodies whose requests are not answered
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told[:20]) > self.most:
            await _refuse(self.too_large(), scope, receive, send)
            return
        reading = _Reading(self, receive, send)
        try:
            await self._app(scope, reading.receive, reading.send)
        except _Ended:
            pass
        finally:
            self.held -= reading.seen
        if reading.ended:
            await _refuse(reading.ended, scope, receive, send)

    def too_large(self) -> SourceTooLarge:
        """What a body is told that has more than it may."""
        return SourceTooLarge(f"the body has more than {self.most:,} bytes, the limit: split it, or give a URL")


class _Reading:
    """A body as it comes. seen: its bytes; ended: why it is read no further, and nothing the app says is sent then."""

    def __init__(self, limit: BodyLimit, receive: Receive, send: Send) -> None:
        self.seen = 0
        self.ended: OcrWorkerError | None = None
        self._limit = limit
        self._receive = receive
        self._send = send
        self._deadline = time.monotonic() + limit.patience_s
        self._whole = False

    async def receive(self) -> Message:
        """The next message. Raises _Ended."""
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout(self._deadline - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            raise self._end(SourceTimedOut("the body comes too slowly: send it again, or give a URL")) from None
        came = len(message.get("body", b""))
        self.seen += came
        self._limit.held += came
        self._deadline = min(self._deadline + came / BYTES_PER_S, time.monotonic() + self._limit.patience_s)
        self._whole = not message.get("more_body", False)
        if self.seen > self._limit.most:
            raise self._end(self._limit.too_large())
        if self.seen > self._limit.room - self._limit.held:
            raise self._end(QueueFull("the documents that wait fill the worker's memory; come again in some seconds"))
        return message

    async def send(self, message: Message) -> None:
        """See ASGI."""
        if not self.ended:
            await self._send(message)

    def _end(self, error: OcrWorkerError) -> _Ended:
        self.ended = error
        return _Ended()


class _Ended(Exception):
    """The body is read no further."""


async def _refuse(error: OcrWorkerError, scope: Scope, receive: Receive, send: Send) -> None:
    late = HTTPStatus.REQUEST_TIMEOUT if isinstance(error, SourceTimedOut) else None
    answer = problems.answer(error_info(error), late)
    answer.headers["Connection"] = "close"  # what is still to come is not read
    await answer(scope, receive, send)


async def request_of(request: Request, spec: EngineSpec[Any]) -> ParseRequest:
    """What is asked for. Raises Refused (400, 415), InvalidRequest. An upload's file is open as long as the request."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM_TYPE:
        return await _of_form(request, spec)
    if kind != JSON_TYPE:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send {JSON_TYPE} or {FORM_TYPE}, not {kind or 'nothing'}")
    body = await request.body()
    # On a thread: a large body with a hundred thousand faults keeps nobody else from being answered.
    return await run_in_threadpool(lambda: read_request(loaded(body, "the body"), spec))


async def _of_form(request: Request, spec: EngineSpec[Any]) -> ParseRequest:
    try:
        form = await request.form(max_files=MAX_DOCUMENTS, max_fields=MAX_DOCUMENTS * 2, max_part_size=2**20)
    except (MultiPartException, KeyError, ValueError, UnicodeDecodeError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the form cannot be read: {error}") from None
    except Exception as error:  # Starlette turns its own into an HTTPException where there is an app
        if getattr(error, "status_code", None) == HTTPStatus.BAD_REQUEST:
            raise Refused(HTTPStatus.BAD_REQUEST, f"the form cannot be read: {getattr(error, 'detail', '')}") from None
        raise
    unknown = sorted(set(form) - set(FIELDS))
    if unknown:
        raise Refused(HTTPStatus.BAD_REQUEST, f"unknown fields {', '.join(unknown)}; known are {', '.join(FIELDS)}")
    return await run_in_threadpool(_with_uploads, form, spec)


def _with_uploads(form: FormData, spec: EngineSpec[Any]) -> ParseRequest:
    """The request that the form's texts make, with its files in the places of their documents."""
    files, urls = form.getlist("file"), form.getlist("url")
    if any(not isinstance(file, UploadFile) for file in files) or any(isinstance(url, UploadFile) for url in urls):
        raise Refused(HTTPStatus.BAD_REQUEST, "`file` is a file, `url` a text")
    common = {name: form[name] for name in ("pages", "password") if form.get(name)}
    documents: list[dict[str, Any]] = [{"base64": "upload", **common} for _ in files]
    documents += [{"url": url, **common} for url in urls]
    given: dict[str, Any] = {"documents": documents, "options": loaded(form.get("options") or "{}", "`options`")}
    if key := form.get("idempotency_key"):
        given["idempotency_key"] = key
    checked = read_request(given, spec)
    uploaded = [
        UploadedDocument(content=file.file, pages=document.pages, password=document.password)
        for file, document in zip(files, checked.documents, strict=False)
        if isinstance(file, UploadFile)
    ]
    return checked.model_copy(update={"documents": [*uploaded, *checked.documents[len(files) :]]})


def loaded(text: Any, what: str) -> Any:
    """JSON. Raises Refused."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, TypeError, RecursionError):
        raise Refused(HTTPStatus.BAD_REQUEST, f"{what} is no JSON") from None


def _no_constant(name: str) -> None:
    raise ValueError(name)
