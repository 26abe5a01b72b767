"""What the rendering children cost: pages through them against the same pages rendered in this process.

`python bench/raster.py [--pages 40] [--dpi 150] [--rounds 5]`; the sides in turn, in the same run. Below: what a page's
pixels cost on a plain pipe against shared memory, which is how the transport was chosen.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import shared_memory
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "resources"))

import make_hostile

from ocr_worker.rasterizer import RasterPool, RasterRequest
from ocr_worker.rasterizer.pdf import PdfDocument


def many_lines(pages: int) -> bytes:
    """A PDF with forty lines of text on every page."""
    lines = ") Tj 0 -16 Td (".join(f"Line {number}: the quick brown fox jumps over the dog" for number in range(40))
    return make_hostile.pdf([f") Tj /F1 12 Tf -60 350 Td ({lines}"] * pages)


def in_process(data: bytes, request: RasterRequest) -> None:
    document = PdfDocument(data, request)
    for number in range(1, document.page_count + 1):
        document.render(number)
    document.close()


def through_children(pool: RasterPool, data: bytes, request: RasterRequest, documents: int) -> None:
    def read() -> None:
        with pool.open(data, request) as document:
            for _ in document:
                pass

    readers = [threading.Thread(target=read) for _ in range(documents)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()


def seconds(function: Callable[[], None]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def by_pipe(pixels: np.ndarray) -> None:
    """Another thread writes, as another process would: both release the interpreter's lock while they copy."""
    source, target = os.pipe()
    writer = threading.Thread(target=lambda: _write(target, memoryview(pixels.reshape(-1))))
    writer.start()
    read = memoryview(np.empty(pixels.size, np.uint8))
    while read:
        read = read[os.readv(source, [read]) :]
    writer.join()
    os.close(source)
    os.close(target)


def _write(target: int, rest: memoryview) -> None:
    while rest:
        rest = rest[os.write(target, rest) :]


def by_shared_memory(pixels: np.ndarray) -> None:
    """One copy in, one copy out: the segment is needed again for the next page."""
    segment = shared_memory.SharedMemory(create=True, size=pixels.size)
    shared = np.ndarray(pixels.shape, np.uint8, segment.buf)
    shared[:] = pixels
    shared.copy()
    del shared
    segment.close()
    segment.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--dpi", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    request = RasterRequest(None, None, given.dpi, 50_000_000, 2000)
    data = many_lines(given.pages)
    pool = RasterPool(workers=2, memory_bytes=2_000_000_000, page_timeout_s=60)
    through_children(pool, data, request, 2)  # both are warm
    sides: dict[str, list[float]] = {"in process": [], "one child": [], "two children, two documents": []}
    for _ in range(given.rounds):
        sides["in process"].append(seconds(lambda: in_process(data, request)))
        sides["one child"].append(seconds(lambda: through_children(pool, data, request, 1)))
        sides["two children, two documents"].append(seconds(lambda: through_children(pool, data, request, 2)) / 2)
    pool.close()
    base = statistics.median(sides["in process"])
    for name, times in sides.items():
        median = statistics.median(times)
        cost = 1000 * (median - base) / given.pages
        print(f"{name:28} {given.pages / median:7.1f} pages/s  ratio {base / median:4.2f}  {cost:+6.2f} ms a page")
    shape = math.ceil(11.69 * given.dpi), math.ceil(8.27 * given.dpi), 3
    pixels = np.full(shape, 255, np.uint8)
    for name, carry in (("pipe", by_pipe), ("shared memory", by_shared_memory)):
        carried = statistics.median(seconds(lambda carry=carry: carry(pixels)) for _ in range(40))
        print(f"{name:28} {1000 * carried:7.2f} ms for a page of {pixels.nbytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
