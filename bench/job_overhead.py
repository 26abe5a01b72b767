"""Benchmark of the overhead per job: tiny jobs through our worker and a bare SDK loop whose handler does nothing.

`python bench/job_overhead.py [--jobs 500] [--rounds 5]`; both are processes under the SDK's loop with the same constant
concurrency. The jobs are divided among rounds in which the sides take turns. Writes results/job_overhead.json. A job is
a 48 x 32 PNG in base64, and the engine double reads it at once. A full loop asks for jobs once a second, which sets the
pace of both sides. Therefore a second measurement cuts the pauses of the loop to a millisecond, so that nothing hides
the worker's time. Both report the time from taking a job to its answer as well, and the processor time of the worker
and its children.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psutil
from busy_share import run_jobs, run_worker
from PIL import Image

from support import files
from support.worker_process import HANDLER, Worker

RESULTS = Path(__file__).parent / "results" / "job_overhead.json"
LIMIT = 1.5
CONCURRENCY = 2
WARM = 20  # jobs
SETTINGS = {"OCR_ENGINE": "support.doubles:reading", "OCR_CONCURRENCY": str(CONCURRENCY)}

EMPTY = f"""
import runpod

async def handler(job):
    return {{}}

runpod.serverless.start({{"handler": handler, "concurrency_modifier": lambda current: {CONCURRENCY}}})
"""
# Runs the file of a handler under a loop that hardly pauses.
HASTY = """
import asyncio, runpy, types
from runpod.serverless.modules import rp_scale

hasty = types.SimpleNamespace(**vars(asyncio))
hasty.sleep = lambda seconds: asyncio.sleep(min(seconds, 0.001))
rp_scale.asyncio = hasty
runpy.run_path({handler!r}, run_name="__main__")
"""


@dataclass(slots=True)
class Side:
    """A worker and its measurements: milliseconds per job, by kind of time, in each round."""

    worker: Worker
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def run(self, jobs: int, job_input: dict[str, Any]) -> None:
        """Run one round of equal jobs, and add its measurements."""
        plane = self.worker.plane
        previous = set(plane.jobs)
        cpu = self._cpu_s()
        wall, _ = run_jobs(plane, [job_input] * jobs)
        used_s = self._cpu_s() - cpu
        records = [record for name, record in plane.jobs.items() if name not in previous]
        answered = statistics.median(record.results[0].at - (record.taken_at or 0) for record in records)
        for kind, seconds in (("wall", wall / jobs), ("taken_to_answered", answered), ("processor", used_s / jobs)):
            self.rounds.setdefault(kind, []).append(round(1000 * seconds, 3))

    def _cpu_s(self) -> float:
        process = psutil.Process(self.worker.process.pid)
        times = [member.cpu_times() for member in (process, *process.children(recursive=True))]
        return float(sum(time.user + time.system for time in times))


def measure(jobs: int, rounds: int, job_input: dict[str, Any], is_hasty: bool) -> dict[str, Any]:
    """Measure both sides in turn. is_hasty: cut the pauses of the loop to a millisecond."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        empty = write(folder / "empty.py", EMPTY)
        handlers = {"ours": HANDLER, "empty": empty}
        if is_hasty:
            handlers = {
                name: write(folder / f"hasty_{name}.py", HASTY.format(handler=str(handler)))
                for name, handler in handlers.items()
            }
        sides = {
            name: Side(stack.enter_context(run_worker(folder, handler, **SETTINGS)))
            for name, handler in handlers.items()
        }
        for side in sides.values():
            side.run(WARM, job_input)
            side.rounds.clear()  # that was the warm-up
        for index in range(rounds):
            for side in list(sides.values())[:: -1 if index % 2 else 1]:
                side.run(jobs // rounds, job_input)
    return report(sides, "pauses of 1 ms" if is_hasty else "the loop as it is")


def write(path: Path, text: str) -> Path:
    """Write the text to the path, and return the path."""
    path.write_text(text, encoding="utf-8")
    return path


def report(sides: dict[str, Side], loop: str) -> dict[str, Any]:
    """Print and return the metrics of both sides and the ratios of their medians."""
    wall = {name: statistics.median(side.rounds["wall"]) for name, side in sides.items()}
    rates = {name: round(1000 / value, 2) for name, value in wall.items()}
    print(f"{loop}: ours {rates['ours']} jobs/s, empty {rates['empty']} jobs/s")
    ratios = {}
    for kind, ours in sides["ours"].rounds.items():
        empty = sides["empty"].rounds[kind]
        ratios[kind] = round(statistics.median(ours) / max(statistics.median(empty), 0.001), 3)
        print(f"  {kind}, ms a job: ours {ours}, empty {empty}; ratio {ratios[kind]}")
    return {
        "jobs_per_s": rates,
        "ms_a_job_by_round": {name: side.rounds for name, side in sides.items()},
        "ratios": ratios,
    }


def main() -> None:
    """Measure both loops, print and write the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    tiny = base64.b64encode(files.saved(Image.new("RGB", (48, 32), (10, 20, 30)), "PNG")).decode()
    job_input = {"documents": [{"base64": tiny}]}
    hasty, real = (measure(arguments.jobs, arguments.rounds, job_input, is_hasty) for is_hasty in (True, False))
    print(
        f"ratio of time per job: {real['ratios']['wall']}, wanted <= {LIMIT}; without pauses {hasty['ratios']['wall']}"
    )
    metrics = {"jobs": arguments.jobs, "concurrency": CONCURRENCY, "loop_as_it_is": real, "pauses_of_1_ms": hasty}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(metrics | {"wanted_ratio_of_wall": LIMIT}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
