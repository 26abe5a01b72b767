"""Benchmark of engine processes: pages per second of the embedded engine in one or several processes, in turns.

Run by hand: `PYTHONPATH=src:tests python bench/engine_processes.py [--text-layer] [--processes N] [--pages N] [--rounds
N]`. The pages are drawn pictures of a full page of text, without a text layer by default, and each side reads the same
ones through the worker's scheduler: one engine in this process, one in a process of its own, and N in processes. Sides
take turns, and their order changes from round to round, so that other load on the machine hits all of them alike. It
prints the median pages per second of each side, its ratio to the engine in this process, the processor time per page,
the memory of each process (PSS), and the machine's load before and after. Writes results/engine_processes.json.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from engine_speed import draw_page, scan

from ocr_worker.engines.embedded.options import EmbeddedOptions
from ocr_worker.engines.process.engine import engine_builders
from ocr_worker.engines.registry import engine_spec
from ocr_worker.pages import PageImage
from ocr_worker.parsing.replicas import Replicas
from ocr_worker.parsing.scheduler import Scheduler
from ocr_worker.settings import MEGABYTE, Settings

RESULTS = Path(__file__).parent / "results" / "engine_processes.json"


class Side:
    """Engines with their scheduler, and what was measured of them."""

    def __init__(self, name: str, count: int, has_processes: bool) -> None:
        self.name = name
        settings = Settings(engine="embedded", replicas=count, engine_processes=has_processes)
        self._scheduler = Scheduler(10**9)
        builders = engine_builders(engine_spec("embedded"), settings)
        self._replicas = Replicas(self._scheduler, builders, call_timeout_s=600)
        self._replicas.start()
        engines = [replica.engine for replica in self._replicas._replicas] if has_processes else []
        self._processes = [psutil.Process(engine._process.pid) for engine in engines]  # type: ignore[attr-defined]
        self.rates: list[float] = []
        self.processor_s: list[float] = []

    def measure(self, pages: Sequence[PageImage]) -> None:
        """Read the pages once."""
        started_at, processor_s = time.monotonic(), self._processor_s()
        with self._scheduler.admit() as job:
            for future in [job.submit(page, EmbeddedOptions()) for page in pages]:
                assert not isinstance(future.result(timeout=600).result, Exception)
        self.rates.append(len(pages) / (time.monotonic() - started_at))
        self.processor_s.append((self._processor_s() - processor_s) / len(pages))

    def memory_mb(self) -> list[int]:
        """Return the PSS of each engine process."""
        return [round(process.memory_full_info().pss / MEGABYTE) for process in self._processes]

    def close(self) -> None:
        self._replicas.close()

    def _processor_s(self) -> float:
        times = [process.cpu_times() for process in (psutil.Process(), *self._processes)]
        return float(sum(entry.user + entry.system for entry in times))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--pages", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--text-layer", action="store_true", help="give the pages a text layer, which is faster")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    page = draw_page(1, 30)
    pages = [page if options.text_layer else scan(page)] * options.pages
    sides = [
        Side("in this process", 1, has_processes=False),
        Side("1 process", 1, has_processes=True),
        Side(f"{options.processes} processes", options.processes, has_processes=True),
    ]
    for side in sides:
        side.measure(pages[:1])
        side.rates.clear()
        side.processor_s.clear()
    for number in range(options.rounds):
        for side in sides[number % 3 :] + sides[: number % 3]:
            side.measure(pages)
            print(f"round {number + 1}, {side.name}: {side.rates[-1]:.3f} pages/s", flush=True)
    metrics: dict[str, Any] = {
        "text_layer": options.text_layer,
        "load": [round(load_before, 1), round(os.getloadavg()[0], 1)],
        "cores": os.cpu_count(),
    }
    for side in sides:
        ratio = median(rate / base for rate, base in zip(side.rates, sides[0].rates, strict=True))
        metrics[side.name] = {
            "pages_per_s": round(median(side.rates), 3),
            "ratio": round(ratio, 2),
            "processor_s_per_page": round(median(side.processor_s), 2),
            "pss_mb": side.memory_mb(),
        }
        print(side.name, metrics[side.name])
        side.close()
    print("load before and after:", *metrics["load"])
    RESULTS.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
