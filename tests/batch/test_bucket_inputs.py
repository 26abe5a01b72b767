"""A folder of a bucket as an input of a batch: `s3://BUCKET/PREFIX/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_worker.batch.bucket_walking import OTHER_NAME, walk_bucket
from ocr_worker.batch.inputs import Item, SkippedEntry, gather
from ocr_worker.batch.walking import HIDDEN, FolderEntry
from ocr_worker.errors import InvalidRequest, SettingsInvalid
from ocr_worker.settings import Settings, load_settings
from support import batch_client
from support.batch_client import WORKERS, report
from support.drawing import WHITE, tiff
from support.s3_server import BUCKET, PAGE_KEYS, S3Server


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


def settings_of(server: S3Server, monkeypatch: pytest.MonkeyPatch, **more: str) -> Settings:
    for name, value in {**server.settings(), **more}.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_objects_become_documents() -> None:
    """Each object is an item with a name from its path below the prefix, or is skipped with its reason."""
    entries = [
        FolderEntry("s3://b/in/march/a b.pdf", "march/a b.pdf", None),
        FolderEntry("s3://b/in/c.txt", "c.txt", "x"),
    ]
    assert list(gather(["s3://b/in/"], (), list_bucket=lambda url: entries if url == "s3://b/in/" else [])) == [
        Item("s3://b/in/march/a b.pdf", "march__a b.pdf"),
        SkippedEntry("s3://b/in/c.txt", "x"),
    ]


@pytest.mark.parametrize(
    ("url", "message"),
    [("s3://", "names no bucket"), ("s3:///", "names no bucket"), ("s3://b", "no object below s3://b")],
)
def test_an_empty_folder_is_a_mistake(url: str, message: str) -> None:
    """A bucket without a name, and a prefix without an object, are errors."""
    with pytest.raises(InvalidRequest, match=message):
        list(gather([url], (), list_bucket=lambda url: []))


def test_a_manifest_lists_objects_only() -> None:
    """A folder of a bucket in a list is an error that says what to write."""
    with pytest.raises(InvalidRequest, match="standard input, line 1: s3://b/in/ is not an object"):
        list(gather(["-"], ["s3://b/in/"], list_bucket=lambda url: []))


@pytest.mark.process
def test_all_objects_below_a_prefix_are_listed(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing has several pages; names decide what is a document, and the markers of folders are left out."""
    names = [f"2026/scan {number:02}.PDF" for number in range(2 * PAGE_KEYS + 1)]
    for name in (*names, "2026/", "2026/notes.txt", ".cache/a.png", "ümlaut?#.tif"):
        server.put(f"list/{name}", b"x")
    server.put("listing.pdf", b"x")
    settings = settings_of(server, monkeypatch)
    documents = [(name, None) for name in names]
    expected = [(".cache/a.png", HIDDEN), ("2026/notes.txt", OTHER_NAME), *documents, ("ümlaut?#.tif", None)]
    assert walk_bucket(f"s3://{BUCKET}/list/", settings) == [
        FolderEntry(f"s3://{BUCKET}/list/{name}", name, reason) for name, reason in expected
    ]
    assert len(walk_bucket(f"s3://{BUCKET}", settings)) == len(expected) + 1


@pytest.mark.process
def test_a_bucket_that_cannot_be_listed_is_an_error(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing bucket, a wrong key and missing settings are errors that name the argument."""
    settings = settings_of(server, monkeypatch)
    with pytest.raises(InvalidRequest, match=r"^s3://no-such-bucket/in/ cannot be listed: .*NoSuchBucket"):
        walk_bucket("s3://no-such-bucket/in/", settings)
    settings = settings_of(server, monkeypatch, BUCKET_SECRET_ACCESS_KEY="another")
    with pytest.raises(InvalidRequest, match="SignatureDoesNotMatch"):
        walk_bucket(f"s3://{BUCKET}/in/", settings)
    for name in server.settings():
        monkeypatch.delenv(name)
    with pytest.raises(SettingsInvalid, match=rf"^s3://{BUCKET}/in/ needs BUCKET_ENDPOINT_URL"):
        walk_bucket(f"s3://{BUCKET}/in/", load_settings())


@pytest.mark.process
def test_a_batch_of_a_folder_in_a_bucket(server: S3Server, tmp_path: Path) -> None:
    """Its documents are parsed, and continuing the batch adds those that came since."""
    server.put("batch/a.tif", tiff([WHITE, WHITE]))
    settings = {**WORKERS, **server.settings(), "OCR_PRIVATE_HOSTS": "127.0.0.1"}
    arguments = ["run", f"s3://{BUCKET}/batch/", "--out", tmp_path / "out", "--local"]
    code, output = batch_client.batch("http://127.0.0.1:9", *arguments, **settings)
    assert code == 0, output
    server.put("batch/more/b.tif", tiff([WHITE]))
    code, output = batch_client.batch("http://127.0.0.1:9", *arguments, **settings)
    assert code == 0, output
    assert "1 new document, 1 already in the batch" in output
    assert report(tmp_path / "out")["summary"]["pages_parsed"] == 3
    assert (tmp_path / "out" / "more__b.tif" / "document.md").exists()
