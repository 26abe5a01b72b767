"""An untrusted HTTP server: bad files, and every way in which a server can fail."""

from __future__ import annotations

import gzip
import time
from typing import ClassVar
from urllib.parse import unquote

from support import files
from support.files import RED, saved
from support.http_handler import Answering

MAX_SOURCE_MB = 80  # what the worker under test accepts
GOOD = files.pages([files.filled(RED)])
JPEG = saved(files.noise(400, 400), "JPEG")
FILES = {
    "/letter.pdf": b"Dear Sir or Madam, this is no PDF.",
    "/scan.png": b"<!doctype html><html><body>403 Forbidden</body></html>",
    "/truncated.pdf": GOOD[:100],
    "/encrypted.pdf": files.encrypted_pdf("sesame"),
    "/no-pages.pdf": files.pages([]),
    "/empty.pdf": b"",
    "/corrupt.png": saved(files.noise(50, 50), "PNG")[:40] + b"x" * 500,
    "/half.jpeg": JPEG[: len(JPEG) // 2],
    "/huge.png": files.huge_png(50_000),
    "/long.pdf": files.pages([files.filled(RED)], box="0 0 595 2147483648"),
    "/fax.tiff": files.huge_fax(35_000),
    "/10000.pdf": files.pages([""] * 10_000),
}


class Server(Answering):
    """An untrusted server: `FILES` by path, and one behavior for each other path."""

    hits: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.hits.append(path)
        if path in FILES:
            self.answer(FILES[path])
        elif path == "/redirect":
            self.answer(b"", 302, Location=unquote(query.partition("to=")[2]))
        else:
            getattr(self, "serve_" + path.strip("/").replace("-", "_"), self.serve_missing)()

    def serve_missing(self) -> None:
        self.answer(b"not here", 404)

    def serve_down(self) -> None:
        self.answer(b"not now", 500)

    def serve_down_three_times(self) -> None:
        self.answer(b"not yet", 500) if self.hits.count("/down-three-times") <= 3 else self.answer(GOOD)

    def serve_busy_once(self) -> None:
        self.answer(b"", 429, Retry_After="1") if self.hits.count("/busy-once") == 1 else self.answer(GOOD)

    def serve_short(self) -> None:
        self.answer(GOOD[:100], Content_Length=str(len(GOOD)))
        self.close_connection = True

    def serve_bomb(self) -> None:
        self.answer(gzip.compress(bytes(2 * MAX_SOURCE_MB * 1_000_000), 1), Content_Encoding="gzip")

    def serve_endless(self) -> None:
        self.send_parts(b"x" * 1_000_000, 0)

    def serve_drip(self) -> None:
        self.send_parts(b"x", 0.05)

    def send_parts(self, part: bytes, pause: float) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                self.wfile.write(part)
                time.sleep(pause)
        except OSError:
            return
