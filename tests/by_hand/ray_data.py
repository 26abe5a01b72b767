"""`PageParser` in a pipeline of Ray Data: every page is written once, with processes killed in the parse and the write.

    python3.11 -m venv /tmp/ray && /tmp/ray/bin/pip install '.[ray,embedded]'
    PYTHONPATH=src:tests /tmp/ray/bin/python tests/by_hand/ray_data.py [--documents 1000]

It starts a cluster of its own on this machine: two nodes of two logical processors, since Ray needs one for its other
tasks beside each actor. Documents are small images of one color. The engine is a double that writes each page that it
parses into a journal, so that pages that are parsed twice are counted. One document is damaged, and one row has no
valid pages. An actor dies in the midst of the parse; the process of a write dies when it has written half a file, and
that of another when its file is complete but Ray does not know it yet.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import pyarrow
import pyarrow.fs
import pyarrow.parquet
import ray
from ray.cluster_utils import Cluster

from ocr_worker.ray import PageParser
from support.drawing import png, tiff
from support.dying_files import DyingFiles


class DyingParser(PageParser):
    """A parser whose actor is killed once, in the midst of its fifth table."""

    def __init__(self, marker: str, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._marker = Path(marker)
        self._calls = 0

    def __call__(self, documents: pyarrow.Table) -> pyarrow.Table:
        pages = super().__call__(documents)
        self._calls += 1
        if self._calls == 5 and not self._marker.exists():
            self._marker.touch()
            os._exit(1)
        return pages


def rows(count: int) -> list[dict[str, object]]:
    colors = [(number % 250, 255, number // 250) for number in range(count)]
    entries: list[dict[str, object]] = [{"name": f"{n}.png", "bytes": png(color)} for n, color in enumerate(colors)]
    entries.append({"name": "three.tiff", "bytes": tiff([(250, 255, n) for n in range(3)])})
    entries.append({"name": "bad.pdf", "bytes": b"%PDF-1.7 damaged"})
    return [{"pages": None, **entry} for entry in entries] + [{"name": "x", "bytes": png((251, 255, 0)), "pages": "x"}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1000)
    count = parser.parse_args().documents
    folder = Path(tempfile.mkdtemp(prefix="ray-data-"))
    journal, marker = folder / "journal", folder / "killed"
    markers = [marker, folder / "half", folder / "complete"]
    schema = pyarrow.schema([("name", pyarrow.string()), ("bytes", pyarrow.binary()), ("pages", pyarrow.string())])
    (folder / "in").mkdir()
    entries = rows(count)
    for part in range(0, len(entries), 50):
        table = pyarrow.Table.from_pylist(entries[part : part + 50], schema=schema)
        pyarrow.parquet.write_table(table, folder / "in" / f"{part:06d}.parquet")
    os.environ |= {"RAY_worker_niceness": "0"}  # the lowest priority by default, which hardly runs on a busy machine
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 200_000_000})
    cluster.add_node(num_cpus=2, object_store_memory=200_000_000)
    environment = {
        "DOUBLE_JOURNAL": str(journal),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "OCR_RASTER_WORKERS": "1",
    }
    ray.init(address=cluster.address, runtime_env={"env_vars": environment}, log_to_driver=False)
    started_at = time.monotonic()
    pages = ray.data.read_parquet(str(folder / "in")).map_batches(
        DyingParser,
        fn_constructor_kwargs={"marker": str(marker), "engine": "support.doubles:reading"},
        batch_format="pyarrow",
        batch_size=20,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=2),
        udf_modifying_row_count=True,
    )
    files = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(DyingFiles(str(folder))))
    pages.write_parquet(str(folder / "out"), filesystem=files)
    seconds = time.monotonic() - started_at
    written = pyarrow.parquet.read_table(folder / "out").select(["name", "page", "status", "error_code"]).to_pylist()
    keys = [(row["name"], row["page"]) for row in written]
    failed = sorted((row["name"], row["page"], row["error_code"]) for row in written if row["status"] == "failed")
    reads = len(journal.read_text().split())
    print(f"{len(written)} rows in {seconds:.1f} s, {reads} pages parsed")
    print("killed in the parse, with half a file, with a complete file:", [path.exists() for path in markers])
    print("failed:", failed)
    assert all(path.exists() for path in markers)
    assert len(keys) == len(set(keys)) == count + 3 + 2
    assert [name for name, _, _ in failed] == ["bad.pdf", "x"]
    print(f"every row once; pages parsed again: {reads - count - 3}")
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
