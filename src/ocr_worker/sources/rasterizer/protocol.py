"""Messages between the worker and a rasterizer process: a JSON header, then the bytes that belong to it.

The worker sends commands, and the process sends one reply to each. It starts no exchange itself, except that it sends
`{"ready": true}` once, when its libraries are loaded.

    open, with the file's bytes    page_count, numbers, warnings; or code and message of an error
    page                           number and the page's header, with its pixels; or number, code and message
    layer                          text layer of the last page, where the request wants it apart; or code and message
    close                          swollen: whether the process must be replaced
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

Header = dict[str, Any]

SIZES = struct.Struct("<QQ")  # bytes of the header, bytes of the payload


def encode(header: Header, payload_bytes: int = 0) -> bytes:
    """Return the bytes that precede the payload on the wire: both sizes, then the header."""
    text = json.dumps(header).encode()
    return SIZES.pack(len(text), payload_bytes) + text


def decode(text: bytes | bytearray) -> Header:
    """Return the header. Raises ValueError when the bytes are not a JSON object."""
    header = json.loads(text)
    if not isinstance(header, dict):
        raise ValueError("the header is not a JSON object")
    return header


def read_message(read: Callable[[int], bytes]) -> tuple[Header, bytes]:
    """Return the next message from a blocking stream's `read`. Raises EOFError when the stream ends."""
    header_bytes, payload_bytes = SIZES.unpack(_read_exactly(read, SIZES.size))
    header = decode(_read_exactly(read, header_bytes))
    return header, _read_exactly(read, payload_bytes)


def _read_exactly(read: Callable[[int], bytes], count: int) -> bytes:
    data = read(count) if count else b""
    if len(data) < count:
        raise EOFError
    return data
