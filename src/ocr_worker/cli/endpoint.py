"""`ocr-worker endpoint`: run the local endpoint in a terminal.

It prints the endpoint's URL, an example call, and events of the workers, until it is interrupted.
"""

from __future__ import annotations

import argparse
import errno
import shlex
import signal
import sys
from pathlib import Path

from ocr_worker.cli import OK
from ocr_worker.cli.arguments import port_number, positive_int, positive_number
from ocr_worker.endpoint.limits import EndpointLimits
from ocr_worker.endpoint.server import LocalEndpoint
from ocr_worker.errors import InvalidRequest
from ocr_worker.settings import MEGABYTE

EXAMPLE_BODY = '{"input": {"url": "https://example.com/report.pdf"}}'
DIFFERENCES_NOTICE = (
    "Not the real platform: no scaling, no webhooks, no /retry and no batch jobs, everything in memory;"
    " the whole list: python -m pydoc ocr_worker.endpoint"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--workers", type=positive_int, default=1, metavar="N", help="number of worker processes; default: 1"
    )
    parser.add_argument(
        "--port", type=port_number, default=8090, help="port on 127.0.0.1, 0 for any free one; default: 8090"
    )
    parser.add_argument(
        "--handler",
        type=Path,
        default=Path("handler.py"),
        metavar="FILE",
        help="program of the workers; default: handler.py of the current folder",
    )
    parser.add_argument("--api-key", metavar="KEY", help="accept only requests with this key; default: accept all")
    parser.add_argument(
        "--execution-timeout",
        type=positive_number,
        metavar="SECONDS",
        help="time limit of jobs that set none; default: 600",
    )
    parser.add_argument(
        "--ttl",
        type=positive_number,
        metavar="SECONDS",
        help="time-to-live, from submission, of jobs that set none; default: 86400",
    )
    parser.add_argument(
        "--retention",
        type=positive_number,
        metavar="SECONDS",
        help="time for which results are kept; default: 1800 after /run, 60 after /runsync",
    )
    parser.add_argument(
        "--answer-limit-mb", type=positive_number, metavar="MB", help="largest response of a worker; default: 10"
    )
    parser.add_argument(
        "--log-dir", type=Path, metavar="DIR", help="folder for a log file per worker; default: all on stderr"
    )


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted. Return the exit code. Raises InvalidRequest for a missing handler or a taken port."""
    if not options.handler.is_file():
        raise InvalidRequest(
            f"there is no file {options.handler}: run the command in the repository, or name the file with --handler"
        )
    limit_options = {
        "execution_timeout_s": options.execution_timeout,
        "ttl_s": options.ttl,
        "run_retention_s": options.retention,
        "runsync_retention_s": options.retention,
        "response": options.answer_limit_mb and int(options.answer_limit_mb * MEGABYTE),
    }
    limits = EndpointLimits(**{name: value for name, value in limit_options.items() if value is not None})
    try:
        serve(options.workers, options.port, options.handler, options.api_key, limits, options.log_dir)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise InvalidRequest(f"cannot listen on 127.0.0.1, port {options.port}: {error.strerror}") from None
        raise InvalidRequest(
            f"port {options.port} on 127.0.0.1 is in use: choose another with --port, or any free one with --port 0"
        ) from None
    return OK


def serve(
    workers: int, port: int, handler: Path, api_key: str | None, limits: EndpointLimits, log_dir: Path | None
) -> None:
    """Serve until the process is interrupted. When the function raises, all workers have ended.

    Raises KeyboardInterrupt on Ctrl-C, SystemExit on SIGTERM, OSError when the port is in use.
    """
    # A process that a script starts with `&` ignores SIGINT by default.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with LocalEndpoint(
        workers, handler=handler, port=port, api_key=api_key, limits=limits, log_dir=log_dir, on_event=_print_event
    ) as endpoint:
        print(
            "\n".join([f"Endpoint: {endpoint.url}", f"  {_curl_command(endpoint.url, api_key)}", DIFFERENCES_NOTICE]),
            flush=True,
        )
        try:
            endpoint.serve()
        except KeyboardInterrupt:
            print("waiting for the workers; press Ctrl-C again to stop at once", file=sys.stderr)
            raise


def _curl_command(url: str, api_key: str | None) -> str:
    key_header = ' -H "Authorization: Bearer $KEY"' if api_key else ""
    return f"curl -s {url}/runsync{key_header} -H 'Content-Type: application/json' -d {shlex.quote(EXAMPLE_BODY)}"


def _print_event(worker: str, event: str) -> None:
    print(f"{worker}: {event}", flush=True)
