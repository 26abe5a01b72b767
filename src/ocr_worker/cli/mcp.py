"""`ocr-worker mcp`: the MCP server, on standard input and output or over HTTP.

An agent's program starts it and talks to it on standard input and output. With `--http` it listens, and others connect
to it. The log goes to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from ocr_worker import log
from ocr_worker.cli import OK
from ocr_worker.cli.arguments import port_number
from ocr_worker.errors import InvalidRequest
from ocr_worker.mcp_server.parsers import choose_parser
from ocr_worker.mcp_server.server import create_server
from ocr_worker.mcp_server.transport import serve_http
from ocr_worker.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--server", metavar="URL", help="send jobs to this HTTP app (ocr-worker serve), not this process"
    )
    where.add_argument("--endpoint", metavar="ID|URL", help="send jobs to this endpoint, not this process")
    parser.add_argument(
        "--api-key", metavar="KEY", help="key for --server or --endpoint; default for an endpoint: RUNPOD_API_KEY"
    )
    parser.add_argument("--http", action="store_true", help="listen for clients over HTTP; they need an OCR_API_KEYS")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on with --http; default: 127.0.0.1")
    parser.add_argument("--port", type=port_number, default=8765, help="port to listen on with --http; default: 8765")
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="folder whose files may be parsed by path; default: every file, with --http none",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until the client disconnects or the process is interrupted. Return the exit code."""
    if options.root is not None and not options.root.is_dir():
        raise InvalidRequest(f"--root {options.root} is not a folder: name a folder whose files clients may read")
    asyncio.run(_serve(options))
    return OK


async def _serve(options: argparse.Namespace) -> None:
    settings = load_settings()
    log.configure("WARNING")
    async with choose_parser(
        settings, server=options.server, endpoint=options.endpoint, api_key=options.api_key
    ) as parser:
        server = create_server(parser, options.root, has_paths=not options.http or options.root is not None)
        if options.http:
            await serve_http(server, settings, options.host, options.port, _print_url)
        else:
            await server.run_stdio_async()


def _print_url(url: str) -> None:
    print(f"MCP: {url}", file=sys.stderr, flush=True)
