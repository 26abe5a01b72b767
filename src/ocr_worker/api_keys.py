"""The API keys of our servers: the HTTP app and the MCP server. Without keys, they listen on loopback only."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

KEY_HEADER = "X-Api-Key"
MISSING_KEY = f"the API key is missing or wrong; send it as `Authorization: Bearer KEY` or `{KEY_HEADER}: KEY`"
_SCHEMES = ("bearer", "token")  # `token`: clients of PaddleX's servers and of AI Studio


class ApiKeys:
    """The API keys, and the ways in which a request can send one.

    Most clients of other servers have only one way, which cannot be configured. So every route accepts all of them:
    `Authorization` with the scheme `Bearer` or `token` in any case, and `X-Api-Key`.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._keys = [key.get_secret_value().encode() for key in keys]

    def permit(self, headers: Mapping[str, str]) -> bool:
        """Return True if the headers contain one of the keys. Keys are compared in constant time.

        headers: of a request; names are matched without case, as in Starlette's `Headers`.
        """
        scheme, _, credentials = headers.get("authorization", "").strip().partition(" ")
        candidates = [headers.get(KEY_HEADER, "")]
        if scheme.lower() in _SCHEMES:
            candidates.append(credentials)
        return any(self._has(candidate.strip()) for candidate in candidates)

    def _has(self, candidate: str) -> bool:
        return any(hmac.compare_digest(candidate.encode(), key) for key in self._keys)


def is_loopback(host: str) -> bool:
    """Return True if only this machine can reach the address: a loopback address, `localhost`, or a Unix socket."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or Path(host).is_absolute()
