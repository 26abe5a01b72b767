"""`ocr-worker serve`: the HTTP app under uvicorn, until it is stopped.

Four lines on stdout say where the page, the API and its documentation are, and when the engine is ready. The log goes
to stderr. With `--endpoint` the app has no engine, and passes its jobs to a RunPod endpoint.
"""

from __future__ import annotations

import argparse

from ocr_worker import log
from ocr_worker.app.jobs.route import JOBS
from ocr_worker.app.serving import serve, serve_gateway
from ocr_worker.cli import OK
from ocr_worker.cli.arguments import port_number
from ocr_worker.settings import load_client_settings, load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; default: 127.0.0.1")
    parser.add_argument(
        "--port", type=port_number, help="port to listen on, 0 for any free one; default: PORT, or 8000"
    )
    parser.add_argument(
        "--open", action="store_true", help="allow an address that others can reach although no OCR_API_KEYS are set"
    )
    parser.add_argument(
        "--endpoint",
        metavar="ID",
        help="serve /api/v2/ocr/jobs in front of this RunPod endpoint, with the key in RUNPOD_API_KEY and without an"
        " engine; needs OCR_TOKEN_KEY",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until stopped. Return the exit code."""
    settings = load_settings()
    log.configure(settings.log_level)
    if options.endpoint:
        serve_gateway(
            settings,
            load_client_settings(),
            options.endpoint,
            options.host,
            is_open=options.open,
            port=options.port,
            on_listening=lambda url: print(f"API:    {url}{JOBS}\nDocs:   {url}/docs", flush=True),
        )
        return OK

    def print_ready(seconds: float) -> None:
        print(f"Engine: {settings.engine}, ready in {seconds:.1f} s", flush=True)

    serve(
        settings,
        options.host,
        is_open=options.open,
        port=options.port,
        on_listening=_print_urls,
        on_ready=print_ready,
    )
    return OK


def _print_urls(url: str) -> None:
    print(f"Page:   {url}/\nAPI:    {url}/v1/parse\nDocs:   {url}/docs", flush=True)
