"""Compare downloads: the worker's own fetch against `safe_get` of RunPod's SDK, which it used before.

Both fetch the same files from a server process on this machine: a large file, and many small files. The two take turns,
and the best of the rounds counts.

    PYTHONPATH=src python bench/fetch.py [--megabytes 200] [--files 1000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import socketserver
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS"] = "true"

from runpod.serverless.utils import rp_ssrf

from ocr_worker.sources.fetch import Fetcher
from ocr_worker.wire.schema import DocumentRequest

RESULTS = Path(__file__).parent / "results" / "fetch.json"
MAX_BYTES = 1 << 30
SMALL_BYTES = 20_000
CHUNK_BYTES = 64 * 1024

Fetch = Callable[[str], bytes]


def serve(megabytes: int) -> None:
    """Serve `/large` and `/small`, and print the port."""
    bodies = {b"/large": bytes(megabytes * 1_000_000), b"/small": bytes(SMALL_BYTES)}

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            body = bodies[self.rfile.readline().split()[1]]
            while self.rfile.readline().strip():
                pass
            self.request.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
            self.request.sendall(body)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


def sdk_fetch(url: str) -> bytes:
    """Fetch as the worker did before, without its threads and retries."""
    with rp_ssrf.safe_get(url, timeout=20, max_bytes=MAX_BYTES) as response:
        return b"".join(rp_ssrf.iter_content_capped(response, CHUNK_BYTES, MAX_BYTES))


def own_fetch() -> Fetch:
    """Return the worker's fetch, with its threads and retries."""
    fetcher = Fetcher(max_bytes=MAX_BYTES, timeout_s=600, allowed_hosts=())
    return lambda url: fetcher.fetch(DocumentRequest(url=url))


def seconds(fetch: Fetch, url: str, times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        fetch(url)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.megabytes)
        return
    command = [sys.executable, __file__, "--serve", "--megabytes", str(arguments.megabytes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            results = {
                f"{arguments.megabytes} MB": compare(f"{url}/large", 1, arguments.rounds),
                f"{arguments.files} files of {SMALL_BYTES // 1000} kB": compare(
                    f"{url}/small", arguments.files, arguments.rounds
                ),
            }
        finally:
            server.kill()
    for name, figures in results.items():
        print(name, figures)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def compare(url: str, times: int, rounds: int) -> dict[str, float]:
    """Return the seconds of both, and their ratio."""
    fetches = {"sdk_s": sdk_fetch, "own_s": own_fetch()}
    best = dict.fromkeys(fetches, float("inf"))
    for fetch in fetches.values():
        fetch(url)  # imports, caches
    for _ in range(rounds):
        for name, fetch in fetches.items():
            best[name] = min(best[name], seconds(fetch, url, times))
    figures = {**best, "own_to_sdk": best["own_s"] / best["sdk_s"]}
    return {name: round(value, 3) for name, value in figures.items()}


if __name__ == "__main__":
    main()
