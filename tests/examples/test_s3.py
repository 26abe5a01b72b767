"""`examples/s3/`, against a real S3 server that checks keys, signatures and rights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from ocr_worker.settings import Settings, variable_name
from support import doubles
from support.drawing import WHITE, request, tiff
from support.examples import EXAMPLES
from support.s3_server import S3Server
from support.waiting import PATIENCE_S
from support.worker_process import StartWorker, Worker

pytestmark = pytest.mark.process

FOLDER = EXAMPLES / "s3"
LINES = (FOLDER / "bucket.env").read_text().splitlines()
BUCKET_ENV: dict[str, str] = dict(line.split("=", 1) for line in LINES if line and not line.startswith("#"))
BUCKET = BUCKET_ENV["BUCKET_NAME"]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    """A server on which the setup script has run."""
    policy = json.loads((FOLDER / "policy.json").read_text())
    with S3Server(policy) as server:
        administrator = server.settings()
        keys = {
            "AWS_ACCESS_KEY_ID": administrator["BUCKET_ACCESS_KEY_ID"],
            "AWS_SECRET_ACCESS_KEY": administrator["BUCKET_SECRET_ACCESS_KEY"],
        }
        arguments = [BUCKET, "--region", BUCKET_ENV["BUCKET_REGION"], "--endpoint-url", server.url]
        completed = subprocess.run(
            [sys.executable, str(FOLDER / "setup_bucket.py"), *arguments],
            env={**os.environ, **keys},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        yield server


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker, s3: S3Server) -> Worker:
    """A worker with the settings of `bucket.env` and the keys of a user who has only the rights of `policy.json`."""
    engine = {"OCR_ENGINE": "support.doubles:by_colour"}
    settings = {**BUCKET_ENV, **s3.restricted(), "BUCKET_ENDPOINT_URL": s3.url}
    return worker_of(**engine, **settings).wait_ready()


def test_the_bucket_is_private_and_cleans_up(s3: S3Server) -> None:
    """Public access is blocked, and results expire later than the longest link to them."""
    client: Any = s3.client()
    block = client.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert all(block.values())
    (rule,) = client.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert rule["Filter"]["Prefix"] == "ocr-worker/"
    assert rule["Expiration"]["Days"] * 86_400 > int(BUCKET_ENV["OCR_BUCKET_LINK_S"])
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1


def test_the_settings_exist() -> None:
    """Each variable of `bucket.env` is a setting of the worker."""
    assert BUCKET_ENV.keys() <= {variable_name(name) for name in Settings.model_fields}


def test_the_policy_is_enough_for_a_worker(worker: Worker, s3: S3Server) -> None:
    """With these rights, results go to the bucket, and checkpoints are written and read again."""
    job_input = {**request(tiff([WHITE, doubles.LARGE_BLOCKS]), delivery="bucket"), "idempotency_key": "key"}
    for is_second_run in (False, True):
        result = worker.answer(job_input)
        assert result.error is None
        assert result.output["delivery"]["bucket"] == BUCKET
        response = requests.get(result.output["delivery"]["url"], timeout=PATIENCE_S).json()
        pages = response["documents"][0]["pages"]
        assert [page.get("from_checkpoint", False) for page in pages] == [is_second_run] * 2
    keys = [entry["Key"] for entry in s3.client().list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert all(key.startswith("ocr-worker/") for key in keys)


def test_the_policy_allows_nothing_else(s3: S3Server) -> None:
    """The worker's user cannot write outside `ocr-worker/`, delete, or use another bucket."""
    keys = s3.restricted().values()
    client: Any = boto3.session.Session(*keys, region_name="us-east-1").client("s3", endpoint_url=s3.url)
    client.put_object(Bucket=BUCKET, Key="ocr-worker/answers/a", Body=b"")
    for call in (
        lambda: client.put_object(Bucket=BUCKET, Key="other/a", Body=b""),
        lambda: client.delete_object(Bucket=BUCKET, Key="ocr-worker/answers/a"),
        lambda: client.put_object(Bucket="results", Key="ocr-worker/a", Body=b""),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


def test_the_readme_names_every_file() -> None:
    """Each file of the folder is explained in its README."""
    readme = (FOLDER / "README.md").read_text()
    assert all(path.name in readme for path in FOLDER.iterdir() if path.name != "README.md" and path.is_file())
