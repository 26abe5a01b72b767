"""The inputs of jobs: files by their path or their bytes, and objects of buckets by signed URLs."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from ocr_worker.batch.model import BatchDocument, BatchJob, Slice, SliceRow
from ocr_worker.batch.passwords import Passwords
from ocr_worker.batch.sending import JobInputs, Links, inline_files
from ocr_worker.client.service import State
from ocr_worker.errors import SettingsInvalid, SourceRejected
from ocr_worker.settings import Settings

JOB = BatchJob(1, State.PLANNED, None, 2, 0, "{}")


def inputs(**settings: object) -> JobInputs:
    return JobInputs(Passwords("secret"), Links(Settings(**settings)), "key", 1_000_000)


def document(source: str, data: bytes | None) -> BatchDocument:
    sha256 = None if data is None else hashlib.sha256(data).hexdigest()
    return BatchDocument(1, "a", source, None, "{}", sha256, None if data is None else 3, "waiting", "a")


def row(pages: tuple[int, ...] = (1, 2)) -> SliceRow:
    return SliceRow(1, 1, Slice(1, pages))


def test_a_service_that_reads_files_gets_their_paths(tmp_path: Path) -> None:
    """The input names the file and its digest; with its bytes, it is the input of any other service."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"bytes")
    for pages in ((1, 2), (1, 2, 3)):
        by_path = inputs().build(JOB, [row(pages)], [document(str(path), b"bytes")], by_path=True)
        (entry,) = by_path["documents"]
        assert (entry["path"], entry["password"]) == (str(path), "secret")
        by_bytes = inputs().build(JOB, [row(pages)], [document(str(path), b"bytes")])
        assert inline_files(by_path) == by_bytes
        assert by_bytes["documents"][0]["base64"] == base64.b64encode(b"bytes").decode()
    assert inline_files(by_bytes) == by_bytes


def test_another_file_at_the_path_is_rejected(tmp_path: Path) -> None:
    """On another machine, a path may lead to another file or to none."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"bytes")
    job_input = inputs().build(JOB, [row()], [document(str(path), b"bytes")], by_path=True)
    path.write_bytes(b"others")
    with pytest.raises(SourceRejected, match="has changed"):
        inline_files(job_input)
    path.unlink()
    with pytest.raises(SourceRejected, match="cannot be read"):
        inline_files(job_input)


def test_an_object_of_a_bucket_is_sent_as_a_signed_url() -> None:
    """The client signs it with its own keys, which no service gets. Without keys the run ends; other URLs stay."""
    keys = {
        "bucket_endpoint_url": "https://s3.example.com",
        "bucket_access_key_id": "id",
        "bucket_secret_access_key": SecretStr("a-secret"),
        "bucket_name": "results",
    }
    source = document("s3://scans/march/My report #1.pdf", None)
    (entry,) = inputs(**keys).build(JOB, [row()], [source])["documents"]
    parts = urlsplit(entry["url"])
    assert (parts.netloc, parts.path) == ("s3.example.com", "/scans/march/My%20report%20%231.pdf")
    assert parse_qs(parts.query)["X-Amz-Signature"]
    assert "a-secret" not in str(entry)
    with pytest.raises(SettingsInvalid, match=r"s3://scans needs BUCKET_ENDPOINT_URL"):
        inputs().build(JOB, [row()], [source])
    url = "https://example.com/a.pdf"
    assert inputs().build(JOB, [row()], [document(url, None)])["documents"][0]["url"] == url
