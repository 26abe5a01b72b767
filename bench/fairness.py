"""How long does a one-page job wait that arrives in the midst of a long one? With turns, and first come, first served.

`python bench/fairness.py [--rounds 3]`. The pipeline is whole and real, children render the PDF; the engine is a double
of 250 ms a page, one page a call, as the native backend. The long job has 300 pages, the short one arrives when five of
them are parsed; the other side differs in the rules of the scheduler that give turns and room. Of the long job, what
comes after the short one's answer is given up. Writes results/fairness.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import threading
import time
from pathlib import Path

from soak import source, text_pdf

from ocr_worker import threads
from ocr_worker.engines.registry import read_request
from ocr_worker.errors import Cancelled
from ocr_worker.parsing.pipeline import Pipeline
from ocr_worker.parsing.scheduler import PageTask, ScheduledJob, Scheduler
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import PageResult

RESULTS = Path(__file__).parent / "results" / "fairness.json"
PAGE_S = 0.25
LONG = 300
LEAD = 5  # pages of the long job that are parsed before the short one arrives
PATIENCE_S = 30.0  # the unfair side would make it wait for all of the long job
WANTED = 3


class FirstCome(Scheduler):
    """The scheduler without turns: a job that has pages keeps the engine, and room goes to whoever asked first."""

    def _next_page(self, job: ScheduledJob) -> PageTask:
        turn = job.turn
        task = super()._next_page(job)
        job.turn = turn
        return task

    def _has_room(self, task: PageTask) -> bool:
        fits = self._held_bytes + task.size <= self._memory_bytes
        return self._entering_tasks[0] is task and (fits or self._held_bytes == 0)


def short_job_s(scheduler: type[Scheduler], long: bytes, short: bytes) -> float:
    """Seconds from the short job's arrival to its answer, PATIENCE_S when it has none by then."""
    pipeline = Pipeline(Settings(engine="bench_engines:timed"))
    pipeline.scheduler.__class__ = scheduler
    pipeline.start()
    lead = threading.Semaphore(0)

    def on_page(name: str, expected: int, page: PageResult) -> None:
        lead.release()

    def job(data: bytes, name: str, told: object = None) -> threading.Thread:
        request = read_request({"documents": [source(data)]}, pipeline.spec)
        running[name] = pipeline.job(request, name, on_page if told else None)
        return threads.start(running[name].run, name)

    running: dict[str, object] = {}
    whole = job(long, "long", told=True)
    for _ in range(LEAD):
        lead.acquire()
    began = time.monotonic()
    answer = job(short, "short")
    with contextlib.suppress(TimeoutError):
        answer.result(timeout=PATIENCE_S)
    seconds = time.monotonic() - began
    for one in running.values():
        one.stop(Cancelled("measured"))
    with contextlib.suppress(Cancelled):
        whole.result(timeout=30)
    pipeline.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    os.environ |= {"BENCH_PAGE_S": str(PAGE_S), "BENCH_CALLS": os.devnull}
    long, short = text_pdf(LONG), text_pdf(1)
    sides = {"turns": Scheduler, "first come, first served": FirstCome}
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, scheduler in sides.items():
            found[name].append(round(short_job_s(scheduler, long, short) / PAGE_S, 2))
    medians = {name: statistics.median(times) for name, times in found.items()}
    print(f"page times until a one-page job beside {LONG} pages is answered: {found}")
    print(f"median {medians}, wanted <= {WANTED} with turns; {PATIENCE_S / PAGE_S:.0f} stands for longer than that")
    RESULTS.write_text(json.dumps({"page_times": found, "wanted": WANTED}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
