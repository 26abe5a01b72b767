"""Watch the requests of the app: count error responses, and log a client that disconnects.

`RequestMonitor` is the outermost middleware, so that it sees the errors of all others, too. A response tells its code
through the request's scope (`problems.CodedResponse`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocr_worker.app.metrics import Metrics
from ocr_worker.app.problems import error_code
from ocr_worker.errors import Internal
from ocr_worker.log import event

log = logging.getLogger(__name__)

_OTHER = "other"  # a path that is no route: callers choose it, and a metric must not have endless labels


class RequestMonitor:
    """ASGI middleware that counts error responses by route, status and code, and logs disconnections as one line each.

    routes: that the metrics name, by their paths; parameters stay names, as in `/jobs/{id}`.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Sequence[Route]) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes

    def _route(self, path: str) -> str:
        """Return the path of the first route that serves a path, also when a middleware rejects the request."""
        return next((route.path for route in self._routes if route.path_regex.match(path)), _OTHER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app and watch its messages. See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = self._route(scope["path"])
        exchange = _Exchange(receive, send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception:  # Starlette's outermost middleware answers it
            self._metrics.count_http_error(route, HTTPStatus.INTERNAL_SERVER_ERROR, Internal.code)
            raise
        if exchange.is_disconnected:
            event(log, "disconnected", route=route)
        elif code := error_code(scope):
            self._metrics.count_http_error(route, exchange.status, code)


class _Exchange:
    """A request and its response. status: of the response, 0 before it. is_disconnected: the client did not wait."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.status = 0
        self.is_disconnected = False
        self._is_complete = False
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        """Return the next message. See ASGI."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._is_complete:
            self.is_disconnected = True
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the app. See ASGI."""
        self.status = message.get("status", self.status)
        self._is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)
