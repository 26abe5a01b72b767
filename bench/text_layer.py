"""Benchmark of `options.text_layer`: crops and pages per second, `never` beside `auto`, through a double of a server.

`python bench/text_layer.py [--pages 48] [--room 14]`. The complete worker under the SDK's loop parses three PDFs: born
digital, scanned, and half of each. Every page has ten lines, and the layout model of the test weights finds a block for
each. The double of a model server (crop_server.py) takes 400 ms per crop and has room for 14 at once: 35 crops per
second, which is what vLLM read on an H100. CALLERS send jobs of PAGES_PER_JOB pages in a closed loop; the two options
take turns. The machine needs idle cores, or they are the limit. Writes results/text_layer.json.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import requests
from server_backend import free_port, process

from support import tinyvl
from support.born_digital import sheets_pdf, tinyvl_sheet
from support.control_plane import ControlPlane
from support.worker_process import start_worker

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "text_layer.json"
CALLERS = 8
PAGES_PER_JOB = 6
ROUNDS = 3


def born_digital(pages: int) -> bytes:
    """Return a PDF of pages that look like those of the test weights."""
    return sheets_pdf([tinyvl_sheet(tinyvl.LINES, has_tables=number % 2 == 0) for number in range(pages)])


def scanned(pages: int) -> bytes:
    """Return a PDF of pictures of the same pages."""
    image = tinyvl.draw(tinyvl.LINES).convert("L")
    buffer = io.BytesIO()
    image.save(buffer, "PDF", resolution=144, save_all=True, append_images=[image] * (pages - 1))
    return buffer.getvalue()


def mixed(pages: int) -> bytes:
    """Return a PDF of which half the pages are scanned."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter()
    for data in (born_digital(pages // 2), scanned(pages - pages // 2)):
        for page in PdfReader(io.BytesIO(data)).pages:
            writer.add_page(page)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


DOCUMENTS: dict[str, Callable[[int], bytes]] = {"born digital": born_digital, "scanned": scanned, "mixed": mixed}


def measure(plane: ControlPlane, server: str, data: bytes, text_layer: str, jobs: int) -> dict[str, Any]:
    """Return crops and pages per second of as many jobs."""
    job = {"documents": [{"base64": base64.b64encode(data).decode()}], "options": {"text_layer": text_layer}}
    crops = _crops(server)
    turns = list(range(jobs))

    def call() -> None:
        while turns:
            turns.pop()
            output = plane.wait(plane.submit(job), 300).output
            assert output["coverage"]["pages_parsed"] == PAGES_PER_JOB, output

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    started_at = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started_at
    return {"crops": _crops(server) - crops, "pages_per_s": jobs * PAGES_PER_JOB / seconds}


def _crops(server: str) -> int:
    count: int = requests.get(server.replace("/v1", "/read"), timeout=10).json()["read"]
    return count


def main() -> None:
    """Measure all documents, print a table and write the results."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pages", type=int, default=48, help="pages of each document and option in a round")
    arguments.add_argument("--room", type=int, default=14, help="crops that the double reads at once")
    parsed = arguments.parse_args()
    jobs = parsed.pages // PAGES_PER_JOB
    port = free_port()
    server = f"http://127.0.0.1:{port}/v1"
    results: dict[str, dict[str, list[dict[str, Any]]]] = {}
    with (
        process([sys.executable, str(HERE / "crop_server.py"), str(port), "0.4", str(parsed.room)], f"{server}/models"),
        ControlPlane() as plane,
        tempfile.TemporaryDirectory() as folder,
    ):
        variables = {"OCR_BACKEND": "vllm-server", "OCR_SERVER_URL": server, "OCR_WARMUP_CHECK": "false"}
        worker = start_worker(
            plane, Path(folder) / "log", **tinyvl.environment(**variables, OCR_CONCURRENCY=str(CALLERS))
        ).wait_ready()
        try:
            for name, make in DOCUMENTS.items():
                data = make(PAGES_PER_JOB)
                measure(plane, server, data, "auto", CALLERS)  # warms up
                results[name] = {"never": [], "auto": []}
                for _ in range(ROUNDS):
                    for text_layer, rounds in results[name].items():
                        rounds.append(measure(plane, server, data, text_layer, jobs))
        finally:
            worker.kill()
    _report(results, {"pages": jobs * PAGES_PER_JOB, "room": parsed.room})


def _report(results: dict[str, dict[str, list[dict[str, Any]]]], facts: dict[str, int]) -> None:
    print(f"{'document':14}{'crops sent / all':>18}{'never':>10}{'auto':>10}  pages/s, medians of {ROUNDS}; ratio")
    for name, by_option in results.items():
        crops = [each[0]["crops"] for each in by_option.values()]
        rates = [sorted(each["pages_per_s"] for each in rounds)[ROUNDS // 2] for rounds in by_option.values()]
        share = f"{crops[1]} / {crops[0]}"
        print(f"{name:14}{share:>18}{rates[0]:10.2f}{rates[1]:10.2f}  {rates[1] / rates[0]:.2f}")
    RESULTS.write_text(json.dumps({**facts, "results": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
