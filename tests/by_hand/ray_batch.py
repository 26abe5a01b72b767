"""`batch run --ray` on a cluster: an actor, a node and the run itself are killed, and no page is lost.

    python3.11 -m venv /tmp/ray && /tmp/ray/bin/pip install '.[ray,embedded,batch]'
    PYTHONPATH=src:tests /tmp/ray/bin/python tests/by_hand/ray_batch.py [--documents 300]

It starts a cluster of its own on this machine: three nodes of one logical processor. The engine is a double that writes
each page that it parses into a journal, so that pages that are parsed twice are counted.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from support.drawing import png

_PATIENCE_S = 300.0


def start(inputs: Path, out: Path, address: str) -> subprocess.Popen[bytes]:
    arguments = ["batch", "run", str(inputs), "--out", str(out), "--ray", address, "--ray-actors", "2"]
    arguments += ["--pages-per-job", "5", "--json"]
    log = (out.parent / "log").open("ab")
    return subprocess.Popen([sys.executable, "-m", "ocr_worker.cli", *arguments], stdout=log, stderr=log)


def wait_for_pages(journal: Path, count: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not journal.exists() or len(journal.read_text().split()) < count:
        assert time.monotonic() < deadline, "the pages were not parsed in time"
        time.sleep(0.1)


def kill_actor(out: Path, number: int) -> None:
    """End the process of an actor, as a crash would."""
    from ocr_worker.batch.ledger import Ledger

    name = f"{Ledger(out / 'ledger.sqlite3').idempotency_key}-{number}"
    actor = ray.get_actor(name, namespace="ocr-worker")
    ray.kill(actor, no_restart=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=300)
    count = parser.parse_args().documents
    folder = Path(tempfile.mkdtemp(prefix="ray-batch-"))
    inputs, out, journal = folder / "in", folder / "out", folder / "journal"
    inputs.mkdir()
    for number in range(count):
        (inputs / f"{number}.png").write_bytes(png((number % 250, 255, number // 250)))
    os.environ |= {
        "OCR_ENGINE": "support.doubles:by_colour",
        "DOUBLE_JOURNAL": str(journal),
        "OCR_RASTER_WORKERS": "1",
    }
    node = {"num_cpus": 1, "object_store_memory": 200_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "num_cpus": 0})
    nodes = [cluster.add_node(**node) for _ in range(3)]
    ray.init(address=cluster.address, namespace="ocr-worker", log_to_driver=False)
    run = start(inputs, out, cluster.address)
    wait_for_pages(journal, count // 10)
    kill_actor(out, 0)
    wait_for_pages(journal, count // 4)
    run.send_signal(signal.SIGKILL)
    run.wait()
    parsed_at_kill = len(journal.read_text().split())
    run = start(inputs, out, cluster.address)
    wait_for_pages(journal, min(count, parsed_at_kill + count // 4))
    cluster.remove_node(nodes[0])
    assert run.wait(_PATIENCE_S) == 0, (folder / "log").read_text()[-3000:]
    summary = json.loads((out / "report.json").read_text())
    books, pages = summary["books"], summary["summary"]
    reads = len(journal.read_text().split())
    print(f"{books['told']} {pages['pages_parsed']} of {count} pages; pages parsed again: {reads - count}")
    assert books["state"] == "balanced"
    assert (pages["pages_parsed"], pages["documents"]) == (count, {"succeeded": count})
    assert len(list(out.glob("*/document.json"))) == count
    subprocess.run([sys.executable, "-m", "ocr_worker.cli", "batch", "cancel", str(out)], check=True)
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
