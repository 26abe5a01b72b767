"""Benchmark of peak memory: our worker and the plain handler, by pages of a PDF and with ten jobs at once.

`python bench/peak_memory.py [--only SIDE]`; each figure is the resident memory of a fresh worker and its children, when
it is warm and at its peak. PDFs come from a server; at 144 dpi a page is 6 MB. The engine double takes 20 ms per page,
so that rendered pages wait for it. Writes results/peak_memory.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

from busy_share import BENCH, DPI, run_worker, serve_documents
from soak import resident_mb

from support.worker_process import HANDLER

RESULTS = BENCH / "results" / "peak_memory.json"
PAGE_S = "0.02"
LOADS = {"10 pages": [10], "100 pages": [100], "500 pages": [500], "ten jobs of 50": [50] * 10}
MAX_RATIO = 1.2
OURS = {"OCR_ENGINE": "bench_engines:timed", "RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS": "true"}
# The limits that follow from a model server: 64 jobs, four engines, room for 400 MB of pages. The double needs no
# server, and is slow, so that the room becomes full.
SERVER = {"OCR_BACKEND": "vllm-server", "OCR_SERVER_URL": "http://127.0.0.1:1/v1", "BENCH_PAGE_S": "0.4"}
SERVER_SIDE = "ours with a model server"
SIDES: dict[str, tuple[Path, dict[str, str]]] = {
    "ours": (HANDLER, OURS),
    SERVER_SIDE: (HANDLER, OURS | SERVER),
    "plain": (BENCH / "naive_handler.py", {}),
}


def peak_mb(url: str, handler: Path, pages: list[int], **settings: str) -> tuple[float, float]:
    """Return the resident MB of a worker when it is warm, and at its peak while it runs these jobs at once."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"BENCH_PAGE_S": PAGE_S, "BENCH_CALLS": os.devnull} | settings
        with run_worker(Path(folder), handler, **environment) as worker:
            plane = worker.plane
            plane.wait(plane.submit(create_job(url, 1)), 120)
            warm = peak = resident_mb(worker.process.pid)
            jobs = [plane.submit(create_job(url, count)) for count in pages]
            while not plane.wait_until(lambda: all(plane.jobs[name].results for name in jobs), 0.02):
                peak = max(peak, resident_mb(worker.process.pid))
            assert not any(plane.jobs[name].results[0].error for name in jobs)
    return round(warm, 1), round(peak, 1)


def create_job(url: str, pages: int) -> dict[str, object]:
    """Return the input of a job with a PDF of this number of pages."""
    return {"documents": [{"url": f"{url}/{pages}"}], "options": {"dpi": DPI}}


def main() -> None:
    """Measure the sides under each load, print and write the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SIDES)
    only = parser.parse_args().only
    metrics = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    sides = [side for side in SIDES if only in (None, side)]
    metrics |= {side: {} for side in sides}
    with serve_documents() as url:
        for name, pages in LOADS.items():
            for side in sides:
                handler, settings = SIDES[side]
                metrics[side][name] = peak_mb(url, handler, pages, **settings)
                print(f"{side}: {name}: MB when warm, at the highest: {metrics[side][name]}")
    for side in sides:
        base = "100 pages" if side == SERVER_SIDE else "10 pages"  # ten pages do not fill the room
        ratio = metrics[side]["500 pages"][1] / metrics[side][base][1]
        print(f"{side}: 500 pages / {base}: {ratio:.2f}" + (f", wanted <= {MAX_RATIO}" if side != "plain" else ""))
    RESULTS.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
