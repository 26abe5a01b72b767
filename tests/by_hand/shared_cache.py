"""The content cache between two workers: how many pages both of them read, and that a third reads none.

    PYTHONPATH=src:tests .venv/bin/python tests/by_hand/shared_cache.py [--documents 60]

Two batches run at the same time, each in a process of its own with the embedded engine, over the same pages under other
names and in another order. They share a bucket on a local S3 server. The engines count their own calls. A third batch
follows, over the same pages in yet another order.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from support.counted import Journal
from support.drawing import numbered_page
from support.s3_server import S3Server


def start(folder: Path, worker: int, numbers: list[int]) -> subprocess.Popen[bytes]:
    """Start a batch over these pages in this order."""
    inputs = folder / f"in-{worker}"
    inputs.mkdir()
    for place, number in enumerate(numbers):
        (inputs / f"{worker}-{place:04d}.png").write_bytes(numbered_page(number))
    command = [sys.executable, "-m", "ocr_worker.cli", "batch", "run", str(inputs), "--local", "--json"]
    environment = os.environ | {"COUNTED_JOURNAL": str(folder / f"journal-{worker}")}
    return subprocess.Popen(
        [*command, "--out", str(folder / f"out-{worker}")], env=environment, stdout=subprocess.DEVNULL
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=60)
    count = parser.parse_args().documents
    folder = Path(tempfile.mkdtemp(prefix="shared-cache-"))
    chance = random.Random(26)
    with S3Server() as server:
        os.environ |= {**server.settings(), "OCR_CACHE": "true", "OCR_ENGINE": "support.counted:embedded"}
        os.environ |= {"OCR_RASTER_WORKERS": "1", "OMP_NUM_THREADS": "1"}
        orders = [list(range(count)) for _ in range(3)]
        chance.shuffle(orders[1])
        chance.shuffle(orders[2])
        runs = [start(folder, worker, orders[worker]) for worker in (0, 1)]
        assert [run.wait() for run in runs] == [0, 0]
        first, second = (Journal.read(folder / f"journal-{worker}") for worker in (0, 1))
        assert start(folder, 2, orders[2]).wait() == 0
        third = Journal.read(folder / "journal-2")
    again = first.reads + second.reads - count
    print(f"{count} pages, needed by two workers at once: read {first.reads} and {second.reads}, so {again} twice")
    print(f"a third batch over the same pages: {third.reads} model calls")
    assert again >= 0
    assert third.reads == 0


if __name__ == "__main__":
    main()
