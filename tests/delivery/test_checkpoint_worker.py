"""Checkpoints: what a killed worker had parsed is not parsed again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import doubles
from support.control_plane import Result
from support.drawing import WHITE, document, png, tiff
from support.s3_server import S3Server
from support.waiting import eventually
from support.worker_process import StartWorker, Worker

pytestmark = pytest.mark.process

IN_FLIGHT = 16  # pages of a batch, pages that wait for a writer, pages being written


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture(scope="module")
def worker(worker_of: StartWorker, s3: S3Server) -> Worker:
    return worker_of(OCR_ENGINE="support.doubles:by_colour", **s3.settings()).wait_ready()


def keyed(key: str, data: bytes, **options: Any) -> dict[str, Any]:
    """A job's input under an idempotency key."""
    return {"documents": [document(data, id="doc")], "options": options, "idempotency_key": key}


def resumed(result: Result) -> list[bool]:
    """For each page whether an earlier run had parsed it."""
    assert result.error is None
    return [page["from_checkpoint"] for page in result.output["documents"][0]["pages"]]


def test_a_killed_worker_loses_only_what_was_in_flight(worker_of: StartWorker, s3: S3Server, tmp_path: Path) -> None:
    """A worker is killed with 120 of 300 pages kept; run again under the same key, the job is complete, and no more
    pages were parsed twice than can have been in flight."""
    journal = tmp_path / "journal"
    settings = {"OCR_ENGINE": "support.doubles:reading", "DOUBLE_SECONDS": "0.03", "DOUBLE_JOURNAL": str(journal)}
    job_input = keyed("killed", tiff([(number % 250, 255, number // 250) for number in range(300)]))
    first = worker_of(**settings, **s3.settings()).wait_ready()
    first.plane.submit(job_input)
    assert eventually(lambda: len(s3.keys("ocr-worker/checkpoints/killed/")) >= 120)
    first.kill()
    kept = len(s3.keys("ocr-worker/checkpoints/killed/"))
    second = worker_of(**settings, **s3.settings()).wait_ready()
    result = second.plane.wait(second.plane.submit(job_input))
    pages = result.output["documents"][0]["pages"]
    assert [page["page"] for page in pages if page["status"] == "succeeded"] == list(range(1, 301))
    assert sum(resumed(result)) == kept
    times = Counter(journal.read_text().split())
    assert len(times) == 300
    assert max(times.values()) <= 2
    assert sum(count - 1 for count in times.values()) <= IN_FLIGHT


def test_a_job_run_again_is_the_same(worker: Worker) -> None:
    """The second run under a key gives the first run's pages, each marked, in order, and parses what had failed."""
    colours = [(10, 255, 255), doubles.RAISES, (20, 255, 255)]
    first = worker.answer(keyed("again", tiff(colours)))
    second = worker.answer(keyed("again", tiff(colours)))
    assert resumed(first) == [False, False, False]
    assert resumed(second) == [True, False, True]
    assert second.output["documents"][0]["markdown"] == first.output["documents"][0]["markdown"]
    assert second.output["documents"][0]["pages"][0]["blocks"] == first.output["documents"][0]["pages"][0]["blocks"]


def test_pages_asked_for_later_are_added(worker: Worker) -> None:
    """Under one key, the pages of another range are taken from what is kept where they are, and parsed where not."""
    data = tiff([(30, 255, 255), (40, 255, 255), (50, 255, 255)])
    worker.answer({**keyed("range", data), "documents": [document(data, id="doc", pages="2")]})
    assert resumed(worker.answer(keyed("range", data))) == [False, True, False]


@pytest.mark.parametrize(
    "other",
    [
        keyed("mixed", png((61, 255, 255))),
        keyed("mixed", png((60, 255, 255)), figures="inline"),
        keyed("x", png((60, 255, 255))),
    ],
    ids=["another document", "other options", "another key"],
)
def test_what_differs_is_not_mixed(worker: Worker, other: dict[str, Any]) -> None:
    """The same key with other bytes or options, and another key with the same, take nothing from each other."""
    worker.answer(keyed("mixed", png((60, 255, 255))))
    assert resumed(worker.answer(keyed("mixed", png((60, 255, 255))))) == [True]
    assert resumed(worker.answer(other)) == [False]


def test_another_engine_version_is_not_mixed(worker_of: StartWorker, worker: Worker, s3: S3Server) -> None:
    """Pages that one engine parsed are never returned as another engine's."""
    worker.answer(keyed("engine", png(WHITE)))
    other = worker_of(OCR_ENGINE="support.doubles:renamed", **s3.settings()).wait_ready()
    assert resumed(other.answer(keyed("engine", png(WHITE)))) == [False]


def test_pages_that_are_to_be_merged_are_not_taken_from_others(worker_of: StartWorker, s3: S3Server) -> None:
    """A job that merges its pages parses those again that a job without merging kept under the same key."""
    worker = worker_of(OCR_ENGINE="support.doubles:merging", **s3.settings()).wait_ready()
    data = tiff([(90, 255, 255), (95, 255, 255)])
    assert resumed(worker.answer(keyed("merged", data))) == [False, False]
    for expected in (False, True):
        merged = worker.answer(keyed("merged", data, merge_pages=True))
        assert resumed(merged) == [expected, expected]
        assert merged.output["documents"][0]["markdown"] == "1 of 2\n\n2 of 2"


def test_a_damaged_checkpoint_is_parsed_again(worker: Worker, s3: S3Server) -> None:
    """Half an object, or somebody else's, in the place of a page costs that page and nothing more."""
    data = tiff([(70, 255, 255), (80, 255, 255)])
    worker.answer(keyed("damaged", data))
    first, second = s3.keys("ocr-worker/checkpoints/damaged/")
    s3.put(first, s3.get(first)[:-20])
    s3.put(second, b'{"number": 2}')
    result = worker.answer(keyed("damaged", data))
    assert resumed(result) == [False, False]
    assert result.output["status"] == "succeeded"


@pytest.mark.parametrize("name", ["a/b", "../../up", "Ä ö/日本語", "x" * 300, "x" * 299 + "y", "%2e%2e"])
def test_nasty_ids_make_safe_keys(worker: Worker, s3: S3Server, name: str) -> None:
    """Whatever the key and the document are called, the objects lie in their folder, and are found again."""
    job_input = keyed(name, png(WHITE)) | {"documents": [document(png(WHITE), id=name[:200])]}
    before = set(s3.keys())
    assert resumed(worker.answer(job_input)) == [False]
    assert resumed(worker.answer(job_input)) == [True]
    new = set(s3.keys()) - before
    assert len(new) == 1
    assert re.fullmatch(
        r"ocr-worker/checkpoints/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+/[0-9a-f]{32}/page-000001\.json", new.pop()
    )
