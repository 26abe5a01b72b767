"""The writers of checkpoints under several documents: never too many, and none that is left behind."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from ocr_worker import threads
from ocr_worker.delivery.checkpoints import BucketCheckpoints, StoredPage
from ocr_worker.pages import PageOutcome, ParsedPage
from ocr_worker.threads import start
from support.interleaving import WatchedLock, meanwhile


class Bucket:
    """A bucket in memory, as far as writers use one."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def put(self, key: str, body: bytes) -> None:
        self.bodies.append(body)

    @property
    def pages(self) -> list[int]:
        return sorted(StoredPage.model_validate_json(body).number for body in self.bodies)


class Scene:
    """Checkpoints in memory. `interrupt` is called in the midst of `_enqueue`, when a writer is about to start."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, interrupt: Callable[[], object]) -> None:
        self.bucket = Bucket()
        self.lock = WatchedLock()
        self.writers: list[Future[Any]] = []
        self.checkpoints = BucketCheckpoints(self.bucket, "key")
        self.checkpoints._lock = self.lock

        def interrupted(function: Callable[[], Any], name: str) -> Future[Any]:
            interrupt()
            self.writers.append(start(function, name))
            return self.writers[-1]

        monkeypatch.setattr(threads, "start", interrupted)

    def keep(self, number: int) -> None:
        self.checkpoints._enqueue("folder/", PageOutcome(number, ParsedPage(1, 1, "text", [])))


def test_documents_that_keep_pages_at_once_share_four_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that keeps a page while another one starts a writer counts that writer."""
    numbers = list(range(2, 9))
    others: list[Future[None]] = []

    def interrupt() -> None:
        if numbers:
            number = numbers.pop(0)
            others.append(meanwhile(lambda: scene.keep(number), scene.lock))

    scene = Scene(monkeypatch, interrupt)
    scene.keep(1)
    for other in others:  # each of them may start the next one
        other.result()
    for number in numbers:
        scene.keep(number)
    scene.checkpoints.close()
    assert len(scene.writers) == 4
    assert scene.bucket.pages == list(range(1, 9))


def test_a_page_kept_while_the_job_ends_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """`close` returns after the page that came in before it, and its writer ends."""
    closing: list[Future[None]] = []
    scene = Scene(monkeypatch, lambda: closing.append(meanwhile(scene.checkpoints.close, scene.lock)))
    scene.keep(1)
    closing[0].result()
    assert scene.bucket.pages == [1]
    assert all(writer.done() for writer in scene.writers)


def test_nothing_is_kept_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that outlives its job starts no writer, which nobody would end."""
    scene = Scene(monkeypatch, lambda: None)
    scene.checkpoints.close()
    scene.keep(1)
    assert scene.writers == []
