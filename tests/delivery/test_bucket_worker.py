"""Answers that go to a bucket, from a real worker to a real S3 server, through a network that fails."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support import doubles
from support.drawing import WHITE, png, request, tiff
from support.s3_server import FaultyProxy, S3Server
from support.waiting import PATIENCE_S, eventually
from support.worker_process import StartWorker, Worker

pytestmark = pytest.mark.process

LIMIT = 100_000
BY_COLOUR = {"OCR_ENGINE": "support.doubles:by_colour", "OCR_INLINE_LIMIT_MB": str(LIMIT / 1e6)}


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[FaultyProxy]:
    with FaultyProxy(s3.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker, s3: S3Server) -> Worker:
    return worker_of(**BY_COLOUR, **s3.settings(), answer_limit=LIMIT).wait_ready()


def brought(settings: dict[str, str]) -> dict[str, str]:
    """A worker's settings of a bucket as a job brings them."""
    names = {"endpointUrl": "ENDPOINT_URL", "accessId": "ACCESS_KEY_ID", "accessSecret": "SECRET_ACCESS_KEY"}
    return {ours: settings[f"BUCKET_{theirs}"] for ours, theirs in (names | {"bucketName": "NAME"}).items()}


def wrong_settings(s3: S3Server) -> dict[str, dict[str, str]]:
    """Settings that cannot work, by the code that S3 refuses them with."""
    return {
        "InvalidAccessKeyId": s3.settings(BUCKET_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE"),
        "SignatureDoesNotMatch": s3.settings(BUCKET_SECRET_ACCESS_KEY="wrong"),
        "NoSuchBucket": s3.settings(BUCKET_NAME="no-such-bucket"),
        "AccessDenied": s3.reader(),
    }


WRONG = ["InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "AccessDenied"]


# --------------------------------------------------------------------------- where an answer goes


def test_an_answer_that_is_too_large_goes_to_the_bucket(worker: Worker) -> None:
    """The job returns coverage and a signed link to the complete response, which has the stated size and digest."""
    result = worker.answer(request(tiff([WHITE, doubles.LARGE_BLOCKS]), figures="inline"))
    assert result.error is None
    assert result.output["coverage"]["pages_parsed"] == 2
    assert result.output["degraded"] == []
    assert [document["pages"] for document in result.output["documents"]] == [[]]
    delivery = result.output["delivery"]
    body = requests.get(delivery["url"], timeout=PATIENCE_S).content
    assert (len(body), hashlib.sha256(body).hexdigest()) == (delivery["bytes"], delivery["sha256"])
    response = json.loads(body)
    assert [page["page"] for page in response["documents"][0]["pages"]] == [1, 2]
    assert response["documents"][0]["pages"][1]["blocks"][1]["content"] == "A" * doubles.LARGE
    assert delivery["expires_at"] > "2026"
    assert delivery["key"] == f"ocr-worker/answers/{job_of(worker)}/answer.json"


def job_of(worker: Worker) -> str:
    """The id of the latest job."""
    return list(worker.plane.jobs)[-1]


def test_a_small_response_stays_inline_unless_the_bucket_is_requested(worker: Worker, s3: S3Server) -> None:
    """`auto` keeps a small answer inline, `bucket` sends it away, `inline` keeps a large one and degrades it."""
    small = worker.answer(request(png(WHITE)))
    assert small.output["documents"][0]["pages"]
    assert "delivery" not in small.output
    delivered = worker.answer(request(png(WHITE), delivery="bucket"))
    assert json.loads(s3.get(delivered.output["delivery"]["key"]))["status"] == "succeeded"
    large = worker.answer(request(png(doubles.LARGE_FIGURES), figures="inline", delivery="inline"))
    assert large.output["degraded"] == ["figures"]


def test_no_secret_reaches_the_log(worker: Worker, s3: S3Server) -> None:
    """After all of the above the log names the delivery's size, and neither the key's secret nor a signed link."""
    log = worker.log()
    assert "event=delivered" in log
    assert s3.settings()["BUCKET_SECRET_ACCESS_KEY"] not in log
    assert "X-Amz-" not in log


def test_a_worker_without_a_bucket_says_so(worker_of: StartWorker) -> None:
    """`bucket` where there is none, and a job's own bucket where none is allowed, are wrong requests that say what to
    set; an idempotency key is no fault."""
    worker = worker_of(**BY_COLOUR).wait_ready()
    refused = worker.answer(request(png(WHITE), delivery="bucket"))
    assert refused.error is not None
    assert re.match(r"INVALID_REQUEST: .*BUCKET_ENDPOINT_URL", refused.error)
    config = {"endpointUrl": "http://127.0.0.1:9", "accessId": "a", "accessSecret": "geheim"}
    refused = worker.answer(request(png(WHITE)), s3Config=config)
    assert refused.error is not None
    assert re.match(r"INVALID_REQUEST: .*OCR_JOB_BUCKETS", refused.error)
    assert "geheim" not in worker.log() + json.dumps(refused.raw)
    assert worker.answer({**request(png(WHITE)), "idempotency_key": "a"}).error is None


# --------------------------------------------------------------------------- buckets that refuse


@pytest.mark.parametrize("code", WRONG)
def test_a_wrong_bucket_stops_the_worker(worker_of: StartWorker, s3: S3Server, code: str) -> None:
    """With a wrong key, secret, bucket or right in its settings the worker tells the platform why it does not start."""
    worker = worker_of(**BY_COLOUR, **wrong_settings(s3)[code])
    reason = worker.plane.unhealthy()
    assert reason is not None
    assert "BUCKET_REJECTED" in reason
    assert code in reason


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file in which `open_worker` writes a line for each page it has read."""
    journal = tmp_path_factory.mktemp("journal") / "journal"
    journal.touch()
    return journal


@pytest.fixture(scope="module")
def open_worker(worker_of: StartWorker, journal: Path) -> Worker:
    """A worker that takes buckets from jobs."""
    return worker_of(**BY_COLOUR, OCR_JOB_BUCKETS="true", DOUBLE_JOURNAL=str(journal)).wait_ready()


@pytest.mark.parametrize("code", WRONG)
def test_a_job_with_a_wrong_bucket_costs_no_page(open_worker: Worker, s3: S3Server, code: str, journal: Path) -> None:
    """A job whose own bucket is wrong fails with the reason before the engine sees a page; one with the right bucket
    gets its answer there."""
    before = journal.read_text()
    failed = open_worker.answer(request(tiff([WHITE] * 3)), s3Config=brought(wrong_settings(s3)[code]))
    assert failed.error is not None
    assert failed.error.startswith("BUCKET_REJECTED: ")
    assert code in failed.error
    assert failed.output["retryable"] is False
    assert journal.read_text() == before
    good = open_worker.answer(request(png(WHITE), delivery="bucket"), s3Config=brought(s3.settings()))
    assert good.output["delivery"]["bucket"] == s3.settings()["BUCKET_NAME"]
    assert journal.read_text().removeprefix(before).split() == ["1"]


# --------------------------------------------------------------------------- networks that fail


def test_an_answer_outlasts_a_bad_spell(worker_of: StartWorker, s3: S3Server, proxy: FaultyProxy) -> None:
    """The bucket answers 503 for twenty seconds: the answer arrives, and the log says how often it was tried."""
    worker = worker_of(**BY_COLOUR, **s3.settings(proxy.url)).wait_ready()
    proxy.unavailable_for(20)
    job = worker.plane.submit(request(png(doubles.LARGE_MARKDOWN)))
    result = worker.plane.wait(job)
    assert result.error is None
    assert json.loads(s3.get(result.output["delivery"]["key"]))["coverage"]["pages_parsed"] == 1
    retried = re.search(r"event=bucket_retried .*times=(\d+)", worker.log())
    assert retried is not None
    assert int(retried[1]) >= 2


def test_a_part_that_is_cut_is_sent_again(worker_of: StartWorker, s3: S3Server, proxy: FaultyProxy) -> None:
    """Connections cut inside the parts of a large answer cost a retry each, and the answer is whole."""
    worker = worker_of(**BY_COLOUR, **s3.settings(proxy.url)).wait_ready()
    proxy.cut_uploads(times=2, after_bytes=1_000_000)
    result = worker.plane.wait(worker.plane.submit(request(tiff([doubles.HUGE] * 4))))
    assert result.error is None
    delivery = result.output["delivery"]
    assert delivery["bytes"] > 20_000_000
    body = s3.get(delivery["key"])
    assert hashlib.sha256(body).hexdigest() == delivery["sha256"]
    assert proxy.answered["cut"] == 2
    retried = re.findall(r"event=bucket_retried .*times=(\d+)", worker.log())
    assert sum(map(int, retried)) == 2
    assert s3.uploads() == []


def test_a_bucket_that_is_gone_costs_what_does_not_fit(
    worker_of: StartWorker, s3: S3Server, proxy: FaultyProxy
) -> None:
    """The bucket goes away for good while two jobs are read: the one that fits without its pictures comes inline and
    says why, the other fails with the code and its account; pages parsed before are kept."""
    worker = worker_of(**BY_COLOUR, **s3.settings(proxy.url), OCR_BUCKET_PATIENCE_S="5").wait_ready()
    plane = worker.plane
    pages = [WHITE, WHITE, *[doubles.SLOW] * 6]
    degraded = plane.submit(
        {**request(tiff([*pages, doubles.LARGE_FIGURES]), figures="inline"), "idempotency_key": "gone"}
    )
    failed = plane.submit(request(tiff([*pages, doubles.LARGE_MARKDOWN])))
    kept = "ocr-worker/checkpoints/gone/"
    assert eventually(lambda: len(s3.keys(kept)) >= 2)
    proxy.go_away()
    inline = plane.wait(degraded)
    assert inline.error is None
    assert inline.output["degraded"] == ["figures"]
    assert inline.output["coverage"]["pages_parsed"] == 9
    assert [warning["code"] for warning in inline.output["warnings"]] == ["DELIVERY_FAILED"]
    lost = plane.wait(failed)
    assert lost.error is not None
    assert lost.error.startswith("DELIVERY_FAILED: ")
    assert lost.output["retryable"] is True
    assert lost.output["coverage"]["pages_parsed"] == 9
    assert len(s3.keys(kept)) >= 2
    assert "event=checkpoints_given_up" in worker.log()
