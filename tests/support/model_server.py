"""A double of an OpenAI-compatible model server on loopback: it reads nothing, and fails on demand."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "PaddleOCR-VL-1.6-0.9B"
TEXT = "read by the double"
PROBE_TOKENS = 8  # what the worker asks for when it only wants to know whether the server reads


class ModelServer:
    """A server that responds to each crop with TEXT.

    mode: fine, refuses-limits, refuses-all, hangs, slow, garbage, dying (500 for every crop), bad-crop (500 for the
    pipeline's crops only); may change. journal: a file that gets a line for each crop. version: of vLLM;
    None: not reported. tls: with a certificate; None: plain HTTP.
    """

    def __init__(
        self,
        mode: str = "fine",
        model: str = MODEL,
        port: int = 0,
        journal: str | None = None,
        version: str | None = "0.33.0",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.mode = mode
        self.finish_reason = "stop"
        self.model = model
        self.questions: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.text_of: Callable[[dict[str, Any]], str] = lambda question: TEXT
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.keys.add(self.headers["Authorization"])
                if self.path == "/version":
                    self._send(200 if version else 404, {"version": version})
                    return
                self._send(200, {"data": [{"id": outer.model}]})

            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.questions.append(question)
                if journal:
                    with open(journal, "a") as lines:
                        lines.write("crop\n")
                self._send(*outer.reply(question))

            def _send(self, status: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                with suppress(BrokenPipeError, ConnectionResetError):  # a caller that gave up
                    self.wfile.write(data)

            def log_message(self, *arguments: Any) -> None:
                """Log nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def reply(self, question: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and body for one crop, by the current mode."""
        if self.mode == "hangs":
            self.released.wait()
        if self.mode == "slow":
            self.released.wait(0.5)
        if self.mode == "refuses-all" or (self.mode == "refuses-limits" and "mm_processor_kwargs" in question):
            return 400, {"error": {"message": "not taken", "type": "BadRequestError"}}
        if self.mode == "dying" or (self.mode == "bad-crop" and question.get("max_tokens") != PROBE_TOKENS):
            return 500, {"error": {"message": "EngineDeadError", "type": "InternalServerError"}}
        if self.mode == "garbage":
            return 200, {"surprise": []}
        message = {"role": "assistant", "content": self.text_of(question)}
        choice = {"index": 0, "finish_reason": self.finish_reason, "message": message}
        return 200, {"id": "1", "object": "chat.completion", "created": 1, "model": self.model, "choices": [choice]}

    def die(self) -> None:
        """Stop listening: connections are refused from now on."""
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
