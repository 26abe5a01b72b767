"""Benchmark of what `verify: auto` costs: throughput and latency with and without it, pages compared, memory.

`python bench/witness_cost.py [--rates 0.3 1 3 6] [--processes 2 4] [--kinds born-digital scan] [--seconds 15]`. An
imaginary engine (paced_engine.py) takes a fixed time per page and no processor time, as one on a GPU; the rest is the
HTTP app's worker in this process, and the real witness processes. Jobs of one to four pages come faster than they can
be parsed. The two sides take turns. Throughput is that of the engine: pages by the time from its first page to its
last. It needs a quiet machine: what else runs takes the processors that the witness would use. `machine` is the number
of processors that were busy, whatever kept them so. Pages that were not compared are counted by reason. Writes
results/witness_cost.json. All processes end with this one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import paced_engine
import psutil
import pypdfium2
from pypdf import PdfReader, PdfWriter

from ocr_worker import threads
from ocr_worker.app.worker import AppWorker
from ocr_worker.engines.registry import engine_spec, read_request
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import Block, ParseResponse
from support.born_digital import Sheet, mixed_text, running_text, sheets_pdf
from support.drawing import request

RESULTS = Path(__file__).parent / "results" / "witness_cost.json"
SHEETS: Sequence[Sheet] = (running_text(0), mixed_text(1), running_text(12), mixed_text(2))
MIN_PAGES = 12  # of a side in a round
CLIENTS = 8  # jobs that wait or run
WITNESS, RASTERIZER = "ocr_worker.witness.child", "ocr_worker.sources.rasterizer.child"


def documents(kind: str) -> list[bytes]:
    """Return PDFs of the first page, the first two, and so on."""
    data = sheets_pdf(SHEETS) if kind == "born-digital" else _scanned()
    parts = []
    for count in range(1, len(SHEETS) + 1):
        writer = PdfWriter()
        for page in PdfReader(BytesIO(data)).pages[:count]:
            writer.add_page(page)
        buffer = BytesIO()
        writer.write(buffer)
        parts.append(buffer.getvalue())
    return parts


def _scanned() -> bytes:
    """Return the pages as pictures at 150 dpi."""
    document = pypdfium2.PdfDocument(sheets_pdf(SHEETS))
    images = [page.render(scale=150 / 72).to_pil().convert("L") for page in document]
    buffer = BytesIO()
    images[0].save(buffer, "PDF", resolution=150, save_all=True, append_images=images[1:], quality=85)
    return buffer.getvalue()


def truth() -> list[list[Block]]:
    """Return the blocks of the pages in pixels at the engine's resolution."""
    return [
        [
            Block(label=block.label, content=_as_html(block.text), bbox=tuple(int(value) for value in block.box))  # type: ignore[arg-type]
            for block in sheet.truths
        ]
        for sheet in SHEETS
    ]


def _as_html(text: str) -> str:
    """Return a table as an engine does, for the marks of cells and rows that the model writes."""
    if "<fcel>" not in text:
        return text
    rows = ("".join(f"<td>{cell}</td>" for cell in row.split("<fcel>")[1:]) for row in text.split("<nl>") if row)
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


class Usage:
    """Use of memory and processors by the child processes and by the machine, while it is open.

    megabytes: largest resident memory of the witness processes. seconds: of processors by module, also of processes
    that have ended and of their own children.
    """

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._before = _processor_s()
        self._after = dict(self._before)
        self._end = threading.Event()
        self._clock = time.monotonic(), _idle_s()
        self._future = threads.start(self._watch, "usage")

    def _watch(self) -> None:
        while not self._end.wait(0.5):
            self._after |= _processor_s()
            rss = [process.memory_info().rss for process in children(WITNESS) if process.is_running()]
            self.megabytes = max(self.megabytes, sum(rss) / 1e6)

    def close(self) -> None:
        """Stop watching."""
        self._end.set()
        self._future.result()
        self._after |= _processor_s()
        elapsed_s = time.monotonic() - self._clock[0]
        self.machine = round((os.cpu_count() or 1) - (_idle_s() - self._clock[1]) / elapsed_s, 2)

    def seconds(self, module: str) -> float:
        """Return the processor seconds of the module's processes."""
        return sum(s - self._before.get(key, 0.0) for key, s in self._after.items() if key[0] == module)


def children(module: str) -> list[psutil.Process]:
    """Return the processes of this one that run the module."""
    processes = []
    for process in psutil.Process().children():
        try:
            if module in process.cmdline():
                processes.append(process)
        except psutil.NoSuchProcess:
            continue
    return processes


def _processor_s() -> dict[tuple[str, int], float]:
    """Return the processor seconds of each child process and of those that it waited for, by module and id."""
    seconds = {}
    for module in (WITNESS, RASTERIZER):
        for process in children(module):
            with suppress(psutil.NoSuchProcess):
                seconds[module, process.pid] = sum(process.cpu_times()[:4])
    return seconds


def _idle_s() -> float:
    times = psutil.cpu_times()
    return float(times.idle + times.iowait)


async def run_side(worker: AppWorker, parts: Sequence[bytes], verify: str, pages: int) -> dict[str, Any]:
    """Return the figures of about this number of pages."""
    paced_engine.CALLS.clear()
    turns, responses = iter(_turns(pages)), []

    async def call() -> None:
        for size in turns:
            job = read_request(request(parts[size - 1], verify=verify), engine_spec("paced_engine:SPEC"))
            responses.append(await worker.parse(job))

    skips = Counter(worker.pipeline().witnesses.skips)
    usage, own_s = Usage(), time.process_time()
    await asyncio.gather(*(call() for _ in range(CLIENTS)))
    own_s = time.process_time() - own_s
    usage.close()
    return _figures(responses) | {
        "witness_mb": round(usage.megabytes),
        "witness_s_per_page": round(usage.seconds(WITNESS) / pages, 3),
        "rasterizer_s_per_page": round(usage.seconds(RASTERIZER) / pages, 3),
        "worker_s_per_page": round(own_s / pages, 3),
        "machine": usage.machine,
        "skips": dict(Counter(worker.pipeline().witnesses.skips) - skips),
    }


def _turns(pages: int) -> list[int]:
    sizes: list[int] = []
    while sum(sizes) < pages:
        sizes.append(min(len(sizes) % len(SHEETS) + 1, pages - sum(sizes)))
    return sizes


def _figures(responses: Sequence[ParseResponse]) -> dict[str, Any]:
    documents = [document for response in responses for document in response.documents]
    pages = [(page, len(document.pages)) for document in documents for page in document.pages]
    results = [page for page, _ in pages]
    starts, ends = zip(*paced_engine.CALLS, strict=True)
    return {
        "pages_per_s": round(len(results) / (max(ends) - min(starts)), 3),
        "compared": round(sum(page.verified is True for page in results) / len(results), 3),
        "unverified": Counter(f"page {page.page} of {size}" for page, size in pages if page.verified is False),
        "seconds_per_job": round(median(response.timing.total for response in responses), 2),
    }


async def measure(
    kind: str, rate: float, processes: int, seconds: float, rounds: int, concurrency: int | None
) -> dict[str, Any]:
    """Return the figures of both sides at this pace of the engine. concurrency: OCR_CONCURRENCY."""
    paced_engine.SECONDS = 1 / rate
    worker = AppWorker(
        Settings(engine="paced_engine:SPEC", verify_processes=processes, queue=100, concurrency=concurrency)
    )
    worker.start()
    parts = documents(kind)
    sides: dict[str, list[dict[str, Any]]] = {"off": [], "auto": []}
    try:
        while worker.state == "loading":
            await asyncio.sleep(0.05)
        await run_side(worker, parts, "auto", 8)  # loads the models of the witness
        for _ in range(rounds):
            for verify, figures in sides.items():
                figures.append(await run_side(worker, parts, verify, max(MIN_PAGES, round(rate * seconds))))
    finally:
        worker.close()
    off, auto = (median(side["pages_per_s"] for side in figures) for figures in sides.values())
    result = {"kind": kind, "rate": rate, "processes": processes, "ratio": round(auto / off, 3)} | sides
    compared, waiting = (median(side[name] for side in sides["auto"]) for name in ("compared", "seconds_per_job"))
    before = median(side["seconds_per_job"] for side in sides["off"])
    last = sides["auto"][-1]
    needed = [last[f"{process}_s_per_page"] for process in ("worker", "rasterizer", "witness")]
    print(
        f"{kind:13} {rate:4g} pages/s {processes} processes: throughput {off:.2f} -> {auto:.2f} ({auto / off:.3f}),"
        f" compared {compared:.0%}, a job {before:.2f} -> {waiting:.2f} s,"
        f" {last['witness_mb']} MB, processor seconds per page of worker, rasterizer, witness {needed}:"
        f" {sum(needed) * rate:.2f} of {os.cpu_count()} processors, {last['machine']} busy; in the last round, not"
        f" compared by reason: {last['skips']}, by place: {dict(last['unverified'])}",
        flush=True,
    )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="*", default=[0.3, 1, 3, 6], help="pages per second of the engine")
    parser.add_argument("--processes", type=int, nargs="*", default=[2, 4])
    parser.add_argument("--kinds", nargs="*", default=["born-digital", "scan"])
    parser.add_argument("--seconds", type=float, default=15, help="of a side in a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--concurrency", type=int, help="OCR_CONCURRENCY; default: the worker's")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the worker's processes, too
    paced_engine.PAGES[:] = truth()
    results = [
        asyncio.run(measure(kind, rate, processes, arguments.seconds, arguments.rounds, arguments.concurrency))
        for kind in arguments.kinds
        for rate in arguments.rates
        for processes in arguments.processes
    ]
    RESULTS.write_text(
        json.dumps({"processors": os.cpu_count(), "load": os.getloadavg()[0], "results": results}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
