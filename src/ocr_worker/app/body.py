"""Bodies of HTTP requests: the limit to their size and speed, and the way from a body to a `ParseRequest`.

`BodyLimit` is ASGI middleware around the whole app: it stops bodies that are too large, too slow, or more than the
memory can hold, before a route reads them. `read_body` is what a route calls: it reads the wire's JSON, a form with
files, or a file that is the whole body. Whether the content of a request is valid is decided by the wire's models, not
here.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import Any, Protocol

import python_multipart  # noqa: F401  (Starlette reads forms with it, and misses it only when one arrives)
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocr_worker.app import problems
from ocr_worker.app.problems import HttpError
from ocr_worker.engines.base import EngineSpec
from ocr_worker.engines.registry import read_request
from ocr_worker.errors import InvalidRequest, OcrWorkerError, QueueFull, SourceTimedOut, SourceTooLarge
from ocr_worker.wire.schema import MAX_DOCUMENTS, ParseRequest, UploadedDocument, default_id

JSON_TYPE, FORM_TYPE = "application/json", "multipart/form-data"
FILE_FIELDS = ("file", "files")  # the second name is that of other servers
FORM_FIELDS = ("file", "files", "url", "id", "pages", "password", "options")
FILE_TYPES = ("application/pdf", "image/", "application/octet-stream")  # of a body that is a file; its bytes decide
QUERY_FIELDS = ("pages", "options", "render")  # beside a body that is a file; a password would be in access logs
_MAX_STEM_CHARACTERS, _MAX_SUFFIX_CHARACTERS = 150, 40  # of a file name as an id, which has at most 200
BYTES_PER_S = 20_000  # slower than any connection over which documents are sent


class BodyLimit:
    """ASGI middleware that rejects a body that is too large, arrives too slowly, or does not fit in memory.

    max_bytes: size of one body. max_total_bytes: size of the bodies of all requests without a response, together. One
    body may use at most half of what the others leave, so that small bodies still fit when large ones use most of it.
    patience_s: how long a sender may be behind BYTES_PER_S. error_writers: see `problems.rejection`.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        max_total_bytes: int,
        patience_s: float = 60,
        error_writers: Mapping[str, problems.ErrorWriter] | None = None,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_total_bytes = max_total_bytes
        self.patience_s = patience_s
        self._error_writers = error_writers or {}
        self.bytes_held = 0  # bytes of bodies whose requests have no response yet
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app with a limited body. See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        content_length = dict(scope["headers"]).get(b"content-length", b"0")
        if content_length.isdigit() and int(content_length[:20]) > self.max_bytes:
            await self._send_error(self.size_error(), scope, receive, send)
            return
        reader = _BodyReader(self, receive, send)
        try:
            await self._app(scope, reader.receive, reader.send)
        except _BodyRejected:
            pass
        finally:
            self.bytes_held -= reader.bytes_read
        if reader.error:
            await self._send_error(reader.error, scope, receive, send)

    async def _send_error(self, error: OcrWorkerError, scope: Scope, receive: Receive, send: Send) -> None:
        status = HTTPStatus.REQUEST_TIMEOUT if isinstance(error, SourceTimedOut) else None
        await problems.rejection(scope, self._error_writers, error, status)(scope, receive, send)

    def size_error(self) -> SourceTooLarge:
        """Return the error for a body that is larger than the limit."""
        return SourceTooLarge(
            f"the body is larger than the limit of {self.max_bytes:,} bytes; split the document, or send a URL"
        )


class _BodyReader:
    """The body of one request while it arrives.

    bytes_read: bytes so far. error: the reason why the rest is not read; then nothing that the app sends is passed on.
    """

    def __init__(self, limit: BodyLimit, receive: Receive, send: Send) -> None:
        self.bytes_read = 0
        self.error: OcrWorkerError | None = None
        self._limit = limit
        self._receive = receive
        self._send = send
        self._deadline = time.monotonic() + limit.patience_s
        self._is_complete = False

    async def receive(self) -> Message:
        """Return the next ASGI message. Raises _BodyRejected when the body exceeds a limit."""
        if self._is_complete:
            return await self._receive()
        try:
            async with asyncio.timeout(self._deadline - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            raise self._stop(SourceTimedOut("the body arrives too slowly; send it again, or send a URL")) from None
        chunk_bytes = len(message.get("body", b""))
        self.bytes_read += chunk_bytes
        self._limit.bytes_held += chunk_bytes
        self._deadline = min(self._deadline + chunk_bytes / BYTES_PER_S, time.monotonic() + self._limit.patience_s)
        self._is_complete = not message.get("more_body", False)
        if self.bytes_read > self._limit.max_bytes:
            raise self._stop(self._limit.size_error())
        if self.bytes_read > self._limit.max_total_bytes - self._limit.bytes_held:
            raise self._stop(QueueFull("the memory for waiting requests is full; try again in some seconds"))
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the app, unless the body was rejected. See ASGI."""
        if not self.error:
            await self._send(message)

    def _stop(self, error: OcrWorkerError) -> _BodyRejected:
        self.error = error
        return _BodyRejected()


class _BodyRejected(Exception):
    """A signal through the app: the rest of the body is not read."""


async def read_body(request: Request, spec: EngineSpec[Any]) -> ParseRequest:
    """Return the validated request in an HTTP body. The file of an upload stays open as long as the request.

    Raises HttpError (400, 415): the body cannot be read. Raises InvalidRequest: its content is invalid.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == FORM_TYPE:
        return await _read_form(request, spec)
    # On a thread: checking a large body with a hundred thousand errors must not delay other requests.
    if content_type == JSON_TYPE:
        body = await request.body()
        return await run_in_threadpool(lambda: _read_request(load_json(body, "the body"), spec))
    if content_type.startswith(FILE_TYPES):
        fields = _query_fields(request, spec)
        uploads = [Upload(io.BytesIO(await request.body()))]
        return await run_in_threadpool(lambda: _request_with_uploads(uploads, [], fields, spec))
    raise HttpError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"the Content-Type is {content_type or 'missing'}; send {JSON_TYPE}, {FORM_TYPE}, or a file as the body with"
        " its own type, such as application/pdf, image/png or application/octet-stream",
    )


def _query_fields(request: Request, spec: EngineSpec[Any]) -> dict[str, Any]:
    """Return the fields of a request whose body is a file. Raises HttpError (400) for unknown ones."""
    query = request.query_params
    if unknown_fields := [
        _unknown_field(name, query[name], spec) for name in sorted(query) if name not in QUERY_FIELDS
    ]:
        raise HttpError(
            HTTPStatus.BAD_REQUEST,
            f"unknown query parameters: {', '.join(unknown_fields)}; beside a file, send {', '.join(QUERY_FIELDS)},"
            " or send a form",
        )
    return dict(query)


def _read_request(job_input: Any, spec: EngineSpec[Any]) -> ParseRequest:
    """Return the validated request. Raises InvalidRequest, also for what needs a bucket, which the app does not use."""
    request = read_request(job_input, spec)
    problems = []
    if request.options.delivery == "bucket":
        problems.append('input.options.delivery: "bucket" has no effect over HTTP, which returns every response itself')
    if request.idempotency_key is not None:
        problems.append("input.idempotency_key: has no effect over HTTP, where no pages are stored; remove it")
    if problems:
        raise InvalidRequest("; ".join(problems))
    return request


async def read_form(request: Request) -> FormData:
    """Return the form in an HTTP body. Its files stay open as long as the request. Raises HttpError (400)."""
    try:
        return await request.form(max_files=MAX_DOCUMENTS, max_fields=MAX_DOCUMENTS * 2, max_part_size=2**20)
    except (MultiPartException, KeyError, ValueError, UnicodeDecodeError) as error:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"the form cannot be read: {error}") from None
    except Exception as error:  # inside an app, Starlette raises its own error as an HTTPException
        if getattr(error, "status_code", None) == HTTPStatus.BAD_REQUEST:
            raise HttpError(
                HTTPStatus.BAD_REQUEST, f"the form cannot be read: {getattr(error, 'detail', '')}"
            ) from None
        raise


async def _read_form(request: Request, spec: EngineSpec[Any]) -> ParseRequest:
    form = await read_form(request)
    if unknown_fields := [_unknown_field(name, form[name], spec) for name in form if name not in FORM_FIELDS]:
        raise HttpError(
            HTTPStatus.BAD_REQUEST,
            f"unknown form fields: {', '.join(sorted(set(unknown_fields)))}; allowed: {', '.join(FORM_FIELDS)}",
        )
    files = [value for name in FILE_FIELDS for value in form.getlist(name)]
    urls = form.getlist("url")
    uploads = [Upload(file.file, file.filename or "") for file in files if isinstance(file, UploadFile)]
    texts = [url for url in urls if isinstance(url, str)]
    if len(uploads) < len(files) or len(texts) < len(urls):
        raise HttpError(HTTPStatus.BAD_REQUEST, "`file` or `files` must be an uploaded file, and `url` a text field")
    ids = form.getlist("id")
    if ids and len(ids) != len(files) + len(urls):
        raise HttpError(
            HTTPStatus.BAD_REQUEST, "`id` must be sent once for each `file`, then for each `url`, or not at all"
        )
    return await run_in_threadpool(lambda: _request_with_uploads(uploads, texts, dict(form), spec, ids))


def _unknown_field(name: str, value: UploadFile | str, spec: EngineSpec[Any]) -> str:
    if isinstance(value, UploadFile):
        return f"{name} (send a file as `file`)"
    return f"{name} (belongs in `options`)" if name in spec.options.model_fields else name


# --------------------------------------------------------------------------- uploads


class Readable(Protocol):
    """Something with bytes, such as an open file."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, all that are left by default."""
        ...


@dataclass(frozen=True)
class Upload:
    """A file in an HTTP body: its open content, and its name, if it has one."""

    content: Readable
    name: str = ""


def _request_with_uploads(
    uploads: Sequence[Upload],
    urls: Sequence[str],
    fields: Mapping[str, Any],
    spec: EngineSpec[Any],
    ids: Sequence[Any] = (),
) -> ParseRequest:
    """Return the request for uploaded files and URLs, whose other fields are common to all of them.

    ids: of all documents; by default an upload has the name of its file, and a URL the default id.
    """
    common_members = {name: fields.get(name) for name in ("pages", "password")}
    ids = ids or [*upload_ids([upload.name for upload in uploads], len(urls)), *[None] * len(urls)]
    sources = [{"base64": "upload"}] * len(uploads) + [{"url": url} for url in urls]
    documents = [{**source, "id": name, **common_members} for source, name in zip(sources, ids, strict=True)]
    options = load_json(fields.get("options") or "{}", "`options`")
    request = _read_request({"documents": documents, "options": options}, spec)
    uploaded_documents = [
        UploadedDocument(content=upload.content, id=document.id, pages=document.pages, password=document.password)
        for upload, document in zip(uploads, request.documents, strict=False)
    ]
    return request.model_copy(update={"documents": [*uploaded_documents, *request.documents[len(uploads) :]]})


def upload_ids(names: Sequence[str], url_count: int = 0) -> list[str]:
    """Return an id for each upload: the name of its file without folders, with a number where two are the same.

    url_count: number of documents after the uploads, whose default ids are left to them.
    """
    ids = [default_id(number) for number in range(len(names) + 1, len(names) + url_count + 1)]
    for number, name in enumerate(names, start=1):
        base = re.split(r"[/\\]", name)[-1].strip().encode("utf-8", "replace").decode() or default_id(number)
        stem, suffix = os.path.splitext(base)
        stem, suffix = stem[:_MAX_STEM_CHARACTERS], suffix[:_MAX_SUFFIX_CHARACTERS]
        candidates = chain([stem + suffix], (f"{stem}-{count}{suffix}" for count in itertools.count(2)))
        ids.append(next(candidate for candidate in candidates if candidate not in ids))
    return ids[url_count:]


def load_json(text: Any, name: str) -> Any:
    """Return the value of a JSON text. Raises HttpError (400), which calls the text by `name`, for invalid JSON."""
    try:
        return json.loads(text, parse_constant=_reject_constant)
    except (ValueError, TypeError, RecursionError):
        raise HttpError(HTTPStatus.BAD_REQUEST, f"{name} is not valid JSON") from None


def _reject_constant(constant: str) -> None:
    raise ValueError(constant)
