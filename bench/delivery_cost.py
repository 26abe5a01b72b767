"""Benchmark of checkpoints and streaming: the cost per page of the same job with neither, or with one of them.

`python bench/delivery_cost.py [--pages 40] [--rounds 6]`; three workers under the SDK's loop take turns, each with a
PDF of this number of pages. The engine double sleeps 250 ms per page, as a GPU works while the interpreter is free. It
returns 40 blocks per page (about 10 kB of JSON). The bucket is a moto server on the same machine, so the metrics
include its work. Writes results/delivery_cost.json.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from busy_share import run_worker
from soak import text_pdf

from support.s3_server import S3Server
from support.worker_process import Worker

RESULTS = Path(__file__).parent / "results" / "delivery_cost.json"
PAGE_S = 0.25
MAX_COST = 0.02  # of a page
KEYS = itertools.count()


def time_job(side: Worker, pages: int, job_input: dict[str, Any]) -> float:
    """Return the seconds per page from taking a job to its answer."""
    job = side.plane.submit(job_input | {"idempotency_key": f"round-{next(KEYS)}"})
    result = side.plane.wait(job, 600)
    assert result.error is None, result.error
    return (result.at - (side.plane.jobs[job].taken_at or 0)) / pages


def measure(pages: int, rounds: int) -> dict[str, list[float]]:
    """Return the seconds per page of each side, round by round."""
    data = base64.b64encode(text_pdf(pages)).decode()
    job_input = {"documents": [{"base64": data}]}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        s3 = stack.enter_context(S3Server())
        common = {
            "OCR_ENGINE": "bench_engines:timed",
            "BENCH_PAGE_S": str(PAGE_S),
            "BENCH_BLOCKS": "40",
            "BENCH_CALLS": str(folder / "calls"),
        }
        settings: dict[str, dict[str, str]] = {"neither": {}, "checkpoints": s3.settings()}
        settings["stream"] = {"OCR_STREAM": "true"}
        sides = {name: stack.enter_context(run_worker(folder, **common, **extra)) for name, extra in settings.items()}
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(rounds + 1):
            for name, side in sides.items():
                page_s = time_job(side, pages, job_input)
                if number:  # the first round warms up
                    seconds[name].append(round(page_s, 5))
        assert len(s3.keys("ocr-worker/checkpoints/")) >= pages * rounds
        return seconds


def main() -> None:
    """Measure the sides, print and write their costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    seconds = measure(arguments.pages, arguments.rounds)
    base = statistics.median(seconds["neither"])
    print(f"neither: {1000 * base:.2f} ms a page, of which the engine sleeps {1000 * PAGE_S:.0f}")
    cost = {}
    for name in ("checkpoints", "stream"):
        cost[name] = (statistics.median(seconds[name]) - base) / PAGE_S
        print(f"{name}: {1000 * statistics.median(seconds[name]):.2f} ms a page, {cost[name]:+.2%} of a page")
    print(f"wanted: at most {MAX_COST:.0%} each: {'yes' if max(cost.values()) <= MAX_COST else 'no'}")
    RESULTS.write_text(json.dumps({"seconds_a_page": seconds, "cost": cost}, indent=2) + "\n")


if __name__ == "__main__":
    main()
