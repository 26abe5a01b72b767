"""`PageParser` in a pipeline of Ray Data: every page is written once, with processes killed in the parse and the write.

    python3.11 -m venv /tmp/ray && /tmp/ray/bin/pip install '.[ray,embedded,s3]' 'moto[s3]' flask flask-cors
    PYTHONPATH=src:tests /tmp/ray/bin/python tests/by_hand/ray_data.py [--documents 1000] [--render] [--bucket]

It starts a cluster of its own on this machine: two nodes of two logical processors, since Ray needs one for its other
tasks beside each actor; three with `--render`, which puts `PageRenderer` before the parse. Documents are small images
of one color. The engine is a double that writes each page that it parses into a journal, so that pages that are parsed
twice are counted. A document is damaged, and a row has no valid pages. An actor dies in the midst of the parse, and
another in the midst of the rendering; the process of a write dies when it has written half a file, and that of another
when its file is complete but Ray does not know it yet. With `--bucket`, documents and pages are in a bucket of a
local S3 server, and no process dies in a write.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pyarrow
import pyarrow.fs
import pyarrow.parquet
import ray
from ray.cluster_utils import Cluster

from ocr_worker.ray import PageParser, PageRenderer
from support.drawing import png, tiff
from support.dying_files import DyingFiles
from support.s3_server import BUCKET, S3Server


class Dying:
    """A stage whose actor is killed once, in the midst of its fifth table."""

    def __init__(self, marker: str, **arguments: object) -> None:
        super().__init__(**arguments)
        self._marker = Path(marker)
        self._calls = 0

    def __call__(self, documents: pyarrow.Table) -> pyarrow.Table:
        pages = super().__call__(documents)  # type: ignore[misc]
        self._calls += 1
        if self._calls == 5 and not self._marker.exists():
            self._marker.touch()
            os._exit(1)
        return pages


class DyingParser(Dying, PageParser):
    """A parser whose actor is killed once."""


class DyingRenderer(Dying, PageRenderer):
    """A renderer whose actor is killed once."""


def rows(count: int) -> list[dict[str, object]]:
    colors = [(number % 250, 255, number // 250) for number in range(count)]
    entries: list[dict[str, object]] = [{"name": f"{n}.png", "bytes": png(color)} for n, color in enumerate(colors)]
    entries.append({"name": "three.tiff", "bytes": tiff([(250, 255, n) for n in range(3)])})
    entries.append({"name": "bad.pdf", "bytes": b"%PDF-1.7 damaged"})
    return [{"pages": None, **entry} for entry in entries] + [{"name": "x", "bytes": png((251, 255, 0)), "pages": "x"}]


class Files(NamedTuple):
    """File systems, with the folders of the documents and of the pages in them."""

    documents: str
    source: pyarrow.fs.FileSystem
    pages: str
    target: pyarrow.fs.FileSystem


def local_files(folder: Path) -> Files:
    """Return folders of this machine, whose writers die."""
    dying = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(DyingFiles(str(folder))))
    return Files(str(folder / "in"), pyarrow.fs.LocalFileSystem(), str(folder / "out"), dying)


def bucket_files(server: S3Server) -> Files:
    """Return folders in the bucket of a server."""
    settings = server.settings()
    files = pyarrow.fs.S3FileSystem(
        access_key=settings["BUCKET_ACCESS_KEY_ID"],
        secret_key=settings["BUCKET_SECRET_ACCESS_KEY"],
        endpoint_override=settings["BUCKET_ENDPOINT_URL"],
        region="us-east-1",
    )
    return Files(f"{BUCKET}/documents", files, f"{BUCKET}/pages", files)


def write_inputs(files: Files, count: int) -> None:
    """Write Parquet files of 50 documents each."""
    schema = pyarrow.schema([("name", pyarrow.string()), ("bytes", pyarrow.binary()), ("pages", pyarrow.string())])
    files.source.create_dir(files.documents)
    entries = rows(count)
    for part in range(0, len(entries), 50):
        table = pyarrow.Table.from_pylist(entries[part : part + 50], schema=schema)
        pyarrow.parquet.write_table(table, f"{files.documents}/{part:06d}.parquet", filesystem=files.source)


def start_cluster(nodes: int, journal: Path) -> Cluster:
    """Start a cluster of nodes with two logical processors each, and connect to it."""
    os.environ |= {"RAY_worker_niceness": "0"}  # the lowest priority by default, which hardly runs on a busy machine
    node = {"num_cpus": 2, "object_store_memory": 200_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    for _ in range(nodes - 1):
        cluster.add_node(**node)
    environment = {
        "DOUBLE_JOURNAL": str(journal),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "OCR_RASTER_WORKERS": "1",
    }
    ray.init(address=cluster.address, runtime_env={"env_vars": environment}, log_to_driver=False)
    return cluster


def parse(folder: Path, files: Files, *, render: bool) -> None:
    """Run the pipeline: read, perhaps render, parse, write."""
    arguments = {"engine": "support.doubles:reading", "options": {"dpi": 100}}
    stage = {"batch_format": "pyarrow", "num_cpus": 1, "udf_modifying_row_count": True}
    stage["compute"] = ray.data.ActorPoolStrategy(size=2)
    # Ray repeats blocks. Without this, all these small documents are in the same block, for the same actor.
    pages = ray.data.read_parquet(files.documents, filesystem=files.source).repartition(target_num_rows_per_block=40)
    if render:
        renderer = {"marker": str(folder / "render"), **arguments}
        pages = pages.map_batches(DyingRenderer, fn_constructor_kwargs=renderer, batch_size=10, **stage)
    parser = {"marker": str(folder / "parse"), **arguments}
    pages = pages.map_batches(DyingParser, fn_constructor_kwargs=parser, batch_size=20, **stage)
    pages.write_parquet(files.pages, filesystem=files.target)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--documents", type=int, default=1000)
    arguments.add_argument("--render", action="store_true")
    arguments.add_argument("--bucket", action="store_true")
    options = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ray-data-"))
    kills = ["parse", *(["render"] if options.render else []), *([] if options.bucket else ["half", "complete"])]
    with S3Server() if options.bucket else nullcontext() as server:
        files = bucket_files(server) if server else local_files(folder)
        write_inputs(files, options.documents)
        cluster = start_cluster(3 if options.render else 2, folder / "journal")
        started_at = time.monotonic()
        parse(folder, files, render=options.render)
        print(f"{time.monotonic() - started_at:.1f} s")
        written = pyarrow.parquet.read_table(files.pages, filesystem=files.source).to_pylist()
        check(written, folder, kills, options.documents)
        ray.shutdown()
        cluster.shutdown()


def check(written: list[dict[str, object]], folder: Path, kills: list[str], count: int) -> None:
    """Compare the written rows with the documents and the kills with the plan. Count pages that were parsed again."""
    keys = [(row["name"], row["page"]) for row in written]
    failed = sorted((row["name"], row["page"], row["error_code"]) for row in written if row["status"] == "failed")
    reads = len((folder / "journal").read_text().split())
    print(f"{len(written)} rows, {reads} pages parsed")
    print("killed:", {kill: (folder / kill).exists() for kill in kills})
    print("failed:", failed)
    assert all((folder / kill).exists() for kill in kills)
    assert len(keys) == len(set(keys)) == count + 3 + 2
    assert [name for name, _, _ in failed] == ["bad.pdf", "x"]
    print(f"every row once; pages parsed again: {reads - count - 3}")


if __name__ == "__main__":
    main()
