"""`ocr-worker serve`: the HTTP app under uvicorn, until it is stopped."""

from __future__ import annotations

import argparse

from ocr_worker import log
from ocr_worker.app.serving import serve
from ocr_worker.cli import OK
from ocr_worker.settings import load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="instead of PORT")
    parser.add_argument("--open", action="store_true", help="let everybody in who reaches the address")


def run(options: argparse.Namespace) -> int:
    """Serve until stopped. Return the exit code."""
    settings = load_settings()
    log.configure(settings.log_level)
    serve(settings, options.host, is_open=options.open, port=options.port)
    return OK
