"""The MCP server with the official client: over stdio and HTTP, and with its jobs in each of the three places."""

from __future__ import annotations

import asyncio
import base64
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from ocr_worker.endpoint import LocalEndpoint
from ocr_worker.mcp_server.parsers import EndpointParser, HttpParser, remote_parser
from ocr_worker.mcp_server.server import create_server
from support import doubles
from support.app_process import serving
from support.doubles import READING
from support.drawing import WHITE, png, tiff
from support.waiting import PATIENCE_S, eventually
from support.worker_process import HANDLER, ROOT, environment

pytestmark = pytest.mark.process

ENGINE = {"OCR_ENGINE": "support.doubles:by_colour"}
COMMAND = [sys.executable, "-m", "ocr_worker.cli", "mcp"]
PAGES = [WHITE, doubles.LARGE_FIGURES, doubles.RAISES]


def run(work: Callable[[Client], Awaitable[None]], server: Any) -> None:
    """Run `work` with a client of the server."""

    async def connect() -> None:
        async with Client(server) as client:
            await asyncio.wait_for(work(client), PATIENCE_S)

    asyncio.run(connect())


async def error_of(client: Client, tool: str = "parse_document", **arguments: Any) -> str:
    """Return the text of a tool's error."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result
    text: str = result.content[0].text
    return text


async def tour(client: Client, **source: str) -> None:
    """Parse PAGES and use everything that the server has."""
    counts: list[tuple[float, float | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        counts.append((done, total))

    result = await client.call_tool("parse_document", source, progress_callback=progress)
    assert not result.is_error, result
    document: dict[str, Any] = result.structured_content
    assert (document["status"], document["pages_parsed"], document["is_complete"]) == ("partial", [1, 2], True)
    assert [(entry["page"], entry["error"]["code"]) for entry in document["problems"]] == [(3, "PAGE_FAILED")]
    assert f"{READING} #ffffff" in document["markdown"]
    assert set(counts) <= {(1, 3), (2, 3), (3, 3)}

    arguments = {"document_id": document["document_id"]}
    outline = await client.call_tool("outline", arguments)
    assert [page["page"] for page in outline.structured_content["pages"]] == [1, 2, 3]
    pages = await client.call_tool("read_page", arguments | {"page": 2, "last_page": 3})
    assert pages.structured_content["markdown"].endswith("<!-- page 3: PAGE_FAILED -->")
    matches = await client.call_tool("search", {"query": "#FFFFFF"})
    assert [match["page"] for match in matches.structured_content["matches"]] == [1]

    base = f"ocr://documents/{document['document_id']}"
    uris = [content.uri for content in result.content[1:]]
    assert uris == [f"{base}/markdown", f"{base}/json", document["figures"][0]["uri"]]
    markdown, _, crop = [(await client.read_resource(uri)).contents[0] for uri in uris]
    assert markdown.text.startswith(f"{READING} #ffffff")
    assert base64.b64decode(crop.blob) == base64.b64decode("A" * doubles.LARGE)
    page = await client.read_resource(f"{base}/pages/1")
    assert page.contents[0].text == f"{READING} #ffffff"


async def check_errors(client: Client) -> None:
    """Each error has its code, a message, and whether to come again."""
    corrupt = base64.b64encode(b"%PDF-1.7 nothing").decode()
    assert re.search(r"DOCUMENT_CORRUPT: .+ \(retryable: no\)", await error_of(client, base64=corrupt), re.DOTALL)
    good = base64.b64encode(png(WHITE)).decode()
    assert "INVALID_REQUEST: input.options.dpii" in await error_of(client, base64=good, options={"dpii": 1})
    assert "DOCUMENT_PAGE_OUT_OF_RANGE" in await error_of(client, base64=good, pages="9")
    assert "INVALID_REQUEST: give exactly one of" in await error_of(client)
    assert "INVALID_REQUEST: no document 'x'" in await error_of(client, "outline", document_id="x")


# --------------------------------------------------------------------------- transports, with jobs in this process


def test_over_stdio(tmp_path: Path) -> None:
    """A client starts the server, parses a file of this machine, and uses every tool and resource."""
    file = tmp_path / "a.tiff"
    file.write_bytes(tiff(PAGES))
    (tmp_path / "inner").mkdir()

    async def work(client: Client) -> None:
        assert client.server_info is not None
        assert {tool.name for tool in (await client.list_tools()).tools} == {
            "parse_document",
            "outline",
            "read_page",
            "search",
        }
        await tour(client, path=str(file))
        await check_errors(client)
        assert "SOURCE_REJECTED: /nothing.pdf cannot be read" in await error_of(client, path="/nothing.pdf")
        with pytest.raises(MCPError, match="no document 'x'"):
            await client.read_resource("ocr://documents/x/markdown")

    run(work, StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=environment(ENGINE), cwd=ROOT))


@contextmanager
def listening(log_file: Path, *arguments: str, **settings: str) -> Iterator[str]:
    """Run the server over HTTP and return its URL."""
    with log_file.open("wb") as log:
        command = [*COMMAND, "--http", "--port", "0", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, env=environment(ENGINE | settings), stdout=log, stderr=log)
    try:
        assert eventually(lambda: b"MCP: " in log_file.read_bytes() or process.poll() is not None)
        match = re.search(r"MCP: (\S+)", log_file.read_text())
        assert match, log_file.read_text()
        yield match[1]
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def test_over_http(tmp_path: Path) -> None:
    """A client with a key parses base64, and files of one folder only; without a key it is rejected."""
    folder = tmp_path / "open"
    folder.mkdir()
    (folder / "a.png").write_bytes(png(WHITE))
    (tmp_path / "secret.png").write_bytes(png(WHITE))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")

    async def work(client: Client) -> None:
        await tour(client, base64=base64.b64encode(tiff(PAGES)).decode())
        result = await client.call_tool("parse_document", {"path": "a.png"})
        assert result.structured_content["status"] == "succeeded"
        for path in ("../secret.png", str(tmp_path / "secret.png"), "link.png"):
            assert "SOURCE_REJECTED" in await error_of(client, path=path)

    async def connect(url: str) -> None:
        headers = {"Authorization": "Bearer open-sesame"}
        async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S) as http_client:
            async with Client(streamable_http_client(url, http_client=http_client)) as client:
                await asyncio.wait_for(work(client), PATIENCE_S)
            reply = await http_client.post(url, headers={"Authorization": "Bearer wrong"}, json={})
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, "UNAUTHORIZED")

    arguments = ("--root", str(folder))
    with listening(tmp_path / "log", *arguments, OCR_API_KEYS="open-sesame") as url:
        asyncio.run(connect(url))


def test_files_are_closed_over_http_and_others_need_keys() -> None:
    """Without a folder no file is read for a client over HTTP, and no other machine reaches a server without keys."""
    parser: Any = None  # no job comes

    async def work(client: Client) -> None:
        assert "SOURCE_REJECTED" in await error_of(client, path="/etc/passwd")

    run(work, create_server(parser, None, has_paths=False))
    command = [*COMMAND, "--http", "--host", "0.0.0.0", "--port", "0"]
    result = subprocess.run(command, cwd=ROOT, env=environment(ENGINE), capture_output=True, timeout=PATIENCE_S)
    assert (result.returncode, b"set OCR_API_KEYS" in result.stderr) == (1, True)


# --------------------------------------------------------------------------- jobs elsewhere


def run_with(parser: HttpParser | EndpointParser, work: Callable[[Client], Awaitable[None]]) -> None:
    """Run `work` with a client of a server whose jobs run elsewhere."""

    async def connect() -> None:
        async with remote_parser(parser) as opened, Client(create_server(opened, None)) as client:
            await asyncio.wait_for(work(client), PATIENCE_S)

    asyncio.run(connect())


async def parse_elsewhere(client: Client) -> None:
    await tour(client, base64=base64.b64encode(tiff(PAGES)).decode())
    await check_errors(client)


def test_jobs_at_the_http_app(tmp_path: Path) -> None:
    """Pages are reported as the app sends them; its errors are the tool's, those of a wrong key and address, too."""
    with serving(tmp_path / "log", OCR_API_KEYS="key", **ENGINE) as app:
        app.wait(200)
        run_with(HttpParser(app.url, "key"), parse_elsewhere)

        async def fail(client: Client) -> None:
            assert "UNAUTHORIZED: " in await error_of(client, url="https://example.com/a.pdf")

        run_with(HttpParser(app.url, "wrong"), fail)

    async def miss(client: Client) -> None:
        error = await error_of(client, url="https://example.com/a.pdf")
        assert re.search(r"ENDPOINT_UNAVAILABLE: .+ cannot be reached .+ \(retryable: yes\)", error)

    run_with(HttpParser(app.url), miss)


def test_jobs_at_an_endpoint(tmp_path: Path) -> None:
    """The same through the job API."""
    with LocalEndpoint(handler=HANDLER, settings=environment(ENGINE), log_dir=tmp_path) as endpoint:
        endpoint.wait_ready(PATIENCE_S)
        run_with(EndpointParser(endpoint.url), parse_elsewhere)
