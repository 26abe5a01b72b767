"""The rate of `batch run --ray` on one node against `--local` on the same machine, in turns.

    PYTHONPATH=src:tests /tmp/ray/bin/python tests/by_hand/ray_rate.py [--documents 120] [--rounds 2]

Both have the embedded engine, one pipeline and both processors. A rate is that of the pages from the first to the last
in the engine's own journal, so that no start counts. The processor's time, by program, is that of all processes of a
side: those of Ray itself, too. It is given per page once the pages have begun, and in seconds for the start before; on
a busy machine it is the better figure.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import psutil
import ray
from ray.cluster_utils import Cluster

from support.counted import Journal
from support.drawing import numbered_page


def processor_seconds() -> Counter[tuple[str, int]]:
    """Return the seconds of all processes that this one has started and that live, by program and process id."""
    seconds: Counter[tuple[str, int]] = Counter()
    for process in psutil.Process().children(recursive=True):
        try:
            program = process.cmdline()[0].rpartition("/")[2]
            times = process.cpu_times()
        except (psutil.Error, IndexError):
            continue
        # The name of an actor's process changes with each call: `ray::PipelineActor.submit`.
        name = program.removeprefix("ray::").partition(".")[0] if program.startswith("ray::") else program
        seconds[name, process.pid] += times.user + times.system
    return seconds


class Figures(NamedTuple):
    """Pages per second; the processor's milliseconds per page once the pages have begun, and its seconds before."""

    rate: float
    page_ms: float
    start_s: float


def measure(folder: Path, name: str, service: list[str], count: int) -> Figures:
    """Run the batch once."""
    command = [sys.executable, "-m", "ocr_worker.cli", "batch", "run", str(folder / "in"), "--out", str(folder / name)]
    before, started_at = processor_seconds(), time.time()
    run = subprocess.Popen([*command, *service, "--json"], stdout=subprocess.DEVNULL)
    samples, warm, warm_pages = before, before, 0
    while run.poll() is None:
        samples = processor_seconds() | samples  # the larger ones: a process that has ended keeps its seconds
        if not warm_pages:
            warm, warm_pages = samples, len(ends(folder, started_at))
        time.sleep(0.25)
    assert run.returncode == 0
    seconds, times = time.time() - started_at, ends(folder, started_at)
    assert len(times) == count
    rate = (count - 1) / (max(times) - min(times))
    used, pages = by_program(samples - warm), count - warm_pages
    start = by_program(warm - before)
    shares = ", ".join(f"{program} {1000 * value / pages:.0f}" for program, value in used.most_common(6))
    starts = ", ".join(f"{program} {value:.1f}" for program, value in start.most_common(4))
    print(f"{name:<10}{rate:6.2f} pages/s, {seconds:4.0f} s with the start; load {os.getloadavg()[0]:.1f}")
    print(f"{'':<10}processor ms a page: {shares}; s before: {starts}", flush=True)
    return Figures(rate, 1000 * used.total() / pages, start.total())


def ends(folder: Path, started_at: float) -> list[float]:
    """Return the times at which pages were read in a run."""
    return [at for at in Journal.read(folder / "journal").ends if at > started_at]


def by_program(seconds: Counter[tuple[str, int]]) -> Counter[str]:
    """Return the sums of all processes of each program."""
    sums: Counter[str] = Counter()
    for (program, _), value in seconds.items():
        sums[program] += value
    return sums


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ray-rate-"))
    (folder / "in").mkdir()
    for number in range(options.documents):
        (folder / "in" / f"{number}.png").write_bytes(numbered_page(number))
    os.environ |= {"OCR_ENGINE": "support.counted:embedded", "COUNTED_JOURNAL": str(folder / "journal")}
    os.environ |= {"OCR_RASTER_WORKERS": "1", "OMP_NUM_THREADS": "2", "RAY_worker_niceness": "0"}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 200_000_000})
    ray.init(address=cluster.address, namespace="ocr-worker", log_to_driver=False)
    services = {"local": ["--local"], "ray": ["--ray", cluster.address, "--ray-cpus", "2"]}
    figures: dict[str, list[Figures]] = {"local": [], "ray": []}
    for number in range(options.rounds):
        for side in ("local", "ray") if number % 2 == 0 else ("ray", "local"):
            name = f"{side}-{number}"
            figures[side].append(measure(folder, name, services[side], options.documents))
            if side == "ray":
                cancel = [sys.executable, "-m", "ocr_worker.cli", "batch", "cancel", str(folder / name)]
                subprocess.run(cancel, check=True, stdout=subprocess.DEVNULL)
    ray_side, local_side = (
        Figures(*map(statistics.median, zip(*figures[side], strict=True))) for side in ("ray", "local")
    )
    ratio = ray_side.rate / local_side.rate
    print(f"rate: ray {ray_side.rate:.2f}, local {local_side.rate:.2f} pages/s, ratio {ratio:.2f} (medians)")
    print(
        f"processor: ray {ray_side.page_ms:.0f}, local {local_side.page_ms:.0f} ms a page,"
        f" ratio {local_side.page_ms / ray_side.page_ms:.2f};"
        f" before the pages {ray_side.start_s:.1f} and {local_side.start_s:.1f} s"
    )
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
