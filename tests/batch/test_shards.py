"""Results as Parquet files: every row once, whatever is killed and whatever is parsed again."""

from __future__ import annotations

import io
import json
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet
import pytest

from ocr_worker.batch import shards
from ocr_worker.batch.batch import Batch
from ocr_worker.batch.comparing import compare_batches
from ocr_worker.batch.inputs import Item
from ocr_worker.batch.outputs import Format, check_format, choose_output
from ocr_worker.batch.places import result_place
from ocr_worker.errors import BatchUnusable, InvalidRequest
from ocr_worker.wire.page_rows import PAGE_COLUMNS
from ocr_worker.wire.schema import DocumentResult, PageResult
from support import batch_client
from support.batch_client import WORKERS, plain, report
from support.s3_server import BUCKET, S3Server
from support.waiting import PATIENCE_S
from support.worker_process import environment, python_path


def result(name: str, *texts: str | None) -> DocumentResult:
    """Return a result with a page for each text; None: a page that failed."""
    error = {"code": "PAGE_FAILED", "message": "no", "retryable": False}
    pages = [
        {"page": number, "status": "succeeded", "markdown": text} if text is not None
        else {"page": number, "status": "failed", "error": error}
        for number, text in enumerate(texts, start=1)
    ]  # fmt: skip
    return DocumentResult.read({"id": name, "status": "succeeded", "page_count": len(texts), "pages": pages})


def put(batch: Batch, document: int, *texts: str | None) -> None:
    """Store a result as a run does."""
    entry = batch.ledger.document(document)
    batch.output.put(entry, result(entry.name, *texts), None)
    batch.ledger.record_result(document, "succeeded", error=None, codes={}, files={}, seconds=0)


def rows(out: Path) -> dict[tuple[str, int], str | None]:
    """Return (name, page) -> Markdown of all rows, none of which is there twice."""
    tables = [pyarrow.parquet.read_table(path) for path in sorted((out / "pages").glob("*.parquet"))]
    entries = [row for table in tables for row in table.to_pylist()]
    keys = Counter((row["name"], row["page"]) for row in entries)
    assert not [key for key, count in keys.items() if count > 1]
    return {(row["name"], row["page"]): row["markdown"] for row in entries}


def new_batch(out: Path, count: int, result_format: Format = "parquet", url: str = "") -> Batch:
    batch = Batch(out)
    batch.open_read_only()
    choose_output(batch.ledger, result_format, url)
    batch.add(Item(str(out.parent / f"{number}.pdf"), f"{number}.pdf") for number in range(1, count + 1))
    return batch


def test_a_row_has_all_of_a_page(tmp_path: Path) -> None:
    """The columns are those of `PageParser`: every field of a page, lists as JSON, and the error in two columns."""
    assert set(PageResult.model_fields) - {"error"} <= set(PAGE_COLUMNS)
    batch = new_batch(tmp_path / "out", 1)
    figure = {"name": "page-1-figure-1.jpg", "bbox": [0, 0, 1, 1], "base64": "AAEC"}
    page = {"page": 1, "status": "succeeded", "markdown": "ä", "figures": [figure], "width": 5, "dpi": 72.0}
    failed = {"page": 2, "status": "failed", "error": {"code": "PAGE_FAILED", "message": "no", "retryable": False}}
    document = DocumentResult.read({"id": "1.pdf", "status": "partial", "page_count": 2, "pages": [page, failed]})
    batch.output.put(batch.ledger.document(1), document, None)
    batch.output.flush()
    table = pyarrow.parquet.read_table(tmp_path / "out" / "pages" / "part-000001.parquet")
    assert {field.name: str(field.type) for field in table.schema} == PAGE_COLUMNS
    first, second = table.to_pylist()
    assert json.loads(first["figures"])[0]["base64"] == "AAEC"
    assert (first["name"], first["page_count"], first["width"], first["dpi"]) == ("1.pdf", 2, 5, 72.0)
    assert (first["markdown"], first["error_code"], first["blocks"]) == ("ä", None, None)
    assert (second["status"], second["error_code"], second["error_message"]) == ("failed", "PAGE_FAILED", "no")


def test_a_document_that_is_parsed_again_keeps_its_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are replaced there, and those of its neighbours stay; `verify` finds every shard as it was recorded."""
    monkeypatch.setattr(shards, "_SHARD_DOCUMENTS", 2)
    batch = new_batch(tmp_path / "out", 5)
    for document in range(1, 6):
        put(batch, document, f"text {document}", None)
    batch.output.flush()
    assert len(list((tmp_path / "out" / "pages").iterdir())) == 3
    put(batch, 2, "text 2", "mended")
    assert batch.output.pages(batch.ledger.document(2)) == [(1, "text 2"), (2, "mended")]
    batch.output.flush()
    assert batch.output.pages(batch.ledger.document(2)) == [(1, "text 2"), (2, "mended")]
    batch.refresh([3, 5])
    expected = {(f"{n}.pdf", page): text for n in (1, 2, 4) for page, text in ((1, f"text {n}"), (2, None))}
    expected["2.pdf", 2] = "mended"
    assert rows(tmp_path / "out") == expected
    put(batch, 3, "again")
    batch.output.flush()
    assert rows(tmp_path / "out") == {**expected, ("3.pdf", 1): "again"}
    assert list(batch.differences()) == []
    assert not list(batch.folder.rows.iterdir())
    summaries = {summary.name: summary.folder for summary in batch.documents()}
    assert summaries["3.pdf"] == "pages/part-000002.parquet"
    assert 'href="pages/part-000002.parquet"' in batch.write_report()[1].read_text()


@pytest.mark.parametrize("step", ["recorded", "deleted"])
def test_an_interrupted_flush_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A run that ends before a shard is recorded, or before the rows in the hidden folder are deleted, repeats that."""
    batch = new_batch(tmp_path / "out", 3)
    put(batch, 1, "first")
    batch.output.flush()
    put(batch, 1, "replaced")
    put(batch, 2, "second")
    with monkeypatch.context() as patch:
        if step == "recorded":
            patch.setattr(batch.ledger, "record_shard", lambda *arguments: 1 / 0)
        else:
            patch.setattr(batch.output, "_forget_rows", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            batch.output.flush()
    again = Batch(tmp_path / "out")
    again.open_read_only()
    put(again, 3, "third")
    again.output.flush()
    assert rows(tmp_path / "out") == {("1.pdf", 1): "replaced", ("2.pdf", 1): "second", ("3.pdf", 1): "third"}
    assert list(again.differences()) == []


def test_a_damaged_shard_is_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`verify` names it, a run does not write over it, and a repair plans the documents whose files are there."""
    monkeypatch.setattr(shards, "_SHARD_DOCUMENTS", 2)
    batch = new_batch(tmp_path / "out", 4)
    (tmp_path / "1.pdf").touch()
    for document in range(1, 5):
        put(batch, document, f"text {document}")
    path = tmp_path / "out" / "pages" / "part-000001.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    assert list(batch.differences()) == ["pages/part-000001.parquet was changed"]
    put(batch, 1, "replaced")
    with pytest.raises(BatchUnusable, match="retry DIR --damaged"):
        batch.output.flush()
    assert batch.repair() == ([], ["1.pdf"], ["2.pdf"])
    assert list(batch.differences()) == ["pages/part-000001.parquet lacks the pages of 2.pdf"]
    put(batch, 1, "again")
    batch.output.flush()
    assert rows(tmp_path / "out") == {("1.pdf", 1): "again", ("3.pdf", 1): "text 3", ("4.pdf", 1): "text 4"}


def test_batches_of_either_format_are_compared(tmp_path: Path) -> None:
    """`batch diff` reads the pages of both; and a batch keeps the format that its first run chose."""
    old, new = new_batch(tmp_path / "old", 2), new_batch(tmp_path / "new", 2, "folders")
    for batch, text in ((old, "b"), (new, "c")):
        put(batch, 1, "a", text)
        put(batch, 2, "d")
    old.output.flush()
    assert [str(change) for change in compare_batches(old, new)] == ["1.pdf: changed: page 2 changed"]
    with pytest.raises(InvalidRequest, match="the results of this batch are folders"):
        choose_output(new.ledger, "parquet", "")


def test_a_bucket_receives_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are objects under the prefix, are replaced and verified there, and the folder has the ledger only.

    The prefix may have any character.
    """
    with S3Server() as server:
        for name, value in server.settings().items():
            monkeypatch.setenv(name, value)
        url = f"s3://{BUCKET}/some/results? #1/"
        batch = new_batch(tmp_path / "out", 2, url=url)
        batch.output.check()
        put(batch, 1, "a")
        put(batch, 2, "b")
        batch.output.flush()
        put(batch, 2, "c")
        batch.output.flush()
        keys = server.keys("some/")
        assert keys == ["some/results? #1/pages/part-000001.parquet"]
        table = pyarrow.parquet.read_table(io.BytesIO(server.get(keys[0])))
        assert table.column("markdown").to_pylist() == ["a", "c"]
        assert batch.output.pages(batch.ledger.document(2)) == [(1, "c")]
        assert list(batch.differences()) == []
        assert not (tmp_path / "out" / "pages").exists()
        assert list(batch.folder.rows.iterdir()) == []
        monkeypatch.setenv("BUCKET_SECRET_ACCESS_KEY", "another")
        again = Batch(tmp_path / "out")
        again.open_read_only()
        with pytest.raises(BatchUnusable, match=f"the results at {re.escape(url)} cannot be used: .*nothing is lost"):
            again.output.check()
    with pytest.raises(InvalidRequest, match="the results of this batch are parquet in s3://"):
        choose_output(batch.ledger, "parquet", "")


@pytest.mark.parametrize(
    ("out", "ledger", "message"),
    [
        ("s3://bucket/x", None, "needs --ledger DIR"),
        ("out", "ledger", "--ledger is for results in a bucket"),
    ],
)
def test_a_bucket_needs_a_local_ledger(out: str, ledger: str | None, message: str) -> None:
    """Results are in a bucket or beside the ledger, and a bucket takes Parquet only."""
    with pytest.raises(InvalidRequest, match=message):
        result_place(out, ledger)
    assert result_place("s3://bucket/x", "dir") == ("s3://bucket/x", Path("dir"))
    with pytest.raises(InvalidRequest, match="add --format parquet"):
        check_format("folders", "s3://bucket/x")


@pytest.mark.process
@pytest.mark.slow
def test_the_command_writes_parquet_into_a_bucket(tmp_path: Path) -> None:
    """`batch run` fills the bucket, the other commands take the ledger's folder, and the report links the files."""
    plain(tmp_path / "in", 3, 2)
    folder = tmp_path / "ledger"
    with S3Server() as server:
        settings = {**WORKERS, **server.settings()}
        url = f"s3://{BUCKET}/x"
        arguments = ["run", tmp_path / "in", "--out", url, "--ledger", folder, "--format", "parquet", "--local"]
        code, output = batch_client.batch("http://127.0.0.1:9", *arguments, **settings)
        assert code == 0, output
        assert batch_client.batch("http://127.0.0.1:9", "verify", folder, **settings)[0] == 0
        table = pyarrow.parquet.read_table(io.BytesIO(server.get("x/pages/part-000001.parquet")))
        assert (table.num_rows, len(set(table.column("name").to_pylist()))) == (6, 3)
    assert report(folder)["documents"][0]["folder"] == "pages/part-000001.parquet"
    assert not (folder / "pages").exists()


# Stores the results of all documents that have none, as fast as it can.
_RUN = """
import sys
from pathlib import Path
from batch.test_shards import new_batch, put, shards
shards._SHARD_DOCUMENTS = 7
batch = new_batch(Path(sys.argv[1]), int(sys.argv[2]))
batch.output.flush()
for document in list(batch.ledger.documents()):
    if document.status == "waiting" or document.id % 5 == 0:  # some are parsed again in each run
        put(batch, document.id, f"text {document.id}", "page 2")
batch.output.flush()
"""


@pytest.mark.process
@pytest.mark.slow
def test_a_killed_run_loses_and_doubles_no_row(tmp_path: Path) -> None:
    """SIGKILL at any time leaves each row at most once, and the run after it brings all others."""
    out, count = tmp_path / "out", 60
    variables = environment({"PYTHONPATH": f"{python_path()}:{Path(__file__).parents[1]}"})
    chance = random.Random(26)
    for kill in [True] * 3 + [False]:
        process = subprocess.Popen([sys.executable, "-c", _RUN, str(out), str(count)], env=variables)
        if kill:
            first_shards = set((out / "pages").glob("*"))
            deadline = time.monotonic() + PATIENCE_S
            while set((out / "pages").glob("*")) == first_shards and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
        code = process.wait(PATIENCE_S)
        assert kill or code == 0
        rows(out)
    assert rows(out) == {
        (f"{n}.pdf", page): text for n in range(1, count + 1) for page, text in ((1, f"text {n}"), (2, "page 2"))
    }
