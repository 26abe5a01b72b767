"""`batch run --ray` on a cluster: an actor, a node and the run itself are killed, and no page is lost.

    python3.11 -m venv /tmp/ray && /tmp/ray/bin/pip install '.[ray,embedded,batch,s3,parquet]'
    PYTHONPATH=src:tests /tmp/ray/bin/python tests/by_hand/ray_batch.py [--documents 300] [--bucket] [--format parquet]
        [--hidden]

It starts a cluster of its own on this machine: three nodes of one logical processor, the head among them. The engine is
the embedded one, or with `--engine paddleocr_vl` the other one on the test weights. It counts the pages that it reads;
none may be read twice but those that were in an engine call or not yet written when something was killed. With
`--bucket`, pages are stored in a content cache on a local S3 server, so that only those of an engine call are. With
`--hidden`, only the run sees the files, as on a cluster without shared storage, so that their bytes travel (Linux, as
root). In the end, `batch cancel` ends the actors of this batch, and those of another end themselves.
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
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from ocr_worker.batch.batch import Batch
from ocr_worker.batch.ledger import Ledger
from support import tinyvl
from support.counted import Journal
from support.drawing import numbered_page
from support.s3_server import S3Server

_PATIENCE_S = 1800.0
_ACTORS = 2


def wait_until(condition: Callable[[], bool], run: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        assert run is None or run.poll() is None, f"the run ended with {run.returncode}"
        time.sleep(0.05)


class Scene:
    """The batch in a folder, with the engine's journal and the bounds of the kills so far."""

    def __init__(self, folder: Path, arguments: list[str], *, is_hidden: bool = False) -> None:
        self.inputs, self.out, self.journal_path = folder / "in", folder / "out", folder / "journal"
        self.log = folder / "log"
        self.bound = 0
        self._killed_at = 0.0
        self._arguments = arguments
        # In a mount namespace of its own, the folder of the inputs has the documents. Outside, it is empty.
        mount = f'mount --bind "{folder / "hidden"}" "{self.inputs}" && exec "$@"'
        self._wrapper = ["unshare", "--mount", "sh", "-c", mount, "sh"] if is_hidden else []

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ocr_worker.cli", "batch", "run", str(self.inputs), "--out", str(self.out)]
        log = self.log.open("ab")
        return subprocess.Popen([*self._wrapper, *command, *self._arguments], stdout=log, stderr=log)

    def journal(self) -> Journal:
        return Journal.read(self.journal_path)

    def written_pages(self) -> int:
        ledger = Ledger(self.out / "ledger.sqlite3")
        pages = ledger.summary().pages_parsed
        ledger.close()
        return pages

    def wait_for_pages(self, count: int, run: subprocess.Popen[bytes]) -> None:
        """Wait until so many pages were read, and a page is in the engine."""
        wait_until(lambda: (journal := self.journal()).pages >= count and journal.open_calls(self._killed_at) > 0, run)

    def note_kill(self, what: str) -> None:
        """Add the pages that may be read again: those in an engine call, and those read but not written."""
        written, journal = self.written_pages(), self.journal()
        unwritten, open_calls = journal.pages - written, journal.open_calls(self._killed_at)
        self.bound += unwritten + open_calls
        self._killed_at = time.time()
        print(f"kill: {what} after {journal.pages} pages; {unwritten} not written, {open_calls} in calls", flush=True)


def kill_all(scene: Scene, cluster: Cluster, node: object, count: int) -> None:
    """Run the batch to its end, and kill an actor, the run and a node on the way."""
    run = scene.start()
    scene.wait_for_pages(count // 10, run)
    scene.note_kill("an actor")
    name = f"{Ledger(scene.out / 'ledger.sqlite3').idempotency_key}-0"
    ray.kill(ray.get_actor(name, namespace="ocr-worker"), no_restart=False)
    scene.wait_for_pages(count // 3, run)
    scene.note_kill("the run")
    run.send_signal(signal.SIGKILL)
    run.wait()
    run = scene.start()
    scene.wait_for_pages(count // 2, run)
    scene.note_kill("a node")
    cluster.remove_node(node, allow_graceful=False)
    assert run.wait(_PATIENCE_S) == 0, scene.log.read_text()[-3000:]


def check(scene: Scene, count: int) -> None:
    """Compare the report, the output and the engine's own count."""
    report = json.loads((scene.out / "report.json").read_text())
    coverage, summary = report["coverage"], report["summary"]
    journal = scene.journal()
    again = journal.reads - journal.pages
    print(f"{coverage['message']} {summary['pages_parsed']} of {count} pages")
    print(f"pages read: {journal.reads}, distinct {journal.pages}; read again {again}, at most {scene.bound}")
    assert coverage["state"] == "complete"
    assert (summary["pages_parsed"], summary["documents"]) == (count, {"succeeded": count})
    assert journal.pages == count
    assert again <= scene.bound
    batch = Batch(scene.out)
    batch.open_read_only()
    assert list(batch.differences()) == []
    markdown = {document.name: batch.output.pages(document) for document in batch.ledger.documents()}
    assert [len(pages) for pages in markdown.values()] == [1] * count
    # The test weights of the other engine have learned another font.
    wrong = [name for name, [(_, text)] in markdown.items() if str(20000 + int(name.partition(".")[0])) not in text]
    print(f"pages whose number was not read: {len(wrong)} (embedded engine: none)")


def prepare(options: argparse.Namespace, folder: Path) -> None:
    """Draw the documents and set the environment of the run and its actors."""
    drawings = folder / ("hidden" if options.hidden else "in")
    for path in {drawings, folder / "in"}:
        path.mkdir()
    for number in range(options.documents):
        (drawings / f"{number}.png").write_bytes(numbered_page(number))
    if options.engine == "paddleocr_vl":
        os.environ |= tinyvl.environment()
    os.environ |= {"OCR_ENGINE": f"support.counted:{options.engine}", "COUNTED_JOURNAL": str(folder / "journal")}
    # Ray runs actors at the lowest priority: on a busy machine they would hardly ever run.
    os.environ |= {"OCR_RASTER_WORKERS": "1", "OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--engine", choices=("embedded", "paddleocr_vl"), default="embedded")
    parser.add_argument("--format", choices=("folders", "parquet"), default="folders")
    parser.add_argument("--bucket", action="store_true")
    parser.add_argument("--hidden", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ray-batch-"))
    prepare(options, folder)
    with S3Server() if options.bucket else nullcontext() as server:
        if server:
            os.environ |= {**server.settings(), "OCR_CACHE": "true"}
        run_on_cluster(options, folder)


def run_on_cluster(options: argparse.Namespace, folder: Path) -> None:
    """Run the batch on a cluster, and check it."""
    node = {"num_cpus": 1, "object_store_memory": 200_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    nodes = [cluster.add_node(**node) for _ in range(2)]
    ray.init(address=cluster.address, namespace="ocr-worker", log_to_driver=False)
    arguments = ["--ray", cluster.address, "--ray-actors", str(_ACTORS), "--pages-per-job", "5", "--json"]
    scene = Scene(folder, [*arguments, "--format", options.format], is_hidden=options.hidden)
    started_at = time.monotonic()
    kill_all(scene, cluster, nodes[0], options.documents)
    print(f"{time.monotonic() - started_at:.0f} s with starts and kills")
    check(scene, options.documents)
    assert actors() == _ACTORS
    subprocess.run([sys.executable, "-m", "ocr_worker.cli", "batch", "cancel", str(scene.out)], check=True)
    wait_until(lambda: actors() == 0)
    check_idle_end(folder, cluster)
    ray.shutdown()
    cluster.shutdown()


def actors() -> int:
    """Return the number of actors that live."""
    return len(ray.util.list_named_actors(all_namespaces=True))


def check_idle_end(folder: Path, cluster: Cluster) -> None:
    """Run a batch of one document, and wait until its actor has ended itself."""
    command = [sys.executable, "-m", "ocr_worker.cli", "batch", "run", str(folder / "0.png"), "--out"]
    (folder / "0.png").write_bytes(numbered_page(0))
    service = ["--ray", cluster.address, "--ray-idle", "10", "--json"]
    subprocess.run([*command, str(folder / "idle"), *service], check=True, stdout=subprocess.DEVNULL)
    ended_at = time.monotonic()
    assert actors() == 1
    wait_until(lambda: actors() == 0)
    print(f"an actor ended itself {time.monotonic() - ended_at:.0f} s after its last call, with --ray-idle 10")


if __name__ == "__main__":
    main()
