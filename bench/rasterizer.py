"""Benchmark of isolation: pages per second through rasterizer processes, and of the same pages in this process.

`python bench/rasterizer.py [--pages 60] [--dpi 144] [--rounds 7]`; the sides take turns in the same run; writes
results/rasterizer.json. It also measures the transfer of a page's pixels between processes: by a pipe, as the worker
does it, and by shared memory. There a page must be copied before the segment can hold the next one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ocr_worker.pages import PageImage
from ocr_worker.sources.rasterizer import RasterPool, RasterRequest
from ocr_worker.sources.rasterizer.pdf import PdfDocument
from ocr_worker.sources.rasterizer.process import enlarge_pipe
from support import files

RESULTS = Path(__file__).parent / "results" / "rasterizer.json"
TRANSFERS = 60
# The other process of a transfer: for each line on stdin it sends one page, by the pipe or into the segment.
SENDER = """
import os, sys
from multiprocessing import resource_tracker, shared_memory
import numpy as np
size, name = int(sys.argv[1]), sys.argv[2]
page = np.full(size, 200, np.uint8)
if name:
    segment = shared_memory.SharedMemory(name)
    resource_tracker.unregister(segment._name, "shared_memory")  # it belongs to the one who made it
    shared = np.ndarray(size, np.uint8, segment.buf)
for line in iter(sys.stdin.buffer.readline, b""):
    if name:
        shared[:] = page
        os.write(1, b".")
    else:
        rest = memoryview(page)
        while rest:
            rest = rest[os.write(1, rest):]
"""


def text_pdf(pages: int) -> bytes:
    """Return a PDF of A4 pages, full of text."""
    lines = " ".join(
        f"1 0 0 1 50 {800 - 14 * n} Tm (Line {n}: the quick brown fox jumps over the lazy dog) Tj" for n in range(54)
    )
    return files.pages([f"BT /F 11 Tf {lines} ET"] * pages, box="0 0 595 842")


# --------------------------------------------------------------------------- rendering


def render_in_process(data: bytes, request: RasterRequest) -> None:
    """Render and drop every page."""
    document = PdfDocument(data, request)
    for number in range(1, document.page_count + 1):
        document.render(number)
    document.close()


def render_isolated(pool: RasterPool, data: bytes, request: RasterRequest, documents: int) -> None:
    """Render this number of documents at once, each in a rasterizer process, and drop the pages."""

    def read() -> None:
        with pool.open(data, request) as document:
            assert all(isinstance(page, PageImage) for page in document)

    readers = [threading.Thread(target=read) for _ in range(documents)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()


def measure_rendering(pages: int, dpi: int, rounds: int) -> dict[str, Any]:
    """Print and return the pages per second of each side, and the cost of isolation per page."""
    request = RasterRequest(None, None, dpi, 50_000_000, 2000)
    data = text_pdf(pages)
    pool = RasterPool(workers=2, memory_bytes=2_000_000_000, page_timeout_s=60)
    sides: dict[str, Callable[[], None]] = {
        "in process": lambda: render_in_process(data, request),
        "one child": lambda: render_isolated(pool, data, request, 1),
        "two children": lambda: render_isolated(pool, data, request, 2),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for index in range(rounds + 1):
        for name, side in sides.items():
            seconds_used = time_call(side)
            if index:  # the first round warms
                seconds[name].append(seconds_used / (2 if name == "two children" else 1))
    pool.close()
    metrics = {}
    for name, times in seconds.items():
        pairs = list(
            zip(seconds["in process"], times, strict=True)
        )  # of one round: the load of the machine is the same
        rate = pages / statistics.median(times)
        ratio = statistics.median(base / seconds_used for base, seconds_used in pairs)
        cost = statistics.median(1000 * (seconds_used - base) / pages for base, seconds_used in pairs)
        print(f"{name:14} {rate:6.1f} pages/s, ratio {ratio:.2f}, {cost:+.2f} ms a page")
        metrics[name] = {"pages_per_s": round(rate, 1), "ratio": round(ratio, 3), "cost_ms_a_page": round(cost, 2)}
    return metrics


# --------------------------------------------------------------------------- transport


@contextmanager
def start_sender(size: int, segment: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Start the other process, yield it, and kill it. segment: name of the shared memory, if it is used."""
    command = [sys.executable, "-c", SENDER, str(size), segment]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        enlarge_pipe(process.stdout.fileno())
        yield process
        process.kill()


def request_page(process: subprocess.Popen[bytes]) -> int:
    """Request a page, and return the descriptor to read from."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    return process.stdout.fileno()


def time_pipe(size: int) -> list[float]:
    """Return the seconds of each transfer of one page by a pipe."""
    with start_sender(size) as process:

        def carry() -> None:
            source = request_page(process)
            rest = np.empty(size, np.uint8).data
            while rest:
                rest = rest[os.readv(source, [rest]) :]

        return [time_call(carry) for _ in range(TRANSFERS)][5:]


def time_shared_memory(size: int) -> list[float]:
    """Return the seconds of each transfer of one page by shared memory."""
    segment = shared_memory.SharedMemory(create=True, size=size)
    shared = segment.buf
    assert shared is not None
    with start_sender(size, segment.name) as process:

        def carry() -> None:
            os.read(request_page(process), 1)
            np.frombuffer(shared, np.uint8, size).copy()

        seconds = [time_call(carry) for _ in range(TRANSFERS)][5:]
    segment.close()
    segment.unlink()
    return seconds


def measure_transport() -> dict[str, Any]:
    """Print and return the milliseconds per page of both ways."""
    metrics = {}
    for dpi in (72, 144, 200, 300):
        size = round(8.27 * dpi) * round(11.69 * dpi) * 3
        pipe, shared = (1000 * statistics.median(side(size)) for side in (time_pipe, time_shared_memory))
        print(
            f"{size / 1e6:5.1f} MB ({dpi} dpi): pipe {pipe:.2f} ms, shared memory {shared:.2f} ms, {pipe / shared:.2f}"
        )
        metrics[f"{dpi} dpi"] = {"mb": round(size / 1e6, 1), "pipe_ms": round(pipe, 2), "shared_ms": round(shared, 2)}
    return metrics


def time_call(function: Callable[[], None]) -> float:
    """Return the seconds of a call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def main() -> None:
    """Measure rendering and transport, and write the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--dpi", type=int, default=144)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    rendering = measure_rendering(arguments.pages, arguments.dpi, arguments.rounds)
    metrics = {"rendering": rendering, "transport": measure_transport()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
