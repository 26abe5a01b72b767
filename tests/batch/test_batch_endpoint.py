"""The batch client as a process, through a local endpoint with real workers: every page, whatever dies meanwhile."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocr_worker.endpoint import EndpointLimits, LocalEndpoint
from support import doubles
from support.batch_client import (
    LONG,
    WORKERS,
    Book,
    assert_complete,
    batch,
    command,
    count_in_ledger,
    folders,
    good_book,
    is_at_work,
    ledger,
    library,
    new_jobs,
    pages_read,
    plain,
    report,
    run,
    until,
    written,
)
from support.drawing import tiff
from support.endpoint_client import ready
from support.s3_server import S3Server
from support.waiting import PATIENCE_S
from support.worker_process import HANDLER

pytestmark = pytest.mark.process

DOCUMENTS, KILLED_DOCUMENTS = 40, 20
# `BATCH_KILLS=50 pytest tests/batch/test_batch_endpoint.py` looks harder than `make test` can.
KILLS, SEED = int(os.environ.get("BATCH_KILLS", "5")), 20260401
UNDER_WAY = "SELECT COUNT(*) > 0 FROM jobs WHERE state IN ('submitting', 'queued', 'running')"
STEPS = "SELECT TOTAL(submissions) + COUNT(*) FILTER (WHERE state = 'collected') FROM jobs"
SLOW = {**WORKERS, "OCR_ENGINE": "support.doubles:reading", "DOUBLE_SECONDS": "0.08"}


def endpoint_of(folder: Path, settings: dict[str, str] = WORKERS, workers: int = 1, **more: Any) -> LocalEndpoint:
    return LocalEndpoint(workers, handler=HANDLER, settings=settings, log_dir=folder, **more)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file is not there, pages of the colour HELD are not read."""
    return tmp_path_factory.mktemp("gate") / "gate"


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory, gate: Path) -> Iterator[LocalEndpoint]:
    """Two workers that do with a page what its colour says, at once."""
    with endpoint_of(tmp_path_factory.mktemp("quick"), WORKERS | {"DOUBLE_GATE": str(gate)}, 2) as endpoint:
        yield ready(endpoint)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory, gate: Path) -> Iterator[LocalEndpoint]:
    """Two workers that take a while for every page."""
    with endpoint_of(tmp_path_factory.mktemp("slow"), SLOW | {"DOUBLE_GATE": str(gate)}, 2, grace_s=0.5) as endpoint:
        yield ready(endpoint)


# --------------------------------------------------------------------------- undisturbed


def test_every_page_of_every_document(quick: LocalEndpoint, tmp_path: Path) -> None:
    """Documents of all kinds, some bad: each page is where it belongs, each bad one has its code, nothing is read
    twice, the report adds up; run again nothing is sent and the exit code is the same."""
    books = library(tmp_path / "in", DOCUMENTS)
    out, before = tmp_path / "out", set(quick.jobs)
    code, output = run(quick, tmp_path / "in", out).end()
    assert code == 1, output
    summary = assert_complete(out, books)["summary"]
    sent = new_jobs(quick, before)
    assert set(pages_read(sent).values()) == {1}
    assert ledger(out, "SELECT MAX(submissions), COUNT(DISTINCT service_id), COUNT(*) FROM jobs") == [
        (1, len(sent), len(sent))
    ]
    assert (summary["resubmitted"], sum(summary["jobs"].values())) == (0, len(sent))
    assert run(quick, tmp_path / "in", out).end()[0] == 1
    assert len(new_jobs(quick, before)) == len(sent)
    assert_complete(out, books)


def test_answers_from_a_bucket_are_fetched(tmp_path: Path) -> None:
    """Answers too large to come inline lie in the worker's bucket: the client has every page and picture of them."""
    large: list[Any] = [doubles.LARGE_MARKDOWN, doubles.LARGE_FIGURES, (48, 112, 208)] * 2
    (tmp_path / "in.tif").write_bytes(tiff(large))
    out = tmp_path / "out"
    with S3Server() as s3:
        settings = WORKERS | s3.settings() | {"OCR_INLINE_LIMIT_MB": "0.1"}
        with endpoint_of(tmp_path / "logs", settings) as endpoint:
            code, output = run(ready(endpoint), tmp_path / "in.tif", out).end()
            assert all(job.results[-1].output["delivery"] for job in endpoint.jobs.values())
    assert code == 0, output
    assert report(out)["summary"]["pages_parsed"] == 6
    assert (out / "in.tif" / "document.md").read_text().count("A" * doubles.LARGE) == 2
    assert (out / "in.tif" / "page-5-figure-1.jpg").stat().st_size == doubles.LARGE // 4 * 3
    assert command("verify", out)[0] == 0


# --------------------------------------------------------------------------- killed


def test_a_client_killed_again_and_again_loses_nothing(
    slow: LocalEndpoint, quick: LocalEndpoint, gate: Path, tmp_path: Path
) -> None:
    """`kill -9` of the client at random moments: in the end all is as in an undisturbed run, and no job was sent twice
    but those whose sending nobody saw the end of."""
    books = [good_book(n, LONG if n == 2 else None) for n in range(KILLED_DOCUMENTS)]
    books.append(Book("held.tif", tiff([doubles.HELD]), [doubles.HELD]))  # so that no client comes to the end
    written(tmp_path / "in", books)
    few = ("--pages-per-job", "2")  # and so, many jobs
    gate.touch()
    assert run(quick, tmp_path / "in", tmp_path / "undisturbed", *few).end()[0] == 0
    gate.unlink()
    out, before, chance = tmp_path / "out", set(slow.jobs), random.Random(SEED)
    unseen = hit = 0
    for _ in range(KILLS):
        client = run(slow, tmp_path / "in", out, *few)
        until(lambda client=client: is_at_work(out, client), client)  # type: ignore[misc]
        steps, moment = count_in_ledger(out, STEPS) + chance.randrange(12), time.monotonic() + chance.uniform(0, 2)
        until(lambda steps=steps, moment=moment: has_come(out, steps, moment), client)  # type: ignore[misc]
        client.kill()
        hit += count_in_ledger(out, UNDER_WAY)
        unseen += count_in_ledger(out, "SELECT COUNT(*) FROM jobs WHERE state = 'submitting'")
    gate.touch()
    assert hit > KILLS / 2
    code, output = run(slow, tmp_path / "in", out, *few).end()
    assert code == 0, output
    summary = assert_complete(out, books)["summary"]
    assert folders(out) == folders(tmp_path / "undisturbed")
    assert 0 <= len(new_jobs(slow, before)) - sum(summary["jobs"].values()) <= unseen


def has_come(out: Path, steps: int, moment: float) -> bool:
    """Return whether the batch has taken so many steps, or has passed that moment with a job in progress."""
    return count_in_ledger(out, STEPS) >= steps or (time.monotonic() > moment and bool(count_in_ledger(out, UNDER_WAY)))


def test_a_killed_worker_costs_no_page(slow: LocalEndpoint, tmp_path: Path) -> None:
    """`kill -9` of both workers, one after the other, in the midst of jobs: the endpoint gives these to others, and the
    client sends nothing again."""
    books = plain(tmp_path / "in", 12, 8)
    out, before = tmp_path / "out", set(slow.jobs)
    client = run(slow, tmp_path / "in", out)
    for worker in list(slow.workers):
        until(lambda worker=worker: busy(slow, worker), client)  # type: ignore[misc]
        os.kill(slow.workers[worker], signal.SIGKILL)
        until(lambda worker=worker: worker not in slow.workers, client)  # type: ignore[misc]
    code, output = client.end()
    assert code == 0, output
    assert assert_complete(out, books)["summary"]["resubmitted"] == 0
    assert sum(job.retries for job in new_jobs(slow, before)) >= 2
    assert len(new_jobs(slow, before)) == report(out)["summary"]["jobs"]["collected"]


def busy(endpoint: LocalEndpoint, worker: str) -> bool:
    return any(job.worker == worker and not job.is_ended for job in list(endpoint.jobs.values()))


def test_an_endpoint_that_forgot_everything(tmp_path: Path) -> None:
    """The endpoint is gone in the midst of the work, and another is there that knows no job: they are sent again."""
    books = plain(tmp_path / "in", 13, 8)
    out = tmp_path / "out"
    with endpoint_of(tmp_path / "first", SLOW, grace_s=0.1) as first:
        client = run(ready(first), tmp_path / "in", out)
        until(lambda: count_in_ledger(out, "SELECT COUNT(*) > 2 FROM jobs WHERE state = 'collected'"), client)
        port = int(first.base_url.rpartition(":")[2].partition("/")[0])
    collected_count = ledger(out, "SELECT COUNT(*) FROM jobs WHERE state = 'collected'")[0][0]
    with endpoint_of(tmp_path / "second", SLOW, port=port) as second:
        code, output = client.end()
        assert code == 0, output
        summary = assert_complete(out, books)["summary"]
        assert len(second.jobs) <= sum(summary["jobs"].values()) - collected_count
    assert summary["resubmitted"] > 0


def test_results_that_expired_are_had_again(tmp_path: Path) -> None:
    """Jobs whose results expired while the client was suspended are sent again, and no others."""
    books = plain(tmp_path / "in", 6, 7)
    out = tmp_path / "out"
    with endpoint_of(tmp_path / "logs", SLOW, limits=EndpointLimits(run_retention_s=5)) as endpoint:
        client = run(ready(endpoint), tmp_path / "in", out)
        until(
            lambda: count_in_ledger(out, "SELECT COUNT(*) > 3 FROM jobs WHERE state IN ('queued', 'running')"), client
        )
        client.signal(signal.SIGSTOP)
        lost = ledger(out, "SELECT COUNT(*) FROM jobs WHERE state IN ('submitting', 'queued', 'running')")[0][0]
        assert endpoint.wait_until(lambda: not endpoint.jobs, PATIENCE_S)
        client.signal(signal.SIGCONT)
        code, output = client.end()
    assert code == 0, output
    assert 0 < assert_complete(out, books)["summary"]["resubmitted"] <= lost


def test_an_engine_that_cannot_start_ends_the_run(tmp_path: Path) -> None:
    """A local run prints the error of an engine that cannot start once, and fails no document.

    With an engine that starts the run continues.
    """
    books = plain(tmp_path / "in", 3, 4)
    out = tmp_path / "out"
    arguments = ("run", tmp_path / "in", "--out", out, "--local")
    code, output = batch("http://127.0.0.1:9", *arguments, OCR_ENGINE="support.doubles:unstartable")
    assert (code, output.count("WEIGHTS_MISSING: ")) == (1, 1), output
    assert Counter(ledger(out, "SELECT status FROM documents")) == {("waiting",): 3}
    code, output = batch("http://127.0.0.1:9", *arguments, OCR_ENGINE="support.doubles:by_colour")
    assert code == 0, output
    assert_complete(out, books)
