"""The rate of `batch run --ray` on one node against `--local` on the same machine, in turns.

    PYTHONPATH=src:tests /tmp/ray/bin/python tests/by_hand/ray_rate.py [--documents 120] [--rounds 2]

Both have the embedded engine, one pipeline and both processors. A rate is that of the pages from the first to the last
in the engine's own journal, so that no start counts. The processor's time is that of all processes of a side, from the
start to the end; on a busy machine it is the better figure.
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


def measure(folder: Path, name: str, service: list[str], count: int) -> tuple[float, float]:
    """Run the batch once. Return pages per second, and the seconds of processors per page."""
    command = [sys.executable, "-m", "ocr_worker.cli", "batch", "run", str(folder / "in"), "--out", str(folder / name)]
    before, started_at = processor_seconds(), time.time()
    run = subprocess.Popen([*command, *service, "--json"], stdout=subprocess.DEVNULL)
    samples = before
    while run.poll() is None:
        samples = processor_seconds() | samples  # the larger ones: a process that has ended keeps its seconds
        time.sleep(0.5)
    assert run.returncode == 0
    seconds = time.time() - started_at
    used: Counter[str] = Counter()
    for (program, _), value in (samples - before).items():
        used[program] += value
    ends = [at for at in Journal.read(folder / "journal").ends if at > started_at]
    assert len(ends) == count
    rate = (count - 1) / (max(ends) - min(ends))
    shares = ", ".join(f"{program} {1000 * value / count:.0f}" for program, value in used.most_common(4))
    print(f"{name:<10}{rate:6.2f} pages/s, {seconds:4.0f} s with the start; processor ms a page: {shares}", flush=True)
    return rate, used.total() / count


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
    figures: dict[str, list[tuple[float, float]]] = {"local": [], "ray": []}
    for number in range(options.rounds):
        for side in ("local", "ray") if number % 2 == 0 else ("ray", "local"):
            name = f"{side}-{number}"
            figures[side].append(measure(folder, name, services[side], options.documents))
            if side == "ray":
                cancel = [sys.executable, "-m", "ocr_worker.cli", "batch", "cancel", str(folder / name)]
                subprocess.run(cancel, check=True, stdout=subprocess.DEVNULL)
    rates = {side: statistics.median(rate for rate, _ in pairs) for side, pairs in figures.items()}
    used = {side: statistics.median(seconds for _, seconds in pairs) for side, pairs in figures.items()}
    print(
        f"rate: ray {rates['ray']:.2f}, local {rates['local']:.2f} pages/s, ratio {rates['ray'] / rates['local']:.2f}"
    )
    overhead_ms = 1000 * (used["ray"] - used["local"])
    print(f"processor: {overhead_ms:.0f} ms more a page, ratio {used['local'] / used['ray']:.2f}")
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
