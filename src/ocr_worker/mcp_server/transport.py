"""The transports of the MCP server: standard input and output, or HTTP with API keys.

Over standard input and output, the client started this process and has its rights. Over HTTP, clients need one of
`OCR_API_KEYS`, without which the server listens on loopback only and, by the `mcp` package's own check, serves loopback
names only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import SecretStr

from ocr_worker import extras
from ocr_worker.api_keys import MISSING_KEY, ApiKeys, is_loopback
from ocr_worker.errors import SettingsInvalid, Unauthorized
from ocr_worker.settings import MEGABYTE, Settings

with extras.needed_by("the MCP server", "mcp"):
    import uvicorn
    from starlette.datastructures import Headers
    from starlette.responses import JSONResponse
    from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/mcp"
_BASE64_FACTOR = 1.4  # base64 makes a file a third larger, and the rest of the request adds a little


async def serve_http(
    server: Any, settings: Settings, host: str, port: int, on_listening: Callable[[str], None] = lambda url: None
) -> None:
    """Serve until the process is interrupted.

    on_listening: called with the URL before the first request. Raises SettingsInvalid: others can reach the address,
    and there are no API keys.
    """
    is_local = is_loopback(host)
    if not settings.api_keys and not is_local:
        raise SettingsInvalid(f"without API keys, anyone who reaches {host} could use this server; set OCR_API_KEYS")
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        host=host,
        max_request_body_size=int(settings.max_source_mb * MEGABYTE * _BASE64_FACTOR),
    )
    config = uvicorn.Config(KeyGate(app, settings.api_keys), host, port, log_level="warning", access_log=False)
    listener = config.bind_socket()
    on_listening(f"http://{host}:{listener.getsockname()[1]}{PATH}")
    await uvicorn.Server(config).serve(sockets=[listener])


class KeyGate:
    """ASGI middleware that admits requests with one of the keys; all requests if there are none."""

    def __init__(self, app: ASGIApp, keys: Sequence[SecretStr]) -> None:
        self._app = app
        self._keys = ApiKeys(keys) if keys else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, or send the error. See ASGI."""
        if scope["type"] == "http" and self._keys and not self._keys.permit(Headers(scope=scope)):
            error = {"code": Unauthorized.code, "message": MISSING_KEY, "retryable": False}
            await JSONResponse({"error": error}, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
            return
        await self._app(scope, receive, send)
