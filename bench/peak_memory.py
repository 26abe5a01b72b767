"""Resident memory at its highest: our worker against the plain handler, by pages of a PDF and with ten jobs at once.

`python bench/peak_memory.py`; each figure is a fresh worker's, its children included, over what it had when it was
ready. PDFs come from a server, at 144 dpi a page is 6 MB; the engine double takes 20 ms a page, so that rendered pages
wait for it. Writes results/peak_memory.json.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from busy_share import BENCH, DPI, HANDLER, documents_server, worker
from soak import resident_mb

RESULTS = BENCH / "results" / "peak_memory.json"
PAGE_S = "0.02"
LOADS = {"10 pages": [10], "100 pages": [100], "500 pages": [500], "ten jobs of 50": [50] * 10}
WANTED = 1.2


def peak_mb(url: str, handler: Path, pages: list[int], **settings: str) -> tuple[float, float]:
    """Of a worker that is given these jobs at once: when it was warm, and at its highest."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"BENCH_PAGE_S": PAGE_S, "BENCH_CALLS": os.devnull} | settings
        with worker(Path(folder), handler, **environment) as started:
            plane = started.plane
            plane.wait(plane.submit(job(url, 1)), 120)
            warm = peak = resident_mb(started.process.pid)
            jobs = [plane.submit(job(url, count)) for count in pages]
            while not plane.wait_until(lambda: all(plane.jobs[one].results for one in jobs), 0.02):
                peak = max(peak, resident_mb(started.process.pid))
            assert not any(plane.jobs[one].results[0].error for one in jobs)
    return round(warm, 1), round(peak, 1)


def job(url: str, pages: int) -> dict[str, object]:
    return {"documents": [{"url": f"{url}/{pages}"}], "options": {"dpi": DPI}}


def main() -> None:
    found: dict[str, dict[str, tuple[float, float]]] = {"ours": {}, "plain": {}}
    with documents_server() as url:
        for name, pages in LOADS.items():
            found["ours"][name] = peak_mb(
                url, HANDLER, pages, OCR_ENGINE="bench_engines:timed", RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS="true"
            )
            found["plain"][name] = peak_mb(url, BENCH / "naive_handler.py", pages)
            print(f"{name}: MB when warm, at the highest: ours {found['ours'][name]}, plain {found['plain'][name]}")
    for side, figures in found.items():
        ratio = figures["500 pages"][1] / figures["10 pages"][1]
        print(f"{side}: 500 pages / 10 pages: {ratio:.2f}" + (f", wanted <= {WANTED}" if side == "ours" else ""))
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
