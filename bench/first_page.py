"""Benchmark of the first page of a 300-page PDF: our worker against PaddleX's serving.

`python bench/first_page.py --paddlex PYTHON` (see server_backend.py). Both send the crops of a page to the same double
of a model server. The benchmark measures the time from the request to the first crop read, and the peak memory of each
side until then. Writes results/first_page.json.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import requests
from server_backend import HERE, free_port, paddlex_serving, process
from soak import resident_mb, text_pdf

from support import tinyvl
from support.control_plane import ControlPlane
from support.worker_process import start_worker

RESULTS = HERE / "results" / "first_page.json"
PAGES = 300


def time_first_crop(port: int, pid: int, send: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds from `send` to the first crop read, and the peak resident memory until then, in MB."""
    before = requests.get(f"http://127.0.0.1:{port}/read", timeout=5).json()["read"]
    began, peak = time.monotonic(), 0.0
    threading.Thread(target=send, daemon=True).start()
    while requests.get(f"http://127.0.0.1:{port}/read", timeout=5).json()["read"] == before:
        peak = max(peak, resident_mb(pid))
        time.sleep(0.05)
    return round(time.monotonic() - began, 2), round(peak, 1)


def measure_ours(port: int, pdf: str) -> tuple[float, float]:
    """Measure our worker."""
    settings = {
        "OCR_BACKEND": "vllm-server",
        "OCR_SERVER_URL": f"http://127.0.0.1:{port}/v1",
        "OCR_WARMUP_CHECK": "false",
    }
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as folder:
        worker = start_worker(plane, Path(folder) / "log", **tinyvl.environment(**settings)).wait_ready()
        try:
            return time_first_crop(port, worker.process.pid, lambda: plane.submit({"documents": [{"base64": pdf}]}))
        finally:
            worker.kill()


def measure_paddlex(port: int, pdf: str, python: str) -> tuple[float, float]:
    """Measure PaddleX's serving."""
    body = {"file": pdf, "fileType": 0, "visualize": False}
    with paddlex_serving(f"http://127.0.0.1:{port}/v1", python) as url:
        (server,) = [child for child in psutil.Process().children() if "--serve" in child.cmdline()]
        return time_first_crop(port, server.pid, lambda: requests.post(f"{url}/layout-parsing", json=body, timeout=600))


def main() -> None:
    """Measure both sides, print and write the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paddlex", required=True)
    python = parser.parse_args().paddlex
    pdf = base64.b64encode(text_pdf(PAGES)).decode()
    port = free_port()
    with process([sys.executable, str(HERE / "crop_server.py"), str(port)], f"http://127.0.0.1:{port}/v1/models"):
        metrics = {"ours": measure_ours(port, pdf), "PaddleX serving": measure_paddlex(port, pdf, python)}
    print(f"of {PAGES} pages: seconds to the first crop read, MB resident until then: {metrics}")
    RESULTS.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
