"""Access to the app: API keys, `Host` names, and web pages of other origins.

A browser on the same machine reaches an app that only listens on loopback, and a web page can make it do so. Two checks
stop such pages, and `AccessControl` makes both before a route reads anything:

- `Host`: a page whose own host name resolves to this machine (DNS rebinding) sends that name, which is not ours.
- Origin: a page of another origin may send forms and simple requests anywhere. A browser says so in `Sec-Fetch-Site`
  and `Origin`, which scripts cannot change. Programs send neither, and pass.

`key_dependencies` are what the routes that need a key depend on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from fastapi import Depends
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from ocr_worker.api_keys import KEY_HEADER, MISSING_KEY, ApiKeys, is_loopback
from ocr_worker.app import problems
from ocr_worker.errors import HostRejected, OcrWorkerError, OriginRejected, Unauthorized
from ocr_worker.settings import Settings

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:@/\[\]]+)(?::(\d*))?")  # RFC 9110: a name or an address, and a port
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_METHODS_WITHOUT_EFFECT = ("GET", "HEAD", "OPTIONS")


class KeyCheck(HTTPBearer):
    """A dependency of routes that checks the request's API key. OpenAPI shows it at these routes."""

    def __init__(self, keys: ApiKeys) -> None:
        super().__init__(scheme_name="ApiKey", description="One of the worker's `OCR_API_KEYS`.", auto_error=False)
        self._keys = keys

    async def __call__(self, request: HTTPConnection) -> None:
        """Check the request's key. Raises Unauthorized when it is missing or wrong."""
        if not self._keys.permit(request.headers):
            raise Unauthorized(MISSING_KEY)


def key_dependencies(keys: Sequence[SecretStr]) -> list[Any]:
    """Return the dependencies of the routes that need a key: none without keys.

    The second shows the other header in OpenAPI, where each of several schemes is enough. It checks nothing itself.
    """
    if not keys:
        return []
    description = "The same key in a header of its own."
    header = APIKeyHeader(name=KEY_HEADER, scheme_name="ApiKeyHeader", description=description, auto_error=False)
    return [Depends(KeyCheck(ApiKeys(keys))), Depends(header)]


class AccessControl:
    """ASGI middleware that rejects unknown `Host` names, and requests of web pages of other origins without a key.

    is_local: the app listens on loopback, so that only loopback names and those of `OCR_TRUSTED_HOSTS` are served.
    Elsewhere, `Host` is checked if that setting names hosts. error_writers: see `problems.rejection`.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        *,
        is_local: bool,
        error_writers: Mapping[str, problems.ErrorWriter] | None = None,
    ) -> None:
        self._app = app
        self._error_writers = error_writers or {}
        self._keys = ApiKeys(settings.api_keys)
        self._trusted_hosts = [pattern.lower() for pattern in settings.trusted_hosts]
        self._is_host_checked = is_local or bool(self._trusted_hosts)
        self._origins = settings.cors_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, or send the error. See ASGI."""
        error = self._error(scope["method"], Headers(scope=scope)) if scope["type"] == "http" else None
        if error is None:
            await self._app(scope, receive, send)
            return
        await problems.rejection(scope, self._error_writers, error)(scope, receive, send)

    def _error(self, method: str, headers: Headers) -> OcrWorkerError | None:
        host = headers.get("host", "")
        if self._is_host_checked and not self._is_trusted(host):
            return HostRejected(
                f"this worker does not serve the host {_shown(host)}; use the name or address that it listens on, or"
                " add the host to OCR_TRUSTED_HOSTS"
            )
        if method not in _METHODS_WITHOUT_EFFECT and self._is_foreign(headers) and not self._keys.permit(headers):
            return OriginRejected(
                f"a web page of another origin ({_shown(headers.get('origin', 'unknown'))}) sent this request without"
                " an API key; add its origin to OCR_CORS_ORIGINS if it may use this worker"
            )
        return None

    def _is_trusted(self, host: str) -> bool:
        match = _HOST.fullmatch(host.lower())
        name = match[1].strip("[]") if match else ""
        return is_loopback(name) or any(fnmatchcase(name, pattern) for pattern in self._trusted_hosts)

    def _is_foreign(self, headers: Headers) -> bool:
        """Return True if a web page sent the request that is neither of our own origin nor of an allowed one.

        Our own origin is the browser's word `same-origin`, or an `Origin` with the request's `Host`. The scheme is not
        compared: behind a proxy with TLS, the app does not know it.
        """
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if site == "same-origin" or (origin is not None and {origin, "*"} & set(self._origins)):
            return False
        return site == "cross-site" or (origin is not None and not _is_origin_of(headers.get("host", ""), origin))


def _is_origin_of(host: str, origin: str) -> bool:
    """Return True if `host`, the value of a `Host` header, is that of the origin."""
    scheme, _, authority = origin.lower().partition("://")
    default_port = _DEFAULT_PORTS.get(scheme, "")
    parts = [_HOST.fullmatch(text) for text in (host.lower(), authority)]
    names = [(match[1], match[2] or default_port) for match in parts if match]
    return len(names) == 2 and names[0] == names[1]


def _shown(value: str) -> str:
    """Return a header's value for a message: printable, and not longer than a host name."""
    return repr(value[:253])
