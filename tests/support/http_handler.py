"""A base for the handlers of test servers: complete responses with any headers, and no log."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from typing import Any


class Answering(BaseHTTPRequestHandler):
    """A handler whose subclasses respond with `answer`."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None: ...

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Send a response. headers: names with underscores; Content_Length may be wrong on purpose."""
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
