"""What stays and what grows: memory after many jobs, memory for a long PDF, and how soon its first page is parsed.

`python bench/soak.py [--jobs 200]`; writes results/soak.json. The engine is a double, so that what is measured is the
worker; memory is resident memory of the worker process and its rendering children, sampled.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "rasterizer"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "engines"))

import files
import psutil

from control_plane import ControlPlane
from ocr_worker.pipeline import Pipeline
from ocr_worker.request import parse_request
from ocr_worker.settings import Settings
from worker_process import Worker, start_worker

RESULTS = Path(__file__).parent / "results" / "soak.json"
A4 = "0 0 595 842"
WARM = 50  # jobs until memory is compared
SAMPLE_S = 0.02
ENGINE_S = 0.25


def text_pdf(pages: int) -> bytes:
    """A4 pages, half a page of text each."""
    lines = " ".join(f"1 0 0 1 50 {800 - 15 * n} Tm (Line {n} of a page that is like any other) Tj" for n in range(25))
    return files.pages([f"BT /F 12 Tf {lines} ET"] * pages, box=A4)


def source(data: bytes, **fields: Any) -> dict[str, Any]:
    return {"base64": base64.b64encode(data).decode(), **fields}


def resident_mb(pid: int) -> float:
    """Of the process and its children, in MB."""
    total = 0
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / 1e6


@contextmanager
def worker_process(**settings: str) -> Iterator[Worker]:
    with ControlPlane() as plane, tempfile.TemporaryDirectory() as folder:
        worker = start_worker(plane, Path(folder) / "log", OCR_ENGINE="doubles:reading", **settings).wait_ready()
        try:
            yield worker
        finally:
            worker.kill()


# --------------------------------------------------------------------------- (a) many jobs


def mixed_job(chance: random.Random) -> dict[str, Any]:
    """One to four documents, good, large, long and broken."""
    kinds = [
        lambda: text_pdf(1),
        lambda: text_pdf(chance.randint(2, 30)),
        lambda: files.saved(files.noise(1200, 1600), "PNG"),
        lambda: files.saved(files.noise(2480, 3508), "JPEG"),
        lambda: text_pdf(3)[: chance.randint(100, 3000)],
        lambda: files.encrypted_pdf("sesame"),
        lambda: files.huge_png(50_000),
        lambda: files.form_pdf("Ada"),
        lambda: b"no document at all",
    ]
    documents = [source(chance.choice(kinds)()) for _ in range(chance.randint(1, 4))]
    return {"documents": documents, "options": {"dpi": chance.choice([72, 150, 200])}}


def many_jobs(count: int) -> dict[str, Any]:
    chance = random.Random(1)
    marks = {}
    with worker_process() as worker:
        for number in range(1, count + 1):
            worker.answer(mixed_job(chance))
            if number in (1, WARM, count // 2, count):
                time.sleep(1)  # a swollen child is replaced in the background
                marks[number] = round(resident_mb(worker.process.pid), 1)
    ratio = marks[count] / marks[WARM]
    print(f"resident MB after job: {marks}; after {count} / after {WARM}: {ratio:.3f}, wanted <= 1.15")
    return {"resident_mb_after_job": marks, "ratio": round(ratio, 3), "wanted": 1.15}


# --------------------------------------------------------------------------- (b) a long document


def peak_mb(pages: int) -> float:
    """The highest resident memory of a fresh worker, its children included, while it parses such a PDF."""
    job = {"documents": [source(text_pdf(pages))], "options": {"dpi": 150}}
    with worker_process(DOUBLE_SECONDS="0.01") as worker:
        worker.answer({"documents": [source(text_pdf(1))]})
        number = worker.plane.submit(job)
        peak = 0.0
        while not worker.plane.wait_until(lambda: bool(worker.plane.jobs[number].results), SAMPLE_S):
            peak = max(peak, resident_mb(worker.process.pid))
        assert worker.plane.wait(number).output["coverage"]["pages_parsed"] == pages
    return peak




def long_document(rounds: int = 3) -> dict[str, Any]:
    peaks = {pages: [round(peak_mb(pages), 1) for _ in range(rounds)] for pages in (10, 500)}
    ratio = statistics.median(peaks[500]) / statistics.median(peaks[10])
    print(f"peak MB by pages: {peaks}; 500 / 10: {ratio:.3f}, wanted <= 1.2")
    return {"peak_mb_by_pages": peaks, "ratio": round(ratio, 3), "wanted": 1.2}


if __name__ == "__main__":
    if sys.argv[1]=="b": print(long_document(1))
    else: print(many_jobs(60))
