"""Signed tokens: the state of a server that stores none, kept by its clients.

A token is JSON, compressed, with a signature (HMAC-SHA256) under a key from the settings. A process that has the key
can read a token on another machine or after a restart; no other can make or change a token. Its content is not secret.
The purpose is signed, too: the id of a job does not show the address of its result.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import zlib
from typing import Any

from pydantic import SecretStr

_SIGNATURE_BYTES = 24
_MAX_BYTES = 65_536  # of the JSON: a short token must not unpack to gigabytes


class Tokens:
    """The tokens under one key."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key.get_secret_value().encode()

    def sign(self, purpose: str, content: dict[str, Any]) -> str:
        """Return the token of this content, for use in a URL."""
        data = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 9)
        return f"{_encode(data)}.{_encode(self._signature(purpose, data))}"

    def read(self, purpose: str, token: str) -> dict[str, Any] | None:
        """Return the content of a token, or None if it was not signed for this purpose under this key."""
        text, _, signature = token.partition(".")
        try:
            data = _decode(text)
            if not hmac.compare_digest(self._signature(purpose, data), _decode(signature)):
                return None
        except (ValueError, binascii.Error):
            return None
        content: dict[str, Any] = json.loads(zlib.decompressobj().decompress(data, _MAX_BYTES))
        return content

    def _signature(self, purpose: str, data: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + data, "sha256")[:_SIGNATURE_BYTES]


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
