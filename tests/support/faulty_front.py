"""A proxy between a client and its endpoint that rejects, fails, hangs up and forgets."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

from support.http_handler import Answering
from support.waiting import PATIENCE_S


class Front(ThreadingHTTPServer):
    """A context manager: passes HTTP on to `upstream`, the base URL of an endpoint, with the scripted faults.

    runs: faults of the requests to /run, in order: "pass"; "429" with a Retry-After; "500", neither of which reaches
    the endpoint; "stolen": the job is accepted, and the connection is cut. looks: the same for status requests of a
    job, by the number (from 0) of its first one: "500"; "cut"; "404", once; "forgotten": 404 from then on. happened:
    how often each happened.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, upstream: str, runs: list[str], looks: dict[int, list[str]]) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.upstream = urlsplit(upstream).netloc
        self.base_url = f"http://127.0.0.1:{self.server_port}/v2"
        self.happened: Counter[str] = Counter()
        self._runs, self._looks = list(runs), looks
        self._fates: dict[str, list[str]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,), name="front", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def fate(self, path: str) -> str:
        """Return the fate of the next request to this path."""
        act, _, job = path.partition("/local/")[2].partition("/")
        with self._lock:
            fate = "pass"
            if act == "run" and self._runs:
                fate = self._runs.pop(0)
            elif act == "status":
                fates = self._fates.setdefault(job, list(self._looks.get(len(self._fates), [])))
                fate = (fates[0] if fates[0] == "forgotten" else fates.pop(0)) if fates else "pass"
            self.happened[fate] += 1
            return fate

    def forgotten(self) -> int:
        """Return the number of forgotten jobs."""
        return sum("forgotten" in fates for fates in self._fates.values())


class Passing(Answering):
    """One connection of the client."""

    server: Front

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fate = self.server.fate(self.path)
        if fate in ("404", "forgotten"):
            self.answer(json.dumps({"error": "there is no such job"}).encode(), 404)
        elif fate == "429":
            self.answer(b'{"error": "too many requests"}', 429, Retry_After="1")
        elif fate == "500":
            self.answer(b"<html>Internal Server Error</html>", 500)
        else:
            with closing(HTTPConnection(self.server.upstream, timeout=PATIENCE_S)) as upstream:
                upstream.request(self.command, self.path, body, {"Content-Type": "application/json"})
                response = upstream.getresponse()
                content = response.read()
            if fate in ("stolen", "cut"):
                self.close_connection = True
                return
            self.answer(content, response.status, Content_Type="application/json")

    do_GET = do_POST = relay
