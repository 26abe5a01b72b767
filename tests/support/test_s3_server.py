"""The S3 server and the faulty proxy of the tests, through boto3 as a worker uses them."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from ocr_worker import threads
from support.s3_server import BUCKET, PAGE_KEYS, FaultyProxy, S3Server
from support.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.process

HERE = Path(__file__).parents[1]
IN_PARTS = TransferConfig(multipart_threshold=6 * 2**20, multipart_chunksize=6 * 2**20, use_threads=False)
LARGE = bytes(range(256)) * 40_000  # two parts


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultyProxy]:
    with FaultyProxy(server.url) as proxy:
        yield proxy


def client(settings: dict[str, str], attempts: int = 1, **options: Any) -> Any:
    """Return boto3's client for a worker's settings."""
    session = boto3.session.Session(settings["BUCKET_ACCESS_KEY_ID"], settings["BUCKET_SECRET_ACCESS_KEY"])
    retries = {"mode": "standard", "total_max_attempts": attempts}
    config = Config(
        signature_version="s3v4", retries=retries, connect_timeout=PATIENCE_S, **{"read_timeout": PATIENCE_S} | options
    )
    return session.client("s3", endpoint_url=settings["BUCKET_ENDPOINT_URL"], region_name="us-east-1", config=config)


def upload(s3: Any, key: str, body: bytes) -> None:
    s3.upload_fileobj(io.BytesIO(body), BUCKET, key, Config=IN_PARTS)


def refusal(settings: dict[str, str]) -> tuple[int, str]:
    """Return status and code of a write with these settings."""
    with pytest.raises(ClientError) as caught:
        client(settings).put_object(Bucket=settings["BUCKET_NAME"], Key="refused", Body=b"x")
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"], caught.value.response["Error"]["Code"]


def answers(url: str) -> bool:
    try:
        requests.get(url, timeout=PATIENCE_S)
    except requests.ConnectionError:
        return False
    return True


def test_the_server_ends_with_its_starter() -> None:
    """A test run that is killed leaves no server behind."""
    code = (
        "import os; from support import s3_server; print(s3_server.S3Server().__enter__().url, flush=True); os._exit(1)"
    )
    started = subprocess.run([sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, timeout=PATIENCE_S)
    url = started.stdout.strip()
    assert url.startswith("http://127.0.0.1:")
    assert eventually(lambda: not answers(url))


@pytest.mark.parametrize("checksums", ["when_supported", "when_required"])
def test_objects_pass_through_the_proxy(server: S3Server, proxy: FaultyProxy, checksums: str) -> None:
    """Objects small and in parts, under keys of any letters, come back as they were put."""
    s3 = client(server.settings(proxy.url), request_checksum_calculation=checksums)
    for key, body in {"through/a b/ü+.json": b"{}", "through/empty": b"", "through/large": LARGE}.items():
        upload(s3, key, body)
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == server.get(key) == body
        assert s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] == len(body)
        server.delete(key)
    assert server.keys("through/") == server.uploads() == []
    assert set(proxy.answered) == {"passed"}


def test_listings_come_in_pages(server: S3Server) -> None:
    """`keys` returns listings longer than a page completely, and only the keys with the prefix if there is one."""
    keys = [f"pages/{number:02}" for number in range(PAGE_KEYS + 1)]
    for key in keys:
        server.put(key, b"x")
    server.put("pages", b"beside them")
    assert server.keys("pages/") == keys
    assert {"pages", *keys} <= set(server.keys())
    assert client(server.settings()).list_objects_v2(Bucket=BUCKET)["IsTruncated"]


@pytest.mark.parametrize("through_proxy", [True, False])
def test_presigned_urls_are_good(server: S3Server, proxy: FaultyProxy, through_proxy: bool) -> None:
    """A presigned URL opens its object alone, at the host it was made for; so does one for a chunked upload."""
    s3 = client(server.settings(proxy.url if through_proxy else None))
    where = {"Bucket": BUCKET, "Key": "signed for ü.json"}
    link = s3.generate_presigned_url("put_object", Params=where)
    assert requests.put(link, data=iter([b"in ", b"chunks"]), timeout=PATIENCE_S).status_code == 200
    link = s3.generate_presigned_url("get_object", Params=where)
    assert requests.get(link, timeout=PATIENCE_S).content == b"in chunks"
    for wrong in (link.replace("signed", "other"), link[:-1] + ("0" if link[-1] != "0" else "1"), link.split("?")[0]):
        assert requests.get(wrong, timeout=PATIENCE_S).status_code == 403
    elsewhere = requests.get(link, headers={"Host": "s3.example"}, timeout=PATIENCE_S)
    assert (elsewhere.status_code, "SignatureDoesNotMatch" in elsewhere.text) == (403, True)


def test_keys_without_rights_are_rejected(server: S3Server, proxy: FaultyProxy) -> None:
    """A wrong key id, a wrong secret, a missing bucket and a missing right are refused with S3's codes."""
    at = proxy.url
    assert refusal(server.settings(at, BUCKET_ACCESS_KEY_ID="AKIA" + 16 * "X")) == (403, "InvalidAccessKeyId")
    assert refusal(server.settings(at, BUCKET_SECRET_ACCESS_KEY="wrong")) == (403, "SignatureDoesNotMatch")
    assert refusal(server.settings(at, BUCKET_NAME="missing")) == (404, "NoSuchBucket")
    assert refusal(server.reader(at)) == (403, "AccessDenied")
    assert server.keys("refused") == []


def test_a_reader_reads_and_lists(server: S3Server, proxy: FaultyProxy) -> None:
    """The user who may not write may read and list."""
    server.put("read/me", b"here")
    s3 = client(server.reader(proxy.url))
    assert s3.get_object(Bucket=BUCKET, Key="read/me")["Body"].read() == b"here"
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="read/")["KeyCount"] == 1


def test_a_busy_service_is_outlasted(server: S3Server, proxy: FaultyProxy) -> None:
    """Within the window a request is answered 503 SlowDown; after it the same connection is of use again."""
    proxy.unavailable_for(float("inf"))
    assert refusal(server.settings(proxy.url)) == (503, "SlowDown")
    s3 = client(server.settings(proxy.url), attempts=10)
    putting = threads.start(lambda: s3.put_object(Bucket=BUCKET, Key="outlasted", Body=LARGE), "put")
    assert eventually(lambda: proxy.answered["503"] >= 2)
    proxy.come_back()
    putting.result(timeout=PATIENCE_S)
    assert server.get("outlasted") == LARGE
    assert proxy.answered["passed"] == 1


def test_a_part_that_is_cut_is_sent_again(server: S3Server, proxy: FaultyProxy) -> None:
    """A connection cut in a part's body costs an attempt; with none left the upload fails and is aborted."""
    proxy.cut_uploads(1)
    upload(client(server.settings(proxy.url), attempts=2), "cut/once", LARGE)
    assert server.get("cut/once") == LARGE
    assert proxy.answered["cut"] == 1
    proxy.cut_uploads(2, after_bytes=2**20)
    with pytest.raises(ConnectionClosedError):
        upload(client(server.settings(proxy.url), attempts=2), "cut/twice", LARGE)
    assert proxy.answered["cut"] == 3
    assert server.keys("cut/") == ["cut/once"]
    assert server.uploads() == []


def test_it_goes_away_and_comes_back(server: S3Server, proxy: FaultyProxy) -> None:
    """While the server is away connections are refused; when it is back the same client continues."""
    s3 = client(server.settings(proxy.url))
    s3.put_object(Bucket=BUCKET, Key="away", Body=b"before")
    proxy.go_away()
    with pytest.raises(EndpointConnectionError):
        s3.put_object(Bucket=BUCKET, Key="away", Body=b"meanwhile")
    assert server.get("away") == b"before"
    proxy.come_back()
    s3.put_object(Bucket=BUCKET, Key="away", Body=b"after")
    assert server.get("away") == b"after"


def test_it_hangs(server: S3Server, proxy: FaultyProxy) -> None:
    """A hanging connection is accepted and never answered, not even with 100 Continue."""
    proxy.hang()
    with pytest.raises(ReadTimeoutError):
        client(server.settings(proxy.url), read_timeout=0.5).put_object(Bucket=BUCKET, Key="hung", Body=b"x")
    proxy.come_back()
    client(server.settings(proxy.url)).put_object(Bucket=BUCKET, Key="hung", Body=b"x")
    assert proxy.answered == {"hanging": 1, "passed": 1}
