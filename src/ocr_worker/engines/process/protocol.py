"""Messages between the worker and an engine process: a JSON header, then parts of bytes whose sizes it names.

The worker sends commands. The process sends one reply to each, `{"value": ...}` or `{"error": ...}`:

    build: settings                     info, batch_size, merges_pages, revives
    warm_up, revive, close              nothing
    parse: options, pages, with pixels  pages, as parts
    merge: pages, as parts              pages, as parts; on a second socket, so that it never waits for `parse`

While a command other than `merge` runs, the process may send `{"call": METHOD, "arguments": [...]}`, which the worker
passes to its `WorkerPart` and replies to in the same way. Nothing is ever unpickled: a process that a page took over
can send JSON only.
"""

from __future__ import annotations

import base64
import json
import socket
import struct
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, get_type_hints

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ocr_worker import awake
from ocr_worker.errors import OcrWorkerError, error_types
from ocr_worker.pages import PageImage, ParsedPage

Header = dict[str, Any]
Part = bytes | bytearray | memoryview

_HEADER_BYTES = struct.Struct("<Q")
_MAX_BYTES = 4_000_000_000  # of a message
_ARRAY = "__array__"  # key that marks a NumPy array in `ParsedPage.raw`


class EngineCallError(Exception):
    """An exception of the engine that is not an OcrWorkerError; its text is the traceback in the engine process."""


class Channel:
    """A socket that carries messages. One thread sends and receives at a time; `shut` may be called on any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._limit_s: float | None = None

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._socket.fileno()

    def limit(self, seconds: float | None) -> None:
        """Limit each following wait for the other side. None: no limit."""
        self._limit_s = seconds
        self._socket.settimeout(seconds)

    def send(self, header: Header, parts: Sequence[Part] = ()) -> None:
        """Send a message. Raises EOFError: the other side is gone; TimeoutError: it does not read."""
        text = json.dumps(header | {"sizes": [len(part) for part in parts]}).encode()
        for data in (_HEADER_BYTES.pack(len(text)) + text, *parts):
            rest = memoryview(data)
            while rest:
                rest = rest[self._move(partial(self._socket.send, rest)) :]

    def receive(self) -> tuple[Header, list[memoryview]]:
        """Return the next message. Raises EOFError: the other side is gone, or sent no message; TimeoutError."""
        (size,) = _HEADER_BYTES.unpack(self._read(_HEADER_BYTES.size))
        try:
            header = json.loads(bytes(self._read(size)))
            return header, [self._read(int(part_size)) for part_size in header["sizes"]]
        except (ValueError, TypeError, KeyError):
            raise EOFError from None

    def shut(self) -> None:
        """End all waits of both sides, with EOFError."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side is gone

    def _read(self, size: int) -> memoryview:
        if not 0 <= size <= _MAX_BYTES:
            raise EOFError
        data = memoryview(bytearray(size))
        rest = data
        while rest:
            count = self._move(partial(self._socket.recv_into, rest))
            if not count:
                raise EOFError
            rest = rest[count:]
        return data

    def _move(self, move: Callable[[], int]) -> int:
        """Send or receive some bytes, and return their number. Raises EOFError, TimeoutError.

        A wait that ends because this process stood still begins again.
        """
        deadline = None if self._limit_s is None else awake.now() + self._limit_s
        while True:
            try:
                return move()
            except TimeoutError:
                if deadline is None or awake.now() >= deadline:
                    raise
            except OSError:
                raise EOFError from None


# --------------------------------------------------------------------------- errors


def encode_error(error: Exception) -> Header:
    """Return an exception as JSON: ours with its classes, any other with its traceback."""
    if not isinstance(error, OcrWorkerError):
        return {"traceback": "".join(traceback.format_exception(error))}
    return {
        "types": [error_type.__name__ for error_type in type(error).__mro__],
        "code": error.code,
        "retryable": error.retryable,
        "message": str(error),
    }


def decode_error(data: Mapping[str, Any]) -> Exception:
    """Return the exception: of the class that was sent, or of its nearest base class that is ours."""
    if "traceback" in data:
        return EngineCallError(str(data["traceback"]))
    ours = {error_type.__name__: error_type for error_type in error_types()}
    error_type = next((ours[name] for name in data["types"] if name in ours), OcrWorkerError)
    error = error_type(str(data["message"]))
    error.code, error.retryable = str(data["code"]), bool(data["retryable"])
    return error


# --------------------------------------------------------------------------- pages


def _fields_model(page_type: type, left_out: str) -> type[BaseModel]:
    """Return a model of the page's fields without `left_out`, to write and read them as JSON."""
    fields: dict[str, Any] = {name: (hint, ...) for name, hint in get_type_hints(page_type).items() if name != left_out}
    config = ConfigDict(strict=True, ser_json_inf_nan="constants")
    return create_model(f"{page_type.__name__}Fields", __config__=config, **fields)


_IMAGE = _fields_model(PageImage, "pixels")
_PAGE = _fields_model(ParsedPage, "raw")


def encode_images(pages: Sequence[PageImage]) -> tuple[list[Header], list[Part]]:
    """Return the JSON of each page image, and its pixels."""
    headers = [{"fields": _dump(_IMAGE, page), "shape": page.pixels.shape} for page in pages]
    return headers, [np.ascontiguousarray(page.pixels).data.cast("B") for page in pages]


def decode_images(headers: Sequence[Header], parts: Sequence[Part]) -> list[PageImage]:
    """Return the page images."""
    return [
        PageImage(pixels=np.frombuffer(part, np.uint8).reshape(header["shape"]), **_load(_IMAGE, header["fields"]))
        for header, part in zip(headers, parts, strict=True)
    ]


def encode_pages(pages: Sequence[Any]) -> list[Part]:
    """Return two parts for each page: its fields, and its `raw`. Anything that is not a valid page becomes empty."""
    return [part for page in pages for part in _encode_page(page)]


def decode_pages(parts: Sequence[Part]) -> list[ParsedPage | None]:
    """Return the pages; None for what was not a valid page."""
    return [_decode_page(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]


def _encode_page(page: Any) -> tuple[Part, Part]:
    try:
        raw = b"" if page.raw is None else json.dumps(page.raw, default=_encode_array).encode()
        return _dump(_PAGE, page).encode(), raw
    except (AttributeError, TypeError, ValueError):  # the errors of pydantic's serializer are ValueErrors
        return b"", b""


def _decode_page(fields: Part, raw: Part) -> ParsedPage | None:
    if not len(fields):
        return None
    try:
        page = ParsedPage(**_load(_PAGE, bytes(fields)))
        return replace(page, raw=json.loads(bytes(raw), object_hook=_decode_array)) if len(raw) else page
    except (ValidationError, ValueError):
        return None


def _dump(model: type[BaseModel], page: Any) -> str:
    values = {name: getattr(page, name) for name in model.model_fields}
    return model.model_construct(**values).model_dump_json(warnings=False)  # the reader validates


def _load(model: type[BaseModel], text: str | bytes) -> dict[str, Any]:
    fields = model.model_validate_json(text)
    return {name: getattr(fields, name) for name in model.model_fields}


def _encode_array(value: Any) -> Any:
    """Return a NumPy array or number as JSON. Raises TypeError for anything else."""
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray) or value.dtype.hasobject:
        raise TypeError(type(value).__name__)
    data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
    return {_ARRAY: [value.dtype.str, value.shape, data]}


def _decode_array(value: dict[str, Any]) -> Any:
    if _ARRAY not in value:
        return value
    dtype, shape, data = value[_ARRAY]
    return np.frombuffer(base64.b64decode(data), np.dtype(dtype)).reshape(shape)
