"""What do checkpoints and streaming cost a page? The same job with neither, with the one, with the other.

`python bench/delivery_cost.py [--pages 40] [--rounds 6]`; three workers under the SDK's loop take turns, each with a
PDF of so many pages; the engine double sleeps 250 ms a page, as a GPU works while the interpreter is free, and gives 40
blocks a page (about 10 kB of JSON). The bucket is a moto server on the same machine, whose own work is therefore in the
figures. Writes results/delivery_cost.json.
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

from busy_share import worker
from soak import text_pdf

from support.s3_server import S3Server
from support.worker_process import Worker

RESULTS = Path(__file__).parent / "results" / "delivery_cost.json"
PAGE_S = 0.25
WANTED = 0.02  # of a page
KEYS = itertools.count()


def seconds_a_page(side: Worker, pages: int, job_input: dict[str, Any]) -> float:
    """From a job's taking to its answer."""
    job = side.plane.submit(job_input | {"idempotency_key": f"round-{next(KEYS)}"})
    result = side.plane.wait(job, 600)
    assert result.error is None, result.error
    return (result.at - (side.plane.jobs[job].taken_at or 0)) / pages


def measured(pages: int, rounds: int) -> dict[str, list[float]]:
    """Seconds a page of each side, round by round."""
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
        settings = {"neither": {}, "checkpoints": s3.settings(), "stream": {"OCR_STREAM": "true"}}
        sides = {name: stack.enter_context(worker(folder, **common, **own)) for name, own in settings.items()}
        found: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(rounds + 1):
            for name, side in sides.items():
                seconds = seconds_a_page(side, pages, job_input)
                if number:  # the first round warms up
                    found[name].append(round(seconds, 5))
        assert len(s3.keys("ocr-worker/checkpoints/")) >= pages * rounds
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    found = measured(arguments.pages, arguments.rounds)
    base = statistics.median(found["neither"])
    print(f"neither: {1000 * base:.2f} ms a page, of which the engine sleeps {1000 * PAGE_S:.0f}")
    cost = {}
    for name in ("checkpoints", "stream"):
        cost[name] = (statistics.median(found[name]) - base) / PAGE_S
        print(f"{name}: {1000 * statistics.median(found[name]):.2f} ms a page, {cost[name]:+.2%} of a page")
    print(f"wanted: at most {WANTED:.0%} each: {'yes' if max(cost.values()) <= WANTED else 'no'}")
    RESULTS.write_text(json.dumps({"seconds_a_page": found, "cost": cost}, indent=2) + "\n")


if __name__ == "__main__":
    main()
