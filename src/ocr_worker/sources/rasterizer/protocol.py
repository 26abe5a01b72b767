"""Messages between the worker and a rendering child: a JSON header, then bytes that belong to it.

The child asks for nothing: it answers `open` with `opened` or `failed`, `page` with `page` or `fault`, `close` with
`closed`. It says `ready` once, when its libraries are loaded.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

Header = dict[str, Any]

SIZES = struct.Struct("<QQ")  # bytes of the header, bytes of the payload


def encode(header: Header, payload_bytes: int = 0) -> bytes:
    """What goes before the payload on the wire."""
    text = json.dumps(header).encode()
    return SIZES.pack(len(text), payload_bytes) + text


def decode(text: bytes | bytearray) -> Header:
    """The header. Raises ValueError when the bytes are no JSON object."""
    header = json.loads(text)
    if not isinstance(header, dict):
        raise ValueError("a header is a JSON object")
    return header


def read_message(read: Callable[[int], bytes]) -> tuple[Header, bytes]:
    """One message from a blocking stream's `read`. Raises EOFError when the stream ends."""
    header_bytes, payload_bytes = SIZES.unpack(_exactly(read, SIZES.size))
    header = decode(_exactly(read, header_bytes))
    return header, _exactly(read, payload_bytes)


def _exactly(read: Callable[[int], bytes], count: int) -> bytes:
    data = read(count) if count else b""
    if len(data) < count:
        raise EOFError
    return data
