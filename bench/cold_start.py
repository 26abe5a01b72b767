"""Benchmark of the start, by phase: our worker against a bare script that does the same with Paddle.

`python bench/cold_start.py [--rounds 5] [--before CHECKOUT [--after CHECKOUT]]`; each start is a separate process. The
sides take turns, on the test weights. --before: compare the complete `handler.py` of two checkouts instead, by the
phases that they log.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support import tinyvl

MAX_EXTRA_S = 0.5
PROCESSOR = "processor time, with children"

BARE = f"""
import json, time
marks = [time.perf_counter()]
import runpod
marks.append(time.perf_counter())
from paddleocr import PaddleOCRVL
marks.append(time.perf_counter())
PaddleOCRVL(layout_detection_model_dir={str(tinyvl.LAYOUT)!r}, vl_rec_model_dir={str(tinyvl.VL)!r}, device="cpu")
marks.append(time.perf_counter())
phases = ["import runpod", "import paddleocr", "construct"]
print("PHASES " + json.dumps(dict(zip(phases, [b - a for a, b in zip(marks, marks[1:])]))))
"""

OURS = """
import json, time
marks = [time.perf_counter()]
from ocr_worker import runpod_sdk
runpod_sdk.load()
marks.append(time.perf_counter())
from ocr_worker.parsing import pipeline
from ocr_worker.wire import request, response
from ocr_worker.settings import load_settings
from ocr_worker.engines.registry import engine_spec
settings = load_settings()
marks.append(time.perf_counter())
engine = engine_spec(settings.engine).builder(settings)()
marks.append(time.perf_counter())
phases = ["import the SDK", "import ocr_worker, settings", "weights, import paddleocr, construct"]
engine.warm_up()
marks.append(time.perf_counter())
phases.append("(warm-up page, not compared)")
print("PHASES " + json.dumps(dict(zip(phases, [b - a for a, b in zip(marks, marks[1:])]))))
"""


def main() -> None:
    """Measure both sides and print the medians of their phases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--after", type=Path, default=Path(__file__).parents[1])
    options = parser.parse_args()
    if options.before:
        compare_handlers({"before": options.before, "after": options.after}, options.rounds)
    else:
        compare_with_bare(options.rounds)


def compare_with_bare(rounds: int) -> None:
    """Compare the start of our modules with that of the bare script, in turn."""
    scripts = {"bare": BARE, "ours": OURS}
    phases: dict[str, list[dict[str, float]]] = {name: [] for name in scripts}
    for index in range(rounds + 1):
        for name, script in scripts.items():
            seconds = run_script(script)
            if index:  # the first round fills the disk cache
                phases[name].append(seconds)
    totals = {name: report(name, starts) for name, starts in phases.items()}
    extra = totals["ours"] - totals["bare"]
    print(
        f"ours / bare: {totals['ours'] / totals['bare']:.2f}; ours - bare: {extra:+.2f} s, wanted <= +{MAX_EXTRA_S} s"
    )


def compare_handlers(checkouts: dict[str, Path], rounds: int) -> None:
    """Compare the handlers of two checkouts as complete processes, in turn, by the phases that they log.

    Each process loads and warms the engine, rejects an empty job, and ends. The processor time is that of the process
    and its children.
    """
    starts: dict[str, list[dict[str, float]]] = {name: [] for name in checkouts}
    for index in range(rounds + 1):
        for name, checkout in checkouts.items():
            seconds = start_handler(checkout)
            if index:
                starts[name].append(seconds)
    print(f"load average {os.getloadavg()[0]:.1f}; {rounds} rounds, medians in seconds")
    print("| phase | " + " | ".join(checkouts) + " |")
    for phase in {phase: None for phases in starts.values() for phase in phases[0]}:
        values = [statistics.median(start.get(phase, 0.0) for start in starts[name]) for name in checkouts]
        print(f"| {phase} | " + " | ".join(f"{value:.2f}" for value in values) + " |")
    for phase in ("ready: total", PROCESSOR):
        ratios = sorted(new[phase] / old[phase] for old, new in zip(*starts.values(), strict=True))
        print(f"after / before, {phase}: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def start_handler(checkout: Path) -> dict[str, float]:
    """Run the handler of a checkout, and return the seconds of its phases and its processor time."""
    environment = os.environ | tinyvl.environment(PYTHONPATH=str(checkout / "src"))
    command = [sys.executable, str(checkout / "handler.py"), "--test_input", '{"input": {}}']
    used = processor_seconds()
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    seconds = {
        f"{event}: {phase}": float(value)
        for event, line in re.findall(r"event=(ready|engine) (.*)", process.stderr)
        for phase, value in re.findall(r"(\w+)=([\d.]+)", line)
    }
    assert seconds, process.stderr
    return seconds | {PROCESSOR: processor_seconds() - used}


def processor_seconds() -> float:
    """Return the processor time of all processes that this one has started and waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_script(script: str) -> dict[str, float]:
    """Run a script in a process, and return the seconds of its phases."""
    environment = os.environ | tinyvl.environment()
    process = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=300
    )
    (line,) = [line for line in process.stdout.splitlines() if line.startswith("PHASES ")]
    seconds: dict[str, float] = json.loads(line.removeprefix("PHASES "))
    return seconds


def report(name: str, starts: list[dict[str, float]]) -> float:
    """Print the median of each phase, and return the median total of the compared phases, in seconds."""
    for phase in starts[0]:
        print(f"{name}: {phase}: {statistics.median(start[phase] for start in starts):.2f} s")
    total = statistics.median(sum(s for phase, s in start.items() if not phase.startswith("(")) for start in starts)
    print(f"{name}: total {total:.2f} s (median of {len(starts)})")
    return total


if __name__ == "__main__":
    main()
