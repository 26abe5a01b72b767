"""Requests of web pages, which the local endpoint does not serve.

Everybody on this machine may call the endpoint, also its browsers. A web page could make a browser run jobs there, and
read their results if the page's host name resolves to this machine (DNS rebinding). A browser names the page's host in
`Host` and its origin in `Origin`, which scripts cannot change. The platform's own API, which is not on loopback, needs
neither check.
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from ocr_worker.api_keys import is_loopback
from ocr_worker.endpoint.callers import json_response


@web.middleware
async def reject_web_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Handle the request, or return 403 if it names another host than this machine, or comes from a web page."""
    if not is_loopback(_host_name(request)):
        return _rejection("use the endpoint's own address, 127.0.0.1 or localhost: it serves no other host")
    if "Origin" in request.headers:
        return _rejection("a web page sent this request; call the endpoint from a program")
    return await handler(request)


def _host_name(request: web.Request) -> str:
    """Return the name or address in the request's `Host` header, without its port. Empty: there is none."""
    try:
        return request.url.host or ""
    except ValueError:
        return ""


def _rejection(error: str) -> web.Response:
    return json_response({"error": error}, HTTPStatus.FORBIDDEN)
