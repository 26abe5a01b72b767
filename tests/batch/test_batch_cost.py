"""The cost of a batch at an endpoint whose worker runs two jobs at once, and in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocr_worker.endpoint import LocalEndpoint
from ocr_worker.endpoint.jobs import Status
from support import doubles
from support.batch_client import WORKERS, Client, command, count_in_ledger, ledger, new_jobs, report, run, until
from support.drawing import tiff
from support.endpoint_client import ready
from support.worker_process import HANDLER

pytestmark = pytest.mark.process

PRICE = 0.5
OVERLAP_S = 3.0


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """While this file does not exist, pages of the color HELD are not read."""
    return tmp_path / "gate"


@pytest.fixture
def endpoint(tmp_path: Path, gate: Path) -> Iterator[LocalEndpoint]:
    """Start an endpoint with one worker, which runs two jobs at once."""
    with LocalEndpoint(1, handler=HANDLER, settings=WORKERS | {"DOUBLE_GATE": str(gate)}, log_dir=tmp_path) as endpoint:
        yield ready(endpoint)


def held_documents(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.tif").write_bytes(tiff([doubles.HELD, (48, 112, 16 * number)]))
    return folder


def assert_sums(summary: dict[str, Any], price: float) -> None:
    idle_s, cold_start_s = summary["idle_s"] or 0.0, summary["cold_start_s"]
    assert summary["cost"] == pytest.approx(price * (summary["busy_s"] + idle_s))
    assert summary["cold_start_cost"] == pytest.approx(price * cold_start_s)
    assert summary["cost_bound"] == pytest.approx(price * (summary["execution_s"] + idle_s + cold_start_s))


def test_two_jobs_that_share_a_worker_cost_their_union(endpoint: LocalEndpoint, gate: Path, tmp_path: Path) -> None:
    """Two jobs that one worker runs at the same time are billed once; the report has the sum over jobs as well."""
    out = tmp_path / "out"
    options = ("--pages-per-job", "2", "--price-per-second", str(PRICE), "--idle-timeout-s", "4")
    client = run(endpoint, held_documents(tmp_path / "in", 2), out, *options)
    until(lambda: [job.status for job in endpoint.jobs.values()] == [Status.IN_PROGRESS] * 2, client)
    # Each job's end is seen at a poll of its own: the jobs overlap for longer than polls are apart.
    time.sleep(OVERLAP_S)
    gate.touch()
    code, output = client.end()
    assert code == 0, output
    jobs = new_jobs(endpoint, set())
    (worker,) = {job.worker for job in jobs}
    assert ledger(out, "SELECT worker FROM executions") == [(worker,)] * 2
    summary = report(out)["summary"]
    seconds = [seconds for (seconds,) in ledger(out, "SELECT execution_s FROM jobs")]
    assert summary["execution_s"] == pytest.approx(sum(seconds))
    assert max(seconds) - 0.001 <= summary["busy_s"] < summary["execution_s"]
    assert 4 <= summary["idle_s"] <= 8
    assert_sums(summary, PRICE)
    status = command("status", out)[1]
    assert "cost        about $" in status
    assert "4.0 s idle" in status


def test_the_local_pipeline_is_one_worker(gate: Path, tmp_path: Path) -> None:
    """The jobs of `--local` share the process, so that two at once cost their union, too."""
    settings = WORKERS | {"DOUBLE_GATE": str(gate), "OCR_CONCURRENCY": "2"}
    out = tmp_path / "out"
    arguments = ["run", held_documents(tmp_path / "in", 2), "--out", out, "--local", "--pages-per-job", "2"]
    client = Client("http://127.0.0.1:9/v2", *arguments, "--price-per-second", str(PRICE), **settings)
    until(lambda: count_in_ledger(out, "SELECT COUNT(*) FROM jobs WHERE state = 'running'") == 2, client)
    gate.touch()
    code, output = client.end()
    assert code == 0, output
    assert len(set(ledger(out, "SELECT worker FROM executions"))) == 1
    summary = report(out)["summary"]
    assert 0 < summary["busy_s"] < summary["execution_s"]
    assert summary["idle_s"] is None
    assert_sums(summary, PRICE)
