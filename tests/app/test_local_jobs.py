"""The jobs of the job wire on disk, on a worker that the tests script."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ocr_worker.app import create_app
from ocr_worker.app.jobs.results import JobResult
from ocr_worker.app.jobs.store import JobStore
from ocr_worker.app.jobs.submission import JobRequest
from ocr_worker.app.worker import AppWorker
from ocr_worker.errors import SettingsInvalid
from ocr_worker.settings import Settings
from ocr_worker.wire.schema import ErrorInfo, PageResult
from support.job_wire import JOBS, ScriptedWorker, client_of, poll, response_of, submit
from support.paddlex_stand_in import page, picture
from support.waiting import eventually


def worker_in(folder: Path, *pages: PageResult, **settings: Any) -> ScriptedWorker:
    values = {"state_dir": folder, **settings}
    return ScriptedWorker(Settings.model_validate(values), response_of(*(pages or (page(1),))))


def path_of(url: str) -> str:
    return url.removeprefix("http://testserver")


def test_a_job_and_its_pictures(tmp_path: Path) -> None:
    """A job ends, its lines and pictures are at their addresses, and the file it was made of is deleted."""
    worker = worker_in(tmp_path, page(1, image=picture(100, 200)))
    with client_of(worker) as client:
        state = poll(client, submit(client, pageRanges="1"))
        lines = client.get(state["resultUrl"]["jsonUrl"])
        entry = lines.json()["result"]["layoutParsingResults"][0]
        image = client.get(entry["inputImage"])
        assert client.get(entry["inputImage"] + "x").status_code == 404
    assert (state["state"], state["resultJsonUrl"]) == ("done", state["resultUrl"]["jsonUrl"])
    assert state["extractProgress"]["totalPages"] == state["extractProgress"]["extractedPages"] == 1
    assert (lines.status_code, image.status_code, image.headers["content-type"]) == (200, 200, "image/jpeg")
    assert worker.requests[0].documents[0].pages == "1"
    assert not list(tmp_path.rglob("source"))


def test_a_failed_page_fails_the_job_and_the_result_has_the_others(tmp_path: Path) -> None:
    """The text says which page failed; the address has every page that was parsed."""
    failure = ErrorInfo(code="PAGE_FAILED", message="no", retryable=False)
    with client_of(worker_in(tmp_path, page(1), PageResult(page=2, status="failed", error=failure))) as client:
        state = poll(client, submit(client))
        lines = client.get(path_of(state["resultUrl"]["jsonUrl"])).text.splitlines()
    assert state["state"] == "failed"
    assert "page 2" in state["errorMsg"]
    assert len(lines) == 2


def test_a_batch_lists_its_jobs(tmp_path: Path) -> None:
    """A batch has the states of its jobs in the order of submission; an unknown one is 404."""
    with client_of(worker_in(tmp_path)) as client:
        ids = [submit(client, batchId="b") for _ in range(3)]
        submit(client, batchId="other")
        for job_id in ids:
            poll(client, job_id)
        states = client.get(f"{JOBS}/batch/b").json()["data"]["extractResult"]
        assert client.get(f"{JOBS}/batch/c").status_code == 404
    assert [state["jobId"] for state in states] == ids


def test_a_stopped_server_leaves_its_jobs_to_the_next(tmp_path: Path) -> None:
    """A job that runs when the server stops is not failed: the next server runs it under the same id."""
    held = worker_in(tmp_path)
    held.is_held = True
    with client_of(held) as client:
        job_id = submit(client, b"%PDF-", model="PP-OCRv6")
        poll(client, job_id, lambda state: state["state"] == "running")
    worker = worker_in(tmp_path)
    with client_of(worker) as client:
        state = poll(client, job_id)
        assert "ocrResults" in client.get(state["resultUrl"]["jsonUrl"]).json()["result"]
    assert (held.cancelled, len(worker.requests)) == (1, 1)


def test_jobs_wait_while_the_engine_loads(tmp_path: Path) -> None:
    """A job that is submitted during the load waits for the engine."""
    worker = worker_in(tmp_path)
    worker.state = "loading"
    with client_of(worker) as client:
        job_id = submit(client)
        assert client.get(f"{JOBS}/{job_id}").json()["data"]["state"] == "pending"
        worker.state = "ready"
        assert poll(client, job_id)["state"] == "done"


def test_results_expire_and_are_deleted(tmp_path: Path) -> None:
    """After its time a result is gone: 404 at its address, and nothing on the disk."""
    with client_of(worker_in(tmp_path, result_keep_s=0.001)) as client:
        job_id = submit(client)
        assert eventually(lambda: client.get(f"{JOBS}/{job_id}").status_code == 404)
        assert eventually(lambda: os.listdir(tmp_path / "jobs") == [])


def test_a_job_that_nobody_waits_for_is_cancelled(tmp_path: Path) -> None:
    """With `OCR_ABANDONED_JOB_S` a job ends if no client asks for its state."""
    worker = worker_in(tmp_path, abandoned_job_s=0.001)
    worker.is_held = True
    with client_of(worker) as client:
        job_id = submit(client)
        assert eventually(lambda: worker.cancelled == 1)
        state = poll(client, job_id)
    assert state["state"] == "failed"
    assert "no client asked" in state["errorMsg"]


def test_a_full_queue_is_429(tmp_path: Path) -> None:
    """The number of open jobs has a limit, and the error says which."""
    worker = worker_in(tmp_path, waiting_jobs=1)
    worker.is_held = True
    with client_of(worker) as client:
        submit(client)
        response = client.post(JOBS, json={"fileUrl": "https://example.com/a.pdf", "model": "PaddleOCR-VL"})
    assert (response.status_code, response.headers["Retry-After"]) == (429, "5")
    assert "OCR_WAITING_JOBS" in response.json()["msg"]


def test_addresses_have_the_public_base(tmp_path: Path) -> None:
    """The base is `OCR_PUBLIC_URL`; or what a trusted proxy says; or where the request was sent."""
    proxy = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "ocr.example.com:8443", "X-Forwarded-Prefix": "/ocr"}
    cases: list[tuple[dict[str, Any], dict[str, str], str]] = [
        ({"public_url": "https://public.example/x/"}, proxy, "https://public.example/x"),
        ({"trust_forwarded": True}, proxy, "https://ocr.example.com:8443/ocr"),
        ({"trust_forwarded": True}, {"X-Forwarded-Host": "a/b?c"}, "http://testserver"),
        ({}, proxy, "http://testserver"),
    ]
    for settings, headers, base in cases:
        with client_of(worker_in(tmp_path, page(1, image=picture(9, 9)), **settings)) as client:
            state = poll(client, submit(client), None, "", **headers)
            url = state["resultUrl"]["jsonUrl"]
            path = url.removeprefix(base)
            entry = client.get(path, headers=headers).json()["result"]["layoutParsingResults"][0]
        assert path.startswith("/api/v2/ocr/results/"), url
        assert entry["inputImage"].startswith(f"{base}/api/v2/ocr/results/")


def test_rejections_of_the_app_have_the_wires_form() -> None:
    """A body above the limit, and a web page of another origin, are rejected with `code` and `msg`."""
    client = TestClient(create_app(Settings(max_source_mb=0.001)))
    large = client.post(JOBS, files={"file": b"x" * 10_000})
    foreign = client.post(JOBS, files={"file": b"x"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert (large.status_code, large.json()["code"]) == (413, 413)
    assert (foreign.status_code, foreign.json()["code"]) == (403, 403)
    assert "OCR_CORS_ORIGINS" in foreign.json()["msg"]


def test_the_wire_can_be_switched_off() -> None:
    """Without `jobs` in `OCR_WIRES` its routes do not exist."""
    client = TestClient(create_app(Settings(wires=["paddlex"])))
    assert client.get(f"{JOBS}/job-1").json()["detail"] == "Not Found"


def test_open_jobs_are_a_gauge(tmp_path: Path) -> None:
    """An autoscaler sees the jobs that wait on disk, also before the engine is ready."""
    worker = AppWorker(Settings(state_dir=tmp_path))
    worker.start = lambda: None  # type: ignore[method-assign]  # the engine loads forever
    with TestClient(create_app(worker.settings, worker)) as client:
        submit(client)
        assert "ocr_stored_jobs_open 1.0" in client.get("/metrics").text


# --------------------------------------------------------------------------- the store


def test_a_directory_has_one_user(tmp_path: Path) -> None:
    """A second process cannot run the same jobs, and the message names the setting."""
    store = JobStore(tmp_path)
    with pytest.raises(SettingsInvalid, match="OCR_STATE_DIR"):
        JobStore(tmp_path)
    store.close()
    JobStore(tmp_path).close()


def test_a_directory_of_another_version_is_left_alone(tmp_path: Path) -> None:
    """A database that this version does not know is not touched."""
    sqlite3.connect(tmp_path / "jobs.sqlite").execute("PRAGMA user_version = 99")
    with pytest.raises(SettingsInvalid, match="another version"):
        JobStore(tmp_path)


def test_a_directory_that_cannot_be_used_costs_only_the_jobs(tmp_path: Path) -> None:
    """If the state cannot be kept, a submission is 503 with the setting's name."""
    (tmp_path / "file").touch()
    with client_of(worker_in(tmp_path / "file")) as client:
        response = client.post(JOBS, json={"fileUrl": "https://example.com/a.pdf", "model": "PaddleOCR-VL"})
    assert response.status_code == 503
    assert "OCR_STATE_DIR" in response.json()["msg"]


def test_a_job_that_cannot_be_stored_is_not_accepted(tmp_path: Path) -> None:
    """When the disk fails, a submission is 503 and leaves nothing behind."""
    worker = worker_in(tmp_path)
    worker.is_held = True
    with client_of(worker) as client:
        submit(client)
        shutil.rmtree(tmp_path / "jobs")
        response = client.post(JOBS, data={"model": "PaddleOCR-VL"}, files={"file": b"x"})
    assert (response.status_code, "OCR_STATE_DIR" in response.json()["msg"]) == (503, True)


def test_a_job_that_ends_every_process_is_given_up(tmp_path: Path) -> None:
    """After five starts without an end a job fails, so that it cannot stop all others forever."""
    store = JobStore(tmp_path)
    store.add("job-1", JobRequest(model="PaddleOCR-VL", url="https://example.com/a.pdf"), None)
    store.folder("job-1").mkdir()
    for _ in range(5):
        assert store.start_next()
        store.recover()
    store.close()
    worker = worker_in(tmp_path)
    with client_of(worker) as client:
        state = poll(client, "job-1")
    assert "5 times" in state["errorMsg"]
    assert not worker.requests


def test_files_of_no_job_are_deleted(tmp_path: Path) -> None:
    """A file whose job was never accepted, because the process was killed, does not stay."""
    store = JobStore(tmp_path)
    store.write_result("job-lost", JobResult(["{}"], {"a.jpg": b"x"}))
    store.recover()
    assert not os.listdir(tmp_path / "jobs")
    store.close()
