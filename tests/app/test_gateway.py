"""The job wire in front of an endpoint: every request can reach another instance, which has no state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from ocr_worker.app.gateway import create_gateway
from ocr_worker.app.jobs.tokens import Tokens
from ocr_worker.delivery.keys import response_key
from ocr_worker.endpoint import LocalEndpoint
from ocr_worker.errors import SettingsInvalid
from ocr_worker.settings import ClientSettings, Settings
from ocr_worker.wire.response import encode
from support.doubles import READING
from support.drawing import WHITE, png, tiff
from support.job_wire import JOBS, poll, response_of, submit
from support.paddlex_stand_in import page, picture
from support.s3_server import S3Server
from support.waiting import PATIENCE_S
from support.worker_process import HANDLER, LIGHT_START, python_path

pytestmark = pytest.mark.process

ENGINE = "support.doubles:by_colour"
TOKEN_KEY = "a-secret-of-the-tests"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Iterator[LocalEndpoint]:
    settings = {
        **LIGHT_START,
        "PYTHONPATH": python_path(),
        "OCR_ENGINE": ENGINE,
        "RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS": "true",
        **s3.settings(),
    }
    with LocalEndpoint(handler=HANDLER, settings=settings, log_dir=tmp_path_factory.mktemp("workers")) as endpoint:
        yield endpoint.wait_ready(PATIENCE_S)


class Gateways:
    """Instances of the app in front of one endpoint, each of them new."""

    def __init__(self, endpoint: LocalEndpoint | None, bucket: dict[str, str]) -> None:
        self._base_url = endpoint.url.rpartition("/")[0] if endpoint else "http://127.0.0.1:9"
        self._bucket = {name.lower(): value for name, value in bucket.items()}

    def instance(self) -> TestClient:
        settings = Settings.model_validate({"engine": ENGINE, "token_key": TOKEN_KEY, **self._bucket})
        return TestClient(create_gateway(settings, ClientSettings(base_url=self._base_url), "local"))


def texts(client: TestClient, state: Any) -> list[str]:
    lines = client.get(state["resultUrl"]["jsonUrl"]).text.splitlines()
    return [json.loads(line)["result"]["layoutParsingResults"][0]["markdown"]["text"] for line in lines]


def test_an_instance_that_is_replaced_loses_nothing(endpoint: LocalEndpoint) -> None:
    """One instance accepts a job, another reports its end, a third has the result; without a bucket."""
    gateways = Gateways(endpoint, {})
    with gateways.instance() as first:
        job_id = submit(first, tiff([WHITE, (10, 20, 30)]), pageRanges="2")
    with gateways.instance() as second:
        state = poll(second, job_id)
    assert (state["state"], state["extractProgress"]["extractedPages"]) == ("done", 1)
    with gateways.instance() as third:
        assert texts(third, state) == [f"{READING} #0a141e"]


def test_a_result_in_the_bucket_outlives_the_job(endpoint: LocalEndpoint, s3: S3Server) -> None:
    """If the endpoint has deleted a job, its state, lines and pictures come from the bucket; else they are 404."""
    job_id = Tokens(SecretStr(TOKEN_KEY)).sign("job", {"id": "gone", "model": "PaddleOCR-VL"})
    s3.put(response_key("gone"), encode(response_of(page(1, image=picture(100, 200)))))
    with Gateways(endpoint, s3.settings()).instance() as first:
        address = poll(first, job_id)["resultUrl"]["jsonUrl"]
        entry = first.get(address).json()["result"]["layoutParsingResults"][0]
    with Gateways(endpoint, s3.settings()).instance() as second:
        assert second.get(entry["inputImage"]).headers["content-type"] == "image/jpeg"
        assert second.get(entry["inputImage"] + "x").status_code == 404
    with Gateways(endpoint, {}).instance() as third:
        for path in (f"{JOBS}/{job_id}", address):
            assert third.get(path).status_code == 404


def test_an_error_of_the_job_is_its_text(endpoint: LocalEndpoint) -> None:
    """A job without a parsed page is failed, with the worker's error, and has no result."""
    with Gateways(endpoint, {}).instance() as client:
        state = poll(client, submit(client, b"no document"))
    assert state["state"] == "failed"
    assert "UNSUPPORTED" in state["errorMsg"]
    assert "resultUrl" not in state


def test_a_bucket_holds_batches_large_files_and_results(endpoint: LocalEndpoint, s3: S3Server) -> None:
    """With a bucket batches are listed by any instance, and a file above the limit of a job's input is parsed."""
    gateways = Gateways(endpoint, s3.settings())
    with gateways.instance() as first:
        large = png(WHITE) + b"\0" * 8_000_000
        ids = [submit(first, data, batchId="my batch") for data in (png((10, 20, 30)), large)]
        states = [poll(first, job_id) for job_id in ids]
        assert [state["state"] for state in states] == ["done", "done"], states
    with gateways.instance() as second:
        batch = second.get(f"{JOBS}/batch/my batch").json()["data"]["extractResult"]
        assert [state["jobId"] for state in batch] == ids
        assert second.get(f"{JOBS}/batch/other").status_code == 404
        assert [texts(second, state) for state in batch] == [[f"{READING} #0a141e"], [f"{READING} #ffffff"]]
    assert s3.keys("ocr-worker/uploads/")


def test_without_a_bucket_batches_and_large_files_are_refused() -> None:
    """Batches and large files, which need a bucket, are refused with that reason before the endpoint is called."""
    with Gateways(None, {}).instance() as client:
        form = {"model": "PaddleOCR-VL", "batchId": "b"}
        batch = client.post(JOBS, data=form, files={"file": png(WHITE)})
        large = client.post(JOBS, data={"model": "PaddleOCR-VL"}, files={"file": b"\0" * 8_000_000})
    assert (batch.status_code, large.status_code) == (400, 413)
    assert "BUCKET_ENDPOINT_URL" in batch.json()["msg"]
    assert "BUCKET_ENDPOINT_URL" in large.json()["msg"]


def test_foreign_ids_and_addresses_are_404() -> None:
    """An id or address that this key did not sign is 404, and nobody is asked about it."""
    gateways = Gateways(None, {})
    with gateways.instance() as client:
        assert client.get(f"{JOBS}/abc.def").status_code == 404
        assert client.get("/api/v2/ocr/results/abc.def/result.jsonl").status_code == 404
        assert [client.head(path).status_code for path in ("/ping", "/readyz", "/livez")] == [200, 200, 200]


def test_the_key_of_the_tokens_is_required() -> None:
    """Without `OCR_TOKEN_KEY` the app does not start, and the message names it."""
    with pytest.raises(SettingsInvalid, match="OCR_TOKEN_KEY"):
        create_gateway(Settings(engine=ENGINE), ClientSettings(), "local")
    assert Settings(token_key=SecretStr(TOKEN_KEY)).token_key
