"""Benchmark of fairness: the wait of a one-page job beside a long one, with turns and first come, first served.

`python bench/fairness.py [--rounds 3] [--server]`. The pipeline is complete and real, with rasterizer processes. The
engine is a double that takes 250 ms per page, one page per call, as the native backend. The long job has 300 pages; the
short one arrives when five of them are parsed. The sides differ in the rules of the scheduler for turns and room. The
rest of the long job is cancelled after the answer of the short one. Writes results/fairness.json.
--server: the limits that follow from a model server instead, with four engines whose calls of up to eight pages take as
long as a page; writes nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import threading
import time
from concurrent.futures import Future
from pathlib import Path

from soak import source, text_pdf

from ocr_worker import threads
from ocr_worker.engines.registry import read_request
from ocr_worker.errors import Cancelled
from ocr_worker.parsing.parse_job import ParseJob
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.parsing.scheduler import PageTask, ScheduledJob, Scheduler
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import PageResult, ParseResponse

RESULTS = Path(__file__).parent / "results" / "fairness.json"
PAGE_S = 0.25
LONG = 300
LEAD = 5  # pages of the long job that are parsed before the short one arrives
PATIENCE_S = 30.0  # on the unfair side, the short job would wait for all of the long one
MAX_TIMES = 3


class FirstCome(Scheduler):
    """A scheduler without turns: a job that has pages keeps the engine, and room goes to the first in line."""

    def _next_page(self, job: ScheduledJob) -> PageTask:
        turn = job.turn
        task = super()._next_page(job)
        job.turn = turn
        return task

    def _has_room(self, task: PageTask) -> bool:
        fits = self._held_bytes + task.size <= self._memory_bytes
        return self._entering_tasks[0] is task and (fits or self._held_bytes == 0)


def time_short_job(scheduler: type[Scheduler], settings: Settings, long: bytes, short: bytes) -> float:
    """Return the seconds from the short job's arrival to its answer; PATIENCE_S if it has none by then."""
    pipeline = Pipeline(settings)
    pipeline.scheduler.__class__ = scheduler
    pipeline.start()
    lead = threading.Semaphore(0)

    def on_page(name: str, expected: int, page: PageResult) -> None:
        lead.release()

    def start_job(data: bytes, name: str, has_callback: bool = False) -> Future[ParseResponse]:
        request = read_request({"documents": [source(data)]}, pipeline.spec)
        running[name] = pipeline.job(request, name, on_page if has_callback else None)
        return threads.start(running[name].run, name)

    running: dict[str, ParseJob] = {}
    long_thread = start_job(long, "long", has_callback=True)
    for _ in range(LEAD):
        lead.acquire()
    began = time.monotonic()
    short_thread = start_job(short, "short")
    with contextlib.suppress(TimeoutError):
        short_thread.result(timeout=PATIENCE_S)
    seconds = time.monotonic() - began
    for pipeline_job in running.values():
        pipeline_job.stop(Cancelled("measured"))
    with contextlib.suppress(Cancelled):
        long_thread.result(timeout=30)
    pipeline.close()
    return seconds


def main() -> None:
    """Measure both schedulers, print and write the page times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", action="store_true")
    options = parser.parse_args()
    os.environ |= {
        "BENCH_PAGE_S": str(PAGE_S),
        "BENCH_CALLS": os.devnull,
        "BENCH_BATCH": "8" if options.server else "1",
    }
    server = {"backend": "vllm-server", "server_url": "http://127.0.0.1:1/v1"} if options.server else {}
    settings = Settings.model_validate({"engine": "bench_engines:timed", **server})
    long, short = text_pdf(LONG), text_pdf(1)
    sides = {"turns": Scheduler, "first come, first served": FirstCome}
    page_times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.rounds):
        for name, scheduler in sides.items():
            page_times[name].append(round(time_short_job(scheduler, settings, long, short) / PAGE_S, 2))
    medians = {name: statistics.median(times) for name, times in page_times.items()}
    print(f"page times until a one-page job beside {LONG} pages is answered: {page_times}")
    print(f"median {medians}, wanted <= {MAX_TIMES} with turns; {PATIENCE_S / PAGE_S:.0f} stands for longer than that")
    if not options.server:
        metrics = {"page_times": page_times, "wanted": MAX_TIMES}
        RESULTS.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
