"""`ocr-worker endpoint`: what a person sees of the local endpoint in a terminal."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path

from ocr_worker.endpoint.limits import Limits
from ocr_worker.endpoint.server import LocalEndpoint

INPUT = '{"input": {"url": "https://example.com/report.pdf"}}'
NOT_THE_PLATFORM = (
    "Not the real platform: no scaling, no webhooks, no /retry and no batch jobs, everything in memory;"
    " the whole list: python -m pydoc ocr_worker.endpoint"
)


def serve(workers: int, port: int, handler: Path, api_key: str | None, limits: Limits, log_dir: Path | None) -> None:
    """Serves until it is interrupted: KeyboardInterrupt by Ctrl-C, SystemExit by SIGTERM, then without a worker left.

    Raises OSError when the port is taken.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a script started with `&`
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with LocalEndpoint(
        workers, handler=handler, port=port, api_key=api_key, limits=limits, log_dir=log_dir, tell=_tell
    ) as endpoint:
        print(
            "\n".join([f"Endpoint: {endpoint.url}", f"  {_curl(endpoint.url, api_key)}", NOT_THE_PLATFORM]), flush=True
        )
        endpoint.serve()


def _curl(url: str, api_key: str | None) -> str:
    key = ' -H "Authorization: Bearer $KEY"' if api_key else ""
    return f"curl -s {url}/runsync{key} -H 'Content-Type: application/json' -d {shlex.quote(INPUT)}"


def _tell(worker: str, event: str) -> None:
    print(f"{worker}: {event}", flush=True)
