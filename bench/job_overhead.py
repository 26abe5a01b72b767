"""What does our worker cost a job? Tiny jobs through it against a bare SDK loop whose handler does nothing.

`python bench/job_overhead.py [--jobs 500] [--rounds 5]`; both are processes under the SDK's loop with the same constant
concurrency, the jobs are shared out over rounds in which the sides take turns; writes results/job_overhead.json. A job
is a 48 x 32 PNG in base64, and the engine double reads it in no time. A loop that is full asks for jobs once a second,
which sets the pace of both sides; so the same is measured again with the pauses of the loop cut to a millisecond, where
nothing hides the worker's own time. With each stand the time from a job's taking to its answer, and the processor's
time, of the worker and its children.
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
from busy_share import wall_s, worker
from PIL import Image

from support import files
from support.worker_process import HANDLER, Worker

RESULTS = Path(__file__).parent / "results" / "job_overhead.json"
WANTED = 1.5
CONCURRENCY = 2
WARM = 20  # jobs
SETTINGS = {"OCR_ENGINE": "support.doubles:reading", "OCR_CONCURRENCY": str(CONCURRENCY)}

EMPTY = f"""
import runpod

async def handler(job):
    return {{}}

runpod.serverless.start({{"handler": handler, "concurrency_modifier": lambda current: {CONCURRENCY}}})
"""
# Runs a handler's file under a loop that hardly pauses.
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
    """A worker and what was measured of it: milliseconds a job, by kind of time, in each round."""

    worker: Worker
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def run(self, jobs: int, job_input: dict[str, Any]) -> None:
        plane = self.worker.plane
        known = set(plane.jobs)
        cpu = self._cpu_s()
        wall, _ = wall_s(plane, [job_input] * jobs)
        spent = self._cpu_s() - cpu
        records = [record for name, record in plane.jobs.items() if name not in known]
        answered = statistics.median(record.results[0].at - (record.taken_at or 0) for record in records)
        for kind, seconds in (("wall", wall / jobs), ("taken_to_answered", answered), ("processor", spent / jobs)):
            self.rounds.setdefault(kind, []).append(round(1000 * seconds, 3))

    def _cpu_s(self) -> float:
        process = psutil.Process(self.worker.process.pid)
        times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
        return sum(one.user + one.system for one in times)


def measured(jobs: int, rounds: int, job_input: dict[str, Any], hasty: bool) -> dict[str, Any]:
    """Both sides in turn."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        empty = written(folder / "empty.py", EMPTY)
        handlers = {"ours": HANDLER, "empty": empty}
        if hasty:
            handlers = {
                name: written(folder / f"hasty_{name}.py", HASTY.format(handler=str(handler)))
                for name, handler in handlers.items()
            }
        sides = {
            name: Side(stack.enter_context(worker(folder, handler, **SETTINGS))) for name, handler in handlers.items()
        }
        for side in sides.values():
            side.run(WARM, job_input)
            side.rounds.clear()  # that was the warm-up
        for index in range(rounds):
            for side in list(sides.values())[:: -1 if index % 2 else 1]:
                side.run(jobs // rounds, job_input)
    return report(sides, "pauses of 1 ms" if hasty else "the loop as it is")


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def report(sides: dict[str, Side], loop: str) -> dict[str, Any]:
    """Prints and returns both sides and their ratios, of the medians of the rounds."""
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    tiny = base64.b64encode(files.saved(Image.new("RGB", (48, 32), (10, 20, 30)), "PNG")).decode()
    job_input = {"documents": [{"base64": tiny}]}
    hasty, real = (measured(given.jobs, given.rounds, job_input, hasty) for hasty in (True, False))
    print(
        f"ratio of time per job: {real['ratios']['wall']}, wanted <= {WANTED}; without pauses {hasty['ratios']['wall']}"
    )
    found = {"jobs": given.jobs, "concurrency": CONCURRENCY, "loop_as_it_is": real, "pauses_of_1_ms": hasty}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found | {"wanted_ratio_of_wall": WANTED}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
