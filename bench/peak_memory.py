"""Benchmark of peak memory: our worker and the plain handler, by pages of a PDF and with ten jobs at once.

`python bench/peak_memory.py`; each figure is the resident memory of a fresh worker and its children, when it is warm
and at its peak. PDFs come from a server; at 144 dpi a page is 6 MB. The engine double takes 20 ms per page, so that
rendered pages wait for it. Writes results/peak_memory.json.
"""

from __future__ import annotations

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
    """Measure both sides under each load, print and write the metrics."""
    metrics: dict[str, dict[str, tuple[float, float]]] = {"ours": {}, "plain": {}}
    with serve_documents() as url:
        for name, pages in LOADS.items():
            metrics["ours"][name] = peak_mb(
                url, HANDLER, pages, OCR_ENGINE="bench_engines:timed", RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS="true"
            )
            metrics["plain"][name] = peak_mb(url, BENCH / "naive_handler.py", pages)
            print(f"{name}: MB when warm, at the highest: ours {metrics['ours'][name]}, plain {metrics['plain'][name]}")
    for side, loads in metrics.items():
        ratio = loads["500 pages"][1] / loads["10 pages"][1]
        print(f"{side}: 500 pages / 10 pages: {ratio:.2f}" + (f", wanted <= {MAX_RATIO}" if side == "ours" else ""))
    RESULTS.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
