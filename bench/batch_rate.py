"""Benchmark of the batch client: jobs per second, memory, and the time to resume.

`python bench/batch_rate.py [--documents 20000] [--plain 3000]`; the bare API is a process that answers `/run` with an
id and `/status` with a finished job of one page, at once. Our client, a separate process, sends one-page jobs through
it. A plain loop does the same with fewer jobs (httpx, the same limits of calls per second and at once, no ledger, no
files written). Prints the jobs per second of both sides and their ratio, and our client's resident memory over the run.
Also prints the time to resume a finished ledger of this many documents. Writes results/batch_rate.json.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from aiohttp import web

RESULTS = Path(__file__).parent / "results" / "batch_rate.json"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


# --------------------------------------------------------------------------- the bare API


def serve() -> None:
    """Print the port of the bare API, then answer until the process is killed."""
    jobs: dict[str, list[str]] = {}

    async def run(request: web.Request) -> web.Response:
        body = await request.json()
        job = f"job-{len(jobs)}"
        jobs[job] = [document["id"] for document in body["input"]["documents"]]
        return web.json_response({"id": job, "status": "IN_QUEUE"})

    async def status(request: web.Request) -> web.Response:
        names = jobs[request.match_info["job"]]
        page = {"page": 1, "status": "succeeded", "markdown": "text"}
        output = {
            "status": "succeeded",
            "engine": {"name": "bare", "version": "1", "backend": "none"},
            "documents": [{"id": name, "status": "succeeded", "page_count": 1, "pages": [page]} for name in names],
            "coverage": {
                "documents_expected": len(names),
                "documents_failed": 0,
                "pages_expected": len(names),
                "pages_parsed": len(names),
                "pages_failed": 0,
            },
            "timing": {},
        }
        return web.json_response({"status": "COMPLETED", "output": output, "executionTime": 100, "delayTime": 0})

    async def health(request: web.Request) -> web.Response:
        return web.json_response({"jobs": {"inQueue": 0}, "workers": {"idle": 10, "running": 0}})

    async def main() -> None:
        app = web.Application(client_max_size=2**30)
        app.add_routes(
            [web.post("/v2/x/run", run), web.get("/v2/x/status/{job}", status), web.get("/v2/x/health", health)]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


@contextmanager
def start_api() -> Iterator[str]:
    """Start the bare API, yield its base URL, and kill it."""
    process = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v2"
    finally:
        process.kill()


# --------------------------------------------------------------------------- the plain loop


async def run_loop(base: str, files: list[Path]) -> float:
    """Run a loop over `/run` and `/status` at our client's pace, and return its jobs per second."""
    import httpx

    from ocr_worker.client import remote
    from ocr_worker.client.calls import Gate

    gate = Gate(remote._CALLS_PER_S, remote._CALLS_PER_S, remote._CALLS_AT_ONCE)
    queue = iter(files)

    async def carry(client: httpx.AsyncClient) -> None:
        for file in queue:
            document = {"id": "a", "base64": base64.b64encode(file.read_bytes()).decode()}
            async with gate:
                response = await client.post(f"{base}/x/run", json={"input": {"documents": [document]}})
            job, state = response.json()["id"], ""
            while state != "COMPLETED":
                await asyncio.sleep(0.2)
                async with gate:
                    state = (await client.get(f"{base}/x/status/{job}")).json()["status"]

    started = time.monotonic()
    async with httpx.AsyncClient(timeout=30) as client:
        await asyncio.gather(*(carry(client) for _ in range(40)))
    return len(files) / (time.monotonic() - started)


# --------------------------------------------------------------------------- our client


def run_client(base: str, folder: Path, out: Path) -> tuple[float, list[float]]:
    """Run `batch run`. Return its seconds, and its resident megabytes every two seconds."""
    command = [sys.executable, "-m", "ocr_worker.cli", "batch", "run", str(folder), "--out", str(out)]
    environment = os.environ | {"RUNPOD_ENDPOINT_BASE_URL": base, "OCR_ENGINE": "embedded"}
    started, memory = time.monotonic(), []
    process = subprocess.Popen(
        [*command, "--endpoint", "x", "--pages-per-job", "1"], env=environment, stderr=subprocess.DEVNULL
    )
    client = psutil.Process(process.pid)
    for tick in itertools.count():
        if process.poll() is not None:
            break
        if tick % 40 == 0:
            memory.append(round(client.memory_info().rss / 1e6, 1))
        time.sleep(0.05)
    assert process.returncode == 0, process.returncode
    return time.monotonic() - started, memory


def measure(documents: int, plain_documents: int) -> dict[str, Any]:
    """Measure both sides and return the metrics."""
    with tempfile.TemporaryDirectory() as name, start_api() as base:
        folder, out = Path(name) / "in", Path(name) / "out"
        folder.mkdir()
        files = [folder / f"{number:06d}.png" for number in range(documents)]
        for number, file in enumerate(files):
            file.write_bytes(PNG + number.to_bytes(4, "big"))
        loop_rate = asyncio.run(run_loop(base, files[:plain_documents]))
        seconds, memory = run_client(base, folder, out)
        resume_s, _ = run_client(base, folder, out)
        return {
            "documents": documents,
            "plain_jobs_per_s": round(loop_rate, 2),
            "our_jobs_per_s": round(documents / seconds, 2),
            "ratio": round(documents / seconds / loop_rate, 3),
            "memory_mb": memory[:: max(1, len(memory) // 30)],
            "resume_s": round(resume_s, 2),
        }


def main() -> None:
    """Serve the bare API, or measure, print and write the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", nargs="?", choices=["serve"])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--plain", type=int, default=3_000)
    arguments = parser.parse_args()
    if arguments.role == "serve":
        serve()
        return
    metrics = measure(arguments.documents, arguments.plain)
    print(json.dumps(metrics, indent=2))
    RESULTS.write_text(json.dumps(metrics, indent=2) + "\n")


if __name__ == "__main__":
    main()
