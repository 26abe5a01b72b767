"""A server in place of an endpoint that follows a test's script, and a client of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from ocr_worker.client.remote import RemoteEndpoint
from support.waiting import PATIENCE_S

LIMITS = {"execution_timeout_s": 600.0, "ttl_s": 3600.0}
KEY = SecretStr("secret-key")


@asynccontextmanager
async def remote(base_url: str, key: SecretStr | None = None, **more: Any) -> AsyncIterator[RemoteEndpoint]:
    service = RemoteEndpoint(base_url, "local", key, **more)
    try:
        yield service
    finally:
        await service.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's response to a request. closes: hang up instead. after_s: delay in seconds."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    closes: bool = False
    after_s: float = 0.0

    def encoded(self) -> bytes:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        headers = {"Content-Length": str(len(body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} told", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode() + body


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Server:
    """A server that responds to the requests of each path by its list of answers; the last answer is repeated."""

    def __init__(self, **script: list[Answer]) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.url = ""
        self.inside = self.most = 0

    def count_requests(self, operation: str) -> int:
        return sum(request.path.split("/")[3] == operation for request in self.requests)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append(Request(method, path, headers, body))
        answers = self.script[path.split("/")[3].partition("?")[0].replace("-", "_")]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.inside += 1
        self.most = max(self.most, self.inside)  # requests that are being answered at once
        await asyncio.sleep(answer.after_s)
        self.inside -= 1
        if answer.closes:
            return False
        writer.write(answer.encoded())
        await writer.drain()
        return True


Scenario = Callable[[Server, RemoteEndpoint], Awaitable[Any]]


def play(scenario: Scenario, script: dict[str, list[Answer]], **more: Any) -> Server:
    """Run the scenario with a client of a server that follows this script."""
    server = Server(**script)

    async def run() -> None:
        serving = await asyncio.start_server(server.handle, "127.0.0.1", 0)
        server.url = f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}/v2"
        async with remote(server.url, KEY, **more) as service:
            await asyncio.wait_for(scenario(server, service), PATIENCE_S)
        serving.close()

    asyncio.run(run())
    return server


async def submit(service: RemoteEndpoint) -> str:
    return await service.submit({"documents": ["https://example.com/a.pdf"]}, **LIMITS)


TAKEN = Answer(body={"id": "job-1", "status": "IN_QUEUE"})
QUEUED = Answer(body={"id": "job-1", "status": "IN_QUEUE"})
